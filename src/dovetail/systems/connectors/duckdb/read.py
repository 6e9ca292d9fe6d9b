"""Reading rows: in a stream of batches, by key, or in the order of the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.duckdb.declared import reading, same
from dovetail.systems.connectors.duckdb.session import Session
from dovetail.systems.sql.fields import conform, known
from dovetail.systems.sql.quote import column, table

BATCH_BYTES = 32 * 2**20
"""A batch ends when it has this many bytes, however few its rows."""

GIVEN = "dovetail_given"
"""The name under which rows that we bring stand in a statement."""

AT = "line"
"""The column of `GIVEN` that counts its rows, from 0; the others are called `c0`, `c1` and so on."""

_SLICE_ROWS = 2_048
_MARK = "dovetail_mark"


@dataclass(frozen=True, slots=True)
class Reader:
    """How rows become batches: `rows_max` in one batch at most."""

    rows_max: int

    def read(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot; at least one batch."""
        check(session, dataset, fields)
        tree = select(session.source(dataset), dataset, fields)
        yield from self.batches(session, tree, [known(dataset, name) for name in fields])

    def lookup(
        self, session: Session, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, compared to the bit."""
        parts = list(keys.schema.names)
        described = [known(dataset, name) for name in fields]
        check(session, dataset, [*fields, *parts])
        if not keys.num_rows:
            return
        source = session.source(dataset)
        with session.given(**{GIVEN: given(dataset, keys, parts)}):
            names = [exp.Column(this=exp.to_identifier(f"c{at}")) for at in range(len(parts))]
            once = exp.Select(expressions=names).distinct().from_(table(GIVEN))
            wanted = exp.Subquery(this=once, alias=exp.TableAlias(this=table(GIVEN).this))
            tree = select(source, dataset, fields).join(wanted, join_type="CROSS")
            yield from self.batches(session, tree.where(*matching(dataset, source, parts)), described, or_one=False)

    def after(
        self, session: Session, dataset: Dataset, fields: Sequence[str], after: pa.RecordBatch | None
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key: numbers by size, texts byte by byte, rows whose key has an empty part first."""
        if not dataset.key:
            raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
        key = list(dataset.key)
        check(session, dataset, [*fields, *key])
        source = session.source(dataset)
        tree = select(source, dataset, fields)
        order = [exp.Ordered(this=_term(dataset, source, part), nulls_first=True) for part in key]
        described = [known(dataset, name) for name in fields]
        if after is None:
            yield from self.batches(session, tree.order_by(*order), described)
            return
        place = given(dataset, after.select(key).slice(0, 1), key)
        if any(place.column(f"c{at}").null_count for at in range(len(key))):
            raise Refused("a key with an empty part marks no place", where=dataset.name)
        with session.given(**{GIVEN: place}):
            tree = tree.join(table(GIVEN), join_type="CROSS").where(_beyond(dataset, source, key))
            yield from self.batches(session, tree.order_by(*order), described)

    def batches(
        self, session: Session, tree: exp.Select, fields: Sequence[Field], *, or_one: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """The answer to a statement of `select`, in the carriers."""
        slices: list[pa.RecordBatch] = []
        rows = size = 0
        is_empty = True
        for part in session.stream(tree, min(self.rows_max, _SLICE_ROWS)):
            if not part.num_rows:
                continue
            if rows + part.num_rows > self.rows_max or size + part.nbytes > BATCH_BYTES:
                if slices:
                    yield _joined(slices, fields)
                slices, rows, size = [], 0, 0
            is_empty = False
            slices.append(part)
            rows, size = rows + part.num_rows, size + part.nbytes
        if slices:
            yield _joined(slices, fields)
        if is_empty and or_one:
            yield empty(fields)


def select(source: exp.Table, dataset: Dataset, fields: Sequence[str]) -> exp.Select:
    """All rows, those fields in their carriers, and why one cannot be carried where that may happen."""
    selected: list[exp.Expression] = []
    reasons: list[exp.Expression] = []
    for at, name in enumerate(fields):
        described = known(dataset, name)
        found = reading(described, column(name, source))
        selected.append(exp.Alias(this=found.value, alias=exp.to_identifier(f"v{at}")))
        if found.proof is not None:
            words = exp.Literal.string(f"{name}: {described.type.native} beyond what {described.type} can carry")
            reasons.append(exp.Case(ifs=[exp.If(this=exp.Not(this=found.proof), true=words)]))
    if reasons:
        told = exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("; "), *reasons])
        selected.append(exp.Alias(this=told, alias=exp.to_identifier(_MARK)))
    return exp.Select(expressions=selected).from_(source.copy())


