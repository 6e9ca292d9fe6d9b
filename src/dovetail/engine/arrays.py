"""Arrow columns and NumPy arrays, one into the other, with types that hold."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.carrier import recast

Flags = npt.NDArray[np.bool_]
Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def flags(column: Column) -> Flags:
    """A boolean column as flags; null is false.

    >>> flags(pa.array([True, None, False])).tolist()
    [True, False, False]
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.null_count == len(column):
        return np.zeros(len(column), dtype=np.bool_)
    known = column.fill_null(False) if column.null_count else column
    answer: Flags = np.array(known.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return answer


def taken(column: Column, positions: npt.NDArray[np.int64]) -> Any:
    """The values at some positions, in their order; null where the position is negative.

    >>> taken(pa.array([1, 2]), np.array([1, -1])).to_pylist()
    [2, None]
    """
    if is_whole(positions, len(column)):
        return column
    outside = positions < 0
    chosen = pa.array(positions, mask=outside, type=pa.int64()) if outside.any() else pa.array(positions, pa.int64())
    return pc.take(column, chosen)


def whole(column: Column) -> pa.Array:
    """The column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def is_whole(positions: npt.NDArray[np.int64], rows: int) -> bool:
    """Whether these are the positions of so many rows, all of them in order.

    >>> is_whole(np.array([0, 1]), 2), is_whole(np.array([0, 1]), 3)
    (True, False)
    """
    if len(positions) != rows or (rows and (positions[0] != 0 or positions[-1] != rows - 1)):
        return False
    return bool((positions[1:] - positions[:-1] == 1).all())


def listed(column: Column) -> list[Any]:
    """The values as Python knows them; times outside the years 1 to 9999 as texts, those alone."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        values = [_plain(value) for value in column]
    return values


def _plain(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return value.cast(pa.string()).as_py()


def value_at(column: Column, position: int) -> Any:
    """One value as Python knows it (`listed`)."""
    return listed(column.slice(position, 1))[0]


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch as Python knows them (`listed`)."""
    columns = [listed(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def differs(left: Column, right: Column) -> Flags:
    """Where two columns of one type differ, by exact value; null equals null, and NaN equals NaN.

    >>> differs(pa.array([1, None, 3]), pa.array([1, None, None])).tolist()
    [False, False, True]
    """
    if left.type != right.type:
        right = recast(right, left.type)
    if left.equals(right):
        return np.zeros(len(left), dtype=np.bool_)
    unequal = flags(pc.not_equal(left, right))
    if left.null_count or right.null_count:
        unequal |= flags(pc.is_null(left)) ^ flags(pc.is_null(right))
    if pa.types.is_floating(left.type):
        unequal &= ~(flags(pc.is_nan(left)) & flags(pc.is_nan(right)))
    return unequal
