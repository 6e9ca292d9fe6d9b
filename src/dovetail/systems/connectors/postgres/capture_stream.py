"""The log of a PostgreSQL database as it is written: a replication connection that is told of each commit at once.

The server decodes its log once for a connection that stays, while a function that peeks decodes it again for every
call. Nothing is acknowledged but what `acknowledge` is told. The server is told what has arrived, but not that it
may be forgotten; so it need not wait for us when it shuts down.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import threading
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from struct import Struct
from typing import Any

import psycopg
from psycopg import generators, pq
from sqlglot import exp

from dovetail.errors import Overdue
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.capture_decode import Decoder, Told, lsn
from dovetail.systems.connectors.postgres.session import SETTINGS, Session, Watched, checked, reached
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier

PATIENCE_S = 5.0
"""Seconds that a new reader waits for the one before it, until it ends it."""

SILENCE_S = 15
"""Seconds after which the server gives up a reader that says nothing; it is not held up for longer when it stops."""

_IN_USE = "55006"
_HEAD, _STATUS = Struct(">BQQ"), Struct(">BQQQqB")
_EPOCH_S = 946_684_800
_CHANGES, _PULSE, _ANSWER = b"wkr"
_PLACE = "SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text"
_HOLDER = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1 AND active"
_END = "SELECT pg_terminate_backend($1)"
EMIT = "SELECT pg_logical_emit_message(true, $1, $2)"
"""Write a message of ours into the log; it is told when the transaction commits."""


class Stream:
    """One reader of a slot. May be used from several threads."""

    def __init__(self, connection: Watched, decoder: Decoder, slot: str) -> None:
        self.decoder = decoder
        self.slot = slot
        self.lock = threading.RLock()
        self._connection = connection
        self._seen = 0
        self._given = 0
        self._is_asked = False

    def _poll(self, timeout_ms: float) -> bool:
        """Wait until the server has said something; several threads may."""
        peer = select.poll()
        peer.register(self._connection.pgconn.socket, select.POLLIN)
        return bool(peer.poll(timeout_ms))

    def pump(self, rows: int) -> None:
        """Take in what has arrived, until about so many changes wait."""
        wire, decoder, take = self._connection.pgconn, self.decoder, self.decoder.take
        with self.lock:
            while decoder.waiting < rows:
                size, block = wire.get_copy_data(1)
                if size == 0:
                    wire.consume_input()
                    size, block = wire.get_copy_data(1)
                    if size == 0:
                        break
                if size < 0:
                    self._ended()
                kind, first, _ = _HEAD.unpack_from(block)
                if kind == _CHANGES:
                    take(bytes(block))
                    self._seen = max(self._seen, first)
                elif kind == _PULSE:
                    self._seen = max(self._seen, first)
                    self._is_asked = bool(block[17])
                    self._pulse()

    def _pulse(self) -> None:
        """Answer the server's sign of life. Where nothing waits, all that came so far may be forgotten."""
        if not self.decoder.done and not self.decoder.is_within:
            self._answer(self._seen)
        elif self._is_asked:
            self._answer(0)
        self._is_asked = False

    def _answer(self, forget: int, *, ask: bool = False) -> None:
        now_us = int((time.time() - _EPOCH_S) * 1_000_000)  # noqa: TID251 - the server wants our clock
        wire = self._connection.pgconn
        wire.put_copy_data(_STATUS.pack(_ANSWER, self._seen, forget, forget, now_us, ask))
        while wire.flush():
            select.select([], [wire.socket], [], 1.0)

    def _ended(self) -> None:
        """The server ended the stream: say why."""
        self._connection.renew(1.0)
        checked(self._connection.wait(generators.fetch_many(self._connection.pgconn)))
        raise psycopg.OperationalError("the server ended the stream")

    def settle(self, session: Session, rows: int) -> bool:
        """Take in, besides what has come already, all that was committed before now, or about so many changes; whether
        that is all."""
        mark = ""
        written, kept = (lsn(place) for place in session.rows(_PLACE)[0])
        if written > kept:
            mark = secrets.token_hex(8)
            session.rows(EMIT, [self.slot, f'"{mark}"'])
        limit = time.monotonic() + session.timeout_s
        pause_ms = 1.0
        while not self._has_reached(written, mark):
            if time.monotonic() > limit:
                raise Overdue(f"the log was not told within {session.timeout_s:g} s", where=self.slot)
            with self.lock:
                self._answer(0, ask=True)
            self._poll(pause_ms)
            pause_ms = min(2 * pause_ms, 100.0)
            self.pump(rows)
            if self.decoder.waiting >= rows:
                return False
        return True

    def _has_reached(self, goal: int, mark: str) -> bool:
        with self.lock:
            if not mark:
                return self._seen >= goal
            return mark in self.decoder.marks

    def first(self, rows: int) -> tuple[list[Told], bool]:
        """The oldest transactions, about so many changes; and whether there are more."""
        with self.lock:
            chosen: list[Told] = []
            count = 0
            for told in self.decoder.done:
                if count >= rows:
                    break
                chosen.append(told)
                count += told.weight
            return chosen, len(chosen) < len(self.decoder.done) or self._poll(0)

    def give(self, told: Told) -> None:
        """Note that everything up to this transaction was given to the reader."""
        with self.lock:
            self._given = max(self._given, told.end)

    def acknowledge(self, end: int) -> None:
        """Let the server forget everything up to there."""
        with self.lock:
            done = self.decoder.done
            while done and done[0].end <= end:
                self.decoder.waiting -= done.popleft().weight
            self._answer(end)
            self._answer(0)  # the server waits at its end for what was forgotten last, if that was told last

    def wait(self, timeout_s: float) -> bool:
        """Wait until something has come that was not given yet, at most so long."""
        limit = time.monotonic() + timeout_s
        while True:
            with self.lock:
                done = self.decoder.done
                self.pump(self.decoder.waiting + 1)
                if done and done[-1].end > self._given:
                    return True
            left = limit - time.monotonic()
            if left <= 0:
                return False
            self._poll(1000 * left)

    def close(self) -> None:
        """End the stream; what was not acknowledged is told again to the next reader."""
        with self.lock, contextlib.suppress(psycopg.Error):
            self._connection.close()


