"""The state in one schema of a PostgreSQL database, for several machines."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from dovetail.errors import MissingDriver, StateFault
from dovetail.state.dialect import Load, postgres_load, postgres_sql, postgres_table
from dovetail.state.faults import damaged, full, locked, misused, unreachable

try:
    import psycopg
    from psycopg import sql as quoted
except ImportError as error:
    raise MissingDriver(
        "a state in PostgreSQL needs its driver", hint='python -m pip install "dovetail[postgres]"'
    ) from error

SCHEMA = "dovetail"
"""The schema, where the URL names none with `?schema=`."""

_CONNECT_S = 10
_STATEMENT_S = 600
_IDLE_S = 10
_SILENCE_MS = 30_000
_BATCH_ROWS = 20_000
_MIGRATION_LOCK = 0x646F7665
"""Number of the advisory lock under which the tables are changed."""

_IN_THE_WAY = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UniqueViolation,
)
"""What another process causes by writing the same at the same time."""

_TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
_CREATE = "CREATE SCHEMA IF NOT EXISTS {}"


class PostgresSchema:
    """One connection to the schema. A connection that was lost is opened again by the next transaction."""

    def __init__(self, url: str, *, busy_timeout_s: float) -> None:
        self._url, self._schema = _split(url)
        self._busy_timeout_s = busy_timeout_s
        self.place = _place(self._url, self._schema)
        self._connection = self._open()
        self._is_writing = False

    def _open(self) -> psycopg.Connection:
        settings = {
            "lock_timeout": f"{int(self._busy_timeout_s * 1000)}ms",
            "statement_timeout": f"{_STATEMENT_S}s",
            "idle_in_transaction_session_timeout": f"{_STATEMENT_S}s",
            "search_path": '"' + self._schema.replace('"', '""') + '"',
            "client_encoding": "UTF8",
            "synchronous_commit": "on",
        }
        with self._translated():
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                keepalives=1,
                keepalives_idle=_IDLE_S,
                keepalives_interval=_IDLE_S,
                keepalives_count=3,
                tcp_user_timeout=_SILENCE_MS,
                application_name=f"dovetail state, process {os.getpid()} on {socket.gethostname()}",
            )
            for name, value in settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _IN_THE_WAY as error:
            raise locked(self.place) from error
        except psycopg.errors.DiskFull as error:
            raise full(self.place) from error
        except psycopg.IntegrityError as error:
            raise misused(self.place, f"the state refused a row ({_words(error)})") from error
        except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
            raise unreachable(self.place, _words(error)) from error
        except psycopg.Error as error:
            raise damaged(self.place, _words(error)) from error

    def begin(self, *, is_lazy: bool = False) -> None:
        """Begin; opens a lost connection again."""
        if self._connection.closed:
            self._connection = self._open()
        with self._translated():
            self._connection.execute("BEGIN; SET LOCAL synchronous_commit TO off" if is_lazy else "BEGIN")
        self._is_writing = True

    def begin_migration(self) -> None:
        """Begin alone, with the schema made."""
        self.begin()
        with self._translated():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            found = self._connection.execute(
                "SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._schema,)
            ).fetchone()
            if found is None:
                self._connection.execute(quoted.SQL(_CREATE).format(quoted.Identifier(self._schema)))

    def begin_reading(self) -> None:
        """Begin to see the schema as it is at one moment; opens a lost connection again."""
        if self._connection.closed:
            self._connection = self._open()
        with self._translated():
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def commit(self) -> None:
        """Make everything since `begin` durable."""
        with self._translated():
            self._connection.execute("COMMIT")
        self._is_writing = False

    def rollback(self) -> None:
        """Forget everything since `begin`."""
        self._is_writing = False
        with self._translated():
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")

    def rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """The answer of one statement."""
        with self._translated():
            return self._run(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[object]) -> int:
        """Carry one statement out; the number of rows that it touched."""
        with self._translated():
            return self._run(sql, parameters).rowcount

    def _run(self, sql: str, parameters: Sequence[object]) -> psycopg.Cursor:
        if self._connection.closed and not self._is_writing:
            self._connection = self._open()
        return self._connection.execute(postgres_sql(sql).encode(), parameters)

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Carry one statement out for each row; the number of rows touched."""
        with self._translated(), self._connection.cursor() as cursor:
            cursor.executemany(postgres_sql(sql).encode(), list(rows))
            return max(cursor.rowcount, 0)

    def load(self, load: Load, rows: Iterable[Sequence[object]]) -> int:
        """Insert many rows, some thousands in one statement; the number of rows inserted or changed."""
        source, touched = iter(rows), 0
        with self._translated():
            while batch := list(islice(source, _BATCH_ROWS)):
                columns = [list(column) for column in zip(*batch, strict=True)]
                touched += self._connection.execute(postgres_load(load).encode(), columns).rowcount
        return touched

    def define(self, statement: str) -> None:
        """Carry one statement of the schema out."""
        with self._translated():
            self._connection.execute(postgres_table(statement).encode())

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there."""
        with self._translated():
            return frozenset(name for (name,) in self._connection.execute(_TABLES).fetchall())

    def examine(self) -> str:
        """Empty: a server looks after its own files."""
        return ""

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error, StateFault):
            self._connection.close()


def _split(url: str) -> tuple[str, str]:
    """The URL that the driver understands, and the schema."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    schema = options.pop("schema", SCHEMA)
    return urlunsplit(parts._replace(query=urlencode(options))), schema


def _place(url: str, schema: str) -> str:
    """Where the state is, without account and password."""
    parts = urlsplit(url)
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "local")
    return f"PostgreSQL {host}{parts.path} schema {schema}"


def _words(error: psycopg.Error) -> str:
    """What the server said in its own short words; a failed connection's text may repeat the address, so only its kind
    is told."""
    return error.diag.message_primary or type(error).__name__
