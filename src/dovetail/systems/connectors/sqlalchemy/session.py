"""Connections to one database, each with a thread of its own: no driver can make a call outlive its deadline."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import DovetailError, Overdue, Unreachable
from dovetail.failpoints import Point, failpoint
from dovetail.systems.connectors.sqlalchemy.address import engine
from dovetail.systems.connectors.sqlalchemy.faults import fault

Rows = list[tuple[Any, ...]]
_Answer = TypeVar("_Answer")
_SERIALIZABLE = "SERIALIZABLE"


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement answered: its rows, how many it touched, and the key that it drew where the driver says so."""

    rows: Rows
    count: int
    drawn: object = None


class _Thread:
    """Calls of one connection, one after the other, in a thread that is left alone when it does not come back."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[bool, Any]]] | None] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._work, daemon=True, name="dovetail-sqlalchemy").start()

    def call(self, work: Callable[[], _Answer], timeout_s: float) -> _Answer:
        """The answer, or the exception; `queue.Empty` where it takes longer."""
        answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._calls.put((work, answers))
        is_done, answer = answers.get(timeout=timeout_s)
        if is_done:
            found: _Answer = answer
            return found
        raise answer

    def end(self) -> None:
        """No more calls come."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            work, answers = call
            try:
                answers.put((True, work()))
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
                answers.put((False, error))


