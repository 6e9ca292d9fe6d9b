"""Reading rows: in a stream of batches, by key, or in the order of the key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlalchemy.bind import bind
from dovetail.systems.connectors.sqlalchemy.carry import carry
from dovetail.systems.connectors.sqlalchemy.describe import is_there
from dovetail.systems.connectors.sqlalchemy.kinds import given
from dovetail.systems.connectors.sqlalchemy.session import Rows, Session
from dovetail.systems.sql.attempt import exactly
from dovetail.systems.sql.fields import known

BATCH_BYTES = 32 * 2**20
"""A batch ends when it has this many bytes, however few its rows."""

_SLICE_ROWS = 1_024
_PARAMETERS = 400
"""Parameters of one look-up at most; some databases take 999 in all."""

_NO: sa.ColumnElement[int] = sa.literal_column("0")
_YES: sa.ColumnElement[int] = sa.literal_column("1")
_ENDS: dict[Kind, tuple[object, object]] = {
    Kind.DATE: (dt.date.min, dt.date.max),
    Kind.TIME: (dt.time.min, dt.time.max),
    Kind.TIMESTAMP: (dt.datetime.min, dt.datetime.max),  # noqa: DTZ901 - stamps without a zone
    Kind.INSTANT: (
        dt.datetime.min.replace(tzinfo=dt.UTC) + dt.timedelta(days=1),
        dt.datetime.max.replace(tzinfo=dt.UTC) - dt.timedelta(days=1),
    ),
}
"""The first and last value that Python's own types hold, in any zone."""


@dataclass(frozen=True, slots=True)
class Place:
    """A table or view as statements name it: every column by its exact name, its values as the driver gives them."""

    dataset: Dataset
    table: sa.TableClause

    def column(self, name: str) -> sa.ColumnElement[object]:
        """A column of it."""
        return self.table.c[known(self.dataset, name).name]


def place(dataset: Dataset, schema: str | None) -> Place:
    """The place of a dataset. Names are quoted as SQLAlchemy finds it needful: some databases keep plain names in
    capitals, and it is told them in small letters."""
    columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in dataset.names]
    return Place(dataset, sa.table(dataset.name, *columns, schema=schema))


