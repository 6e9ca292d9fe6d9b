"""Columns in the carrier of the type in which they will be stored, and which of their values do not fit."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import Refused
from dovetail.model.carrier import recast

Fitted = tuple[pa.Array, Mapping[int, str]]
"""Values in their carrier, and why some positions, which are null there, do not fit."""

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""Days from 1970 to the first of January 1 and the last of December 9999, all that can be read back."""

DAY_US = 86_400_000_000
DECIMALS_MAX = 6


def conform(array: pa.Array, carrier: pa.DataType, *, native: str, where: str) -> Fitted:
    """The column in that carrier; rows that do not fit are null and named, a column of another nature is `Refused`.

    >>> from decimal import Decimal
    >>> conform(pa.array([Decimal("1.005")]), pa.decimal128(5, 2), native="decimal(5,2)", where="t.a")[1]
    {0: 'more digits than the field holds'}
    """
    if array.type == carrier:
        return array, {}
    if _nature(array.type) != _nature(carrier) and not pa.types.is_null(array.type):
        raise Refused(f"values of type {array.type} do not fit {native}", where=where)
    try:
        return recast(array, carrier), {}
    except pa.ArrowInvalid:
        return _one_by_one(array, carrier)
    except pa.ArrowException as error:
        raise Refused(f"values of type {array.type} do not fit {native}", where=where) from error


def without(array: pa.Array, tests: pa.Array, words: str) -> Fitted:
    """The values with those rows taken out where a test is true.

    >>> without(pa.array([1, 2]), pa.array([False, True]), "too many")[1]
    {1: 'too many'}
    """
    if not pc.any(tests, min_count=0).as_py():
        return array, {}
    is_unfit = pc.fill_null(tests, fill_value=False)
    unfit = dict.fromkeys(pc.indices_nonzero(is_unfit).to_pylist(), words)
    return pc.if_else(is_unfit, pa.scalar(None, array.type), array), unfit


def outside(numbers: pa.Array, least: int, most: int) -> pa.Array:
    """Which whole numbers lie outside those bounds."""
    bounds = [pa.scalar(bound, numbers.type) for bound in (least, most)]
    return pc.or_(pc.less(numbers, bounds[0]), pc.greater(numbers, bounds[1]))


def finer(array: pa.Array, decimals: int, native: str) -> Fitted:
    """Times with no more decimal places than a column keeps."""
    if decimals == DECIMALS_MAX:
        return array, {}
    step = 10 ** (DECIMALS_MAX - decimals)
    micros = array.cast(pa.int64())
    is_finer = pc.not_equal(pc.multiply(pc.divide(micros, step), step), micros)
    return without(array, is_finer, f"finer than {native} keeps")


def _nature(kind: pa.DataType) -> str:
    """What Arrow would turn into each other only by reading texts, or by guessing a time zone."""
    if pa.types.is_dictionary(kind):
        return _nature(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz else "timestamp"
    if pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
        return str(kind)[:4]
    if pa.types.is_floating(kind):
        return "float"
    return "bytes" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else "number"


def _one_by_one(array: pa.Array, carrier: pa.DataType) -> Fitted:
    unfit: dict[int, str] = {}
    parts = []
    for position in range(len(array)):
        part = array.slice(position, 1)
        try:
            parts.append(recast(part, carrier))
        except pa.ArrowInvalid:
            unfit[position] = "more digits than the field holds"
            parts.append(pa.nulls(1, carrier))
    return pa.concat_arrays(parts), unfit