@dataclass(slots=True)
class Session:
    """One connection, lent."""

    thread: _Thread
    timeout_s: float
    engine: sa.Engine
    connection: sa.Connection = field(init=False)
    is_lost: bool = False
    has_savepoints: bool = True

    def open(self) -> None:
        """Connect."""
        self.connection = self.call(self.engine.connect)

    def call(self, work: Callable[[], _Answer]) -> _Answer:
        """Do something with the connection, within the deadline."""
        try:
            return self.thread.call(work, self.timeout_s)
        except queue.Empty:
            self.is_lost = True
            self._cut()
            raise Overdue(f"the statement took longer than {self.timeout_s:g} s") from None
        except (exc.SQLAlchemyError, DovetailError):
            raise
        except Exception as error:
            raise exc.StatementError(type(error).__name__, None, None, error, hide_parameters=True) from error

    def execute(self, statement: sa.Executable, parameters: Mapping[str, object] | None = None) -> Done:
        """Carry one statement out."""
        return self.call(lambda: _done(self.connection.execute(statement, parameters)))

    def many(self, statement: sa.Executable, parameters: Sequence[Mapping[str, object]]) -> int:
        """Carry one statement out for many rows; how many were touched, -1 where the driver cannot tell."""
        rows = [dict(row) for row in parameters]
        return self.call(lambda: int(self.connection.execute(statement, rows).rowcount))

    def stream(self, statement: sa.Executable, *, step: Callable[[], int]) -> Iterator[Rows]:
        """The answer, some rows at a time, without keeping all of it where the driver can do that."""
        result = self.call(lambda: self._streamed(statement))
        is_whole = False
        try:
            while True:
                size = step()
                rows = self.call(lambda size=size: [tuple(row) for row in result.fetchmany(size)])  # type: ignore[misc]
                if not rows:
                    is_whole = True
                    return
                yield rows
        finally:
            if is_whole:
                self.call(result.close)
            else:
                self.is_lost = True  # what is left of the answer is not waited for

    def _streamed(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        return self.connection.execute(statement, execution_options={"stream_results": True, "max_row_buffer": 1_000})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: committed at the end, rolled back by an exception."""
        try:
            yield
            failpoint(Point.SQLALCHEMY_COMMIT_BEFORE)
            self.call(self.connection.commit)
            failpoint(Point.SQLALCHEMY_COMMIT_AFTER)
        except BaseException:
            self.rollback()
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that an exception undoes by itself; nothing where the dialect has no such thing."""
        nested = self._nested()
        if nested is None:
            yield
            return
        try:
            yield
        except BaseException:
            if not self.is_lost:
                self.call(nested.rollback)
            raise
        self.call(nested.commit)

    def _nested(self) -> sa.NestedTransaction | None:
        if not self.has_savepoints:
            return None
        try:
            return self.call(self.connection.begin_nested)
        except exc.StatementError as error:
            if getattr(error, "connection_invalidated", False):
                raise
            self.has_savepoints = False
            return None

    def rollback(self) -> None:
        """End a transaction that is still open."""
        if self.is_lost:
            return
        try:
            self.call(self.connection.rollback)
        except (exc.SQLAlchemyError, Overdue):
            self.is_lost = True

    def close(self) -> None:
        """Close the connection; one that is lost is left to its thread."""
        if not self.is_lost:
            with contextlib.suppress(exc.SQLAlchemyError, Overdue):
                self.call(self.connection.close)
        else:
            self.thread._calls.put((self._abandon, queue.SimpleQueue()))  # noqa: SLF001 - our own thread
        self.thread.end()

    def _abandon(self) -> None:
        with contextlib.suppress(Exception):
            self.connection.invalidate()
            self.connection.close()

    def _cut(self) -> None:
        """Cut the connection's line, where the driver shows it, so that its thread comes back and the server notices.

        A driver's own word for cancelling may wait for the server without letting anything else run."""
        with contextlib.suppress(Exception):
            driver = self.connection.connection.dbapi_connection
            lines = [part for part in getattr(driver, "__dict__", {}).values() if isinstance(part, socket.socket)]
            number = lines[0].fileno() if lines else driver.fileno()  # type: ignore[union-attr]
            with socket.socket(fileno=os.dup(number)) as line:
                line.shutdown(socket.SHUT_RDWR)


class Sessions:
    """The connections that nobody uses at the moment."""

    def __init__(self, url: str, *, options: Mapping[str, object], timeout_s: float) -> None:
        self._engine = engine(url, options)
        self._timeout_s = timeout_s
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self.dialect: sa.Dialect = self._engine.dialect
        self.locks = _locks(self.dialect)
        """Whether the dialect can lock rows while they are read."""

    @contextmanager
    def lend(self, where: str = "") -> Iterator[Session]:
        """A connection for one call; SQLAlchemy's errors leave as Dovetail's."""
        with translated(where):
            session = self._take()
            try:
                yield session
            finally:
                session.rollback()
                self._give_back(session)

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _take(self) -> Session:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        session = Session(_Thread(), self._timeout_s, self._engine)
        try:
            session.open()
        except Overdue as error:
            raise Unreachable(f"no connection within {self._timeout_s:g} s") from error
        except exc.OperationalError as error:
            session.thread.end()
            raise fault(error, "", is_connecting=True) from error
        if not self.locks:
            session.call(lambda: _strict(session.connection))
        return session

    def _give_back(self, session: Session) -> None:
        if session.is_lost or session.connection.invalidated:
            session.close()
            return
        with self._lock:
            self._idle.append(session)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """SQLAlchemy's errors leave as Dovetail's."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise fault(error, where) from error


def _done(result: sa.CursorResult[Any]) -> Done:
    rows = [tuple(row) for row in result.fetchall()] if result.returns_rows else []
    drawn = None
    if result.context.isinsert and not result.returns_rows:
        with contextlib.suppress(Exception):
            drawn = result.lastrowid
    return Done(rows, int(result.rowcount), drawn)


def _locks(dialect: sa.Dialect) -> bool:
    plain = sa.select(sa.table("t", sa.column("a")))
    texts = [str(one.compile(dialect=dialect)).strip() for one in (plain, plain.with_for_update())]
    return texts[0] != texts[1]


def _strict(connection: sa.Connection) -> None:
    """Where rows cannot be locked while they are read, transactions must not see each other's at all."""
    with contextlib.suppress(exc.SQLAlchemyError, NotImplementedError):
        if _SERIALIZABLE in connection.dialect.get_isolation_level_values(
            connection.connection.dbapi_connection  # type: ignore[arg-type]
        ):
            connection.execution_options(isolation_level=_SERIALIZABLE)
