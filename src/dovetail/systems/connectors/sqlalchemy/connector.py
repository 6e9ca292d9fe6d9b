"""The SQLAlchemy connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import sqlalchemy as sa

from dovetail.errors import DeclarationError, Refused, SchemaDrift
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.change import Change, LedgerEntry, Receipt, Verb
from dovetail.systems.connectors.sqlalchemy.address import checked
from dovetail.systems.connectors.sqlalchemy.describe import describe
from dovetail.systems.connectors.sqlalchemy.make import make
from dovetail.systems.connectors.sqlalchemy.ours import Ours
from dovetail.systems.connectors.sqlalchemy.phrase import amendment, insertion, removal
from dovetail.systems.connectors.sqlalchemy.query import Query
from dovetail.systems.connectors.sqlalchemy.read import Reader, place
from dovetail.systems.connectors.sqlalchemy.session import Session, Sessions, translated
from dovetail.systems.connectors.sqlalchemy.write import Writer
from dovetail.systems.protocol import Transaction
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.ledger import FENCE, LEDGER


@dataclass(frozen=True, kw_only=True, repr=False)
class Connector:
    """Reads and writes the tables of any database that SQLAlchemy has a dialect for.

    It uses only what all dialects have in common: rows are written by portable statements, and read again in the same
    transaction, so that whatever the database made of a value is told. A connector of its own, where there is one, is
    faster and sees changes. May be used from several threads.
    """

    url: str
    """Where the database is, as SQLAlchemy writes it: `dialect+driver://user:password@host:port/database`."""
    schema: str | None = None
    """The schema whose tables are datasets; without one, the account's default."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most; while rows are read, until the next ones."""
    batch_rows: int = 10_000
    """Rows in one batch at most."""
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What the driver is told besides the URL when it connects."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        checked(self.url)
        if self.batch_rows < 1 or self.timeout_s <= 0:
            raise DeclarationError("batch_rows and timeout_s must be above zero", where="url", code="DV-315")

    def __repr__(self) -> str:
        return f"Connector(url={checked(self.url).render_as_string(hide_password=True)!r}, schema={self.schema!r})"

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self.url, options=self.options, timeout_s=self.timeout_s)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.schema, self.batch_rows)

    @cached_property
    def _ours(self) -> Ours:
        return Ours(self.schema)

    @cached_property
    def _queries(self) -> Mapping[str, Query]:
        return {name: Query(sql, tuple(key)) for name, (sql, key) in self.queries.items()}

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """Tables, views, then declared queries; Dovetail's own tables are left out."""
        with self._sessions.lend() as session:
            return describe(session, self.schema, self._queries)

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, by one statement; at least one batch, which may be empty."""
        with self._sessions.lend(dataset.name) as session:
            if dataset.kind is DatasetKind.QUERY:
                described = [known(dataset, name) for name in fields]
                yield from self._query(dataset.name).batches(session, described, self.batch_rows)
            else:
                yield from self._reader.read(session, dataset, fields)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys; keys are compared byte by byte."""
        with self._sessions.lend(dataset.name) as session:
            if dataset.kind is DatasetKind.QUERY:
                yield from self._query(dataset.name).found(session, dataset, fields, keys)
            else:
                yield from self._reader.lookup(session, dataset, fields, keys)

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, by one statement, in the database's own order."""
        if digest or dataset.kind is DatasetKind.QUERY:
            raise Refused("digests are not computed, and queries have no order", where=dataset.name)
        with self._sessions.lend(dataset.name) as session:
            yield from self._reader.after(session, dataset, fields, after)

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement."""
        with self._sessions.lend("query") as session:
            asked = Query(sql)
            fields = asked.dataset(session, "query").fields
            yield from asked.batches(session, fields, self.batch_rows)

    def _query(self, name: str) -> Query:
        if name not in self._queries:
            raise SchemaDrift(f"no query is named {name!r}", where=name)
        return self._queries[name]

    # -------------------------------------------------------------------------------------------------------- write

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what it did before is counted as applied."""
        with self._sessions.lend(dataset.name) as session:
            self._ours.begin(session)
            with session.writing():
                return self._writer(session).apply_again(dataset, change)

    def create(self, dataset: Dataset) -> None:
        """The table, if it is not there yet; `Refused` where the dialect has no type for one of its fields."""
        with self._sessions.lend(dataset.name) as session:
            make(session, dataset, self.schema)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction at the database's own level, or SERIALIZABLE where rows cannot be locked while read."""
        with self._sessions.lend("transaction") as session:
            self._ours.begin(session)
            with session.writing():
                yield _Transaction(session, self._writer(session), self._ours, self._sessions.locks)

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; waits for the transaction of the former holder."""
        with self._sessions.lend(FENCE.name) as session:
            if not self._ours.are_there(session):
                self._ours.make(session)
            session.rollback()
            with session.writing():
                return self._ours.raise_epoch(session, partition)

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._sessions.lend(LEDGER.name) as session:
            return self._ours.entries(session, partition) if self._ours.are_there(session) else ()

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition."""
        with self._sessions.lend(LEDGER.name) as session:
            return self._ours.last(session, partition) if self._ours.are_there(session) else 0

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self._sessions.lend(LEDGER.name) as session:
            if self._ours.are_there(session):
                with session.writing():
                    self._ours.forget(session, partition, chunk)

    def _writer(self, session: Session) -> Writer:
        return Writer(session, self._reader, self._sessions.locks)

    # -------------------------------------------------------------------------------------------------------- other

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """What is carried out for one row: what must still hold is read first, and locked where that can be."""
        where = place(dataset, self.schema)
        tree: sa.ClauseElement
        match verb:
            case Verb.CREATE:
                return _spelled(insertion(where, fields), self._sessions.dialect)
            case Verb.DELETE:
                tree = removal(where)
            case Verb.UPDATE:
                tree = amendment(where, fields)
        looked = sa.select(*(where.column(name) for name in dict.fromkeys([*dataset.key, *expected])))
        keyed = [where.column(part) == sa.bindparam(f"k{at}") for at, part in enumerate(dataset.key)]
        texts = (looked.select_from(where.table).where(*keyed).with_for_update(), tree)
        return ";\n".join(_spelled(one, self._sessions.dialect) for one in texts)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What an operator must know about the database, as far as SQLAlchemy tells."""
        from dovetail.systems.connectors.sqlalchemy import doctor

        with self._sessions.lend("doctor") as session:
            return list(doctor.examine(session, self.schema, datasets, locks=self._sessions.locks))

    def close(self) -> None:
        """Close all connections that are not in use; the next call opens new ones."""
        self._sessions.close()


@dataclass(frozen=True, slots=True)
class _Transaction:
    session: Session
    writer: Writer
    ours: Ours
    locks: bool

    def fence(self, partition: str, epoch: int) -> None:
        with translated(FENCE.name):
            self.ours.check(self.session, partition, epoch, locks=self.locks)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Where rows cannot be locked while they are read, the level of the transaction keeps them as they are."""
        with translated(dataset.name):
            for _ in self.writer.reader.lookup(self.session, dataset, list(dataset.key), keys, is_locking=self.locks):
                pass

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        with translated(dataset.name):
            return self.writer.apply(dataset, change)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        with translated(LEDGER.name):
            self.ours.record(self.session, entries)


def _spelled(tree: sa.ClauseElement, dialect: sa.Dialect) -> str:
    return str(tree.compile(dialect=dialect)).replace("\n", "")
