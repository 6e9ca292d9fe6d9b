"""What YAML 1.2 core reads in a scalar without quotes."""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS_MAX = 100
"""Digits of one number at most, its power of ten written out."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BEYOND = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NumberTooLong(ValueError):
    """A number with more than `DIGITS_MAX` digits."""


def resolve(text: str) -> object:
    """The value of a scalar that was written without quotes.

    >>> [resolve(text) for text in ("12", "1.50", "true", "~", "NO", "010", "12:30:45", "on", "2026-11-21", "0x1F")]
    [12, Decimal('1.50'), True, None, 'NO', '010', '12:30:45', 'on', '2026-11-21', 31]
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(_bounded(text))
    if _OTHER_BASE.fullmatch(text):
        return int(_bounded(text), 0)
    if _DECIMAL.fullmatch(text):
        return _exact(_bounded(text))
    if _BEYOND.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _exact(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise NumberTooLong from error
    if not number.is_finite() or (number and abs(number.adjusted()) > DIGITS_MAX):
        raise NumberTooLong
    return number


def _bounded(text: str) -> str:
    if len(text) > DIGITS_MAX:
        raise NumberTooLong
    return text
