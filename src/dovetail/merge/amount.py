"""Numbers as marks: of a `delta` field the base keeps the number itself, in the eight bytes of a fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.merge.fingerprint import canonical
from dovetail.merge.xxh3 import Lanes, digests
from dovetail.model.plain import plain_number

DIGITS_MAX = 17
"""Digits at most of a number that can be added up; a number with more is told apart, and no more."""

_PLACES_BITS = 6
_NULL, _UNKNOWN = 62, 63
"""What stands in place of the number of decimal places for no number, and for one with too many digits."""


UNKNOWN_MARK = np.uint64(_UNKNOWN)
"""The mark of a number that nobody knows any more."""


class Unknown:
    """A number with too many digits to be added up."""


UNKNOWN: Final = Unknown()


def amounts(values: pa.Array | pa.ChunkedArray) -> Lanes:
    """The mark of each number: the digits without the point in the upper 58 bits, the decimal places in the lower 6.
    Equal numbers have equal marks, and no others.

    >>> [str(amount(mark)) for mark in amounts(pa.array([Decimal("1.50"), Decimal("-20"), None])).tolist()]
    ['1.5', '-20', 'None']
    """
    texts = _plain_texts(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
    points = pc.find_substring(texts, ".").fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    places = np.where(points >= 0, lengths - points - 1, 0)
    digits = pc.replace_substring_regex(pc.replace_substring(texts, ".", ""), "^(-?)0+([0-9])", "\\1\\2")
    is_known = pc.match_substring_regex(digits, f"^-?[0-9]{{1,{DIGITS_MAX}}}$").fill_null(False)
    numbers = pc.if_else(is_known, digits, "0").cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    known = np.array(is_known.to_numpy(zero_copy_only=False), dtype=np.bool_) & (places < _NULL)
    marks: Lanes = (numbers.astype(np.int64) << _PLACES_BITS).view(np.uint64) | places.astype(np.uint64)
    nulls = np.array(pc.is_null(texts).to_numpy(zero_copy_only=False), dtype=np.bool_)
    marks[nulls] = _NULL
    strange = np.flatnonzero(~known & ~nulls)
    if len(strange):
        hashes = digests(texts.take(pa.array(strange)), np.zeros(len(strange), dtype=np.uint64))
        marks[strange] = (hashes << np.uint64(_PLACES_BITS)) | np.uint64(_UNKNOWN)
    return marks


def amount(mark: int) -> Decimal | Unknown | None:
    """The number that a mark is; `UNKNOWN` where it had too many digits."""
    places = mark & ((1 << _PLACES_BITS) - 1)
    if places == _NULL:
        return None
    if places == _UNKNOWN:
        return UNKNOWN
    signed = mark - (1 << 64) if mark >> 63 else mark
    return Decimal(signed >> _PLACES_BITS).scaleb(-places)


def _plain_texts(values: pa.Array) -> pa.Array:
    """Each number without an exponent and without zeros behind the last place that counts."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_decimal(values.type) and (texts := plain_number(values)) is not None:
        return texts
    return pa.array(list(_texts(values)), pa.string())


def _texts(values: pa.Array) -> Iterator[str | None]:
    for value, held in zip(canonical(values), values, strict=True):
        text = value[1:].decode()
        if not held.is_valid:
            yield None
        elif pa.types.is_floating(values.type) and "n" not in text:
            number = Decimal(text)
            yield f"{number.normalize():f}" if number else "0"
        else:
            yield text
