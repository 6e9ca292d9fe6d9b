"""The state in one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dovetail.errors import StateFault
from dovetail.state.dialect import Load, sqlite_load, sqlite_sql, sqlite_table
from dovetail.state.faults import DAMAGED, FULL, LOCKED, UNREACHABLE, damaged, full, locked, misused, unreachable

_CACHE_KIB = 64 * 1024
_CHECKPOINT_PAGES = 4000
_RETRY_S = 0.02

_CODES = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: UNREACHABLE,
    sqlite3.SQLITE_CANTOPEN: UNREACHABLE,
    sqlite3.SQLITE_READONLY: UNREACHABLE,
    sqlite3.SQLITE_PERM: UNREACHABLE,
}


def _fault(error: sqlite3.Error, place: str) -> StateFault:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match _CODES.get(primary):
        case "DV-502":
            return locked(place)
        case "DV-508":
            return full(place)
        case "DV-507":
            return unreachable(place, str(error))
        case _:
            return damaged(place, str(error))


_SAFE, _LAZY = "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"
"""Every commit reaches the disk before it is answered; or with the next one that does."""


class SqliteFile:
    """One connection to the file; every commit is on the disk when it returns."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.place = str(path)
        self._timeout_s = busy_timeout_s
        with self._translated():
            _make(path)
            self._connection = sqlite3.connect(
                path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            self._is_lazy = False
            self._write_ahead()
            for setting in (
                _SAFE,
                f"PRAGMA cache_size=-{_CACHE_KIB}",
                f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}",
                "PRAGMA temp_store=MEMORY",
            ):
                self._connection.execute(setting)

    def _write_ahead(self) -> None:
        """Turn the write-ahead log on; SQLite does not wait by itself here when another process is opening too."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise misused(self.place, f"the state refused a row ({error})") from error
        except sqlite3.Error as error:
            raise _fault(error, self.place) from error
        except OSError as error:
            raise unreachable(self.place, error.strerror or "cannot be opened") from error

    def begin(self, *, is_lazy: bool = False) -> None:
        """Begin, with the right to write."""
        with self._translated():
            if is_lazy != self._is_lazy:
                self._connection.execute(_LAZY if is_lazy else _SAFE)
                self._is_lazy = is_lazy
            self._connection.execute("BEGIN IMMEDIATE")

    def begin_migration(self) -> None:
        """Begin alone."""
        self.begin()

    def begin_reading(self) -> None:
        """Begin to see the file as it is at one moment."""
        with self._translated():
            self._connection.execute("BEGIN DEFERRED")

    def commit(self) -> None:
        """Make everything since `begin` durable."""
        with self._translated():
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Forget everything since `begin`."""
        if self._connection.in_transaction:
            with self._translated():
                self._connection.execute("ROLLBACK")

    def rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """The answer of one statement."""
        with self._translated():
            return self._connection.execute(sqlite_sql(sql), _values(parameters)).fetchall()

    def run(self, sql: str, parameters: Sequence[object]) -> int:
        """Carry one statement out; the number of rows that it touched."""
        with self._translated():
            return self._connection.execute(sqlite_sql(sql), _values(parameters)).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Carry one statement out for each row; the number of rows touched."""
        with self._translated():
            return max(self._connection.executemany(sqlite_sql(sql), rows).rowcount, 0)

    def load(self, load: Load, rows: Iterable[Sequence[object]]) -> int:
        """Insert many rows; the number of rows inserted or changed."""
        with self._translated():
            return max(self._connection.executemany(sqlite_load(load), rows).rowcount, 0)

    def define(self, statement: str) -> None:
        """Carry one statement of the schema out."""
        with self._translated():
            self._connection.execute(sqlite_table(statement))

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there."""
        with self._translated():
            found = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return frozenset(name for (name,) in found if not name.startswith("sqlite_"))

    def examine(self) -> str:
        """What is wrong with the file; empty when nothing is."""
        with self._translated():
            (answer,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        return "" if answer == "ok" else str(answer)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _values(parameters: Sequence[object]) -> list[object]:
    return [json.dumps(value) if isinstance(value, list) else value for value in parameters]


def _make(path: Path) -> None:
    """Make an empty file that only its owner can read; SQLite gives its side files the same rights."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
