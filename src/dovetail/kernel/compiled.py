"""Expressions made ready for both back ends, kept as long as they are used."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.meeting import assignable
from dovetail.expression.parse import Expression
from dovetail.expression.tree import Node
from dovetail.expression.types import resolve
from dovetail.kernel.fit import fit
from dovetail.kernel.rows import Row, Step, compile_step
from dovetail.kernel.sql import SQL
from dovetail.kernel.translate import translate
from dovetail.model.type import Kind, Type

Failed = tuple[int, str, str]
"""A position, a code and a reason."""

FAR = (str(FailureCode.OVERFLOW), "the date lies outside the years 1 to 9999")
"""Code and reason of a row whose date cannot be computed with."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One output, ready to be evaluated. `columns` are the names it reads; `sql` says whether DuckDB can compute it;
    `number` is its own alone."""

    node: Node
    columns: tuple[str, ...]
    fit: Type | None
    step: Step
    sql: bool
    number: int = field(default_factory=itertools.count().__next__)

    @property
    def given(self) -> Type:
        """The type of the values, before they are fitted."""
        return self.node.type or Type(Kind.TEXT)

    @property
    def carrier(self) -> pa.DataType:
        """The Arrow type of the column."""
        return (self.fit or self.given).arrow()

    def tree(self, names: Mapping[str, str]) -> SQL:
        """The expression in DuckDB's SQL, over columns of those names."""
        tree = translate(self.node, names)
        if tree is None:
            raise ValueError("DuckDB cannot compute this expression")
        return tree

    def run(self, rows: Iterable[Row]) -> tuple[list[object], list[Failed]]:
        """The fitted values, one a row, and the failures in order."""
        values: list[object] = []
        failures: list[Failed] = []
        step = self.step
        for position, row in enumerate(rows):
            try:
                values.append(step(row))
            except RowFailure as failure:
                values.append(None)
                failures.append((position, failure.code, failure.reason))
        return values, failures


def compiled(expression: Expression, scope: Mapping[str, Type], target: Type | None, name: str) -> Compiled:
    """The output made ready; `name` is for the error message only. Raises `DeclarationError`."""
    read = (*expression.names, *(f"old.{old}" for old in expression.old_names))
    known = tuple((column, scope[column]) for column in read if column in scope)
    if len(known) < len(set(read)):
        resolve(expression, scope)
    job = _kept(expression, known, target)
    if target is not None and not assignable(job.given, target) and job.node.type is not None:
        raise DeclarationError(
            f"{name!r} is {target}, but the expression gives {job.given}",
            where=expression.at,
            code="DV-127",
            hint="write CAST(... AS ...)",
        )
    return job


@functools.lru_cache(maxsize=2_048)
def _kept(expression: Expression, known: tuple[tuple[str, Type], ...], target: Type | None) -> Compiled:
    node = resolve(expression, dict(known))
    columns = tuple(dict.fromkeys(_columns(node)))
    places = {column: place for place, column in enumerate(columns)}
    step = _fitting(compile_step(node, places), node.type, target)
    return Compiled(node, columns, target, step, sql=translate(node, dict.fromkeys(columns, "c")) is not None)


def _columns(node: Node) -> list[str]:
    if node.column is not None:
        return [node.column]
    return [name for part in node.parts for name in _columns(part)]


def _fitting(step: Step, source: Type | None, target: Type | None) -> Step:
    if target is None or source is None or not assignable(source, target):
        return step
    run = fit(source, target)

    def fitting(row: Sequence[object]) -> object:
        value = step(row)
        return None if value is None else run(value)

    return fitting
