"""The PostgreSQL connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

import pyarrow as pa

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.change import Change, Feed, LedgerEntry, Noticed, Receipt, Verb, Visibility
from dovetail.systems.connectors.postgres import express, fence, parts, push_passage
from dovetail.systems.connectors.postgres.address import Address, parse
from dovetail.systems.connectors.postgres.capture import WAYS, Capture
from dovetail.systems.connectors.postgres.describe import describe
from dovetail.systems.connectors.postgres.digest import is_able
from dovetail.systems.connectors.postgres.draw import reserve, with_draws
from dovetail.systems.connectors.postgres.names import NAME_BYTES_MAX, Names
from dovetail.systems.connectors.postgres.pool import Sessions
from dovetail.systems.connectors.postgres.read import Reader, known
from dovetail.systems.connectors.postgres.staged import Staged, copying
from dovetail.systems.connectors.postgres.versions import other_than, versions
from dovetail.systems.connectors.postgres.write import Writer
from dovetail.systems.push import Asked, Landing, Refusal
from dovetail.systems.sql import ledger, statements
from dovetail.systems.sql.dialect import POSTGRES

_CARRIERS = ("binary", "text")
_NO_ROWS = pa.array([], pa.string())


@dataclass(frozen=True, kw_only=True, repr=False)
class Connector:
    """Reads and writes the tables of one PostgreSQL database, version 13 or later.

    Reading happens in one snapshot, writing in transactions at the level READ COMMITTED. May be used from several
    threads.
    """

    url: str
    """Where the database is: `postgresql://user:password@host:5432/database`."""
    schema: str | Sequence[str] = "public"
    """The schema whose tables are datasets; of several, the first is the default and the others' tables are called
    `schema.table`."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most, waiting for locks included; while rows are read, until the next batch."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    carrier: str = "binary"
    """How new rows and those of large tables travel: `binary`, the server's own form of values, or `text`, which takes
    longer."""
    capture_by: str = "auto"
    """How changes are noted: by a replication `slot`, by `triggers`, by `none` of them, or as it can be done best
    (`auto`)."""
    timezone: str | None = None
    """The zone of stamps that are stored without one, such as `Europe/Berlin`; they are carried as they stand."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        parse(self.url)
        if self.timeout_s <= 0 or self.batch_rows < 1 or not self._names.schemas:
            raise DeclarationError("timeout_s and batch_rows must be positive, and a schema named", code="DV-315")
        if self.carrier not in _CARRIERS:
            raise DeclarationError(f"carrier is one of: {', '.join(_CARRIERS)}", where="carrier", code="DV-315")
        if self.capture_by not in WAYS:
            raise DeclarationError(f"capture_by is one of: {', '.join(WAYS)}", where="capture_by", code="DV-315")
        if self.timezone is not None:
            _zone(self.timezone)

    def __repr__(self) -> str:
        return f"Connector(url='{self._address}', schema={self.schema!r}, timeout_s={self.timeout_s:g})"

    @cached_property
    def _address(self) -> Address:
        return parse(self.url)

    @cached_property
    def _names(self) -> Names:
        return Names((self.schema,) if isinstance(self.schema, str) else tuple(self.schema))

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self._address, timeout_s=self.timeout_s, schema=self._names.schemas[0])

    @cached_property
    def _capture(self) -> Capture:
        return Capture(self._address, self._sessions, self._names, self.capture_by)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._names, self.batch_rows, self.queries, is_binary=self.carrier == _CARRIERS[0])

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """Tables, views, then declared queries; a partitioned table is one dataset, and Dovetail's own tables are left
        out."""
        with self._sessions.lend() as session:
            return describe(session, self._names, self.queries)

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot; at least one batch, which may be empty."""
        return self.read_partition(dataset, fields, parts.ALL)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, in one snapshot; keys are compared byte by byte."""
        _asked(dataset, fields)
        with self._sessions.lend(dataset.name) as session:
            swift = express.lookup(session, self._reader, dataset, fields, keys)
            if swift is not None:
                yield swift
                return
            with session.reading():
                yield from self._reader.lookup(session, dataset, fields, keys)

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """Ranges of whole-number or UUID keys; one part where the key begins with anything else."""
        return self._partitions(dataset, parts)

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """The rows of one part, in a snapshot of its own."""
        _asked(dataset, fields)
        with self._sessions.lend(dataset.name) as session, session.reading():
            where = parts.belongs(dataset, self._reader.place(dataset), partition)
            yield from self._reader.read(session, dataset, fields, where)

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, in the order that the server itself gives it: texts by the column's own collation."""
        _asked(dataset, fields)
        with self._sessions.lend(dataset.name) as session, session.reading():
            yield from self._reader.read_after(session, dataset, fields, after=after, digest=digest)

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """From version 14 of the server on."""
        with self._sessions.lend(dataset.name) as session:
            return is_able(session) and all(dataset.field(name) is not None for name in fields)

    def digest_total(self, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of the digests of their keys and these fields."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            return self._reader.digest_total(session, dataset, fields)

    def digest_rows(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key of every row, and the digest of its key and these fields."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            yield from self._reader.digest_rows(session, dataset, fields)

    def digest_lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys with their digests, in one snapshot."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            yield from self._reader.lookup(session, dataset, fields, keys, digest=True)

    def versions(self, dataset: Dataset) -> Mapping[str, int]:
        """By the number of the transaction that wrote a row; empty for views, foreign tables, and tables with types
        that are not built in."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            return versions(session, self._reader.place(dataset)) if dataset.kind is DatasetKind.TABLE else {}

    def besides(self, dataset: Dataset, versions: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The keys of the rows that other transactions wrote, in one snapshot."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            where = other_than(self._reader.place(dataset), versions)
            yield from self._reader.read(session, dataset, dataset.key, where)

    def refusal(self, dataset: Dataset, asked: Asked, landing: Landing) -> Refusal | None:
        """Why these expressions cannot be computed by the server, or `None`."""
        with self._sessions.lend(dataset.name) as session:
            found = push_passage.prepared(session, self._reader, dataset, asked=asked, landing=landing)
            return found if isinstance(found, Refusal) else None

    @contextmanager
    def passage(self, dataset: Dataset, asked: Asked, landing: Landing) -> Iterator[push_passage.Passage]:
        """Over two connections that see one snapshot."""
        with self._sessions.lend(dataset.name) as ahead, self._sessions.lend(dataset.name) as pouring:
            found = push_passage.prepared(ahead, self._reader, dataset, asked=asked, landing=landing)
            if isinstance(found, Refusal):
                raise Refused(found.reason, where=dataset.name)
            with push_passage.passage((ahead, pouring), self._reader, dataset, found) as opened:
                yield opened

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement, in one snapshot; unqualified names are looked for in the default
        schema."""
        with self._sessions.lend("query") as session, session.reading():
            yield from self._reader.query(session, sql)

    def _partitions(self, dataset: Dataset, count: int) -> Sequence[str]:
        with self._sessions.lend(dataset.name) as session:
            return parts.named_parts(parts.bounds(session, dataset, self._reader.place(dataset)), count)

    # -------------------------------------------------------------------------------------------------------- write

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what stands there already is counted as applied."""
        with self._sessions.lend(dataset.name) as session, session.writing():
            return Writer(session, self._reader).apply_again(dataset, change)

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """`count` keys from the system's own sequence or default; `Refused` where the key has none, or this account may
        not draw."""
        with self._sessions.lend(dataset.name) as session, session.writing():
            return reserve(session, self._reader.place(dataset), dataset, count)

    def create(self, dataset: Dataset) -> None:
        """The table, if it is not there yet; fields that the system draws become identities, or UUIDs by default."""
        place = self._names.table(dataset.name)
        for name in (place.name, *dataset.names):
            if len(name.encode()) > NAME_BYTES_MAX:
                raise Refused(f"a name of PostgreSQL has {NAME_BYTES_MAX} bytes at most: {name}", where=dataset.name)
        tree = with_draws(statements.create(place, dataset, dialect=POSTGRES), dataset)
        with self._sessions.lend(dataset.name) as session, session.writing():
            session.rows(tree)

    def landing(self, dataset: Dataset, fields: Sequence[str]) -> Landing | Refusal:
        """How rows arrive in a table: in the binary form of `COPY`."""
        with self._sessions.lend(dataset.name) as session:
            return push_passage.landing(session, self._reader, dataset, fields)

    @contextmanager
    def transaction(self) -> Iterator[fence.Transaction]:
        """At READ COMMITTED; a transaction that is left idle for twice `timeout_s` is ended by the server."""
        with self._sessions.lend("transaction") as session, session.writing():
            yield fence.Transaction(session, self._reader)

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; waits some seconds for the former holder's transaction, then ends its session."""
        with self._sessions.lend(partition) as session:
            return fence.raise_epoch(session, partition)

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._sessions.lend(ledger.LEDGER.name) as session:
            if not fence.is_there(session, ledger.LEDGER):
                return ()
            return [LedgerEntry(*row) for row in session.rows(ledger.entries(POSTGRES, session.schema), [partition])]

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition."""
        with self._sessions.lend(ledger.LEDGER.name) as session:
            return fence.last_chunk(session, partition)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self._sessions.lend(ledger.LEDGER.name) as session, session.writing():
            if fence.is_there(session, ledger.LEDGER):
                session.rows(ledger.forget(POSTGRES, session.schema), [partition, chunk])

    def now(self) -> dt.datetime:
        """The time by the server's clock."""
        from dovetail.systems.connectors.postgres import doctor

        with self._sessions.lend() as session:
            return dt.datetime.fromtimestamp(doctor.seconds(session), dt.UTC)

    # ------------------------------------------------------------------------------------------------------- changes

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen, with the rights of this account."""
        return self._capture.visibility(datasets)

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Note from now on which rows change, in the way that `capture_by` says."""
        return self._capture.capture(feed, datasets)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        return self._capture.feed(feed)

    def release(self, feed: str) -> None:
        """Drop slot, publication, triggers and queue."""
        self._capture.release(feed)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What has come; where nothing has, it is made sure that nothing committed is on its way."""
        return self._capture.noticed(feed, rows=rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what was noted up to there."""
        self._capture.acknowledge(feed, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait for the server's word."""
        return self._capture.await_changes(feed, timeout_s)

    # -------------------------------------------------------------------------------------------------------- other

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """The statement that is carried out; `dovetail_staged` are the rows on their way, a parameter a column."""
        with self._sessions.lend(dataset.name) as session:
            stored = self._reader.columns(session, dataset)
        place, key = self._reader.place(dataset), dataset.key
        if verb is Verb.CREATE:
            return copying(place, fields)
        others = [name for name in fields if name not in key]
        staged = Staged(place, stored, *(dict.fromkeys(names, _NO_ROWS) for names in (key, others, expected)))
        return POSTGRES.sql(staged.delete() if verb is Verb.DELETE else staged.update())

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What an operator must know about the database."""
        from dovetail.systems.connectors.postgres import doctor

        with self._sessions.lend("doctor") as session, session.trying():
            return list(doctor.examine(session, self._names, datasets))

    def close(self) -> None:
        """Close all connections that are not in use; the next call opens new ones."""
        self._capture.close()
        self._sessions.close()


def _asked(dataset: Dataset, fields: Sequence[str]) -> None:
    """Expect fields that are there, and one at least."""
    if not fields:
        raise Refused("no fields are asked for", where=dataset.name)
    for name in fields:
        known(dataset, name)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise DeclarationError(f"no time zone is named {name!r}", where="timezone", code="DV-315") from None
