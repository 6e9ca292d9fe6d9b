"""The shapes of values: what remains of a text when letters and digits are made alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

SHAPES_MAX = 5
"""Shapes listed for one field at most."""

SHAPE_LENGTH_MAX = 24
"""Characters of a shape at most; longer ones end in an ellipsis."""

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_BLANKS = re.compile(r"\s+")


def shape(text: str) -> str:
    """The text with each run of digits as ``9``, of capitals as ``A``, of other letters as ``a``, of blanks as one
    blank.

    No letter, digit or length of the value can be read from it, so it may be shown for personal data.

    >>> shape("AB-1234"), shape("ada@example.org"), shape("Ada  Lovelace")
    ('A-9', 'a@a.a', 'a a')
    """
    alike = _DIGITS.sub("9", _LETTERS.sub(_letter, _BLANKS.sub(" ", text)))
    return alike if len(alike) <= SHAPE_LENGTH_MAX else alike[: SHAPE_LENGTH_MAX - 1] + "…"


def shapes(texts: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    """The commonest shapes with their number, commonest first; equal numbers in alphabetical order.

    >>> shapes(["A1", "B2", "c", None])
    (('A9', 2), ('a', 1))
    """
    counts = Counter(shape(text) for text in texts if text is not None)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(ranked[:SHAPES_MAX])


def _letter(found: re.Match[str]) -> str:
    return "A" if found[0].isupper() else "a"
