"""From one Arrow carrier into another, exactly or not at all."""

from __future__ import annotations

from typing import TypeVar

import pyarrow as pa

_DETOUR_DIGITS = 76
"""The most decimal digits that Arrow knows: enough for any 38 digits and 38 more places."""

_Column = TypeVar("_Column", pa.Array, pa.ChunkedArray)


def recast(column: _Column, carrier: pa.DataType) -> _Column:
    """The values in another carrier; raises `pyarrow.ArrowInvalid` where one would change.

    Exact numbers go by a detour, because Arrow multiplies decimals past 128 bits without noticing.

    >>> import decimal
    >>> recast(pa.array([decimal.Decimal(10**33)], pa.decimal128(38, 0)), pa.decimal128(38, 18))
    Traceback (most recent call last):
    ...
    pyarrow.lib.ArrowInvalid: Decimal value does not fit in precision 38
    """
    if column.type == carrier:
        return column
    if pa.types.is_decimal128(carrier):
        column = column.cast(pa.decimal256(_DETOUR_DIGITS, carrier.scale))
    return column.cast(carrier)
