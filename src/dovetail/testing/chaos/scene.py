"""The rows that people work on: one kind of thing, its table at each member, and who wins where two type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEEDS = {"edit": 80.0, "insert": 12.0, "delete": 6.0, "again": 2.0}
"""How often people do what, where nothing else is said: `again` deletes a row and types it anew."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where a member keeps a shared field.

    A whole number is kept with its point moved by `scale` digits, as cents are in a column of prices. `refers` names
    the kind of row whose key stands there."""

    name: str
    scale: int = 0
    refers: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Where a member keeps rows of a kind."""

    name: str
    key: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Field:
    """What people do with one shared field.

    `edited_by` are the members where it is edited once the row is there (nobody: never). `wins` are the members in
    the order in which they win where people did not know of each other's edit; without it the outcome may be either.
    A `sum` is changed by adding to it, and everybody's share must be in it in the end. Where it `folds`, a system may
    keep it in other letters than were typed."""

    edited_by: tuple[str, ...] = ()
    wins: tuple[str, ...] = ()
    is_number: bool = False
    is_sum: bool = False
    folds: bool = False

    def told(self, value: str | None) -> str | None:
        """The value as it is compared."""
        return value.casefold() if self.folds and value is not None else value


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row.

    `known_by` is the shared field, never edited, that tells its rows apart at all members. Where it `is_natural` the
    mapping pairs rows by it too; then people type names again that were deleted, and the same ones at several
    members."""

    name: str
    mapping: str
    known_by: str
    fields: Mapping[str, Field]
    tables: Mapping[str, Table]
    rows: int = 300
    deeds: Mapping[str, float] = field(default_factory=lambda: DEEDS)
    is_natural: bool = False
