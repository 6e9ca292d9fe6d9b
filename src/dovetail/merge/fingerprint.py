"""Fingerprints of values: seeded xxh3-64 over canonical bytes, with the row's identity in the seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

_NULL = b"N"


def row_seeds(rows: np.ndarray, seed: int) -> np.ndarray:
    """One seed for each shared row number, so that equal values of different rows have different fingerprints."""
    seeds = [xxh3_64_intdigest(row.tobytes(), seed) for row in rows.astype("<i8")]
    return np.array(seeds, dtype=np.uint64)


def fingerprints(values: pa.Array | pa.ChunkedArray, seeds: np.ndarray) -> np.ndarray:
    """The fingerprint of each value under its row's seed.

    The canonical bytes are ``N`` for null, else ``V`` and the value's text in UTF-8: numbers without trailing zeros,
    dates and
    times in ISO form (microseconds, UTC), bytes as they are. They are part of the state's format and pinned by tests.
    """
    digests = [
        xxh3_64_intdigest(content, seed) for content, seed in zip(canonical(values), seeds.tolist(), strict=True)
    ]
    return np.array(digests, dtype=np.uint64)


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
    texts = values if pa.types.is_string(kind) else pc.cast(values, pa.string())
    return (_NULL if value is None else b"V" + value.encode() for value in texts.to_pylist())


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def _float(value: float) -> bytes:
    if math.isnan(value):  # every NaN is the same value here, or a NaN would look edited for ever
        return b"NaN"
    return repr(value + 0.0).encode()
