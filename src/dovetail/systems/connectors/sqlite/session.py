"""Connections to one SQLite file: lent to one caller at a time, with a deadline, errors in Dovetail's words."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from dovetail.errors import (
    AccessDenied,
    DovetailError,
    Full,
    Overdue,
    Refused,
    SchemaDrift,
    SystemFault,
    Unreachable,
)
from dovetail.failpoints import Point, failpoint
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import table

_DEADLINE_STEPS = 20_000
"""Virtual machine steps between two looks at the clock."""

_DRIFT = ("no such table", "no such column", "has no column named", "no such view", "cannot UPDATE generated")


@dataclass(slots=True)
class Session:
    """One connection, lent; every statement ends before the deadline, which `renew` sets anew."""

    connection: sqlite3.Connection
    file: str
    timeout_s: float
    queries: Mapping[str, tuple[str, tuple[str, ...]]]
    inode: tuple[int, int, bool]
    deadline: float = 0.0
    _views: set[str] = field(default_factory=set)

    def renew(self) -> None:
        """Give the next call its full time."""
        self.deadline = time.monotonic() + self.timeout_s

    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() > self.deadline

    def source(self, dataset: Dataset) -> exp.Table:
        """Where the dataset's rows are selected from."""
        if dataset.kind is not DatasetKind.QUERY:
            return table(dataset.name, "main")
        if dataset.name not in self.queries:
            raise SchemaDrift(f"no query is named {dataset.name!r}", where=dataset.name)
        return self.view(dataset.name, self.queries[dataset.name][0])

    def view(self, name: str, sql: str) -> exp.Table:
        """A query under a name that only this connection sees; anything but one reading statement is refused."""
        view = table(f"dovetail_query_{name}", "temp")
        if name not in self._views:
            text = sql.strip().rstrip(";")
            try:
                self.connection.execute(f"CREATE VIEW {SQLITE.sql(view)} AS {text}")
            except (sqlite3.Warning, sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
                raise Refused(f"not one reading statement: {error}", where=name or "query") from error
            self._views.add(name)
        return view

    def drop_view(self, name: str) -> None:
        """Forget a query that was given a name."""
        self.rollback()
        if name in self._views:
            view = table(f"dovetail_query_{name}", "temp")
            self.connection.execute(f"DROP VIEW IF EXISTS {SQLITE.sql(view)}")
            self._views.discard(name)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot, in which nothing can be written."""
        self.connection.execute("PRAGMA query_only = 1")
        try:
            self.connection.execute("BEGIN")
            yield self.connection
        finally:
            self.rollback()
            self.connection.execute("PRAGMA query_only = 0")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction with the write lock from the start; committed at the end, rolled back by an exception."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.renew()
            failpoint(Point.SQLITE_COMMIT_BEFORE)
            self.connection.execute("COMMIT")
            failpoint(Point.SQLITE_COMMIT_AFTER)
        finally:
            self.rollback()

    def rollback(self) -> None:
        """End a transaction that is still open."""
        if self.connection.in_transaction:
            self.deadline = float("inf")
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class Sessions:
    """The connections to one file that nobody uses at the moment."""

    def __init__(
        self, path: Path, *, timeout_s: float, foreign_keys: bool, queries: Mapping[str, tuple[str, tuple[str, ...]]]
    ) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._foreign_keys = foreign_keys
        self._queries = queries
        self._idle: list[Session] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, where: str = "") -> Iterator[Session]:
        """A connection for one call; SQLite's errors leave as Dovetail's."""
        with translated(where or self._path.name, self._timeout_s):
            session = self._take()
            try:
                session.renew()
                yield session
            finally:
                self._give_back(session)

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _take(self) -> Session:
        inode = self._inode()
        with self._lock:
            while self._idle:
                session = self._idle.pop()
                if session.inode == inode:
                    return session
                session.close()
        return self._open(inode)

    def _give_back(self, session: Session) -> None:
        try:
            session.rollback()
        except sqlite3.Error:
            session.close()
            return
        with self._lock:
            self._idle.append(session)

    def _inode(self) -> tuple[int, int, bool]:
        """Which file it is, and whether it may be written: what was opened to be read alone stays so."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise Unreachable(
                f"the file {self._path.name} is not there",
                where=str(self._path),
                hint="check the path; a SQLite file is never created by reading or writing",
            ) from error
        return status.st_dev, status.st_ino, os.access(self._path, os.W_OK)

    def _open(self, inode: tuple[int, int, bool]) -> Session:
        connection = sqlite3.connect(
            self._path.resolve().as_uri() + "?mode=rw",
            uri=True,
            timeout=self._timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        session = Session(connection, self._path.name, self._timeout_s, self._queries, inode)
        session.renew()
        connection.set_progress_handler(session.overdue, _DEADLINE_STEPS)
        connection.execute(f"PRAGMA foreign_keys = {int(self._foreign_keys)}")
        connection.execute(
            "PRAGMA cache_spill = 0"
        )  # a large open transaction must not lock the application's readers out
        return session


@contextmanager
def translated(where: str, timeout_s: float) -> Iterator[None]:
    """SQLite's errors leave as Dovetail's."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, where, timeout_s) from error


def fault(error: sqlite3.Error, where: str, timeout_s: float) -> DovetailError:
    """The error's class in Dovetail's tree, which decides what a run does about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    words = str(error)
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Overdue(f"the file stayed locked for {timeout_s:g} s", where=where)
        case sqlite3.SQLITE_INTERRUPT:
            return Overdue(f"the statement took longer than {timeout_s:g} s", where=where)
        case sqlite3.SQLITE_FULL:
            return Full("no room left for the file", where=where)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            hint = "let this account write both the file and its folder"
            return AccessDenied("the file, or its folder, may not be written", where=where, hint=hint)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
            hint = "look at the rights of the file and its folder"
            return Unreachable(f"the file cannot be opened or read: {words}", where=where, hint=hint)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return SystemFault("the file is damaged, or is no SQLite database", where=where, code="DV-313")
        case sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_TOOBIG:
            return Refused(f"the system refused the transaction: {words}", where=where)
        case sqlite3.SQLITE_SCHEMA:
            return SchemaDrift("the schema changed while it was used", where=where)
    if any(sign in words for sign in _DRIFT):
        return SchemaDrift(words, where=where, hint="describe the system again and compare it with the mapping")
    return SystemFault(words, where=where)
