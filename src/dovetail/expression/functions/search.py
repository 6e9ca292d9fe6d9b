"""Questions about a text; texts are compared sign by sign, without any collation."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.expression.function import ConstantText, Text, Truth, Whole, function


@function()
def length(text: Text) -> Whole:
    """How many characters (Unicode code points) the text has.

    >>> length("naïve")
    5
    """
    return len(text)


@function()
def strpos(text: Text, part: Text) -> Whole:
    """Where `part` stands first, counted from 1; 0 where it does not, 1 for an empty part.

    >>> strpos("Lovelace", "lace"), strpos("Lovelace", "x")
    (5, 0)
    """
    return text.find(part) + 1


@function()
def starts_with(text: Text, part: Text) -> Truth:
    """Whether the text begins with `part`.

    >>> starts_with("DE10115", "DE")
    True
    """
    return text.startswith(part)


@function()
def ends_with(text: Text, part: Text) -> Truth:
    """Whether the text ends with `part`.

    >>> ends_with("a.pdf", ".pdf")
    True
    """
    return text.endswith(part)


@function()
def contains(text: Text, part: Text) -> Truth:
    """Whether `part` stands anywhere in the text.

    >>> contains("Lovelace", "lac")
    True
    """
    return part in text


def _is_pattern(constants: Sequence[object]) -> None:
    try:
        _found("", str(constants[1]))
    except pa.ArrowInvalid:
        raise ValueError(
            "the pattern is not a regular expression of RE2 (no look-around, no back references)"
        ) from None


@function(check=_is_pattern)
def regexp_matches(text: Text, pattern: ConstantText) -> Truth:
    """Whether the regular expression matches anywhere in the text. RE2's syntax; the time is linear in the
    text's length.

    >>> regexp_matches("10115 Berlin", "^[0-9]{5} ")
    True
    """
    return _found(text, pattern)


@functools.lru_cache(maxsize=4096)
def _found(text: str, pattern: str) -> bool:
    return bool(pc.match_substring_regex(pa.scalar(text, pa.string()), pattern).as_py())


ANY_ONE = "any one"
ANY_MANY = "any many"


@functools.lru_cache(maxsize=256)
def _signs(pattern: str, escape: str) -> tuple[str, ...]:
    """The pattern's signs, one by one: a character that stands for itself, `ANY_ONE` or `ANY_MANY`."""
    signs: list[str] = []
    rest = iter(pattern)
    for sign in rest:
        if escape and sign == escape:
            signs.append(next(rest))
        else:
            signs.append({"_": ANY_ONE, "%": ANY_MANY}.get(sign, sign))
    return tuple(signs)


def _is_like(constants: Sequence[object]) -> None:
    try:
        _signs(str(constants[1]), str(constants[2]))
    except (StopIteration, RuntimeError):
        raise ValueError("the pattern ends with its escape sign") from None


@function(check=_is_like)
def like(text: Text, pattern: ConstantText, escape: ConstantText) -> Truth:
    """Whether the whole text is of the pattern, written `text LIKE pattern [ESCAPE 'c']`: `%` stands for any
    text, `_` for one character.

    >>> like("DE10115", "DE%", ""), like("50%", "50!%", "!")
    (True, True)
    """
    signs = _signs(pattern, escape)
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(signs) and signs[place] in (text[at], ANY_ONE):
            at, place = at + 1, place + 1
        elif place < len(signs) and signs[place] == ANY_MANY:
            star, resume, place = place, at, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(sign == ANY_MANY for sign in signs[place:])
