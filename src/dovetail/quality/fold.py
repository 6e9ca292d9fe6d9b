"""Answers to questions, folded into the rows that failed and why; values never leave the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.finding import Finding
from dovetail.quality.question import Known, Question, places


@dataclass(frozen=True, slots=True)
class Failed:
    """One row that did not pass one check, by its position among the rows that were asked."""

    position: int
    field: str
    check: str
    code: str
    reason: str


def failed(question: Question, table: pa.Table, *, answer: Known = None, known: Known = None) -> tuple[Failed, ...]:
    """The rows of `table` (shared fields as columns) that fail, by position.

    `answer` is the expression's value for each row, where the question has one: false fails, null passes. `known`
    holds the values that the question needs.

    >>> from dovetail.model.mapping import Check
    >>> from dovetail.model.type import Kind, Type
    >>> from dovetail.quality.check import question
    >>> asked = question(Check("unique", field="code"), {"code": Type(Kind.TEXT)})
    >>> [row.position for row in failed(asked, pa.table({"code": ["a", "b", "a", None]}))]
    [0, 2]
    """
    if question.expression is not None and answer is None:
        raise ValueError(f"{question.name} needs an answer")
    positions = set() if answer is None else set(places(pc.invert(answer)))
    if question.failing is not None:
        positions |= set(question.failing([table.column(field) for field in question.fields], known))
    return refused(question, sorted(positions))


def refused(question: Question, positions: Iterable[int]) -> tuple[Failed, ...]:
    """These rows as failures of the question."""
    field = ", ".join(question.fields)
    return tuple(Failed(at, field, question.check.name, question.code, question.reason) for at in positions)


def finding(
    failure: Failed, mapping: str, *, member: str, key: Sequence[tuple[str, str]], number: int | None = None
) -> Finding:
    """A failure as a finding; `number` is that of its reject."""
    return Finding(
        code=failure.code,
        message=f"{failure.field} {failure.reason} (check {failure.check})",
        mapping=mapping,
        member=member,
        key=tuple(key),
        field=failure.field,
        next=f"dovetail rejects show {number}" if number is not None else "dovetail rejects",
    )
