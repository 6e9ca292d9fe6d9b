"""The value lies between two bounds, both included.

Written `check: {within: [0, 100]}`; `null` leaves an end open: `{within: [0, null]}`. For numbers, dates and times;
dates and times are written as text (`[2000-01-01, 2030-12-31]`).
"""

from __future__ import annotations

from dovetail.model.mapping import Check
from dovetail.model.type import Kind
from dovetail.quality.question import Question, Scope, constant, is_number, mistake, over

CODE = "DV-413"
"""A value lies outside of its bounds."""

_KINDS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT)


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes the least and the most value.

    >>> validate((5, 1))
    'the first bound is above the second'
    >>> validate((0, None)) is None
    True
    """
    given = [bound for bound in arguments if bound is not None]
    if len(arguments) != 2 or not given or not all(is_number(bound) or isinstance(bound, str) for bound in given):
        return "it takes two bounds, and one of them may be null: {within: [0, 100]}"
    if all(is_number(bound) for bound in arguments) and arguments[0] > arguments[1]:  # type: ignore[operator]
        return "the first bound is above the second"
    return None


def question(check: Check, scope: Scope) -> Question:
    """Asks `value >= least AND value <= most`, with the ends that are given.

    >>> from dovetail.model.type import Type
    >>> question(Check("within", (0, 9), field="price"), {"price": Type(Kind.INTEGER)}).expression.text
    'price >= 0 AND price <= 9'
    """
    kind = scope[check.field]
    if kind.kind not in _KINDS:
        raise mistake(check, f"it judges numbers, dates and times, and the field is of type {kind}")
    least, most = (constant(check, bound, kind) for bound in check.arguments)
    asked = [words for words, bound in (("value >= least", least), ("value <= most", most)) if bound is not None]
    bounds = {name: bound for name, bound in (("least", least), ("most", most)) if bound is not None}
    return Question(
        check, (check.field,), CODE, _reason(*check.arguments), expression=over(" AND ".join(asked), check, **bounds)
    )


def _reason(least: object, most: object) -> str:
    if most is None:
        return f"is below {least}"
    return f"is above {most}" if least is None else f"is not within {least} and {most}"
