"""A system in memory: the whole protocol over dictionaries, for tests and simulations."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, reduce
from hashlib import blake2b
from operator import xor
from typing import Any

import pyarrow as pa

from dovetail.errors import Fenced, Overdue, Refused, SchemaDrift
from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import DIGEST, Change, Feed, LedgerEntry, Noticed, Receipt, Verb, Visibility
from dovetail.model.type import Kind
from dovetail.systems.connectors.memory.capture import Capture
from dovetail.systems.connectors.memory.write import Key, Row, Write, field_of, key_of, rows_of
from dovetail.systems.protocol import Transaction


@dataclass(slots=True)
class _Contents:
    """Rows by key for each dataset, and what else must survive a transaction or vanish with it."""

    datasets: dict[str, Dataset]
    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, int], LedgerEntry] = field(default_factory=dict)
    versions: dict[str, dict[Key, str]] = field(default_factory=dict)
    transactions: int = 0
    before: dict[str, dict[Key, Row]] | None = None
    """While a transaction is open, what others see."""
    holder: int = 0
    """The thread that holds it."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Holds the rows of its datasets for as long as it lives; keys, unique constraints and nulls are checked."""

    datasets: tuple[Dataset, ...] = ()
    """What it can hold."""
    batch_rows: int = 10_000
    """Rows in one batch at most."""
    timeout_s: float = 10.0
    """Seconds to wait at most for another thread's transaction."""

    @cached_property
    def _contents(self) -> _Contents:
        return _Contents({dataset.name: dataset for dataset in self.datasets})

    @cached_property
    def _capture(self) -> Capture:
        return Capture()

    @cached_property
    def _lock(self) -> threading.RLock:
        return threading.RLock()

    def describe(self) -> Catalog:
        """The datasets, with their rows counted."""
        contents = self._contents
        counted = (replace(one, rows=len(contents.rows.get(one.name, ()))) for one in contents.datasets.values())
        return Catalog(tuple(counted))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, as they were when the first batch was asked for."""
        return self._batches(dataset, fields, list(self._snapshot(dataset).values()))

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, as Python orders its parts."""
        if not dataset.key:
            raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
        place = None if after is None else key_of(rows_of(dataset, after)[0], dataset.key)
        if place is not None and None in place:
            raise Refused("a key with an empty part marks no place", where=dataset.name)
        rows = sorted(self._snapshot(dataset).items(), key=lambda item: _rank(item[0]))
        chosen = [row for key, row in rows if place is None or _rank(key) > _rank(place)]
        return self._digested(dataset, fields, chosen) if digest else self._batches(dataset, fields, chosen)

    def _digested(self, dataset: Dataset, fields: Sequence[str], rows: list[Row]) -> Iterator[pa.RecordBatch]:
        for batch in self._batches(dataset, fields, rows):
            part, rows = rows[: batch.num_rows], rows[batch.num_rows :]
            yield batch.append_column(DIGEST, pa.array([_digest(dataset, row, fields) for row in part], pa.int64()))

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """Always."""
        return all(field_of(dataset, name) for name in fields)

    def digest_total(self, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of the digests of their keys and these fields."""
        sums = [_digest(dataset, row, fields) for row in self._snapshot(dataset).values()]
        return len(sums), reduce(xor, sums, 0)

    def digest_rows(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key of every row, and the digest of its key and these fields."""
        rows = list(self._snapshot(dataset).values())
        for batch in self._batches(dataset, dataset.key, rows):
            part, rows = rows[: batch.num_rows], rows[batch.num_rows :]
            yield batch.append_column(DIGEST, pa.array([_digest(dataset, row, fields) for row in part], pa.int64()))

    def besides(self, dataset: Dataset, versions: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The keys of the rows that other transactions wrote."""
        written, known = self._contents.versions.get(dataset.name, {}), set(versions)
        rows = [row for key, row in self._rows(dataset).items() if written.get(key) not in known]
        return self._batches(dataset, dataset.key, rows)

    def digest_lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, each with its digest."""
        rows, wanted = self._rows(dataset), dict.fromkeys(key_of(row, dataset.key) for row in rows_of(dataset, keys))
        return self._digested(dataset, fields, [rows[key] for key in wanted if key in rows])

    def versions(self, dataset: Dataset) -> Mapping[str, int]:
        """By the number of the transaction that wrote a row."""
        return Counter(self._contents.versions.get(dataset.name, {}).values())

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys."""
        rows, wanted = self._rows(dataset), dict.fromkeys(key_of(row, dataset.key) for row in rows_of(dataset, keys))
        return self._batches(dataset, fields, [rows[key] for key in wanted if key in rows])

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """Every n-th row."""
        return [f"{part}/{max(parts, 1)}" for part in range(max(parts, 1))]

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """Every n-th row, from the part's own place on."""
        part, parts = map(int, partition.split("/"))
        return self._batches(dataset, fields, list(self._snapshot(dataset).values())[part::parts])

    def reserve(self, dataset: Dataset, count: int) -> pa.RecordBatch:
        """The next whole numbers; `Refused` where the key is not one that the system draws."""
        if [one.name for one in dataset.fields if one.drawn and one.type.kind is Kind.INTEGER] != list(dataset.key):
            raise Refused(f"keys of {dataset.name} are not drawn by the system", where=dataset.name)
        with self._locked():
            last = self._contents.drawn.get(dataset.name, 0)
            numbers = list(range(last + 1, last + count + 1))
            self._contents.drawn[dataset.name] = last + count
        return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64())], [dataset.key[0]])

    def create(self, dataset: Dataset) -> None:
        """The dataset, if it is not there yet."""
        self._contents.datasets.setdefault(dataset.name, dataset)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """The change; a row that stands already as asked is counted as applied."""
        with self._transaction():
            return self._write(dataset, change, is_again=True)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One at a time; an exception puts everything back."""
        with self._transaction():
            yield _Transaction(self._contents, partial(self._write, is_again=False))

    def raise_epoch(self, partition: str) -> int:
        """The next epoch, once no transaction is open."""
        with self._locked():
            epochs = self._contents.epochs
            epochs[partition] = epochs.get(partition, 0) + 1
            return epochs[partition]

    def ledger(self, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        with self._locked():
            entries = [entry for entry in self._contents.entries.values() if entry.partition == partition]
        return sorted(entries, key=lambda entry: entry.chunk)

    def forget(self, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        for entry in self.ledger(partition):
            if entry.chunk <= chunk:
                del self._contents.entries[partition, entry.chunk]

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """Every dataset with a key: each transaction says what it changed."""
        return [self._capture.visible(one) for one in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Note the keys of all transactions from now on."""
        with self._locked():
            return self._capture.capture(feed, datasets)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        with self._locked():
            return self._capture.feed(feed)

    def release(self, feed: str) -> None:
        """Note no more."""
        with self._locked():
            self._capture.feeds.pop(feed, None)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """Whole transactions, in the order in which they were committed."""
        with self._locked():
            return self._capture.noticed(feed, rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget the transactions up to there."""
        with self._locked():
            self._capture.acknowledge(feed, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait for a commit."""
        return self._capture.await_changes(feed, timeout_s)

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """That nothing is durable."""
        return [("durability", "warn", "everything is in memory, and gone when the process ends")]

    def close(self) -> None:
        """Nothing to give back; the rows stay."""

    def beside(self, **settings: Any) -> Connector:
        """Another connector to the same rows, with those settings changed."""
        other = replace(self, **settings)
        for shared in ("_contents", "_capture", "_lock"):
            other.__dict__[shared] = getattr(self, shared)
        return other

    # ----------------------------------------------------------------------------------------------------- within

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self.timeout_s):
            raise Overdue(f"another transaction stayed open for {self.timeout_s:g} s", where="memory")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._locked():
            contents = self._contents
            rows, entries = {name: dict(held) for name, held in contents.rows.items()}, dict(contents.entries)
            versions = {name: dict(held) for name, held in contents.versions.items()}
            is_outermost = contents.before is None
            if is_outermost:
                contents.holder, contents.before = threading.get_ident(), rows
            contents.transactions += 1
            try:
                yield
            except BaseException:
                contents.rows, contents.entries, contents.versions = rows, entries, versions
                self._capture.undo()
                raise
            finally:
                contents.before = None if is_outermost else contents.before
            self._capture.commit(str(contents.transactions))

    def _rows(self, dataset: Dataset) -> dict[Key, Row]:
        """The rows as this thread sees them: what others write is seen at their transaction's end."""
        contents = self._contents
        if dataset.name not in contents.datasets:
            raise SchemaDrift(f"there is no dataset {dataset.name}", where=dataset.name)
        before = contents.before
        if before is not None and contents.holder != threading.get_ident():
            return before.get(dataset.name, {})
        return contents.rows.setdefault(dataset.name, {})

    def _snapshot(self, dataset: Dataset) -> dict[Key, Row]:
        """A copy of the rows, none of them from a transaction that began meanwhile."""
        while True:
            begun = self._contents.transactions
            rows = dict(self._rows(dataset))
            if self._contents.transactions == begun:
                return rows

    def _batches(self, dataset: Dataset, fields: Sequence[str], rows: Sequence[Row]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([(name, field_of(dataset, name).type.arrow()) for name in fields])
        for at in range(0, max(len(rows), 1), self.batch_rows):
            part = rows[at : at + self.batch_rows]
            arrays = [pa.array([row[name] for row in part], schema.field(name).type) for name in fields]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _write(self, dataset: Dataset, change: Change, *, is_again: bool) -> Receipt:
        contents, held = self._contents, self._rows(dataset)
        for name in change.rows.schema.names:
            field_of(contents.datasets[dataset.name], name)
        write = Write(dataset, held, drawn=contents.drawn, is_again=is_again)
        version = str(contents.transactions)
        receipt = replace(write.apply(change), transaction=version)
        versions = contents.versions.setdefault(dataset.name, {})
        versions.update(dict.fromkeys(write.touched, version))
        for key in write.gone:
            versions.pop(key, None)
        self._capture.change(dataset, [*write.touched, *write.gone])
        is_one = len(write.touched) == receipt.applied > 0 and change.verb is not Verb.DELETE
        return replace(receipt, version=version) if is_one else receipt


@dataclass(frozen=True, slots=True)
class _Transaction:
    contents: _Contents
    write: Callable[[Dataset, Change], Receipt]

    def fence(self, partition: str, epoch: int) -> None:
        if self.contents.epochs.get(partition) != epoch:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        return self.write(dataset, change)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            self.contents.entries[entry.partition, entry.chunk] = entry


def _rank(key: Key) -> tuple[tuple[bool, bool, Any], ...]:
    """Something that sorts as the key does; NaN comes after all numbers, and what is empty last."""
    return tuple((part is None, part != part, part) for part in key)  # noqa: PLR0124 - only NaN differs from itself


def _digest(dataset: Dataset, row: Row, fields: Sequence[str]) -> int:
    """64 bits of a hash over the key and those fields, in the order of the dataset."""
    values = [(name, repr(row[name])) for name in dataset.names if name in {*dataset.key, *fields}]
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), "big", signed=True)
