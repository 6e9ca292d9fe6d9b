"""Parts of a text; characters are Unicode code points, counted from 1."""

from __future__ import annotations

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import Text, Whole, function

_BLANK = " "

_REST = 2**62
"""More characters than any text has."""


@function()
def left(text: Text, length: Whole) -> Text:
    """The first `length` characters, or fewer where the text is shorter. A negative length is a failure.

    >>> left("Ada", 2)
    'Ad'
    """
    return text[: _count(length)]


@function()
def right(text: Text, length: Whole) -> Text:
    """The last `length` characters, or fewer where the text is shorter. A negative length is a failure.

    >>> right("Ada", 2)
    'da'
    """
    return text[max(0, len(text) - _count(length)) :]


@function(aliases=("substring",))
def substr(text: Text, start: Whole, length: Whole = _REST) -> Text:
    """The characters from `start` on (the first is 1), at most `length` of them. A start below 1 or a negative
    length is a failure.

    >>> substr("Lovelace", 5), substr("Lovelace", 1, 4)
    ('lace', 'Love')
    """
    if start < 1:
        raise RowFailure(FailureCode.ARGUMENT, "a part of a text starts at 1 or later")
    return text[start - 1 : start - 1 + _count(length)]


@function()
def split_part(text: Text, separator: Text, part: Whole) -> Text:
    """The part of that number (from 1) between the separators; empty where there are fewer. An empty separator
    or a part below 1 is a failure.

    >>> split_part("DE-10115-Berlin", "-", 2)
    '10115'
    """
    if not separator:
        raise RowFailure(FailureCode.ARGUMENT, "the separator is empty")
    if part < 1:
        raise RowFailure(FailureCode.ARGUMENT, "parts are counted from 1")
    parts = text.split(separator)
    return parts[part - 1] if part <= len(parts) else ""


@function()
def trim(text: Text, signs: Text = _BLANK) -> Text:
    """The text without blanks (or the `signs` given) at both ends. Only the ordinary blank is one; `squeeze`
    knows the others.

    >>> trim("  Ada "), trim("xxAdaxyx", "xy")
    ('Ada', 'Ada')
    """
    return text.strip(signs) if signs else text


@function()
def ltrim(text: Text, signs: Text = _BLANK) -> Text:
    """As `trim`, at the beginning only.

    >>> ltrim("007", "0")
    '7'
    """
    return text.lstrip(signs) if signs else text


@function()
def rtrim(text: Text, signs: Text = _BLANK) -> Text:
    """As `trim`, at the end only.

    >>> rtrim("Ada  ")
    'Ada'
    """
    return text.rstrip(signs) if signs else text


@function()
def squeeze(text: Text) -> Text:
    r"""The text without white space at both ends, and each run of it inside made one blank. Tabs, line ends
    and Unicode's blanks count.

    >>> squeeze("  Ada \t Lovelace ")
    'Ada Lovelace'
    """
    return " ".join(text.split())


def _count(length: int) -> int:
    if length < 0:
        raise RowFailure(FailureCode.ARGUMENT, "a length is negative")
    return length
