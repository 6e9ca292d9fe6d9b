"""Texts made from texts."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import ConstantWhole, Text, function

PAD_MAX = 1_000
"""Characters that a text can be padded to at most."""


@function()
def replace(text: Text, part: Text, by: Text) -> Text:
    """The text with every `part` replaced, from left to right; an empty part replaces nothing.

    >>> replace("1.234,5", ".", "")
    '1234,5'
    """
    return text.replace(part, by) if part else text


def _is_width(constants: Sequence[object]) -> None:
    width = constants[1]
    if not isinstance(width, int) or not 0 <= width <= PAD_MAX:
        raise ValueError(f"the length lies between 0 and {PAD_MAX}")


@function(check=_is_width)
def lpad(text: Text, length: ConstantWhole, fill: Text) -> Text:
    """The text, filled up at the beginning to `length` characters. A text that is longer is a failure: nothing
    is cut off.

    >>> lpad("42", 5, "0")
    '00042'
    """
    return _filling(text, length, fill) + text


@function(check=_is_width)
def rpad(text: Text, length: ConstantWhole, fill: Text) -> Text:
    """The text, filled up at the end to `length` characters. A text that is longer is a failure: nothing is cut off.

    >>> rpad("A", 3, ".")
    'A..'
    """
    return text + _filling(text, length, fill)


def _filling(text: str, length: int, fill: str) -> str:
    missing = length - len(text)
    if missing < 0:
        raise RowFailure(FailureCode.ARGUMENT, f"the text is longer than {length} characters")
    if missing and not fill:
        raise RowFailure(FailureCode.ARGUMENT, "the text to fill up with is empty")
    return (fill * missing)[:missing]
