"""Connections to one DuckDB file, which only one process can hold: opened for a call, with a deadline, errors in
Dovetail's words."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
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
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.sql.dialect import DUCKDB
from dovetail.systems.sql.quote import table

atexit.register(gc.unfreeze)  # DuckDB's driver complains aloud about whatever of it is left at the very end

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""No statement reads or writes another file, and nothing is fetched from elsewhere."""

_PAUSE_S = 0.05
"""Between two tries to open a file that another program holds."""

_LOCKED = "Could not set lock on file"
_FULL = ("No space left", "not enough disk space", "File too large")
READ_ONLY = "read-only mode"
"""What DuckDB says where the file was opened for reading alone."""
_writing: dict[tuple[int, int], threading.Lock] = {}
"""One writing transaction at a time for each file, as there is one process at a time."""
_guard = threading.Lock()

Queries = Mapping[str, tuple[str, tuple[str, ...]]]
"""Named queries: SQL, and the fields of the key."""


@dataclass(slots=True)
class Session:
    """One connection, lent; every statement ends before the deadline."""

    connection: duckdb.DuckDBPyConnection
    file: Path
    schema: str
    timeout_s: float
    queries: Queries
    _views: set[str] = field(default_factory=set)

    def source(self, dataset: Dataset) -> exp.Table:
        """Where the dataset's rows are selected from."""
        if dataset.kind is not DatasetKind.QUERY:
            return table(dataset.name, self.schema)
        if dataset.name not in self.queries:
            raise SchemaDrift(f"no query is named {dataset.name!r}", where=dataset.name)
        return self.view(dataset.name, self.queries[dataset.name][0])

    def view(self, name: str, sql: str) -> exp.Table:
        """A query under a name that only this connection sees; anything but one reading statement is refused."""
        view = table(f"dovetail_query_{name}")
        if name not in self._views:
            try:
                found = self.connection.extract_statements(sql)
            except duckdb.Error as error:
                raise Refused("not one reading statement", where=name or "query") from error
            if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
                raise Refused("not one reading statement", where=name or "query")
            self.rows(f"CREATE TEMP VIEW {DUCKDB.sql(view)} AS {found[0].query.strip().rstrip(';')}")
            self._views.add(name)
        return view

    def rows(self, statement: exp.Expression | str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Carry a statement out; its answer."""
        sql = statement if isinstance(statement, str) else DUCKDB.sql(statement)
        with self._deadline():
            return self.connection.execute(sql, list(parameters) or None).fetchall()

    def answer(self, statement: exp.Expression) -> pa.Table:
        """The whole answer to a question."""
        with self._deadline():
            found: pa.Table = self.connection.sql(DUCKDB.sql(statement)).to_arrow_table()
            return found

    def stream(self, statement: exp.Expression, rows: int) -> Iterator[pa.RecordBatch]:
        """The answer in batches of about that many rows; meanwhile the connection does nothing else."""
        with self._deadline():
            reader = self.connection.sql(DUCKDB.sql(statement)).to_arrow_reader(rows)
        while True:
            with self._deadline():
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            yield batch

    def types(self, dataset: Dataset) -> dict[str, str]:
        """The columns of a dataset now, with their types."""
        return self.types_of(self.source(dataset))

    def types_of(self, source: exp.Table) -> dict[str, str]:
        """The columns of a table, view or query, with their types."""
        tree = exp.Select(expressions=[exp.Star()]).from_(source.copy())
        with self._deadline():
            relation = self.connection.sql(DUCKDB.sql(tree))
            return dict(zip(relation.columns, map(str, relation.types), strict=True))

    @contextmanager
    def given(self, **batches: pa.RecordBatch | pa.Table) -> Iterator[None]:
        """Batches under names that only this connection sees."""
        for name, batch in batches.items():
            self.connection.register(name, batch)
        try:
            yield
        finally:
            for name in batches:
                with contextlib.suppress(duckdb.Error):
                    self.connection.unregister(name)

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        watch = threading.Timer(self.timeout_s, self.connection.interrupt)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()


class File:
    """One DuckDB file: open while somebody uses it, and given back afterwards, so that other programs get their turn.

    With `keep_open` it stays open until `close`."""

    def __init__(self, path: Path, *, schema: str, timeout_s: float, keep_open: bool, queries: Queries) -> None:
        self._path = path
        self._schema = schema
        self._timeout_s = timeout_s
        self._keep_open = keep_open
        self._queries = queries
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None
        self._users = 0

    @contextmanager
    def lend(self, where: str = "") -> Iterator[Session]:
        """A connection for one call; DuckDB's errors leave as Dovetail's."""
        with translated(where or self._path.name, self._timeout_s):
            connection = self._take()
            try:
                yield Session(connection, self._path, self._schema, self._timeout_s, self._queries)
            finally:
                self._give_back(connection)

    @contextmanager
    def writing(self, where: str = "") -> Iterator[Session]:
        """As `lend`, for the one writer that there is at a time."""
        lock = self._writers()
        if not lock.acquire(timeout=self._timeout_s):
            raise Overdue(f"another transaction holds the file for {self._timeout_s:g} s", where=where)
        try:
            with self.lend(where) as session:
                yield session
        finally:
            lock.release()

    def close(self) -> None:
        """Give the file back as soon as nobody uses it."""
        with self._lock:
            if not self._users:
                self._shut()

    def _take(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._root is None:
                self._root = self._open()
            connection = self._root.cursor()
            self._users += 1
            return connection

    def _give_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            connection.close()
            self._users -= 1
            if not self._users and not self._keep_open:
                self._shut()

    def _shut(self) -> None:
        if self._root is not None:
            self._root.close()
            self._root = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Wait while another program holds the file."""
        until = time.monotonic() + self._timeout_s
        self._inode()
        while True:
            try:
                with _guard:
                    return _connected(self._path)
            except duckdb.Error as error:
                if _LOCKED not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE_S)

    def _writers(self) -> threading.Lock:
        inode = self._inode()
        with _guard:
            return _writing.setdefault(inode, threading.Lock())

    def _inode(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - a path may come as text
        except OSError as error:
            raise Unreachable(
                f"the file {self._path.name} is not there",
                where=str(self._path),
                hint="check the path; a DuckDB file is never created by reading or writing",
            ) from error
        return status.st_dev, status.st_ino


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    """The file, open for writing where this account may; in UTC, with settings that nobody changes any more."""
    is_writable = os.access(path, os.W_OK) and os.access(Path(path).absolute().parent, os.W_OK)
    connection = duckdb.connect(path, read_only=not is_writable, config=_CONFIGURATION)
    if not connection.execute("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def translated(where: str, timeout_s: float) -> Iterator[None]:
    """DuckDB's errors leave as Dovetail's."""
    try:
        yield
    except duckdb.Error as error:
        raise fault(error, where, timeout_s) from error


def fault(error: duckdb.Error, where: str, timeout_s: float) -> DovetailError:
    """The error's class in Dovetail's tree; words of DuckDB that may hold values are left out."""
    words = str(error).split("\n", 1)[0]
    if any(sign in words for sign in _FULL):
        return Full("no room left for the file", where=where)
    if READ_ONLY in words:
        hint = "let this account write both the file and its folder"
        return AccessDenied("the file, or its folder, may not be written", where=where, hint=hint)
    match error:
        case duckdb.InterruptException():
            return Overdue(f"the statement took longer than {timeout_s:g} s", where=where)
        case duckdb.CatalogException() | duckdb.BinderException():
            hint = "describe the system again and compare it with the mapping"
            return SchemaDrift(words, where=where, hint=hint)
        case duckdb.TransactionException():
            return Overdue("another connection changed the same rows at the same time", where=where)
        case duckdb.PermissionException():
            return AccessDenied(words, where=where)
        case duckdb.ConnectionException():
            hint = "this program has the file open already, with other settings: close that connection first"
            return Unreachable("the file cannot be opened", where=where, hint=hint)
        case duckdb.IOException():
            return _unopened(words, where, timeout_s)
        case duckdb.OutOfMemoryException():
            return Full("no memory left for the statement", where=where)
        case duckdb.ParserException():
            return Refused("not one reading statement", where=where)
        case duckdb.SerializationException() | duckdb.InternalException() | duckdb.FatalException():
            return SystemFault("the file is damaged", where=where, code="DV-367")
    return Refused(f"the system refused the statement ({type(error).__name__})", where=where)


def _unopened(words: str, where: str, timeout_s: float) -> DovetailError:
    if _LOCKED in words:
        return Unreachable(
            f"another program held the file for {timeout_s:g} s",
            where=where,
            hint="only one program at a time can open a DuckDB file that is written to: end the other one",
            code="DV-368",
        )
    if "ermission denied" in words or "Read-only file system" in words:
        hint = "let this account write both the file and its folder"
        return AccessDenied("the file, or its folder, may not be written", where=where, hint=hint)
    if "not a valid DuckDB" in words or "storage version" in words or "corrupt" in words.lower():
        hint = "restore it from a backup, or open it with the DuckDB that wrote it"
        return SystemFault(
            "the file is damaged, is no DuckDB database, or comes from another version of DuckDB",
            where=where,
            hint=hint,
            code="DV-367",
        )
    return Unreachable("the file cannot be opened or read", where=where, hint="look at the rights of the file")
