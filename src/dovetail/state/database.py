"""One way to speak to the state's database, whichever it is: statements, and transactions that join."""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import pyarrow as pa

from dovetail.errors import StateFault
from dovetail.failpoints import Point, failpoint
from dovetail.state import faults
from dovetail.state.dialect import Load

Clock = Callable[[], dt.datetime]
"""Says what time it is, with a zone."""

Row = tuple[Any, ...]
"""One row of an answer, as the driver gives it."""

Rows = Sequence[int] | pa.Array | pa.ChunkedArray
"""Numbers of shared rows."""

Keys = Sequence[str] | pa.Array | pa.ChunkedArray
"""Keys as text (`model.key.encode`)."""

_HOLDER = "INSERT INTO holders (holder, host, pid, since) VALUES (?, ?, ?, ?)"
_HOLDERS = "SELECT holder, host, pid, since FROM holders ORDER BY since"
_HOLDER_GONE = "DELETE FROM holders WHERE holder = ?"
_NUMBERS = """INSERT INTO counters (name, next_value) VALUES (?, 1 + ?)
ON CONFLICT (name) DO UPDATE SET next_value = counters.next_value + ? RETURNING next_value"""


class Connection(Protocol):
    """What a database must be able to do to hold the state."""

    place: str

    def begin(self, *, is_lazy: bool = False) -> None:
        """Begin, with the right to write. A lazy transaction becomes durable with the next one that is not."""
        ...

    def begin_migration(self) -> None:
        """Begin, while nobody else changes the tables."""
        ...

    def begin_reading(self) -> None:
        """Begin to see the state as it is at one moment."""
        ...

    def commit(self) -> None:
        """Make everything since `begin` durable."""
        ...

    def rollback(self) -> None:
        """Forget everything since `begin`."""
        ...

    def rows(self, sql: str, parameters: Sequence[object]) -> list[Row]:
        """The answer of one statement."""
        ...

    def run(self, sql: str, parameters: Sequence[object]) -> int:
        """Carry one statement out; the number of rows that it touched."""
        ...

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Carry one statement out for each row; the number of rows touched."""
        ...

    def load(self, load: Load, rows: Iterable[Sequence[object]]) -> int:
        """Insert many rows; the number of rows inserted or changed."""
        ...

    def define(self, statement: str) -> None:
        """Carry one statement of the schema out."""
        ...

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there."""
        ...

    def examine(self) -> str:
        """What is wrong with the files; empty when nothing is."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Database:
    """The state's database. Threads may share it: one transaction at a time, the others wait.

    A block inside a block joins the outer one: all becomes durable at the end of the outermost, or nothing does. An
    exception that leaves an inner block makes the outermost fail even where somebody in between caught it.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.place = connection.place
        self._connection = connection
        self._clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._is_doomed = False
        self._is_reading = False
        self._is_closed = False
        self._holder: str | None = None

    def now(self) -> str:
        """The time as text of fixed width, in UTC; it sorts as time does."""
        return stamp(self._clock())

    @contextmanager
    def transaction(self, *, is_lazy: bool = False) -> Iterator[None]:
        """Everything in the block becomes durable at its end, or nothing does. A lazy one is kept by a process that is
        killed, but where the power fails only once another, not lazy one has ended."""
        with self._lock:
            if self._depth:
                with self._inner():
                    yield
            else:
                self._announce()
                begin = partial(self._connection.begin, is_lazy=True) if is_lazy else self._connection.begin
                with self._outer(begin):
                    yield

    @contextmanager
    def migration(self) -> Iterator[None]:
        """As `transaction`, while nobody else changes the tables."""
        with self._lock, self._outer(self._connection.begin_migration):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Every answer in the block is of one moment; nothing is written in it, and nobody waits for it."""
        with self._lock:
            if self._depth or self._is_reading:
                yield
                return
            self._connection.begin_reading()
            self._is_reading = True
            try:
                yield
            finally:
                self._is_reading = False
                self._connection.rollback()

    @contextmanager
    def _inner(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        except BaseException:
            self._is_doomed = True
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def _outer(self, begin: Callable[[], None]) -> Iterator[None]:
        try:
            begin()
            self._depth, self._is_doomed = 1, False
            yield
            self._commit()
        except BaseException as error:
            with suppress(StateFault):
                self._connection.rollback()
            if isinstance(error, StateFault) and error.code == faults.LOCKED:
                raise faults.locked(self.place, self._who()) from error
            raise
        finally:
            self._depth = 0

    def _commit(self) -> None:
        if self._is_doomed:
            raise faults.misused(self.place, "part of this transaction failed, so none of it was kept")
        failpoint(Point.STATE_COMMIT_BEFORE)
        self._connection.commit()
        failpoint(Point.STATE_COMMIT_AFTER)

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """The answer of one statement."""
        with self._lock:
            return self._connection.rows(sql, parameters)

    def row(self, sql: str, *parameters: object) -> Row | None:
        """The first row of the answer, or `None`."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def run(self, sql: str, *parameters: object) -> int:
        """Carry one statement out; the number of rows that it touched."""
        with self.transaction():
            return self._connection.run(sql, parameters)

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Carry one statement out for each row; the number of rows touched."""
        with self.transaction():
            return self._connection.many(sql, rows)

    def load(self, load: Load, rows: Iterable[Sequence[object]]) -> int:
        """Insert many rows; the number of rows inserted or changed."""
        with self.transaction():
            return self._connection.load(load, rows)

    def define(self, statement: str) -> None:
        """Carry one statement of the schema out, inside `migration`."""
        self._connection.define(statement)

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there."""
        with self._lock:
            return self._connection.tables()

    def examine(self) -> str:
        """What is wrong with the database's files as far as it can tell; empty when nothing is."""
        with self._lock:
            return self._connection.examine()

    def draw(self, name: str, count: int = 1) -> int:
        """The first of `count` numbers of that name, counting from 1; a committed number is never drawn again."""
        with self.transaction():
            ((following,),) = self._connection.rows(_NUMBERS, (name, count, count))
        return int(following) - count

    def close(self) -> None:
        """Close the connection; what was not committed is forgotten."""
        with self._lock:
            if not self._is_closed:
                with suppress(StateFault):
                    self._connection.rollback()
                    if self._holder is not None:
                        self._connection.run(_HOLDER_GONE, (self._holder,))
                self._connection.close()
            self._is_closed = True

    def _announce(self) -> None:
        """Say, before the first write, who writes here; those of this machine that died are taken off the list."""
        if self._holder is not None:
            return
        host, holder = socket.gethostname(), uuid4().hex
        with self._outer(self._connection.begin):
            for other, other_host, pid, _ in self._connection.rows(_HOLDERS, ()):
                if other_host == host and not _is_alive(pid):
                    self._connection.run(_HOLDER_GONE, (other,))
            self._connection.run(_HOLDER, (holder, host, os.getpid(), self.now()))
        self._holder = holder

    def _who(self) -> str:
        with suppress(StateFault):
            host = socket.gethostname()
            return ", ".join(
                f"process {pid} on {other_host} since {since}"
                for holder, other_host, pid, since in self._connection.rows(_HOLDERS, ())
                if holder != self._holder and (other_host != host or _is_alive(pid))
            )
        return ""


def stamp(time: dt.datetime) -> str:
    """A time as text of fixed width, in UTC.

    >>> stamp(dt.datetime(2026, 11, 21, 10, 30, tzinfo=dt.UTC))
    '2026-11-21T10:30:00.000000Z'
    """
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> dt.datetime:
    """The time that `stamp` wrote.

    >>> moment('2026-11-21T10:30:00.000000Z')
    datetime.datetime(2026, 11, 21, 10, 30, tzinfo=datetime.timezone.utc)
    """
    return dt.datetime.fromisoformat(text)


def listed(values: Sequence[object] | pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values as a plain list."""
    return values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else list(values)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
