"""The one DuckDB connection of a process: in memory, without any way to the outside."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa

from dovetail.errors import DovetailError

if TYPE_CHECKING:
    import duckdb

MEMORY_MAX = "1GB"
"""Memory that DuckDB may take at most."""

THREADS_MAX = 2
"""Threads that DuckDB works with; runs are parallel by partition, not inside a statement."""

TABLE = "dovetail_rows"
"""The name under which a statement sees its input."""

_FORBIDDEN = (
    "SELECT * FROM read_text('/dev/null')",
    "SELECT * FROM '/dev/null'",
    "COPY (SELECT 1) TO '/dev/null'",
    "ATTACH '/dev/null' AS other",
    "SET threads = 1",
)
"""What a locked connection refuses."""

_LOCK = threading.Lock()
_CONNECTIONS: list[duckdb.DuckDBPyConnection] = []


class Failed(Exception):
    """A row failed, or DuckDB cannot run the statement."""


def answer(sql: str, table: pa.Table) -> pa.Table:
    """The answer of one statement over `table`, in the order of its rows; raises `Failed`.

    DuckDB is imported by the first statement: many runs need none."""
    import duckdb

    try:
        with _connection().cursor() as cursor:
            cursor.register(TABLE, table)
            found: pa.Table = cursor.sql(sql).to_arrow_table()
            return found
    except duckdb.Error as error:
        raise Failed from error


def _connection() -> duckdb.DuckDBPyConnection:
    with _LOCK:
        if not _CONNECTIONS:
            _CONNECTIONS.append(connect())
        return _CONNECTIONS[0]


def connect() -> duckdb.DuckDBPyConnection:
    """A locked connection. Its optimizers are off: they may skip the step at which a row would fail."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": MEMORY_MAX,
            "threads": str(THREADS_MAX),
            "python_enable_replacements": "false",
            "preserve_insertion_order": "true",
        },
    )
    names = [name for (name,) in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
    connection.execute("SET GLOBAL disabled_optimizers = '" + ",".join(names) + "'")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    examine(connection)
    return connection


def examine(connection: duckdb.DuckDBPyConnection) -> None:
    """Try what must be impossible; raises `DovetailError` when anything of it works."""
    import duckdb

    for attempt in _FORBIDDEN:
        try:
            with connection.cursor() as cursor:
                cursor.execute(attempt).fetchall()
        except duckdb.Error:
            continue
        connection.close()
        raise DovetailError(
            "the kernel's DuckDB is not locked",
            code="DV-710",
            hint="install the DuckDB version that Dovetail was tested with",
        )
