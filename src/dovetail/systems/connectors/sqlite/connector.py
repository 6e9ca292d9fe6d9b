"""The SQLite connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from dovetail.errors import DeclarationError, Fenced, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.change import Change, Feed, LedgerEntry, Noticed, Receipt, Verb, Visibility
from dovetail.systems.connectors.sqlite import phrase
from dovetail.systems.connectors.sqlite.capture import WAYS, Capture
from dovetail.systems.connectors.sqlite.capture_queue import own
from dovetail.systems.connectors.sqlite.describe import describe, shape
from dovetail.systems.connectors.sqlite.draw import advance, draws, has_sequence, next_rowid
from dovetail.systems.connectors.sqlite.order import Ordered
from dovetail.systems.connectors.sqlite.parts import bounds, named_parts, rowid
from dovetail.systems.connectors.sqlite.read import Reader, empty
from dovetail.systems.connectors.sqlite.session import Session, Sessions, translated
from dovetail.systems.connectors.sqlite.write import Writer
from dovetail.systems.protocol import Transaction
from dovetail.systems.sql import ledger, statements
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import table

_SPELLED = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE AND name <> ?"


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads and writes one SQLite file that exists; it is never created by being named.

    Reading happens in one snapshot, writing in transactions that take the file's write lock at their start. Outside
    WAL mode a snapshot that is still being read holds up every writer, this connector's own too. It may be used from
    several threads.
    """

    path: Path
    """The database file; it must exist. A relative path counts from the project's folder."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most, waiting for the file's lock included."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timezone: str | None = None
    """The zone of instants that are stored without one, such as `Europe/Berlin`."""
    foreign_keys: bool = True
    """Whether SQLite checks foreign keys when this connector writes. A delete that it would carry on to other rows is
    refused while there are any."""
    capture_by: str = "auto"
    """How changes are noted: by `triggers`, which is also what `auto` means here, or by `none`."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        if self.batch_rows < 1 or self.timeout_s <= 0:
            raise DeclarationError("batch_rows and timeout_s must be above zero", where=str(self.path), code="DV-315")
        if self.capture_by not in WAYS:
            words = f"capture_by is one of: {', '.join(WAYS)}"
            raise DeclarationError(words, where=str(self.path), code="DV-315")
        try:
            ZoneInfo(self.timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            hint = "write it as in the IANA list, such as Europe/Berlin"
            raise DeclarationError("no such timezone", where=str(self.path), hint=hint, code="DV-315") from error

    @cached_property
    def _sessions(self) -> Sessions:
        path = Path(self.path)
        return Sessions(path, timeout_s=self.timeout_s, foreign_keys=self.foreign_keys, queries=self.queries)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.batch_rows, ZoneInfo(self.timezone) if self.timezone else None)

    @cached_property
    def _capture(self) -> Capture:
        return Capture(self._sessions, self.capture_by, ZoneInfo(self.timezone) if self.timezone else None)

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """Tables, views, then declared queries; SQLite's own and Dovetail's own tables are left out."""
        with self._sessions.lend() as session:
            return describe(session, Path(self.path))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot; at least one batch, which may be empty."""
        return self._read(dataset, fields, None)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, in one snapshot; keys are compared byte by byte."""
        with self._sessions.lend(dataset.name) as session:
            session.source(dataset)
            with session.reading():
                yield from self._reader.lookup(session, dataset, fields, keys)

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """Ranges of row numbers; one part where a dataset has none."""
        if dataset.kind is not DatasetKind.TABLE:
            return named_parts(None, 1)
        with self._sessions.lend(dataset.name) as session, session.reading() as connection:
            return named_parts(bounds(connection, dataset), parts)

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """The rows of one part, in a snapshot of its own."""
        return self._read(dataset, fields, partition)

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, texts byte by byte. In one snapshot in WAL mode; else in one a batch, so that no lock
        is held while a batch is worked on."""
        if digest:
            raise Refused("SQLite computes no digests", where=dataset.name)
        for name in fields:
            known(dataset, name)
        with self._sessions.lend(dataset.name) as session:
            yield from Ordered(session, self._reader, dataset, fields).read(after)

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement, in one snapshot."""
        with self._sessions.lend("query") as session:
            view = session.view("", sql)
            try:
                with session.reading() as connection:
                    fields = shape(connection, view)
                    text = SQLITE.sql(statements.select(view, [entry.name for entry in fields]))
                    yield from self._reader.stream(session, text, fields)
            finally:
                session.drop_view("")

    def _read(self, dataset: Dataset, fields: Sequence[str], partition: str | None) -> Iterator[pa.RecordBatch]:
        described = [known(dataset, name) for name in fields]
        with self._sessions.lend(dataset.name) as session:
            tree = statements.select(session.source(dataset), fields)
            with session.reading() as connection:
                if partition:
                    tree = tree.where(rowid(connection, dataset, partition))
                is_empty = True
                for batch in self._reader.stream(session, SQLITE.sql(tree), described):
                    is_empty = False
                    yield batch
                if is_empty:
                    yield empty(described)

    # -------------------------------------------------------------------------------------------------------- write

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what it did before is counted as applied."""
        with self._sessions.lend(dataset.name) as session, session.writing():
            return Writer(session, self._reader).apply_again(dataset, change)

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """`count` keys of a table declared AUTOINCREMENT, whose sequence is advanced.

        Any other table is `Refused`: SQLite would give the same keys to the application. Create the rows without keys
        instead; they are drawn inside the writing transaction and stand in the receipt.
        """
        with self._sessions.lend(dataset.name) as session, session.writing() as connection:
            if not draws(dataset) or not has_sequence(connection, dataset):
                raise Refused(
                    f"keys of {dataset.name} cannot be drawn ahead: it is not AUTOINCREMENT", where=dataset.name
                )
            first = next_rowid(connection, dataset)
            if count:
                advance(connection, dataset, first + count - 1)
        keys = pa.array(range(first, first + count), pa.int64())
        return pa.RecordBatch.from_arrays([keys], [dataset.key[0]])

    def create(self, dataset: Dataset) -> None:
        """The table, if it is not there yet."""
        tree = statements.create(table(dataset.name, "main"), dataset, dialect=SQLITE)
        with self._sessions.lend(dataset.name) as session, session.writing() as connection:
            if connection.execute(_SPELLED, (dataset.name, dataset.name)).fetchone():
                raise Refused("a dataset of that name, in other case, is there already", where=dataset.name)
            connection.execute(SQLITE.sql(tree))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Holds the file's write lock from its start to its end."""
        with self._sessions.lend("transaction") as session, session.writing() as connection:
            named = own(connection)
            yield _Transaction(session, self._reader, named.name if named else None)
            if named is not None:
                named.sign(connection)

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; the write lock makes it wait for the former holder, whose death ends its transaction."""
        with self._sessions.lend(ledger.FENCE.name) as session, session.writing() as connection:
            for tree in ledger.make(SQLITE, "main"):
                connection.execute(SQLITE.sql(tree))
            rows = connection.execute(SQLITE.sql(ledger.raise_epoch(SQLITE, "main")), (partition,)).fetchall()
            return int(rows[0][0])

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._sessions.lend(ledger.LEDGER.name) as session, session.reading() as connection:
            if not _has(connection, ledger.LEDGER):
                return ()
            return [
                LedgerEntry(*row)
                for row in connection.execute(SQLITE.sql(ledger.entries(SQLITE, "main")), (partition,))
            ]

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition."""
        with self._sessions.lend(ledger.LEDGER.name) as session, session.reading() as connection:
            if not _has(connection, ledger.LEDGER):
                return 0
            ((last,),) = connection.execute(_last(), (partition,))
            return int(last or 0)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self._sessions.lend(ledger.LEDGER.name) as session, session.writing() as connection:
            if _has(connection, ledger.LEDGER):
                connection.execute(SQLITE.sql(ledger.forget(SQLITE, "main")), (partition, chunk))

    # ------------------------------------------------------------------------------------------------------- changes

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """Tables by triggers; views and queries by reading them."""
        return self._capture.visibility(datasets)

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Note from now on which rows change, whoever changes them."""
        return self._capture.capture(feed, datasets)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands; its bytes are counted by rows."""
        return self._capture.feed(feed)

    def release(self, feed: str) -> None:
        """Drop triggers and queue."""
        self._capture.release(feed)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """The oldest rows of the queue, at most so many."""
        return self._capture.noticed(feed, rows=rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget the queue up to there."""
        self._capture.acknowledge(feed, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Look again and again whether others have committed, after 1 ms while busy and 100 ms when long idle."""
        return self._capture.await_changes(feed, timeout_s)

    # -------------------------------------------------------------------------------------------------------- other

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """What is carried out for one row, with numbered parameters in place of values."""
        return phrase.shown(dataset, verb, fields, expected)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What an operator must know about the file."""
        from dovetail.systems.connectors.sqlite import doctor

        with self._sessions.lend("doctor") as session:
            return list(doctor.examine(session, Path(self.path), datasets))

    def close(self) -> None:
        """Close all connections that are not in use; the next call opens new ones."""
        self._sessions.close()


@dataclass(frozen=True, slots=True)
class _Transaction:
    session: Session
    reader: Reader
    name: str | None

    def fence(self, partition: str, epoch: int) -> None:
        with self._call(ledger.FENCE.name) as connection:
            row: tuple[int] | None = None
            if _has(connection, ledger.FENCE):
                sql = SQLITE.sql(ledger.read_epoch(SQLITE, "main", lock=False))
                row = connection.execute(sql, (partition,)).fetchone()
        if row is None or row[0] != epoch:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Nothing is to be done: the transaction holds the file's write lock."""

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        with self._call(dataset.name):
            return replace(Writer(self.session, self.reader).apply(dataset, change), transaction=self.name)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        rows = [(entry.partition, entry.chunk, entry.run, entry.content) for entry in entries]
        with self._call(ledger.LEDGER.name) as connection:
            connection.executemany(SQLITE.sql(ledger.record(SQLITE, "main")), rows)

    @contextmanager
    def _call(self, where: str) -> Iterator[sqlite3.Connection]:
        self.session.renew()
        with translated(where, self.session.timeout_s):
            yield self.session.connection


@cache
def _last() -> str:
    """Asks for the last entry of the ledger; asked often, so made once."""
    return SQLITE.sql(ledger.last(SQLITE, "main"))


def _has(connection: sqlite3.Connection, dataset: Dataset) -> bool:
    found = connection.execute("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1", (dataset.name,))
    return found.fetchone() is not None
