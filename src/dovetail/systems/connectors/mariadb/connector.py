"""The MariaDB and MySQL connector: its settings are its fields, its verbs the protocol's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.change import Change, Feed, LedgerEntry, Noticed, Receipt, Verb, Visibility
from dovetail.systems.connectors.mariadb import fence, parts
from dovetail.systems.connectors.mariadb.address import Address, parse
from dovetail.systems.connectors.mariadb.capture import Capture
from dovetail.systems.connectors.mariadb.describe import describe
from dovetail.systems.connectors.mariadb.draw import create, reserve
from dovetail.systems.connectors.mariadb.guarded import shown
from dovetail.systems.connectors.mariadb.pool import Sessions
from dovetail.systems.connectors.mariadb.read import Reader, portions
from dovetail.systems.connectors.mariadb.write import Writer
from dovetail.systems.sql import ledger

WAYS = ("auto", "triggers", "binlog", "none")
"""How changes may be noted."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Connector:
    """Reads and writes the tables of one MariaDB (10.6 or later) or MySQL (8.0 or later) database.

    Reading happens in one snapshot, writing in transactions at the level READ COMMITTED and in strict mode. May be used
    from several threads.
    """

    url: str
    """Where the database is: `mariadb://user:password@host:3306/database`, or with `mysql://`."""
    timeout_s: float = 60.0
    """Seconds that one call may take at most, waiting for locks included; while rows are read, until the next batch."""
    batch_rows: int = 64_000
    """Rows in one batch at most."""
    timezone: str | None = None
    """The zone of stamps that are stored without one (DATETIME), such as `Europe/Berlin`; they are carried as they
    stand."""
    tinyint_1: str = "boolean"
    """What a column declared TINYINT(1) holds: `boolean` (then other numbers than 0 and 1 cannot be read), or
    `integer`."""
    capture_by: str = "auto"
    """How changes are noted: by `triggers`, from the `binlog`, by `none` of them, or as it can be done best
    (`auto`)."""
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Named queries: for each name its SQL and the fields of its key."""

    def __post_init__(self) -> None:
        parse(self.url)
        if self.timeout_s <= 0 or self.batch_rows < 1:
            raise DeclarationError("timeout_s and batch_rows must be above zero", where="mariadb", code="DV-315")
        for name, allowed in (("capture_by", WAYS), ("tinyint_1", ("boolean", "integer"))):
            if getattr(self, name) not in allowed:
                raise DeclarationError(f"{name} is one of: {', '.join(allowed)}", where=name, code="DV-315")
        try:
            ZoneInfo(self.timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            hint = "write it as in the IANA list, such as Europe/Berlin"
            raise DeclarationError("no such timezone", where="timezone", hint=hint, code="DV-315") from error

    def __repr__(self) -> str:
        return f"Connector(url='{self._address}', timeout_s={self.timeout_s:g})"

    @cached_property
    def _address(self) -> Address:
        return parse(self.url)

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self._address, timeout_s=self.timeout_s)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._address.database, self.batch_rows, self.queries, self._truth)

    @cached_property
    def _capture(self) -> Capture:
        return Capture(self._sessions, self.capture_by, truth=self._truth)

    @property
    def _truth(self) -> bool:
        return self.tinyint_1 == "boolean"

    # --------------------------------------------------------------------------------------------------------- read

    def describe(self) -> Catalog:
        """Tables, views, then declared queries; sequences and Dovetail's own tables are left out."""
        with self._sessions.lend() as session:
            return describe(session, self.queries, truth=self._truth)

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, in one snapshot; at least one batch, which may be empty."""
        return self.read_partition(dataset, fields, parts.ALL)

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, in one snapshot; keys are compared byte by byte, whatever their collation."""
        is_one = dataset.kind is DatasetKind.TABLE and len(portions(keys)) == 1  # one statement sees one snapshot
        with self._sessions.lend(dataset.name) as session, nullcontext() if is_one else session.reading():
            yield from self._reader.lookup(session, dataset, fields, keys)

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """Ranges of whole-number keys; one part where the key begins with anything else."""
        return self._partitions(dataset, parts)

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """The rows of one part, in a snapshot of its own."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            where = parts.belongs(dataset, self._reader.place(dataset), partition)
            yield from self._reader.read(session, dataset, fields, where)

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, in the order of the server's own index: texts by the column's collation, and by their
        bytes where that calls different keys equal."""
        with self._sessions.lend(dataset.name) as session, session.reading():
            yield from self._reader.read_after(session, dataset, fields, after=after, digest=digest)

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """Always: digests are made of the bytes of all values."""
        return all(dataset.field(name) is not None for name in fields)

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

    def query(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement, in one snapshot."""
        with self._sessions.lend("query") as session, session.reading():
            yield from self._reader.query(session, sql)

    def now(self) -> dt.datetime:
        """The time by the server's clock."""
        with self._sessions.lend("clock") as session:
            return session.now()

    def _partitions(self, dataset: Dataset, count: int) -> Sequence[str]:
        with self._sessions.lend(dataset.name) as session:
            return parts.named_parts(parts.bounds(session, dataset, self._reader.place(dataset)), count)

    # -------------------------------------------------------------------------------------------------------- write

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change in a transaction of its own; what stands there already is counted as applied."""
        with self._sessions.lend(dataset.name) as session, session.writing():
            self._capture.unnamed(session)
            return Writer(session, self._reader).apply_again(dataset, change)

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """`count` keys from sequences or UUIDs; `Refused` for AUTO_INCREMENT, whose next numbers the server would give
        to the application. Create the rows without keys instead; they stand in the receipt."""
        with self._sessions.lend(dataset.name) as session:
            return reserve(session, dataset, count)

    def create(self, dataset: Dataset) -> None:
        """The table, if it is not there yet: of InnoDB, its texts compared byte by byte; integers that the system draws
        become AUTO_INCREMENT, UUIDs a default."""
        with self._sessions.lend(dataset.name) as session:
            create(session, dataset)

    @contextmanager
    def transaction(self) -> Iterator[fence.Transaction]:
        """At READ COMMITTED."""
        with self._sessions.lend("transaction") as session, fence.transaction(session, self._reader) as opened:
            yield replace(opened, name=self._capture.named(session))

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; waits some seconds for the former holder's transaction, then ends its connection."""
        with self._sessions.lend(partition) as session:
            return fence.raise_epoch(session, partition)

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._sessions.lend(ledger.LEDGER.name) as session:
            return fence.entries(session, partition)

    def last_chunk(self, partition: str) -> int:
        """The number of the last entry of a partition."""
        with self._sessions.lend(ledger.LEDGER.name) as session:
            return fence.last_chunk(session, partition)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        with self._sessions.lend(ledger.LEDGER.name) as session:
            fence.forget(session, partition, chunk)

    def statement(self, dataset: Dataset, verb: Verb, fields: Sequence[str], expected: Sequence[str]) -> str:
        """What is carried out for one row, with numbered parameters in place of values."""
        return shown(dataset, verb, fields, expected)

    # ------------------------------------------------------------------------------------------------------- changes

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """From the binary log where this account may read it (MariaDB alone), else by triggers; views and queries by
        reading them."""
        return self._capture.visibility(datasets)

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Note from now on which rows change, whoever changes them."""
        return self._capture.capture(feed, datasets)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        return self._capture.feed(feed)

    def release(self, feed: str) -> None:
        """Drop what was made for the feed."""
        self._capture.release(feed)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """The oldest changes that everybody sees."""
        return self._capture.noticed(feed, rows=rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget exactly what was given with this cursor."""
        self._capture.acknowledge(feed, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait for the log's word, or look into the queue, the more rarely the longer nothing has come."""
        return self._capture.await_changes(feed, timeout_s)

    # -------------------------------------------------------------------------------------------------------- other

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """What an operator must know about the database; nothing of what is tried remains."""
        from dovetail.systems.connectors.mariadb import doctor

        with self._sessions.lend("doctor") as session:
            return list(doctor.examine(session, datasets))

    def close(self) -> None:
        """Close all connections that are not in use; the next call opens new ones."""
        self._capture.close()
        self._sessions.close()
