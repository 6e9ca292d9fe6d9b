"""A check as a question: an expression that no row may answer with false, or a test over all values at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import DeclarationError, Location
from dovetail.expression.parse import Expression, column, literal, parse, substitute
from dovetail.expression.types import infer
from dovetail.model.mapping import Check
from dovetail.model.type import Kind, Type

BAD_CHECK = "DV-175"
"""A check is declared with arguments that it does not take, or on values that it cannot judge."""

Columns = Sequence[pa.Array | pa.ChunkedArray]
"""One column for each field that a question is about, all of the same length."""

Known: TypeAlias = "pa.Array | pa.ChunkedArray | None"
"""The values that a question needs besides the rows' own, where it needs any."""

Scope = Mapping[str, Type]
"""The shared fields, with their types."""

_TIMES: dict[Kind, tuple[Callable[[str], object], str]] = {
    Kind.DATE: (dt.date.fromisoformat, "a date such as 2026-11-21"),
    Kind.TIME: (dt.time.fromisoformat, "a time such as 10:30:00"),
    Kind.TIMESTAMP: (dt.datetime.fromisoformat, "a time stamp such as 2026-11-21 10:30:00"),
    Kind.INSTANT: (dt.datetime.fromisoformat, "a time stamp with its zone such as 2026-11-21 10:30:00+01:00"),
}


@dataclass(frozen=True, slots=True)
class Need:
    """Values that must be at hand before a question can be answered: all of a shared `field` of a `mapping`."""

    mapping: str
    field: str


@dataclass(frozen=True, slots=True)
class Question:
    """One check, ready to be asked.

    With an `expression`, a row fails where the answer is false (or could not be computed); null passes. With
    `failing`, it gives the positions of failing rows from the columns of `fields`, and `needs` says what else it is to
    be given. A question has one of them at least. `reason` says what is wrong with a failing row, and holds none of
    its values.
    """

    check: Check
    fields: tuple[str, ...]
    code: str
    reason: str
    expression: Expression | None = None
    failing: Callable[[Columns, Known], list[int]] | None = None
    needs: Need | None = None

    @property
    def name(self) -> str:
        """A name that no shared field has, for the answer's column."""
        return f"check {self.check.name} of {', '.join(self.fields)}"


def over(template: str, check: Check, **constants: object) -> Expression:
    """The expression of a template in which `value` is the check's field and other names are constants.

    >>> over("value >= least", Check("within", (0,), field="price"), least=0).text
    'price >= 0'
    """
    bindings = {"value": column(check.field)}
    bindings.update({name: literal(constant) for name, constant in constants.items()})
    return substitute(parse(template, at=check.at), bindings)


def answerable(question: Question, scope: Scope) -> Question:
    """The question itself; raises `DeclarationError` where its fields are unknown or of a type that it cannot judge."""
    for field in question.fields:
        if field not in scope:
            raise mistake(question.check, f"there is no shared field {field!r} to check")
    if question.expression is None:
        return question
    try:
        kind = infer(question.expression, scope).kind
    except DeclarationError as error:
        raise mistake(question.check, f"{scope[question.check.field]} cannot be judged: {error.message}") from error
    if kind is not Kind.BOOLEAN:
        raise mistake(question.check, f"its answer is {kind}, neither true nor false")
    return question


def constant(check: Check, value: object, kind: Type) -> object:
    """An argument as a constant of the field's own type: dates and times are written as text."""
    if kind.kind not in _TIMES or value is None:
        return value
    read, example = _TIMES[kind.kind]
    try:
        time = read(str(value))
    except ValueError:
        raise mistake(check, f"the field is of type {kind}, so an argument is {example}") from None
    if isinstance(time, dt.datetime) and (time.tzinfo is not None) != (kind.kind is Kind.INSTANT):
        raise mistake(check, f"the field is of type {kind}, so an argument is {example}")
    return time


def mistake(check: Check, words: str) -> DeclarationError:
    """The error of a check that is declared wrongly."""
    where: Location | str = check.at or check.field
    hint = "docs/reference/checks.md shows each check with its arguments"
    return DeclarationError(f"check {check.name}: {words}", where=where, code=BAD_CHECK, hint=hint)


def places(flags: pa.Array | pa.ChunkedArray) -> list[int]:
    """The positions of what is true.

    >>> places(pa.array([True, None, False, True]))
    [0, 3]
    """
    return [int(at) for at in pc.indices_nonzero(flags).to_numpy(zero_copy_only=False)]


def is_number(value: object) -> bool:
    """Whether an argument is a number."""
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def is_count(value: object) -> bool:
    """Whether an argument is a whole number, not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