def open_stream(
    address: Address, session: Session, slot: str, *, wanted: Mapping[int, tuple[str, ...]], ignored: AbstractSet[int]
) -> Stream:
    """A reader of a slot and of the publication of the same name. Another reader is waited for, then ended."""
    limit = time.monotonic() + min(PATIENCE_S, session.timeout_s / 3)
    while True:
        connection = _connect(address, session.timeout_s)
        try:
            _start(connection, slot)
        except psycopg.Error as error:
            connection.close()
            if error.sqlstate != _IN_USE:
                raise
            if time.monotonic() > limit:
                end_reader(session, slot)
                limit = time.monotonic() + PATIENCE_S
            time.sleep(0.02)
        else:
            return Stream(connection, Decoder(wanted, slot, ignored), slot)


def end_reader(session: Session, slot: str) -> None:
    """End whoever reads a slot."""
    for (pid,) in session.rows(_HOLDER, [slot]):
        session.rows(_END, [pid])


def _connect(address: Address, timeout_s: float) -> Watched:
    settings = {**SETTINGS, "wal_sender_timeout": f"{SILENCE_S}s"}
    options = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
    parameters: dict[str, Any] = {**reached(address, timeout_s), "options": options, "replication": "database"}
    connection = Watched.connect(autocommit=True, prepare_threshold=None, **parameters)
    connection.renew(timeout_s)
    return connection


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _start(connection: Watched, slot: str) -> None:
    """Begin behind what was acknowledged."""
    named = POSTGRES.sql(exp.Literal.string(POSTGRES.sql(identifier(slot))))
    command = f"START_REPLICATION SLOT {POSTGRES.sql(identifier(slot))} LOGICAL 0/0 "
    command += f"(proto_version '1', publication_names {named}, messages 'true')"
    connection.pgconn.send_query(command.encode())
    answer = checked(connection.wait(generators.execute(connection.pgconn)))
    if answer.status != pq.ExecStatus.COPY_BOTH:
        raise psycopg.OperationalError("the server does not stream its log")
