"""Rows on their way: given to the server as arrays, a parameter a column, and seen by a statement as a table.

Positions in the change travel with them, so that the answer names rows by position and nothing depends on order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
from psycopg import pq
from psycopg.adapt import Dumper
from sqlglot import exp

from dovetail.systems.connectors.postgres import wire
from dovetail.systems.connectors.postgres.bind import array_literal, spell
from dovetail.systems.connectors.postgres.declared import Stored, cast
from dovetail.systems.connectors.postgres.pipe import Binary
from dovetail.systems.connectors.postgres.same import same_key, same_value
from dovetail.systems.connectors.postgres.stored import Column
from dovetail.systems.sql.dependants import Dependant, has_dependants
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column, identifier, table

_STAGED = "dovetail_staged"
_POSITION = "position"
_POSITIONS = Column(_POSITION, Stored("int4", "pg_catalog", -1, "int", "integer"))


class _BinaryDumper(Dumper):
    """Gives the driver such a parameter as it is; the server knows its type by the statement."""

    format = pq.Format.BINARY

    def dump(self, obj: Binary) -> bytes:
        """The content."""
        return obj.content


psycopg.adapters.register_dumper(Binary, _BinaryDumper)


def copying(place: exp.Table, fields: Sequence[str], *, is_binary: bool = False) -> str:
    """The statement by which many new rows come in.

    >>> copying(table("item", "public"), ["id", "name"], is_binary=True)
    'COPY "public"."item" ("id", "name") FROM STDIN (FORMAT binary)'
    """
    into = exp.Schema(this=place.copy(), expressions=[identifier(name) for name in fields])
    return f"COPY {POSTGRES.sql(into)} FROM STDIN (FORMAT {'binary' if is_binary else 'csv'})"


@dataclass(frozen=True, slots=True)
class Staged:
    """Columns in the carriers of their types under names of our own: `key`, `sets` (what is written) and `expected`, by
    the names of their fields. They travel in binary form where they have one and `is_binary`, else as texts."""

    place: exp.Table
    stored: Mapping[str, Column]
    key: Mapping[str, pa.Array]
    sets: Mapping[str, pa.Array] = field(default_factory=dict)
    expected: Mapping[str, pa.Array] = field(default_factory=dict)
    is_binary: bool = field(default=False, kw_only=True)

    def parameters(self, positions: Sequence[int]) -> list[str | Binary]:
        """The values of those rows, in the order in which the statements name them."""
        rows = pa.array(positions, pa.int64())
        given = [self._given_as(_POSITIONS, rows)]
        for _, name, values in self._columns():
            some = values if len(rows) == len(values) else values.take(rows)
            given.append(self._given_as(self.stored[name], some))
        return given

    def _given_as(self, column: Column, values: pa.Array) -> str | Binary:
        content = wire.array(column, values) if self.is_binary else None
        return array_literal(spell(values, column)) if content is None else Binary(content)

    def update(self, *, is_versioned: bool = False) -> exp.Update:
        """Set the fields where the row holds what is expected; answers the positions, and the versions where asked."""
        told: list[exp.Expression] = [column(_POSITION, table(_STAGED))]
        if is_versioned:
            told.append(cast(column("xmin", self.place), "text"))
        sets = [
            exp.EQ(this=exp.Column(this=identifier(name)), expression=self.stored[name].value(self._given("v", at)))
            for at, name in enumerate(self.sets)
        ]
        return exp.Update(
            this=self.place.copy(),
            expressions=sets,
            from_=exp.From(this=self._source()),
            where=exp.Where(this=self._guarded()),
            returning=exp.Returning(expressions=told),
        )

    def delete(self, dependants: Sequence[Dependant] = ()) -> exp.Delete:
        """Remove the row where it holds what is expected and no such rows point to it; answers the positions."""
        tests = [self._guarded()]
        if dependants:
            named = table(self.place.name)
            tests.append(exp.Not(this=exp.Paren(this=has_dependants(named, list(self.key), dependants))))
        return exp.Delete(
            this=self.place.copy(),
            using=[self._source()],
            where=exp.Where(this=exp.and_(*tests, copy=False)),
            returning=exp.Returning(expressions=[column(_POSITION, table(_STAGED))]),
        )

    def standing(self, *, lock: bool = False) -> exp.Select:
        """The positions of the rows that stand there, with what is expected and what would be set; `lock` keeps them
        so."""
        wanted = [
            same_value(self.stored[name], column(name, self.place), self._given("v", at))
            for at, name in enumerate(self.sets)
        ]
        tree = exp.Select(expressions=[column(_POSITION, table(_STAGED))]).from_(self._source())
        tree = tree.join(self.place.copy(), join_type="CROSS").where(self._guarded(), *wanted)
        if lock:
            tree.set("locks", [exp.Lock(update=True, expressions=[table(self.place.name)])])
        return tree

    def insert(self, fields: Sequence[str]) -> exp.Insert:
        """Insert the rows; a field that the system would draw is given all the same. Those fields of each row are
        answered."""
        names = [*self.key, *self.sets]
        into = exp.Schema(this=self.place.copy(), expressions=[identifier(name) for name in names])
        values = [self.stored[name].value(self._given("k", at)) for at, name in enumerate(self.key)]
        values += [self.stored[name].value(self._given("v", at)) for at, name in enumerate(self.sets)]
        rows = exp.Select(expressions=values).from_(self._source())
        return exp.Insert(
            this=exp.Var(this=f"{POSTGRES.sql(into)} OVERRIDING SYSTEM VALUE"),
            expression=rows,
            returning=exp.Returning(expressions=[column(name, self.place) for name in fields]) if fields else None,
        )

    def _columns(self) -> list[tuple[str, str, pa.Array]]:
        groups = (("k", self.key), ("v", self.sets), ("e", self.expected))
        return [(f"{sign}{at}", name, part) for sign, group in groups for at, (name, part) in enumerate(group.items())]

    def _source(self) -> exp.Expression:
        arrays: list[exp.Expression] = [cast(POSTGRES.parameter(1), _POSITIONS.source)]
        names = [identifier(_POSITION)]
        for number, (alias, name, _) in enumerate(self._columns(), start=2):
            arrays.append(cast(POSTGRES.parameter(number), self.stored[name].source))
            names.append(identifier(alias))
        rows = exp.Anonymous(this="unnest", expressions=arrays)
        return exp.Alias(this=rows, alias=exp.TableAlias(this=identifier(_STAGED), columns=names))

    def _guarded(self) -> exp.Condition:
        tests: list[exp.Expression] = []
        for at, name in enumerate(self.key):
            tests += same_key(self.stored[name], column(name, self.place), self._given("k", at))
        for at, name in enumerate(self.expected):
            tests.append(same_value(self.stored[name], column(name, self.place), self._given("e", at)))
        return exp.and_(*tests, copy=False)

    def _given(self, sign: str, at: int) -> exp.Column:
        return column(f"{sign}{at}", table(_STAGED))
