"""Several statements in one round trip, those with parameters prepared once; answers are texts as the server writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg
from psycopg import pq

_PREPARED_MAX = 500
"""Statements that a connection keeps prepared at most."""


class Wire(Protocol):
    """A connection, and a way to wait for it that ends at a deadline."""

    @property
    def pgconn(self) -> pq.abc.PGconn:
        """The connection of the driver's library."""
        ...

    def take_in(self) -> None:
        """Wait until the peer has sent something, and take it in."""
        ...


@dataclass(frozen=True, slots=True)
class Binary:
    """A parameter in the binary form of the type to which its statement casts it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with the values of its parameters (`$1`): texts, whole numbers, bytes, or in binary form."""

    sql: str
    parameters: Sequence[object] = ()


class Pipe:
    """What a connection has prepared, and the way to it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._names: dict[str, bytes] = {}
        self._drawn = 0

    def send(self, statements: Sequence[Statement]) -> list[pq.abc.PGresult]:
        """Carry the statements out, one after the other; outside a transaction they are one. The first that fails is
        raised, and none after it was carried out."""
        pgconn = self._wire.pgconn
        before = dict(self._names)
        pgconn.enter_pipeline_mode()
        try:
            asked = [is_answer for statement in statements for is_answer in self._put(pgconn, statement)]
            pgconn.pipeline_sync()
            answers = self._answers(pgconn)
        except BaseException:
            pgconn.finish()  # nobody could tell which answer belongs to what
            raise
        pgconn.exit_pipeline_mode()
        failed = next((answer for answer in answers if answer.status == pq.ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            self._names = before  # whether the others were prepared is not known
            raise psycopg.errors.error_from_result(failed)
        return [answer for answer, is_answer in zip(answers, asked, strict=True) if is_answer]

    def _put(self, pgconn: pq.abc.PGconn, statement: Statement) -> list[bool]:
        """Send one statement; for each answer that will come whether it is the statement's own."""
        if not statement.parameters:
            pgconn.send_query_params(statement.sql.encode(), None)
            return [True]
        name, asked = self._names.get(statement.sql), [True]
        if name is None:
            if len(self._names) >= _PREPARED_MAX:
                self._names.clear()
                pgconn.send_query_params(b"DEALLOCATE ALL", None)
                asked = [False, *asked]
            self._drawn += 1
            name = self._names[statement.sql] = b"dovetail_%d" % self._drawn
            pgconn.send_prepare(name, statement.sql.encode())
            asked = [*asked[:-1], False, True]
        values = [_given(value) for value in statement.parameters]
        formats = [pq.Format(isinstance(value, Binary | bytes)) for value in statement.parameters]
        pgconn.send_query_prepared(name, values, formats)
        return asked

    def _answers(self, pgconn: pq.abc.PGconn) -> list[pq.abc.PGresult]:
        answers: list[pq.abc.PGresult] = []
        while pgconn.flush():
            pass
        while True:
            while pgconn.is_busy():
                self._wire.take_in()
            answer = pgconn.get_result()
            if answer is not None and answer.status == pq.ExecStatus.PIPELINE_SYNC:
                return answers
            if answer is not None:
                answers.append(answer)


def _given(value: object) -> bytes | None:
    if isinstance(value, Binary):
        return value.content
    return value if value is None or isinstance(value, bytes) else str(value).encode()


def texts(answer: pq.abc.PGresult) -> list[tuple[str | None, ...]]:
    """The rows of an answer."""
    columns = range(answer.nfields)
    return [tuple(text(answer.get_value(row, at)) for at in columns) for row in range(answer.ntuples)]


def text(value: bytes | None) -> str | None:
    """One value of an answer."""
    return None if value is None else value.decode()
