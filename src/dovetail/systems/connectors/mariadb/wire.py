"""Large answers, taken from the bytes of the text protocol a block of rows at a time, and a block a column at a time.

The driver would make a Python object of every value. Here only the place of each row is looked at by Python; the values
of a column become one Arrow array of bytes at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND
from pymysql.err import raise_mysql_exception

_HEAD = struct.Struct("<IB")
_TAKE_BYTES = 2**18
_WHOLE = 0xFFFFFF
"""The length of a packet that the next one goes on with."""

_END, _ERROR = 0xFE, 0xFF
_END_MAX = 9
_NULL, _TWO, _THREE, _EIGHT = 0xFB, 0xFC, 0xFD, 0xFE
"""The first byte of a value: null, or in how many bytes its length follows; anything less is the length itself."""


@dataclass(frozen=True, slots=True)
class Column:
    """What the server says of a column of an answer: its name, and the protocol's numbers of type, charset, flags."""

    name: str
    code: int
    charset: int
    flags: int
    length: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as they came: where each begins in the bytes."""

    content: bytearray
    starts: list[int]

    def columns(self, width: int) -> list[pa.Array]:
        """The values of each column, as bytes; a null is null."""
        content = np.frombuffer(self.content, np.uint8)
        at = np.array(self.starts, np.int32)
        found: list[pa.Array] = []
        for _ in range(width):
            begin, end, absent = _ends(content, at)
            found.append(_gathered(self.content, begin, end, absent))
            at = end
        return found


class Answer:
    """The answer to one statement, on its way."""

    def __init__(self, connection: Any, sql: str) -> None:
        self._connection = connection
        connection._execute_command(COMMAND.COM_QUERY, sql.encode())  # noqa: SLF001 - the driver has no name for it
        connection.rests = False
        result = MySQLResult(connection)
        try:
            result.init_unbuffered_query()
        finally:
            connection.rests = not result.unbuffered_active
            result.unbuffered_active, result.connection = False, None
        self.columns = tuple(
            Column(one.name, one.type_code, one.charsetnr, one.flags, one.length, one.scale)
            for one in getattr(result, "fields", ())
        )

    def blocks(self, *, rows_max: int, bytes_max: int) -> Iterator[Block]:
        """The rows in blocks of at most so many rows, and about so many bytes."""
        content, have, at = bytearray(_TAKE_BYTES), 0, 0
        starts: list[int] = []
        while not self._connection.rests:
            at, need = self._sift(content, at, have, starts, rows_max)
            if starts and (len(starts) == rows_max or at >= bytes_max or self._connection.rests):
                rest = bytes(memoryview(content)[at:have])
                yield Block(content, starts)
                content = bytearray(_TAKE_BYTES if self._connection.rests else bytes_max + _TAKE_BYTES)
                have, at, starts = len(rest), 0, []
                content[:have] = rest
            elif not self._connection.rests:
                room = max(need, have + 1) - len(content)
                if room > 0:
                    content.extend(bytes(max(room, len(content))))
                with memoryview(content) as view:
                    have += self._connection.fill(view[have : max(need, have + _TAKE_BYTES)])

    def _sift(self, content: bytearray, at: int, have: int, starts: list[int], rows_max: int) -> tuple[int, int]:
        """Note where rows begin; the answer is where the next packet begins, and up to where it must be there."""
        unpack, note = _HEAD.unpack_from, starts.append
        for _ in range(rows_max - len(starts)):
            if at + _HEAD.size > have:
                return at, at + _HEAD.size
            head, first = unpack(content, at)
            size = head & _WHOLE
            end = at + 4 + size
            if end > have:
                return at, end
            if size == _WHOLE:
                begin, end = _joined(content, at, have)
                if end > have:
                    return at, end
                note(begin)
                at = end
                continue
            if first == _ERROR or (first == _END and size < _END_MAX):
                self._finish(bytes(content[at + 4 : end]))
                return end, end
            note(at + 4)
            at = end
        return at, at

    def _finish(self, packet: bytes) -> None:
        """Take in the last packet of the answer."""
        self._connection.rests = True
        if packet[0] == _ERROR:
            raise_mysql_exception(packet)
        self._connection.server_status = int.from_bytes(packet[3:5], "little")


def _joined(content: bytearray, at: int, have: int) -> tuple[int, int]:
    """Push the packets of one large row together, where they end; the answer is where the row begins and ends."""
    pieces: list[memoryview] = []
    size = _WHOLE
    while size == _WHOLE:
        if at + 4 > have:
            return 0, at + 4
        size = int.from_bytes(content[at : at + 3], "little")
        if at + 4 + size > have:
            return 0, at + 4 + size
        pieces.append(memoryview(content)[at + 4 : at + 4 + size])
        at += 4 + size
    row = b"".join(pieces)
    content[at - len(row) : at] = row
    return at - len(row), at


def _ends(
    content: npt.NDArray[np.uint8], at: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.bool_] | None]:
    """Where the values begin and end that stand at these places, each behind its length; and which are null."""
    first = content[at]
    begin = at + np.int32(1)
    if not at.size or first.max() < _NULL:
        return begin, begin + first, None
    length = first.astype(np.int32)
    absent = first == _NULL
    length[absent] = 0
    for mark, size in ((_TWO, 2), (_THREE, 3), (_EIGHT, 8)):
        (rows,) = np.nonzero(first == mark)
        if rows.size:
            begin[rows] += size
            parts = (content[at[rows] + 1 + place].astype(np.int64) << (8 * place) for place in range(size))
            length[rows] = sum(parts)
    return begin, begin + length, absent


def _gathered(
    content: bytearray,
    begin: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    absent: npt.NDArray[np.bool_] | None,
) -> pa.Array:
    """The values between those places: every other one of an array over the whole block, gaps being its others."""
    if not begin.size:
        return pa.array([], pa.binary())
    offsets = np.empty(2 * begin.size, np.int32)
    offsets[0::2], offsets[1::2] = begin, end
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    whole = pa.BinaryArray.from_buffers(pa.binary(), offsets.size - 1, buffers)
    return whole.take(pa.array(np.arange(0, offsets.size, 2, dtype=np.int32), mask=absent))
