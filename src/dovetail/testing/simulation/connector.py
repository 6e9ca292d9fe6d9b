"""A simulated system as one worker's connector: the whole protocol, under the luck of the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from operator import xor
from typing import Protocol

import pyarrow as pa

from dovetail.errors import Fenced, Refused, SchemaDrift, Unreachable
from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import DIGEST, Change, LedgerEntry, Noticed, Receipt, Visibility
from dovetail.model.change import Feed as Standing
from dovetail.systems.protocol import Transaction
from dovetail.testing.simulation.applying import Applying, batch, is_drawn, plain
from dovetail.testing.simulation.database import Database, Feed, Key, Row, Table, Writing


class Luck(Protocol):
    """What may happen around each call of one worker."""

    worker: str

    def meets(self, system: str, verb: str) -> None:
        """Anything may happen before this call: people edit, the connection breaks, the worker dies."""
        ...

    def lag(self, system: str) -> int:
        """How many commits the replica is behind that is read now."""
        ...

    def ending(self, system: str) -> str:
        """How a commit ends: `well`, `unheard` (done, but nobody hears it), `undone` (the connection broke before), or
        `late` (it will be done, or not, after the client has given up)."""
        ...

    def jumble(self, system: str, keys: list[tuple[str, Key]]) -> list[tuple[str, Key]]:
        """What a feed makes of its notes: some twice, some in another order."""
        ...


@dataclass(frozen=True)
class Connector:
    """One worker's way to a simulated system."""

    database: Database
    luck: Luck

    # ------------------------------------------------------------------------------------------------------- reading

    def describe(self) -> Catalog:
        """Its tables."""
        self._meet("describe")
        return self.database.describe()

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row as a replica has it, in one snapshot."""
        self._meet("read")
        lag = min(self.luck.lag(self.database.name), len(self.database.commits))
        yield batch(dataset, fields, self.database.lagging(self._table(dataset).dataset.name, lag))

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, as the primary has them."""
        self._meet("lookup")
        yield batch(dataset, fields, self._looked_up(dataset, keys))

    def _looked_up(self, dataset: Dataset, keys: pa.RecordBatch) -> list[Row]:
        """By any columns; as a collation compares them, which may give more rows than were asked for."""
        table, names = self._table(dataset), dataset.key
        wanted = {table.unique(one, names) for one in plain(keys)}
        rows = self.database.rows[dataset.name].values()
        return [row for row in rows if (unique := table.unique(row, names)) is not None and unique in wanted]

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, as Python orders it."""
        self._meet("read_after")
        place = None if after is None else tuple(plain(after)[0][name] for name in dataset.key)
        rows = sorted(self.database.rows[self._table(dataset).dataset.name].items(), key=lambda item: _rank(item[0]))
        chosen = [row for key, row in rows if place is None or _rank(key) > _rank(place)]
        found = batch(dataset, fields, chosen)
        yield _digested(found, dataset, fields, chosen) if digest else found

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """Always."""
        return bool(fields)

    def digest_total(self, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """Their number, and the exclusive-or of their digests."""
        self._meet("digest")
        sums = [_digest(dataset, row, fields) for row in self.database.rows[dataset.name].values()]
        return len(sums), reduce(xor, sums, 0)

    def digest_rows(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key and the digest of every row."""
        self._meet("digest")
        rows = list(self.database.rows[dataset.name].values())
        yield _digested(batch(dataset, dataset.key, rows), dataset, fields, rows)

    def digest_lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, each with its digest."""
        self._meet("lookup")
        rows = self._looked_up(dataset, keys)
        yield _digested(batch(dataset, fields, rows), dataset, fields, rows)

    # ------------------------------------------------------------------------------------------------------- writing

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """The next numbers; `Refused` where the key is not one that the system draws."""
        self._meet("reserve")
        if not is_drawn(dataset):
            raise Refused(f"keys of {dataset.name} are not drawn by the system", where=dataset.name)
        numbers = [self.database.draw(dataset.name) for _ in range(count)]
        return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64())], [dataset.key[0]])

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change, durable when this returns."""
        self._meet("apply")
        writing = self.database.begin(self.luck.worker)
        try:
            receipt = Applying(self._table(dataset), writing, is_again=True).receipt(change)
        except BaseException:
            self.database.roll_back(writing)
            raise
        ending = self.luck.ending(self.database.name)
        if ending == "undone":
            self.database.roll_back(writing)
        else:
            self.database.commit(writing)
        if ending != "well":
            self._break_off()
        self._meet("applied")
        return receipt

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction; an exception rolls it back."""
        self._meet("begin")
        session = Session(self, self.database.begin(self.luck.worker))
        writing = session.writing
        try:
            yield session
            self._meet("commit")
            session.check()
        except BaseException:
            if not writing.is_over:
                self.database.roll_back(writing)
            raise
        ending = self.luck.ending(self.database.name)
        if ending == "undone":
            self.database.roll_back(writing)
        elif ending == "late":
            writing.is_sent = True
        else:
            self.database.commit(writing)
        if ending != "well":
            self._break_off()
        self._meet("committed")

    def raise_epoch(self, partition: str) -> int:
        """The next epoch; who still writes there is waited for, or ended."""
        self._meet("raise_epoch")
        database = self.database
        for writing in [one for one in database.open if one.partition == partition]:
            if writing.is_sent and self.luck.ending(f"{database.name} late") == "well":
                database.commit(writing)
            else:
                database.roll_back(writing)
        database.epochs[partition] = database.epochs.get(partition, 0) + 1
        return database.epochs[partition]

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        self._meet("ledger")
        entries = [entry for entry in self.database.entries.values() if entry.partition == partition]
        return sorted(entries, key=lambda entry: entry.chunk)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        self._meet("forget")
        for name, number in list(self.database.entries):
            if name == partition and number <= chunk:
                del self.database.entries[name, number]

    # ------------------------------------------------------------------------------------------------------- noticing

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """By triggers."""
        return [Visibility(dataset.name, "triggers") for dataset in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Standing:
        """Make the feed cover exactly these tables."""
        self._meet("capture")
        names = tuple(dataset.name for dataset in datasets)
        standing = self.database.feeds.get(feed)
        if standing is None or standing.lost or standing.datasets != names:
            self.database.feeds[feed] = Feed(names, [] if standing is None else standing.noted)
        return Standing(feed, "triggers", names)

    def feed(self, feed: str) -> Standing | None:
        """How the feed stands."""
        self._meet("feed")
        standing = self.database.feeds.get(feed)
        return None if standing is None else Standing(feed, "triggers", standing.datasets, lost=standing.lost)

    def release(self, feed: str) -> None:
        """Take it away."""
        self.database.feeds.pop(feed, None)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What was noted and not acknowledged."""
        self._meet("noticed")
        standing = self.database.feeds[feed]
        if standing.lost:
            return Noticed({}, dict.fromkeys(standing.datasets, standing.lost), None)
        some = standing.noted[:rows]
        told = self.luck.jumble(self.database.name, [(table, key) for _, table, key in some])
        keys = {}
        for table in dict.fromkeys(table for table, _ in told):
            dataset = self.database.tables[table].dataset
            found = [dict(zip(dataset.key, key, strict=True)) for name, key in told if name == table]
            keys[table] = batch(dataset, dataset.key, found)
        return Noticed(keys, {}, str(some[-1][0]) if some else None, more=len(standing.noted) > rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what was given up to that cursor."""
        self._meet("acknowledge")
        standing = self.database.feeds[feed]
        standing.noted = [one for one in standing.noted if one[0] > int(cursor)]

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Whether anything is noted."""
        return bool(self.database.feeds[feed].noted)

    def close(self) -> None:
        """Nothing to give back."""

    # --------------------------------------------------------------------------------------------------------- within

    def _meet(self, verb: str) -> None:
        self.luck.meets(self.database.name, verb)

    def _break_off(self) -> None:
        self._meet("broken off")
        raise Unreachable("the connection was lost before the answer came", where=self.database.name)

    def _table(self, dataset: Dataset) -> Table:
        if dataset.name not in self.database.tables:
            raise SchemaDrift(f"there is no dataset {dataset.name}", where=dataset.name)
        return self.database.tables[dataset.name]


class Session:
    """A transaction of the engine."""

    def __init__(self, connector: Connector, writing: Writing) -> None:
        self.connector = connector
        self.writing = writing

    def check(self) -> None:
        """Raise where somebody else ended it."""
        if self.writing.is_over:
            raise Unreachable("the server ended the transaction", where=self.connector.database.name)

    def fence(self, partition: str, epoch: int) -> None:
        """Lock the partition; `Fenced` when its epoch is another."""
        self.connector.luck.meets(self.connector.database.name, "fence")
        self.check()
        if self.connector.database.epochs.get(partition) != epoch:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)
        self.writing.partition = partition

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Write rows in this transaction."""
        connector = self.connector
        connector.luck.meets(connector.database.name, "apply")
        self.check()
        return Applying(connector._table(dataset), self.writing, is_again=False).receipt(change)  # noqa: SLF001

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        self.connector.luck.meets(self.connector.database.name, "record")
        self.check()
        for entry in entries:
            self.writing.entries[entry.partition, entry.chunk] = entry


def _rank(key: Key) -> tuple[tuple[bool, str, object], ...]:
    return tuple((part is None, type(part).__name__, part) for part in key)


def _digest(dataset: Dataset, row: Row, fields: Sequence[str]) -> int:
    values = [(name, repr(row[name])) for name in dataset.names if name in {*dataset.key, *fields}]
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), "big", signed=True)


def _digested(found: pa.RecordBatch, dataset: Dataset, fields: Sequence[str], rows: Sequence[Row]) -> pa.RecordBatch:
    return found.append_column(DIGEST, pa.array([_digest(dataset, row, fields) for row in rows], pa.int64()))
