"""The DuckDB connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from dovetail.errors import DeclarationError, Fenced, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.change import Change, LedgerEntry, Receipt, Verb
from dovetail.systems.connectors.duckdb import draw, phrase
from dovetail.systems.connectors.duckdb.describe import describe, shape
from dovetail.systems.connectors.duckdb.journal import Journal
from dovetail.systems.connectors.duckdb.read import Reader, select
from dovetail.systems.connectors.duckdb.session import File, Session, translated
from dovetail.systems.connectors.duckdb.write import Writer
from dovetail.systems.protocol import Transaction
from dovetail.systems.sql import ledger, statements
from dovetail.systems.sql.dialect import DUCKDB
from dovetail.systems.sql.quote import table

_SPELLED = (
    "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND lower(table_name) = lower(?) AND table_name <> ? "
    "AND database_name = current_database()"
)


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Reads and writes one DuckDB file that exists; it is never created by being named.

    Only one program at a time can have a DuckDB file open. It is opened for each call and given back after it; while
    another program holds it, a call waits. Reading happens in one snapshot, one transaction writes at a time. No
    statement reaches other files or the network. May be used from several threads.
    """

    path: Path
    """The database file; it must exist. A relative path counts from the project's folder."""
    schema: str = "main"
    """The schema whose tables are datasets."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most, waiting for the file included; while rows are read, until the next
    batch."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    keep_open: bool = False
    """Whether the file stays open between calls: quicker, but no other program can open it meanwhile."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        if self.batch_rows < 1 or self.timeout_s <= 0 or not self.schema:
            words = "batch_rows and timeout_s must be above zero, and a schema named"
            raise DeclarationError(words, where=str(self.path), code="DV-315")

    @cached_property
    def _file(self) -> File:
        return File(
            Path(self.path),
            schema=self.schema,
            timeout_s=self.timeout_s,
            keep_open=self.keep_open,
            queries=self.queries,
        )

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.batch_rows)

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """Tables, views, then declared queries; Dovetail's own tables are left out."""
        with self._file.lend() as session:
            return describe(session)

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot; at least one batch, which may be empty."""
        with self._file.lend(dataset.name) as session:
            yield from self._reader.read(session, dataset, fields)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, in one snapshot; keys are compared byte by byte."""
        with self._file.lend(dataset.name) as session:
            yield from self._reader.lookup(session, dataset, fields, keys)

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, in one snapshot, texts byte by byte."""
        if digest:
            raise Refused("digests are not computed in DuckDB", where=dataset.name)
        with self._file.lend(dataset.name) as session:
            yield from self._reader.after(session, dataset, fields, after)

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement, in one snapshot."""
        with self._file.lend("query") as session:
            view = session.view("", sql)
            fields = shape(session, view)
            asked = Dataset("", DatasetKind.QUERY, fields)
            tree = select(view, asked, asked.names)
            yield from self._reader.batches(session, tree, fields)

    # -------------------------------------------------------------------------------------------------------- write

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what it did before is counted as applied."""
        with self._file.writing(dataset.name) as session:
            journal = Journal(session)
            with journal.transaction():
                return Writer(journal, self._reader).apply_again(dataset, change)

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """`count` keys of the sequence, or other drawing default, of the key."""
        with self._file.writing(dataset.name) as session, Journal(session).transaction():
            return draw.reserve(session, dataset, count)

    def create(self, dataset: Dataset) -> None:
        """The table, if it is not there yet; a key that is to be drawn gets a sequence."""
        tree = statements.create(table(dataset.name, self.schema), dataset, dialect=DUCKDB)
        before = draw.sequences(self.schema, dataset, tree)
        with self._file.writing(dataset.name) as session, Journal(session).transaction():
            if session.rows(_SPELLED, [self.schema, dataset.name, dataset.name]):
                raise Refused("a dataset of that name, in other case, is there already", where=dataset.name)
            for sql in (*before, DUCKDB.sql(tree)):
                session.rows(sql)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """The only one that writes, from its start to its end."""
        with self._file.writing("transaction") as session:
            journal = Journal(session)
            with journal.transaction():
                yield _Transaction(journal, self._reader)

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; waits for the transaction of the former holder, whose death ends it."""
        with self._file.writing(ledger.FENCE.name) as session, Journal(session).transaction():
            for tree in ledger.make(DUCKDB, self.schema):
                session.rows(tree)
            ((epoch,),) = session.rows(ledger.raise_epoch(DUCKDB, self.schema), [partition])
            return int(str(epoch))

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._file.lend(ledger.LEDGER.name) as session:
            if not _has(session, ledger.LEDGER):
                return ()
            rows = session.rows(ledger.entries(DUCKDB, self.schema), [partition])
            return [LedgerEntry(*row) for row in rows]  # type: ignore[arg-type]

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition."""
        with self._file.lend(ledger.LEDGER.name) as session:
            if not _has(session, ledger.LEDGER):
                return 0
            ((last,),) = session.rows(ledger.last(DUCKDB, self.schema), [partition])
            return int(str(last or 0))

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self._file.writing(ledger.LEDGER.name) as session, Journal(session).transaction():
            if _has(session, ledger.LEDGER):
                session.rows(ledger.forget(DUCKDB, self.schema), [partition, chunk])

    # -------------------------------------------------------------------------------------------------------- other

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """What is carried out for one row, with numbered parameters in place of values; many rows are one statement."""
        return phrase.shown(table(dataset.name, self.schema), dataset, verb, fields, expected)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What an operator must know about the file."""
        from dovetail.systems.connectors.duckdb import doctor

        with self._file.writing("doctor") as session:
            return list(doctor.examine(session, datasets))

    def close(self) -> None:
        """Give the file back; the next call opens it again."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class _Transaction:
    journal: Journal
    reader: Reader

    def fence(self, partition: str, epoch: int) -> None:
        session = self.journal.session
        rows: Sequence[tuple[object, ...]] = ()
        with translated(ledger.FENCE.name, session.timeout_s):
            if _has(session, ledger.FENCE):
                rows = session.rows(ledger.read_epoch(DUCKDB, session.schema, lock=False), [partition])
        if [*rows] != [(epoch,)]:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Nothing is to be done: nobody else writes, and DuckDB ends a transaction whose rows another one changed."""

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        with translated(dataset.name, self.journal.session.timeout_s):
            return Writer(self.journal, self.reader).apply(dataset, change)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        session = self.journal.session
        sql = DUCKDB.sql(ledger.record(DUCKDB, session.schema))
        with translated(ledger.LEDGER.name, session.timeout_s):
            for entry in entries:
                self.journal.run(sql, (entry.partition, entry.chunk, entry.run, entry.content))


def _has(session: Session, ours: Dataset) -> bool:
    sql = (
        "SELECT count(*) FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2"
    )
    return session.rows(sql, [session.schema, ours.name])[0][0] != 0
