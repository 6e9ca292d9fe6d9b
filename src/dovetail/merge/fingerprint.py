"""Fingerprints of values: seeded xxh3-64 over canonical bytes, with the row's identity in the seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.merge.xxh3 import Lanes, digests, words
from dovetail.model.plain import plain_number

_NULL = b"N"
_EXACT = Context(prec=80)
_MARK, _NOTHING, _NULL_TEXT = (pa.scalar(text, pa.string()) for text in ("V", "", "N"))


def row_seeds(rows: np.ndarray, seed: int) -> Lanes:
    """One seed for each shared row number, so that equal values of different rows have different fingerprints."""
    return words(rows.astype("<i8").view(np.uint64), seed)


def fingerprints(values: pa.Array | pa.ChunkedArray, seeds: np.ndarray) -> Lanes:
    """The fingerprint of each value under its row's seed.

    The canonical bytes are ``N`` for null, else ``V`` and the value's text in UTF-8: numbers without trailing zeros,
    dates and
    times in ISO form (microseconds, UTC), bytes as they are. They are part of the state's format and pinned by tests.
    """
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    texts = _texts(whole)
    if texts is None:
        return digests(pa.array(canonical(whole), pa.binary()), seeds)
    marked = pc.binary_join_element_wise(_MARK, texts, _NOTHING)
    return digests(pc.fill_null(marked, _NULL_TEXT) if texts.null_count else marked, seeds)


def _texts(values: pa.Array) -> pa.Array | None:
    """The values as canonical texts, or `None` where they must be written one by one."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_decimal(kind):
        return plain_number(values)
    if pa.types.is_binary(kind) or pa.types.is_floating(kind):
        return None
    return values.cast(pa.string())


def canonical(values: pa.Array | pa.ChunkedArray) -> Iterator[bytes]:
    """The canonical bytes of each value."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    kind = values.type
    if pa.types.is_decimal(kind):
        return (_NULL if value is None else b"V" + _number(value).encode() for value in values.to_pylist())
    if pa.types.is_binary(kind):
        return (_NULL if value is None else b"V" + value for value in values.to_pylist())
    if pa.types.is_floating(kind):
        return (_NULL if value is None else b"V" + _float(value) for value in values.to_pylist())
    texts = values if pa.types.is_string(kind) else values.cast(pa.string())
    return (_NULL if value is None else b"V" + value.encode() for value in texts.to_pylist())


def _number(value: Decimal) -> str:
    return format(value.normalize(_EXACT), "f") if value else "0"


def _float(value: float) -> bytes:
    if math.isnan(value):  # every NaN is the same value here, or a NaN would look edited for ever
        return b"NaN"
    return repr(value + 0.0).encode()
