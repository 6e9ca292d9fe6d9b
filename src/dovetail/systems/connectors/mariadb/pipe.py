"""Several statements in one message, and rows in the text form of `LOAD DATA LOCAL`, over the driver's connection."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND
from pymysql.protocol import OKPacketWrapper

STREAM = "dovetail"
"""The name of the only file for which a server may ask; there is no such file."""

_SET_OPTION = 0x1B
"""The protocol's command with that the number 0 allows several statements in one message, and 1 does not."""

BATCH_STATEMENTS = 250
"""Statements in one message at most: those behind a refused one are sent again."""

BATCH_BYTES = 1_000_000
_BLOCK_BYTES = 1_000_000
"""Bytes in one packet of rows at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one statement: rows found (not: rows that differ now), the first key that it drew, how
    many warnings and notes it has, and the rows that it answers."""

    found: int
    drawn: int = 0
    warnings: int = 0
    rows: Sequence[tuple[Any, ...]] = ()


def answers(connection: pymysql.Connection[Any], statements: Sequence[bytes]) -> Iterator[Answer]:
    """The answers to statements that were sent together; the first error is raised in its place, and nothing behind it
    was carried out. The connection must take several statements at once (`take_several`)."""
    if not statements:
        return
    _execute(connection, b";".join(statements))
    has_next = True
    try:
        while has_next:
            result = MySQLResult(connection)
            has_next = False  # after an error nothing follows
            result.read()
            has_next = bool(result.has_next)
            if result.server_status is not None:  # an answer with rows does not tell it
                connection.server_status = result.server_status
            yield Answer(result.affected_rows, result.insert_id or 0, result.warning_count, result.rows or ())
    except GeneratorExit:
        if has_next:
            cut(connection)
        raise


def batches(statements: Sequence[bytes], bytes_max: int) -> Iterator[range]:
    """Which of the statements go together in one message."""
    first, size = 0, 0
    for at, statement in enumerate(statements):
        if at > first and (at - first >= BATCH_STATEMENTS or size + len(statement) >= bytes_max):
            yield range(first, at)
            first, size = at, 0
        size += len(statement) + 1
    if first < len(statements):
        yield range(first, len(statements))


def load(connection: pymysql.Connection[Any], sql: bytes, blocks: Iterable[memoryview]) -> Answer:
    """Carry out `LOAD DATA LOCAL INFILE`, the rows being these blocks; no file is ever opened."""
    _execute(connection, sql)
    packet = connection._read_packet()  # noqa: SLF001 - the driver has no way in for rows from memory
    if not packet.is_load_local_packet() or packet.get_all_data()[1:] != STREAM.encode():
        cut(connection)
        raise pymysql.OperationalError(2027, "the server asks for a file that nobody offered")
    try:
        for block in blocks:
            for at in range(0, len(block), _BLOCK_BYTES):
                connection.write_packet(bytes(block[at : at + _BLOCK_BYTES]))
        connection.write_packet(b"")
    except BaseException:
        cut(connection)
        raise
    answer = OKPacketWrapper(connection._read_packet())  # noqa: SLF001
    connection.server_status = answer.server_status
    return Answer(answer.affected_rows, answer.insert_id, answer.warning_count)


def take_several(connection: pymysql.Connection[Any], *, several: bool) -> None:
    """Whether the connection takes several statements in one message."""
    connection._execute_command(_SET_OPTION, struct.pack("<H", not several))  # noqa: SLF001
    connection._read_packet()  # noqa: SLF001


def cut(connection: pymysql.Connection[Any]) -> None:
    """Close the socket without a word to the peer."""
    connection._force_close()  # noqa: SLF001


def _execute(connection: pymysql.Connection[Any], sql: bytes) -> None:
    connection._execute_command(COMMAND.COM_QUERY, sql)  # noqa: SLF001
