"""Columns as plain values that are equal exactly where the values are."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc


def plain(column: pa.Array) -> list[object]:
    """The values of a column: times as whole numbers, floats by their bits (all that are no number are one)."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    values: list[object] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [_bits(value) for value in values]
    return values


def among(column: pa.Array, wanted: pa.Array) -> pa.Array:
    """The positions of the rows whose value is one of those, null too; more than those where Arrow cannot tell."""
    try:
        return pc.indices_nonzero(pc.is_in(column, value_set=wanted, skip_nulls=False))
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return pa.array(range(len(column)), pa.uint64())


def _bits(value: object) -> object:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return value
