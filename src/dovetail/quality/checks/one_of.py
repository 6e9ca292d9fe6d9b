"""The value is one of a list.

Written `check: {one_of: [new, paid, shipped]}`. Values are compared exactly: `New` is not `new`.
"""

from __future__ import annotations

from dovetail.model.mapping import Check
from dovetail.quality.question import Question, Scope, constant, over

CODE = "DV-415"
"""A value is not on its list."""

VALUES_MAX = 1000
"""Values at most in a list."""


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes at least one value, none of them null.

    >>> validate(("a", None))
    'null is no value; a row without a value passes, and not_null refuses it'
    """
    if not arguments:
        return "it takes at least one value: {one_of: [new, paid, shipped]}"
    if None in arguments:
        return "null is no value; a row without a value passes, and not_null refuses it"
    if any(isinstance(value, tuple) for value in arguments):
        return "it takes a list of values: {one_of: [new, paid, shipped]}"
    if len(arguments) > VALUES_MAX:
        return f"it takes at most {VALUES_MAX} values; refers looks values up in another mapping"
    return None


def question(check: Check, scope: Scope) -> Question:
    """Asks `value IN (...)`.

    >>> from dovetail.model.type import Kind, Type
    >>> question(Check("one_of", ("new", "paid"), field="state"), {"state": Type(Kind.TEXT)}).expression.text
    "state IN ('new', 'paid')"
    """
    values = {f"v{at}": constant(check, value, scope[check.field]) for at, value in enumerate(check.arguments)}
    expression = over(f"value IN ({', '.join(values)})", check, **values)
    return Question(check, (check.field,), CODE, "is not one of the listed values", expression=expression)
