"""The whole text has a given form.

Written `check: {matches: '[A-Z]{2}[0-9]+'}`: a regular expression of RE2 that the text must match from its first to
its last character. It has no look-around and no back references, so its time is linear in the length of the text.
"""

from __future__ import annotations

from dovetail.model.mapping import Check
from dovetail.quality.question import Question, Scope, over

CODE = "DV-414"
"""A text does not have its form."""

PATTERN_MAX = 1000
"""Characters at most in a pattern."""


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes one pattern.

    >>> validate(())
    "it takes one regular expression: {matches: '[A-Z]{2}[0-9]+'}"
    """
    if len(arguments) != 1 or not isinstance(arguments[0], str) or not arguments[0]:
        return "it takes one regular expression: {matches: '[A-Z]{2}[0-9]+'}"
    if len(arguments[0]) > PATTERN_MAX:
        return f"its pattern has more than {PATTERN_MAX} characters"
    return None


def question(check: Check, scope: Scope) -> Question:
    """Asks `regexp_matches(value, pattern)` with a pattern for the whole text.

    >>> from dovetail.model.type import Kind, Type
    >>> question(Check("matches", ("[A-Z]+",), field="code"), {"code": Type(Kind.TEXT)}).expression.text
    "REGEXP_MATCHES(code, '^(?:[A-Z]+)$')"
    """
    expression = over("regexp_matches(value, pattern)", check, pattern=f"^(?:{check.arguments[0]})$")
    return Question(check, (check.field,), CODE, "does not have the form that is asked for", expression=expression)
