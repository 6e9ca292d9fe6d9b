"""A stand: how a connector's system is made afresh, planted with its own means, and read without Dovetail."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.fidelity.hostile import GROUPS, VALUES
from tests.fidelity.meaning import Meaning

SCENES = frozenset({"V19", "V28", "V29", "V31", "V32", "V33"})
"""Groups that are about whole tables and not about one value; `test_scenes` plays them on every stand."""

Raw = Mapping[str, Mapping[str, Meaning]]
"""What a table holds: by key, by field."""


class Cannot(ValueError):
    """The system has no notation for a value."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one group and family, as they are planted: by name, in the system's own notation."""

    group: str
    family: str
    native: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """A table to be made: its fields with their native types, and rows of planted values (a field left out is null)."""

    name: str
    fields: Mapping[str, str]
    rows: Sequence[Mapping[str, object]] = ()
    key: tuple[str, ...] = ("id",)


class Stand(Protocol):
    """One system of a connector, fresh and empty."""

    connector: str
    key: str
    """The native type of a whole number that is a key."""
    sources: Mapping[str, str]
    """By family the native type in which its values are planted; a family that is left out has none here."""
    targets: Mapping[str, tuple[str, ...]]
    """By family the native types into which values of other systems are written; the first fits best."""
    extras: Sequence[Column]
    """Values that only this system knows."""
    fixed: Collection[object]
    """Planted values that make of their field another one, so that no user's edit is one of them."""
    absent: Mapping[str, str]
    """Groups of which this system can hold nothing, each with the reason."""

    def settings(self) -> str:
        """The system's declaration, in braces; secrets by name."""
        ...

    def secrets(self) -> Mapping[str, str]:
        """The secrets that the settings name."""
        ...

    def literal(self, family: str, native: str, plain: str) -> object:
        """A plain value in the system's own notation; `Cannot` where it has none."""
        ...

    def plant(self, table: Table) -> None:
        """Make the table with its rows."""
        ...

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        """Change one value, as a user of the system does."""
        ...

    def raw(self, table: Table) -> Raw:
        """What the table holds now."""
        ...

    def close(self) -> None:
        """Take the system away."""
        ...


@dataclass(slots=True)
class Planted:
    """What a stand plants, and what it could not."""

    columns: list[Column] = field(default_factory=list)
    cannot: dict[str, list[str]] = field(default_factory=dict)


def planted(stand: Stand) -> Planted:
    """Every value that the stand has a notation for."""
    found = Planted()
    for group, families in VALUES.items():
        for family, values in families.items():
            native = stand.sources.get(family)
            taken: dict[str, object] = {}
            for name, plain in values.items():
                try:
                    if native is not None:
                        taken[name] = stand.literal(family, native, plain)
                except Cannot:
                    found.cannot.setdefault(group, []).append(name)
            if taken and native is not None:
                found.columns.append(Column(group, family, native, taken))
    found.columns += stand.extras
    return found


def missing(stand: Stand) -> list[str]:
    """The groups that a stand forgot: neither planted, nor played as a scene, nor absent with a reason."""
    groups = {column.group for column in planted(stand).columns} | SCENES
    return [group for group in GROUPS if group not in groups and not stand.absent.get(group)]


def stand_of(connector: str, place: Path, servers: Mapping[str, str]) -> Stand:
    """A fresh system of a connector; `LookupError` where nobody wrote a stand for it."""
    try:
        module = importlib.import_module(f"tests.fidelity.stands.{connector}")
    except ModuleNotFoundError as error:
        raise LookupError(f"no stand for the connector {connector}: write tests/fidelity/stands/{connector}.py") from error
    place.mkdir(parents=True, exist_ok=True)
    made: Stand = module.Stand(place, servers)
    return made
