"""From Arrow columns to the server's binary form of rows: whole columns at once, every value as its type receives it.

The server does not check types here, only lengths. So each column is written by what the catalog says of it while the
table is locked against change; a type that is not on the list makes the whole statement travel as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.decimals import groups
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.stored import Column

SLICE_BYTES = 4 * 2**20
"""About how many bytes are made ready at once."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH_DAYS = 10_957
"""Days from 1970 to 2000, where the server begins to count."""

_EPOCH_MICROS = _EPOCH_DAYS * 86_400_000_000
_UUID_CHARACTERS = 36
_HYPHENS = (8, 13, 18, 23)

_Bytes = np.ndarray[Any, np.dtype[np.uint8]]
"""A row of the array a value, as wide as all values are."""


def is_carried(column: Column) -> bool:
    """Whether values of a column can travel in binary form."""
    if column.stored.kind is Kind.OPAQUE:
        return False
    return column.stored.family == "e" or column.stored.base in _FIXED or column.stored.base in _VARYING


def rows(columns: Sequence[Column], arrays: Sequence[pa.Array]) -> Iterator[pa.Buffer]:
    """All rows in the binary form of `COPY`, in parts. The arrays are in the carriers of the columns' types."""
    yield pa.py_buffer(_HEADER)
    yield from _parts(columns, arrays, _same(len(columns), ">i2", len(arrays[0])))
    yield pa.py_buffer(_TRAILER)


def array(column: Column, values: pa.Array) -> bytes | None:
    """All values as one array in the server's binary form, which it checks against the type that it expects; `None`
    where values of the column have none."""
    oid = _OIDS.get(column.stored.base)
    if oid is None or not is_carried(column):
        return None
    if not len(values):
        return np.array([0, 0, oid], ">i4").tobytes()
    head = np.array([1, int(values.null_count > 0), oid, len(values), 1], ">i4").tobytes()
    return b"".join([head, *_parts([column], [values])])


def _parts(columns: Sequence[Column], arrays: Sequence[pa.Array], first: _Bytes | None = None) -> Iterator[pa.Buffer]:
    """All rows, each value behind its length, and each row behind `first` of it."""
    count = len(arrays[0])
    size = max(1, count * SLICE_BYTES // max(sum(array.nbytes for array in arrays), SLICE_BYTES))
    for at in range(0, count, size):
        run = [] if first is None else [first[at : at + size]]
        joined = _joined(columns, [array.slice(at, size) for array in arrays], run)
        _, offsets, content = joined.buffers()
        ends = np.frombuffer(offsets, np.int32)
        yield content.slice(int(ends[0]), int(ends[len(joined)] - ends[0]))


def _joined(columns: Sequence[Column], arrays: Sequence[pa.Array], run: list[_Bytes]) -> pa.Array:
    """One value a row, behind `run`. Parts of the same width in all rows are laid side by side first; that leaves few
    to be joined."""
    count = len(arrays[0])
    pieces: list[pa.Array] = []
    for column, array in zip(columns, arrays, strict=True):
        fixed = _FIXED.get(column.stored.base)
        if fixed is None:
            varying = _VARYING.get(column.stored.base, _texts)(array)
            lengths = pc.fill_null(pc.binary_length(varying), -1)
            run.append(_big(lengths.to_numpy(zero_copy_only=False), ">i4"))
            pieces += [_laid(run), pc.fill_null(varying, b"") if varying.null_count else varying]
            run = []
            continue
        values = fixed(array, column)
        width = values.shape[1]
        if not array.null_count:
            run += [_same(width, ">i4", count), values]
            continue
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        run.append(_big(np.where(valid, width, -1), ">i4"))
        pieces += [_laid(run), _binary(values[valid], np.cumsum(valid) * width)]
        run = []
    if run:
        pieces.append(_laid(run))
    return pieces[0] if len(pieces) == 1 else pc.binary_join_element_wise(*pieces, b"")


def _laid(run: Sequence[_Bytes]) -> pa.Array:
    side_by_side = np.concatenate(run, axis=1)
    count, width = side_by_side.shape
    return _binary(side_by_side, np.arange(1, count + 1) * width)


def _binary(content: _Bytes, ends: np.ndarray[Any, Any]) -> pa.Array:
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(content))]
    )


