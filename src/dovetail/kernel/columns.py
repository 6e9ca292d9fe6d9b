"""Whole columns: brought to their carrier, and found to fit at once where all values do."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.carrier import recast
from dovetail.model.type import Kind, Type

_DAYS = (-719_162, 2_932_896)
"""The first and the last day, counted from 1970, that Python knows: years 1 to 9999."""

_MICROSECONDS = (_DAYS[0] * 86_400_000_000, (_DAYS[1] + 1) * 86_400_000_000 - 1)


def carried(column: pa.ChunkedArray, given: Type) -> pa.ChunkedArray:
    """The column in the carrier of its type; raises `pyarrow.ArrowInvalid` where that would change a value."""
    return recast(column, given.arrow())


def far(column: pa.ChunkedArray, given: Type) -> frozenset[int]:
    """The positions of dates and time stamps outside the years 1 to 9999, with which nothing can be computed."""
    if given.kind is Kind.DATE:
        numbers, (first, last) = column.cast(pa.int32()).cast(pa.int64()), _DAYS
    elif given.kind in (Kind.TIMESTAMP, Kind.INSTANT):
        numbers, (first, last) = column.cast(pa.int64()), _MICROSECONDS
    else:
        return frozenset()
    bounds = pc.min_max(numbers)
    if bounds["min"].as_py() is None or (bounds["min"].as_py() >= first and bounds["max"].as_py() <= last):
        return frozenset()
    values = numbers.to_pylist()
    return frozenset(at for at, value in enumerate(values) if value is not None and not first <= value <= last)


def fitted(column: pa.ChunkedArray, source: Type, target: Type) -> pa.ChunkedArray | None:
    """The column in the target's carrier when all its values certainly fit, else `None`: then each value must
    be looked at."""
    if source.kind is target.kind:
        if source.kind is Kind.DECIMAL:
            return _decimal(column, target)
        return column if _within(column, target) else None
    if source.kind is Kind.INTEGER and target.kind is Kind.DECIMAL:
        return _decimal(column, target)
    if target.kind is Kind.TEXT and source.kind in (Kind.UUID, Kind.JSON):
        return column if _within(column, target) else None
    return None


def _decimal(column: pa.ChunkedArray, target: Type) -> pa.ChunkedArray | None:
    carrier = target.arrow()
    if column.type == carrier:
        return column
    try:
        return recast(column, carrier)
    except pa.ArrowInvalid:
        return None


def _within(column: pa.ChunkedArray, target: Type) -> bool:
    if target.kind is Kind.INTEGER:
        if target.minimum is None and target.maximum is None:
            return True
        bounds = pc.min_max(column)
        least, most = bounds["min"].as_py(), bounds["max"].as_py()
        return least is None or (
            (target.minimum is None or least >= target.minimum) and (target.maximum is None or most <= target.maximum)
        )
    if target.length is None or target.kind not in (Kind.TEXT, Kind.BYTES):
        return True
    lengths = pc.utf8_length(column) if target.kind is Kind.TEXT else pc.binary_length(column)
    longest = pc.max(lengths).as_py()
    return longest is None or longest <= target.length
