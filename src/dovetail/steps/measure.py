"""The profile of one dataset: computed by the system where it answers queries, and from a sample of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from sqlglot import exp

from dovetail.analysis.statistics import Measure, Question, fold, questions
from dovetail.errors import SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE
from dovetail.model.profile import Profile
from dovetail.model.type import Kind
from dovetail.systems.protocol import Source, SupportsPartitions, SupportsQuery
from dovetail.systems.sql import quote

SAMPLE_ROWS = 20_000
"""Rows of a dataset that are looked at one by one; a smaller dataset is looked at whole."""

PARTS = 8
"""Places of a large dataset from which the sample is taken."""

QUESTIONS_MAX = 400
"""Questions in one statement at most."""

_AS_TEXT = frozenset({Kind.JSON, Kind.OPAQUE})


def measure(connector: Source, dataset: Dataset, *, sample_rows: int = SAMPLE_ROWS) -> tuple[Profile, tuple[str, ...]]:
    """The measured facts about a dataset, and notes: what a person should know about the measuring.

    A dataset of up to `sample_rows` rows is read whole. Of a larger one the system itself computes the numbers, over
    all rows, where
    it answers queries; common values and shapes come from a sample, taken in several places where the connector reads
    parts.
    """
    sample, is_whole = _first(connector.read(dataset, dataset.names), dataset, sample_rows)
    if is_whole:
        return fold(dataset, sample, rows=sample.num_rows), _unreadable(dataset, sample)
    sample = _spread(connector, dataset, sample_rows) or sample
    notes = _unreadable(dataset, sample)
    if isinstance(connector, SupportsQuery) and dataset.kind is not DatasetKind.QUERY:
        try:
            rows, answers = _asked(connector, dataset)
            return fold(dataset, sample, rows=rows, answers=answers), notes
        except SystemFault as fault:
            notes = (*notes, f"{dataset.name}: numbers come from a sample; the system did not answer ({fault.code})")
    return fold(dataset, sample, rows=_counted(connector, dataset)), notes


def _first(batches: Iterable[pa.RecordBatch], dataset: Dataset, rows: int) -> tuple[pa.Table, bool]:
    """The first rows of a stream, and whether they are all of them."""
    kept: list[pa.RecordBatch] = []
    seen = 0
    stream = iter(batches)
    for batch in stream:
        kept.append(batch)
        seen += batch.num_rows
        if seen > rows:
            _end(stream)
            return _table(dataset, kept).slice(0, rows), False
    return _table(dataset, kept), True


def _end(stream: Iterator[pa.RecordBatch]) -> None:
    """Let a stream that is not read to its end give its connection back."""
    close = getattr(stream, "close", None)
    if close is not None:
        close()


def _table(dataset: Dataset, batches: Sequence[pa.RecordBatch]) -> pa.Table:
    carried = pa.schema([(field.name, field.type.arrow()) for field in dataset.fields])
    marked = carried.append(pa.field(UNREADABLE, pa.string()))
    whole = [
        batch
        if UNREADABLE in batch.schema.names
        else batch.append_column(UNREADABLE, pa.nulls(len(batch), pa.string()))
        for batch in batches
    ]
    return pa.concat_tables([pa.Table.from_batches([batch]) for batch in whole]) if whole else marked.empty_table()


def _spread(connector: Source, dataset: Dataset, rows: int) -> pa.Table | None:
    """A sample from several places of the dataset, where the connector can read parts."""
    if not isinstance(connector, SupportsPartitions) or dataset.kind is not DatasetKind.TABLE or not dataset.key:
        return None
    parts = connector.partitions(dataset, PARTS)
    if not parts:
        return None
    share = -(-rows // len(parts))
    tables = [_first(connector.read_partition(dataset, dataset.names, part), dataset, share)[0] for part in parts]
    return pa.concat_tables(tables)


def _unreadable(dataset: Dataset, sample: pa.Table) -> tuple[str, ...]:
    marks = [str(mark) for mark in sample.column(UNREADABLE).drop_null().to_pylist()]
    if not marks:
        return ()
    kinds = sorted(set(marks))
    rest = f" and {len(kinds) - 3} other reasons" if len(kinds) > 3 else ""
    return (
        f"{dataset.name}: {len(marks)} rows hold values that cannot be carried exactly ({'; '.join(kinds[:3])}{rest})",
    )


def _counted(connector: Source, dataset: Dataset) -> int:
    """The number of rows, counted by reading the least that identifies them."""
    return sum(batch.num_rows for batch in connector.read(dataset, dataset.key or dataset.names[:1]))


def _asked(connector: SupportsQuery, dataset: Dataset) -> tuple[int, dict[Question, object]]:
    """The number of rows, and the answers to all questions, computed by the system."""
    asked = questions(dataset)
    answers: dict[Question, object] = {}
    rows = 0
    for start in range(0, len(asked), QUESTIONS_MAX):
        some = asked[start : start + QUESTIONS_MAX]
        table = pa.Table.from_batches(list(connector.query(statement(dataset, some))))
        values = [column[0].as_py() for column in table.columns]
        rows = int(values[0])
        answers.update(zip(some, values[1:], strict=True))
    return rows, answers


def statement(dataset: Dataset, asked: Sequence[Question]) -> str:
    """One statement, of the SQL that all databases share, which counts the rows and answers the questions in their
    order.

    >>> from dovetail.model.type import Type
    >>> price = Dataset("item", DatasetKind.TABLE, (Field("price", Type(Kind.INTEGER)),))
    >>> print(statement(price, [Question("price", Measure.LEAST)]))
    SELECT COUNT(*) AS "rows", MIN("price") AS "q0" FROM "item"
    """
    columns: list[exp.Expr] = [exp.alias_(exp.Count(this=exp.Star()), "rows", quoted=True)]
    for at, question in enumerate(asked):
        field = dataset.field(question.field)
        if field is not None:
            columns.append(exp.alias_(_aggregate(field, question.measure), f"q{at}", quoted=True))
    return exp.Select(expressions=columns).from_(_place(dataset.name)).sql(comments=False)


def _place(name: str) -> exp.Table:
    schema, _, table = name.rpartition(".")
    return quote.table(table, schema or None)


def _aggregate(field: Field, measure: Measure) -> exp.Expr:
    column: exp.Expr = quote.column(field.name)
    match measure:
        case Measure.FILLED:
            return exp.Count(this=column)
        case Measure.LEAST:
            return exp.Min(this=column)
        case Measure.MOST:
            return exp.Max(this=column)
        case Measure.LONGEST:
            return exp.Max(this=exp.Length(this=column))
        case Measure.DISTINCT:
            if field.type.kind in _AS_TEXT:
                column = exp.Cast(this=column, to=exp.DataType.build("text"))
            elif field.type.kind is Kind.TEXT:
                # An expression has no collation of its own in SQLite, so that 'a' and 'A' count as two everywhere.
                column = exp.DPipe(this=column, expression=exp.Literal.string(""))
            return exp.Count(this=exp.Distinct(expressions=[column]))