def check(session: Session, dataset: Dataset, fields: Sequence[str]) -> None:
    """Fields that are gone, or of another type than was described, are drift."""
    now = session.types(dataset)
    for name in fields:
        described = known(dataset, name)
        if now.get(name) != described.type.native:
            words = f"{dataset.name}.{name} is " + (f"{now[name]} now" if name in now else "no longer there")
            hint = "describe the system again and compare it with the mapping"
            raise SchemaDrift(words, where=f"{dataset.name}.{name}", hint=hint)


def given(dataset: Dataset, rows: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Rows as they stand in `GIVEN`: numbered, their columns in the carriers and the order of `names`."""
    arrays = [conform(rows.column(name), known(dataset, name)) for name in names]
    numbers = pa.array(range(rows.num_rows), pa.int64())
    return pa.RecordBatch.from_arrays([numbers, *arrays], [AT, *(f"c{at}" for at in range(len(names)))])


def matching(dataset: Dataset, source: exp.Table, parts: Sequence[str], *, first: int = 0) -> list[exp.Expression]:
    """That a row of the dataset has the key of a row of `GIVEN`, whose columns for it begin at `first`."""
    tests: list[exp.Expression] = []
    for at, part in enumerate(parts, start=first):
        described, held, wanted = known(dataset, part), column(part, source), column(f"c{at}", table(GIVEN))
        value = reading(described, held).value
        tests.append(exp.EQ(this=exp.Paren(this=value), expression=wanted))
        tests.append(same(described, exp.Paren(this=value.copy()), wanted.copy()))
    return tests


def empty(fields: Sequence[Field]) -> pa.RecordBatch:
    """A batch without rows."""
    arrays = [pa.array([], field.type.arrow()) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, [field.name for field in fields])


def _term(dataset: Dataset, source: exp.Table, part: str) -> exp.Expression:
    described = known(dataset, part)
    value = reading(described, column(part, source)).value
    is_text = described.type.arrow() == pa.string()
    return exp.Anonymous(this="encode", expressions=[value]) if is_text else exp.Paren(this=value)


def _beyond(dataset: Dataset, source: exp.Table, key: Sequence[str]) -> exp.Condition:
    """That a row's key is greater than that of the one row of `GIVEN`, part after part."""
    alternatives: list[exp.Condition] = []
    before: list[exp.Expression] = []
    for at, part in enumerate(key):
        held = _term(dataset, source, part)
        bound: exp.Expression = column(f"c{at}", table(GIVEN))
        if isinstance(held, exp.Anonymous):
            bound = exp.Anonymous(this="encode", expressions=[bound])
        greater = exp.GT(this=held, expression=bound)
        alternatives.append(exp.and_(*[one.copy() for one in before], greater, copy=False))
        before.append(exp.EQ(this=held.copy(), expression=bound.copy()))
    return exp.or_(*alternatives, copy=False)


def _joined(slices: list[pa.RecordBatch], fields: Sequence[Field]) -> pa.RecordBatch:
    whole = slices[0] if len(slices) == 1 else pa.Table.from_batches(slices).combine_chunks().to_batches()[0]
    names = [field.name for field in fields]
    arrays = [conform(array, field) for array, field in zip(whole.columns, fields, strict=False)]
    if whole.schema.names[-1:] == [_MARK]:
        marks = whole.column(whole.num_columns - 1)
        told = pa.array([text or None for text in marks.to_pylist()], pa.string())
        if told.null_count < len(told):
            names, arrays = [*names, UNREADABLE], [*arrays, told]
    return pa.RecordBatch.from_arrays(arrays, names)
