"""The values that compiling a mapping gives: typed expressions, ready to read and to write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Bindings
from dataclasses import dataclass

from dovetail.expression.invert import Profiling, Reversibility
from dovetail.expression.parse import Expression
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.mapping import Mapping, Member
from dovetail.model.type import Type

Writes = tuple[tuple[str, Expression], ...]
"""Columns, each with the expression that fills it."""


@dataclass(frozen=True, slots=True)
class CompiledCell:
    """How one member expresses one shared field: `read` over the member's columns, `writes` over shared names and
    `old.column`.

    `creates` is what `writes` is for a row that does not exist yet; it reads no `old.column`. `recount` is true where a
    new value is a count and no movement, over the member's columns. Where no other member gives the field a new row
    leaves it to the system: then `creates` is empty, and `untried` what it would be, for the laws."""

    field: str
    read: Expression
    type: Type
    columns: tuple[str, ...]
    writes: Writes
    kind: Reversibility
    reason: str
    profile: tuple[Profiling, ...] = ()
    creates: Writes = ()
    recount: Expression | None = None
    untried: Writes = ()

    @property
    def digest(self) -> str:
        """A short digest of the cell's meaning; it changes when the cell does. How much its type holds is no part of
        it."""
        parts = [self.read.text, str(self.type.kind), *(f"{column}={write.text}" for column, write in self.writes)]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class CompiledFill:
    """A column that `set:` fills, over shared names and `old.column`."""

    column: str
    expression: Expression
    on_create_only: bool


@dataclass(frozen=True, slots=True)
class CompiledMember:
    """One member, ready to be read and written. `scope` holds the types of the dataset's columns; `remove` and
    `revive` are the columns that delete a row softly and bring it back, over the member's own columns. `is_only_read`
    says that the system's connector cannot write."""

    member: Member
    dataset: Dataset
    key: tuple[str, ...]
    cells: tuple[CompiledCell, ...]
    fills: tuple[CompiledFill, ...]
    where: Expression | None
    gone: Expression | None
    changed: Expression | None
    wants: Expression | None
    scope: Bindings[str, Type]
    remove: Writes = ()
    revive: Writes = ()
    is_only_read: bool = False

    @property
    def name(self) -> str:
        """The member's name."""
        return self.member.name

    @property
    def writable(self) -> bool:
        """Whether rows can be written; queries and views are only read, and whatever a connector cannot write."""
        return self.dataset.kind is DatasetKind.TABLE and not self.is_only_read

    @property
    def receives(self) -> bool:
        """Whether anything of a shared row can be written here: through a cell, or by what the mapping fills."""
        return self.writable and (bool(self.fills) or any(cell.writes for cell in self.cells))

    def cell(self, field: str) -> CompiledCell | None:
        """The cell of that shared field, or `None`."""
        return next((cell for cell in self.cells if cell.field == field), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that reading, comparing and writing need, the key first, each once."""
        names = [*self.key]
        for cell in self.cells:
            names += [*cell.columns, *(column for column, _ in cell.writes)]
            names += cell.recount.names if cell.recount is not None else ()
            names += [name for _, write in cell.writes for name in write.old_names]
        names += [name for fill in self.fills for name in (fill.column, *fill.expression.old_names)]
        for expression in (self.where, self.gone, self.changed):
            names += expression.names if expression else ()
        for column, write in (*self.remove, *self.revive):
            names += (column, *write.names)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping with all members compiled; `types` holds the shared type of each field that is not a reference."""

    mapping: Mapping
    members: tuple[CompiledMember, ...]
    types: Bindings[str, Type]

    @property
    def name(self) -> str:
        """The mapping's name."""
        return self.mapping.name
