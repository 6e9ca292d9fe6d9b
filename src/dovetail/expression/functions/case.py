"""Upper and lower case, by the full rules of Unicode."""

from __future__ import annotations

from dovetail.expression.function import Text, function


@function()
def lower(text: Text) -> Text:
    """The text in lower case.

    >>> lower("ÄRGER")
    'ärger'
    """
    return text.lower()


@function()
def upper(text: Text) -> Text:
    """The text in upper case; one sign may become two.

    >>> upper("Straße")
    'STRASSE'
    """
    return text.upper()
