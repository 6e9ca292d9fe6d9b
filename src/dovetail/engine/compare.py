"""Exact comparison of two columns, null equal to null and NaN equal to NaN."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def differs(left: pa.Array | pa.ChunkedArray, right: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Where two columns of one type differ, by exact value."""
    if left.type != right.type:
        right = pc.cast(right, left.type)
    unequal = pc.fill_null(pc.not_equal(left, right), fill_value=False)
    flags = pc.or_(unequal, pc.xor(pc.is_null(left), pc.is_null(right)))
    if pa.types.is_floating(left.type):
        both = pc.and_(pc.is_nan(left), pc.is_nan(right))
        flags = pc.and_not(flags, pc.fill_null(both, fill_value=False))
    return np.asarray(flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags.to_numpy(), dtype=np.bool_)