@dataclass(frozen=True, slots=True)
class Reader:
    """How rows become batches: `rows_max` in one batch at most."""

    schema: str | None
    rows_max: int

    def read(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, by one statement; at least one batch."""
        chosen = Chosen(place(dataset, self.schema), tuple(fields))
        yield from self._batches(session, chosen, chosen.select())

    def lookup(
        self,
        session: Session,
        dataset: Dataset,
        fields: Sequence[str],
        keys: pa.RecordBatch,
        *,
        is_locking: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys: the database finds those that it takes for equal, and only the same remain."""
        parts = list(keys.schema.names)
        asked = list(dict.fromkeys([*fields, *parts]))
        chosen = Chosen(place(dataset, self.schema), tuple(asked))
        bound = bind(dataset, keys, parts)
        wanted = set(exactly(dataset, keys, parts))
        rows = sorted({row for row in zip(*bound.columns, strict=True) if None not in row}, key=repr)
        size = max(1, _PARAMETERS // len(parts))
        seen: set[tuple[object, ...]] = set()
        for first in range(0, len(rows), size):
            found = self._found(session, chosen, parts, rows[first : first + size], is_locking=is_locking)
            stands = exactly(dataset, found, parts)
            kept = [at for at, key in enumerate(stands) if key in wanted and key not in seen]
            seen |= set(stands)
            batch = found if len(kept) == found.num_rows else found.take(pa.array(kept, pa.int64()))
            if batch.num_rows:
                yield batch.select([*fields, *batch.schema.names[len(asked) :]])

    def after(
        self, session: Session, dataset: Dataset, fields: Sequence[str], after: pa.RecordBatch | None
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, in the database's own order; rows whose key has an empty part come first."""
        if not dataset.key:
            raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
        chosen = Chosen(place(dataset, self.schema), tuple(fields))
        tree = chosen.select()
        if after is not None:
            bound = bind(dataset, after.slice(0, 1), list(dataset.key))
            values = [column[0] for column in bound.columns]
            if bound.unfit or None in values:
                raise Refused("a key with an empty or unfit part marks no place", where=dataset.name)
            tree = tree.where(beyond(chosen.place, values))
        for part in dataset.key:
            column = chosen.place.column(part)
            if known(dataset, part).nullable:
                tree = tree.order_by(sa.case((column.is_(None), _NO), else_=_YES))
            tree = tree.order_by(column)
        yield from self._batches(session, chosen, tree)

    def _batches(self, session: Session, chosen: Chosen, tree: sa.Select[Any]) -> Iterator[pa.RecordBatch]:
        slices: list[pa.RecordBatch] = []
        rows = size = 0
        is_empty = True

        def step() -> int:
            return min(_SLICE_ROWS, self.rows_max - rows)

        try:
            for part in session.stream(tree, step=step):
                slices.append(chosen.carried(part))
                rows, size = rows + len(part), size + slices[-1].nbytes
                if rows >= self.rows_max or size >= BATCH_BYTES:
                    is_empty = False
                    batch = _joined(slices)
                    slices, rows, size = [], 0, 0
                    yield batch
        except exc.DBAPIError as error:
            raise self._drift(session, chosen, error) from error
        if slices or is_empty:
            yield _joined(slices or [chosen.carried([])])

    def _found(
        self,
        session: Session,
        chosen: Chosen,
        parts: Sequence[str],
        rows: Sequence[tuple[object, ...]],
        *,
        is_locking: bool,
    ) -> pa.RecordBatch:
        """The rows that the database finds; a key that its columns cannot take is no row's key."""
        tree = chosen.select().where(among(chosen.place, parts, rows))
        tree = tree.with_for_update() if is_locking else tree
        kinds = [given(known(chosen.place.dataset, part).type) for part in parts]
        may_fail = any(isinstance(kind, (sa.types.NullType, sa.Double)) for kind in kinds)
        try:
            with session.savepoint() if may_fail else nullcontext():
                return chosen.carried(session.execute(tree).rows)
        except exc.DBAPIError as error:
            is_of_key = isinstance(error, exc.DataError) or any(isinstance(kind, sa.Double) for kind in kinds)
            if not (may_fail and is_of_key and is_there(session, self.schema, chosen.place.dataset, chosen.fields)):
                raise self._drift(session, chosen, error) from error
        if len(rows) == 1:
            return chosen.carried([])
        halves = (rows[: len(rows) // 2], rows[len(rows) // 2 :])
        return _joined([self._found(session, chosen, parts, half, is_locking=is_locking) for half in halves])

    def _drift(self, session: Session, chosen: Chosen, error: exc.DBAPIError) -> Exception:
        """The error itself, or that the table is no longer what was described."""
        if error.connection_invalidated:
            return error
        session.rollback()
        dataset = chosen.place.dataset
        if session.is_lost or is_there(session, self.schema, dataset, chosen.fields):
            return error
        hint = "describe the system again and compare it with the mapping"
        return SchemaDrift(f"{dataset.name} is no longer as it was described", where=dataset.name, hint=hint)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Fields of a place, and how each is asked for so that no driver changes or trips over a value."""

    place: Place
    fields: tuple[str, ...]

    def select(self) -> sa.Select[Any]:
        """All rows: the fields, then the marks of values that Python's types do not hold."""
        values: list[sa.ColumnElement[object]] = []
        marks: list[sa.ColumnElement[object]] = []
        for at, name in enumerate(self.fields):
            field, column = known(self.place.dataset, name), self.place.column(name)
            ends = _ENDS.get(field.type.kind)
            if ends is not None:
                kind = given(field.type)
                is_held = column.between(
                    sa.bindparam(f"least{at}", ends[0], kind), sa.bindparam(f"most{at}", ends[1], kind)
                )
                marks.append(sa.case((column.is_(None), _NO), (is_held, _NO), else_=_YES).label(f"m{at}"))
                column = sa.case((is_held, column))
            elif _is_text(field):
                column = sa.cast(column, sa.Unicode())
            elif _is_single(field):
                marks.append(sa.cast(column, sa.Double()).label(f"m{at}"))
            values.append(column.label(f"v{at}"))
        asked: Any = sa.select(*values, *marks)
        found: sa.Select[Any] = asked.select_from(self.place.table)
        return found

    def carried(self, rows: Rows) -> pa.RecordBatch:
        """The rows of that statement as a batch."""
        described = [known(self.place.dataset, name) for name in self.fields]
        columns: list[Sequence[object]] = list(zip(*rows, strict=True)) if rows else []
        extras = iter(columns[len(described) :])
        marks: dict[int, Sequence[object]] = {}
        values = columns[: len(described)] or [()] * len(described)
        for at, field in enumerate(described):
            if field.type.kind in _ENDS:
                marks[at] = next(extras, ())
            elif _is_single(field):
                wide = next(extras, ())
                values[at] = [
                    double if isinstance(value, float) else value
                    for value, double in zip(values[at], wide, strict=True)
                ]
        return carry(values, described, marks)


def among(of: Place, parts: Sequence[str], rows: Sequence[tuple[object, ...]]) -> sa.ColumnElement[bool]:
    """That a row's key is one of those, as the database itself compares."""
    kinds = [given(known(of.dataset, part).type) for part in parts]
    if len(parts) == 1:
        return of.column(parts[0]).in_([sa.bindparam(None, row[0], kinds[0]) for row in rows])
    tests = [
        sa.and_(
            *(
                of.column(part) == sa.bindparam(None, value, kind)
                for part, value, kind in zip(parts, row, kinds, strict=True)
            )
        )
        for row in rows
    ]
    return sa.or_(*tests)


def beyond(of: Place, values: Sequence[object]) -> sa.ColumnElement[bool]:
    """That a row's key comes after those values, part after part; few databases compare whole rows."""
    alternatives = []
    equal: list[sa.ColumnElement[bool]] = []
    for part, value in zip(of.dataset.key, values, strict=True):
        column, kind = of.column(part), given(known(of.dataset, part).type)
        alternatives.append(sa.and_(*equal, column > sa.bindparam(None, value, kind)))
        equal.append(column == sa.bindparam(None, value, kind))
    return sa.or_(*alternatives)


def _is_text(field: Field) -> bool:
    """Whether the database is asked for its own text of the values; a column without a type gives them as they are."""
    return field.type.kind in (Kind.JSON, Kind.OPAQUE) and field.type.native != "NULL"


def _is_single(field: Field) -> bool:
    return field.type.kind is Kind.FLOAT and "DOUBLE" not in field.type.native.upper()


def _joined(slices: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch; it says why values are unreadable if any slice does."""
    schema = max((part.schema for part in slices), key=len)
    whole = [
        part if part.schema == schema else part.append_column(schema.names[-1], pa.nulls(part.num_rows, pa.string()))
        for part in slices
    ]
    if len(whole) == 1:
        return whole[0]
    return (pa.Table.from_batches(whole).combine_chunks().to_batches() or whole)[0]
