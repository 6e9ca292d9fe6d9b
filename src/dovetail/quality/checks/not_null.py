"""The field has a value.

Written `check: not_null`. An empty text is a value; `null: ''` on a cell makes it none. It is the only check that null
fails.
"""

from __future__ import annotations

from dovetail.model.mapping import Check
from dovetail.quality.question import Question, Scope, over

CODE = "DV-410"
"""A value is missing."""


def validate(arguments: tuple[object, ...]) -> str | None:
    """It takes nothing.

    >>> validate((1,))
    'it takes no arguments'
    """
    return "it takes no arguments" if arguments else None


def question(check: Check, scope: Scope) -> Question:
    """Asks `value IS NOT NULL`."""
    return Question(check, (check.field,), CODE, "has no value", expression=over("value IS NOT NULL", check))
