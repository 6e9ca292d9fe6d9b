"""Expressions evaluated over a table: each cell its exact value, or a located failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.expression.failure import RowFailure
from dovetail.expression.meeting import assignable
from dovetail.expression.parse import Expression
from dovetail.expression.tree import Node
from dovetail.expression.types import resolve
from dovetail.kernel.fit import fit
from dovetail.kernel.rows import Step, compile_step
from dovetail.model.type import Kind, Type


@dataclass(frozen=True, slots=True)
class Output:
    """A column to compute. With `fit` each value must fit that type unchanged, else its row fails (`DV-430`); the column has its carrier."""

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


def evaluate(outputs: Sequence[Output], scope: Mapping[str, Type], table: pa.Table, *, backend: str | None = None) -> Evaluated:
    """Evaluate every output over every row.

    `table` has a column for each name that is read, named as in `scope`. `backend` is chosen by size; `"duckdb"` or `"rows"` forces
    one, with the same result.
    """
    columns: list[pa.ChunkedArray] = []
    failures: list[Failure] = []
    for output in outputs:
        node = resolve(output.expression, scope)
        column, failed = _by_rows(output, node, table)
        columns.append(column)
        failures += failed
    failures.sort(key=lambda failure: failure.position)
    names = [output.name for output in outputs]
    return Evaluated(pa.Table.from_arrays(columns, names=names), tuple(failures))


def _by_rows(output: Output, node: Node, table: pa.Table) -> tuple[pa.ChunkedArray, list[Failure]]:
    names = _columns(node)
    places = {name: place for place, name in enumerate(names)}
    step = _fitted(output, node, compile_step(node, places))
    lists = [table.column(name).to_pylist() for name in names]
    rows = zip(*lists, strict=True) if lists else iter([()] * table.num_rows)
    values: list[object] = []
    failures: list[Failure] = []
    for position, row in enumerate(rows):
        try:
            values.append(step(row))
        except RowFailure as failure:
            values.append(None)
            failures.append(Failure(position, output.name, failure.code, failure.reason))
    target = output.fit or node.type or Type(Kind.TEXT)
    return pa.chunked_array([pa.array(values, target.arrow())]), failures


def _columns(node: Node) -> list[str]:
    if node.column is not None:
        return [node.column]
    return list(dict.fromkeys(name for part in node.parts for name in _columns(part)))


def _fitted(output: Output, node: Node, step: Step) -> Step:
    if output.fit is None or node.type is None:
        return step
    if not assignable(node.type, output.fit):
        raise DeclarationError(
            f"{output.name!r} is {output.fit}, the expression gives {node.type}", where=output.expression.at, code="DV-127", hint="write CAST(... AS ...)"
        )
    run = fit(node.type, output.fit)

    def fitted(row: Sequence[object]) -> object:
        value = step(row)
        return None if value is None else run(value)

    return fitted
