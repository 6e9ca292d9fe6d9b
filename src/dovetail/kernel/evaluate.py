"""Expressions evaluated over a table: each cell its exact value, or a located failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dovetail.expression.parse import Expression
from dovetail.kernel import connection
from dovetail.kernel.columns import carried, far, fitted
from dovetail.kernel.compiled import FAR, Compiled, Failed, compiled
from dovetail.kernel.sql import statement
from dovetail.model.carrier import recast
from dovetail.model.type import Type

DUCKDB_ROWS_MIN = 1_000
"""From so many rows on a statement of DuckDB is faster than going through the rows."""

SLICE_ROWS = 50_000
"""When a row fails, the rows are looked for in slices of this size."""


@dataclass(frozen=True, slots=True)
class Output:
    """A column to compute. With `fit` each value must fit that type unchanged, else its row fails (`DV-430`);
    the column has its carrier."""

    name: str
    expression: Expression
    fit: Type | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one output has no value at one position; `reason` holds no value of the row."""

    position: int
    output: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The outputs, one column each, row for row; failed cells are null and stand in `failures`, ordered by position."""

    table: pa.Table
    failures: tuple[Failure, ...]


def evaluate(
    outputs: Sequence[Output], scope: Mapping[str, Type], table: pa.Table, *, backend: str | None = None
) -> Evaluated:
    """Evaluate every output over every row.

    `table` has a column for each name that is read, named as in `scope`. The back end is chosen by the number
    of rows; `backend`
    `"duckdb"` or `"rows"` asks for one, with the same result. What DuckDB computes differently is always
    evaluated by rows.
    A bare name is handed on as it is, without a copy. Raises `DeclarationError` as `infer` does.
    """
    if backend not in (None, "duckdb", "rows"):
        raise ValueError(f"no back end {backend!r}")
    jobs = [compiled(output.expression, scope, output.fit, output.name) for output in outputs]
    batch = _Batch(table, scope)
    many = backend == "duckdb" or (backend is None and table.num_rows >= DUCKDB_ROWS_MIN)
    answers = {position: answer for position, job in enumerate(jobs) if (answer := batch.renamed(job)) is not None}
    if many:
        batch.by_duckdb(
            {position: job for position, job in enumerate(jobs) if position not in answers and job.sql}, answers
        )
    for position, job in enumerate(jobs):
        if position not in answers:
            answers[position] = batch.by_rows(job, table.num_rows)
    columns = [answers[position][0] for position in range(len(jobs))]
    failures = [
        Failure(row, outputs[position].name, code, reason)
        for position in range(len(jobs))
        for row, code, reason in answers[position][1]
    ]
    failures.sort(key=lambda failure: failure.position)
    names = [output.name for output in outputs]
    return Evaluated(_table(columns, names, table.num_rows), tuple(failures))


def _table(columns: list[pa.ChunkedArray], names: list[str], rows: int) -> pa.Table:
    if not columns:
        return table_without_columns(rows)
    return pa.Table.from_arrays(columns, names=names)


def table_without_columns(rows: int) -> pa.Table:
    """A table of so many rows and no column."""
    return pa.table({"nothing": pa.nulls(rows)}).select([])


Answer = tuple[pa.ChunkedArray, Sequence[Failed]]


class _Batch:
    """One table under evaluation: each column that is read is prepared once."""

    def __init__(self, table: pa.Table, scope: Mapping[str, Type]) -> None:
        self._table = table
        self._scope = scope
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._far: dict[str, frozenset[int]] = {}

    def column(self, name: str) -> pa.ChunkedArray:
        """The column in the carrier of its type."""
        if name not in self._columns:
            self._columns[name] = carried(self._table.column(name), self._scope[name])
        return self._columns[name]

    def far(self, job: Compiled) -> frozenset[int]:
        """The positions at which a date that the job reads is too far away to compute with."""
        found: frozenset[int] = frozenset()
        for name in job.columns:
            if name not in self._far:
                self._far[name] = far(self.column(name), self._scope[name])
            found |= self._far[name]
        return found

    def renamed(self, job: Compiled) -> Answer | None:
        """The column itself, where the job is nothing but its name and all values fit."""
        if job.node.column is None:
            return None
        column = self.column(job.node.column)
        fits = self._fitted(column, job)
        return None if fits is None else (fits, ())

    def _fitted(self, column: pa.ChunkedArray, job: Compiled) -> pa.ChunkedArray | None:
        if job.fit is None or job.node.type is None:
            return column
        return fitted(column, job.node.type, job.fit)

    def by_duckdb(self, jobs: Mapping[int, Compiled], answers: dict[int, Answer]) -> None:
        """Answer the jobs in one statement; where it fails, job by job; where one fails, slice by slice."""
        able = {position: job for position, job in jobs.items() if not self.far(job)}
        if not able:
            return
        table = self._input({name: None for job in able.values() for name in job.columns})
        try:
            columns = _answer(list(able.values()), table)
        except connection.Failed:
            for position, job in able.items():
                answers[position] = self._sliced(job, self._input(dict.fromkeys(job.columns)))
            return
        for (position, job), column in zip(able.items(), columns, strict=True):
            fits = self._fitted(column, job)
            if fits is not None:
                answers[position] = (fits, ())

    def _input(self, names: Mapping[str, None]) -> pa.Table:
        columns = {name: self.column(name) for name in names}
        if not columns:
            return pa.table({"": pa.nulls(self._table.num_rows, pa.bool_())})
        return pa.table(columns)

    def _sliced(self, job: Compiled, table: pa.Table) -> Answer:
        columns: list[pa.ChunkedArray] = []
        failures: list[Failed] = []
        for start in range(0, table.num_rows, SLICE_ROWS):
            part = table.slice(start, SLICE_ROWS)
            column, failed = self._slice(job, part)
            columns.append(column)
            failures += [(start + row, code, reason) for row, code, reason in failed]
        chunks = [chunk for column in columns for chunk in column.chunks]
        return pa.chunked_array(chunks, job.carrier), failures

    def _slice(self, job: Compiled, part: pa.Table) -> Answer:
        try:
            (column,) = _answer([job], part)
        except connection.Failed:
            return _rows(job, part, frozenset())
        fits = self._fitted(column, job)
        return _rows(job, part, frozenset()) if fits is None else (fits, ())

    def by_rows(self, job: Compiled, rows: int) -> Answer:
        """Answer the job row by row."""
        return _rows(job, self._input(dict.fromkeys(job.columns)), self.far(job))


def _answer(jobs: Sequence[Compiled], table: pa.Table) -> list[pa.ChunkedArray]:
    """One column for each job, in the carrier of its type; the columns of the input are numbered, as names may
    hold any character."""
    numbers = {name: f"c{number}" for number, name in enumerate(table.column_names)}
    given = connection.answer(_statement(jobs, numbers), table.rename_columns(list(numbers.values())))
    return [recast(column, job.given.arrow()) for column, job in zip(given.columns, jobs, strict=True)]


def _statement(jobs: Sequence[Compiled], names: Mapping[str, str]) -> str:
    """The statement that computes these jobs; the same text is not made twice."""
    key = (tuple(job.number for job in jobs), tuple(names.items()))
    sql = _STATEMENTS.get(key)
    if sql is None:
        sql = statement([job.tree(names) for job in jobs], connection.TABLE)
        while len(_STATEMENTS) >= _STATEMENTS_MAX:
            _STATEMENTS.pop(next(iter(_STATEMENTS)), None)
        _STATEMENTS[key] = sql
    return sql


_STATEMENTS: dict[tuple[tuple[int, ...], tuple[tuple[str, str], ...]], str] = {}
_STATEMENTS_MAX = 512
"""Statements that are kept at most."""


def _rows(job: Compiled, table: pa.Table, too_far: frozenset[int]) -> Answer:
    lists = [_values(table.column(name), too_far) for name in job.columns]
    rows = zip(*lists, strict=True) if lists else iter([()] * table.num_rows)
    values, failures = job.run(rows)
    if too_far:
        for row in too_far:
            values[row] = None
        failures = sorted(
            [failed for failed in failures if failed[0] not in too_far] + [(row, *FAR) for row in too_far]
        )
    return pa.chunked_array([pa.array(values, job.carrier)]), failures


def _values(column: pa.ChunkedArray, too_far: frozenset[int]) -> list[object]:
    if not too_far:
        values: list[object] = column.to_pylist()
        return values
    return [None if row in too_far else value.as_py() for row, value in enumerate(column)]
