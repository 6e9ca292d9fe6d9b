"""The text has so many characters.

Written `check: {length: 10}` for at most ten, `check: {length: [2, 10]}` for a range with both ends included and
`check: {length: [2, null]}` for at least two. Characters are Unicode code points.
"""

from __future__ import annotations

from dovetail.model.mapping import Check
from dovetail.quality.question import Question, Scope, is_count, over

CODE = "DV-417"
"""A text is too short or too long."""


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes the most characters, or the least and the most.

    >>> validate((-1,))
    'it takes the most characters, or the least and the most: {length: 10} or {length: [2, 10]}'
    >>> validate((2, None)) is None
    True
    """
    given = [bound for bound in arguments if bound is not None]
    if not given or len(arguments) > 2 or not all(is_count(bound) for bound in given):
        return "it takes the most characters, or the least and the most: {length: 10} or {length: [2, 10]}"
    if len(given) == 2 and given[0] > given[1]:  # type: ignore[operator]
        return "the first bound is above the second"
    return None


def question(check: Check, scope: Scope) -> Question:
    """Asks `length(value)` to lie within the bounds.

    >>> from dovetail.model.type import Kind, Type
    >>> question(Check("length", (9,), field="name"), {"name": Type(Kind.TEXT)}).expression.text
    'LENGTH(name) <= 9'
    """
    least, most = check.arguments if len(check.arguments) == 2 else (None, check.arguments[0])
    bounds = {name: bound for name, bound in (("least", least), ("most", most)) if bound is not None}
    signs = {"least": ">=", "most": "<="}
    template = " AND ".join(f"length(value) {signs[name]} {name}" for name in bounds)
    words = {"least": f"fewer than {least}", "most": f"more than {most}"}
    reason = f"has {' or '.join(words[name] for name in bounds)} characters"
    return Question(check, (check.field,), CODE, reason, expression=over(template, check, **bounds))
