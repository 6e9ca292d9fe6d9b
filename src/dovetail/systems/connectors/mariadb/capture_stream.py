"""The binary log as it is written: a connection on which the server sends each event at once, as it does to a replica.

Nothing is acknowledged on it: how far the log was dealt with stands in a table of ours.
"""

from __future__ import annotations

import select
import ssl
import struct
import threading
import time
from hashlib import blake2b
from typing import Any

import pymysql
from pymysql.constants import COMMAND

from dovetail.errors import Overdue
from dovetail.systems.connectors.mariadb.address import Address
from dovetail.systems.connectors.mariadb.capture_decode import HEAD, Decoder, Told
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.watched import Watched

Place = tuple[str, int]
"""A file of the log, and a position in it."""

SILENCE_S = 20.0
"""Seconds of silence after which the server counts as gone; it gives a sign of life more often."""

_PULSE_S = 5
_TAKE_BYTES = 2**18
_WHOLE = 0xFFFFFF
_ERROR, _END = 0xFF, 0xFE
_SETTINGS = (
    "SET @master_binlog_checksum = @@global.binlog_checksum, @mariadb_slave_capability = 4, "
    f"@master_heartbeat_period = {_PULSE_S * 10**9}, SESSION max_statement_time = 0, SESSION net_write_timeout = 60"
)
_NUMBERS = 2**31
_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_VISIBLE = "SHOW STATUS LIKE 'binlog\\_snapshot\\_%'"


class Stream:
    """One reader of the log. May be used from several threads."""

    def __init__(self, connection: Watched, decoder: Decoder) -> None:
        self.decoder = decoder
        self.lock = threading.RLock()
        self._connection = connection
        self._socket: Any = connection._sock  # noqa: SLF001 - the driver has no name for it
        self._held = bytearray()
        self._event = bytearray()
        self._given: Place = ("", 0)
        self._heard = time.monotonic()

    def pump(self, rows: int) -> None:
        """Take in what has arrived, until about so many changes wait."""
        with self.lock:
            while self.decoder.waiting < rows and self._take():
                pass

    def _take(self) -> bool:
        """Take in the next events; whether something came."""
        if not self._held and not self._receive():
            return False
        held, at, end = self._held, 0, len(self._held)
        while end - at >= 4:
            size = held[at] | held[at + 1] << 8 | held[at + 2] << 16
            if end - at - 4 < size:
                break
            self._packet(held[at + 4 : at + 4 + size], size)
            at += 4 + size
        del held[:at]
        return at > 0 or self._receive()

    def _packet(self, content: bytearray, size: int) -> None:
        if not self._event:
            if content[0] == _ERROR:
                pymysql.err.raise_mysql_exception(bytes(content))
            if content[0] == _END and size < HEAD.size:
                raise pymysql.OperationalError(2013, "the server ended the log")
            content = content[1:]
        self._event += content
        if size < _WHOLE:
            event, self._event = bytes(self._event), bytearray()
            self.decoder.take(event)

    def _receive(self) -> bool:
        try:
            self._socket.settimeout(0)
            content = self._socket.recv(_TAKE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, TimeoutError):
            if time.monotonic() - self._heard > SILENCE_S:
                raise pymysql.OperationalError(2013, "the server is silent") from None
            return False
        except OSError as error:
            raise pymysql.OperationalError(2013, f"the log broke off ({type(error).__name__})") from error
        if not content:
            raise pymysql.OperationalError(2013, "the server ended the log")
        self._heard = time.monotonic()
        self._held += content
        return True

    def _poll(self, timeout_s: float) -> bool:
        """Wait until the server has said something; several threads may."""
        pending = getattr(self._socket, "pending", None)
        if pending is not None and pending():
            return True
        peer = select.poll()
        peer.register(self._socket, select.POLLIN)
        return bool(peer.poll(1000 * timeout_s))

    def step(self) -> None:
        """Take in the next events, or wait a little for them."""
        with self.lock:
            if self._take():
                return
        self._poll(0.05)

    def settle(self, goal: Place, rows: int, timeout_s: float) -> bool:
        """Take in all up to a place, or about so many changes; whether that is all."""
        limit = time.monotonic() + timeout_s
        while True:
            self.pump(rows)
            with self.lock:
                if not is_before(self.decoder.place, goal):
                    return True
                if self.decoder.waiting >= rows:
                    return False
            if time.monotonic() > limit:
                raise Overdue(f"the log was not told within {timeout_s:g} s")
            self._poll(0.05)

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
            return chosen, len(chosen) < len(self.decoder.done) or bool(self._held) or self._poll(0)

    def give(self, told: Told) -> None:
        """Note that everything up to this transaction was given to the reader."""
        with self.lock:
            self._given = told.place if is_before(self._given, told.place) else self._given

    def acknowledge(self, place: Place) -> None:
        """Forget everything up to there."""
        with self.lock:
            done = self.decoder.done
            while done and not is_before(place, done[0].place):
                self.decoder.waiting -= done.popleft().weight

    def wait(self, timeout_s: float) -> bool:
        """Wait until something has come that was not given yet, at most so long."""
        limit = time.monotonic() + timeout_s
        while True:
            with self.lock:
                done = self.decoder.done
                self.pump(self.decoder.waiting + 1)
                if (done and is_before(self._given, done[-1].place)) or self.decoder.lost:
                    return True
            left = limit - time.monotonic()
            if left <= 0:
                return False
            self._poll(min(left, _PULSE_S))

    def close(self) -> None:
        """End the stream; what was not acknowledged is told again to the next reader."""
        self._connection.cut()


def is_before(one: Place, other: Place) -> bool:
    """Whether a place comes before another.

    >>> is_before(("b.999999", 5), ("b.1000000", 4)), is_before(("", 0), ("b.000001", 4))
    (True, True)
    """
    return (_number(one[0]), one[1]) < (_number(other[0]), other[1])


def _number(file: str) -> int:
    digits = file.rpartition(".")[2]
    return int(digits) if digits.isdigit() else 0


def open_stream(address: Address, timeout_s: float, feed: str, place: Place, decoder: Decoder) -> Stream:
    """A reader of the log from a place on; the server ends another one of the same feed."""
    connection = Session.open(address, timeout_s).connection
    try:
        connection.query(_SETTINGS)
        told = f"{address.database}\0{feed}".encode()
        number = _NUMBERS + int.from_bytes(blake2b(told, digest_size=4).digest(), "big") % (_NUMBERS - 1)
        decoder.place = place
        asked = struct.pack("<IHI", place[1], 0, number) + place[0].encode()
        connection._execute_command(COMMAND.COM_BINLOG_DUMP, asked)  # noqa: SLF001 - the driver has no name for it
    except BaseException:
        connection.cut()
        raise
    connection.rests = False
    return Stream(connection, decoder)


def visible(session: Session) -> Place:
    """How far the log is written, all of it seen by whoever looks from now on.

    The log holds a transaction a little before others see its rows, or long before where its commit waits for a
    replica; a snapshot knows the place in the log that it stands for."""
    session.run(_SNAPSHOT)
    found = dict(session.rows(_VISIBLE))
    session.run("COMMIT")
    return str(found["Binlog_snapshot_file"]), int(found["Binlog_snapshot_position"])