def _same(number: int, shape: str, count: int) -> _Bytes:
    one = np.array([number], shape).view(np.uint8)
    return np.broadcast_to(one, (count, len(one)))


def _big(numbers: np.ndarray[Any, Any], shape: str) -> _Bytes:
    """Numbers as bytes, the highest first."""
    ordered = np.ascontiguousarray(numbers.astype(shape))
    return ordered.view(np.uint8).reshape(len(numbers), ordered.itemsize)


def _numbers(array: pa.Array, carrier: pa.DataType) -> np.ndarray[Any, Any]:
    """The values of a column, nulls as nought."""
    plain = array.cast(carrier) if array.type != carrier else array
    numbers: np.ndarray[Any, Any] = pc.fill_null(plain, pa.scalar(0, carrier)).to_numpy(zero_copy_only=False)
    return numbers


def _whole(shape: str) -> Callable[[pa.Array, Column], _Bytes]:
    return lambda array, _: _big(_numbers(array, pa.int64()), shape)


def _float(shape: str) -> Callable[[pa.Array, Column], _Bytes]:
    return lambda array, _: _big(_numbers(array, pa.float64()), shape)


def _boolean(array: pa.Array, _: Column) -> _Bytes:
    return _big(_numbers(array, pa.uint8()), "u1")


def _date(array: pa.Array, _: Column) -> _Bytes:
    return _big(_numbers(array, pa.int32()) - _EPOCH_DAYS, ">i4")


def _moment(array: pa.Array, _: Column) -> _Bytes:
    return _big(_numbers(array, pa.int64()) - _EPOCH_MICROS, ">i8")


def _numeric(array: pa.Array, column: Column) -> _Bytes:
    return groups(array, is_scaled=logical(column.stored).precision is not None)


def _uuid(array: pa.Array, _: Column) -> _Bytes:
    whole = pc.fill_null(array, "0" * _UUID_CHARACTERS) if array.null_count else array
    content = whole.cast(pa.binary(_UUID_CHARACTERS))
    start = content.offset * _UUID_CHARACTERS
    signs = np.frombuffer(content.buffers()[1], np.uint8)[start : start + len(content) * _UUID_CHARACTERS]
    digits = np.delete(signs.reshape(len(content), _UUID_CHARACTERS), _HYPHENS, axis=1)
    halves = np.where(digits >= ord("a"), digits - (ord("a") - 10), digits - ord("0"))
    return (halves[:, ::2] << 4 | halves[:, 1::2]).astype(np.uint8)


def _texts(array: pa.Array) -> pa.Array:
    return array.cast(pa.binary())


def _jsonb(array: pa.Array) -> pa.Array:
    """The server's own form of JSON begins with the number of the form."""
    return pc.binary_join_element_wise(b"\x01", array.cast(pa.binary()), b"")


_FIXED: dict[str, Callable[[pa.Array, Column], _Bytes]] = {
    "bool": _boolean,
    "int2": _whole(">i2"),
    "int4": _whole(">i4"),
    "int8": _whole(">i8"),
    "float4": _float(">f4"),
    "float8": _float(">f8"),
    "numeric": _numeric,
    "date": _date,
    "time": _whole(">i8"),
    "timestamp": _moment,
    "timestamptz": _moment,
    "uuid": _uuid,
}
_VARYING: dict[str, Callable[[pa.Array], pa.Array]] = {
    "text": _texts,
    "varchar": _texts,
    "bpchar": _texts,
    "bytea": _texts,
    "json": _texts,
    "jsonb": _jsonb,
}
_OIDS = {
    "bool": 16,
    "bytea": 17,
    "int8": 20,
    "int2": 21,
    "int4": 23,
    "text": 25,
    "json": 114,
    "float4": 700,
    "float8": 701,
    "bpchar": 1042,
    "varchar": 1043,
    "date": 1082,
    "time": 1083,
    "timestamp": 1114,
    "timestamptz": 1184,
    "numeric": 1700,
    "uuid": 2950,
    "jsonb": 3802,
}
"""The numbers of the types, the same in every database."""
