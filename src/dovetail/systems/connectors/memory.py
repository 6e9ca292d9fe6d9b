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
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.model.change import DIGEST, Change, LedgerEntry, Receipt, Reject, Verb
from dovetail.model.type import Kind
from dovetail.systems.protocol import Transaction
from dovetail.systems.sql import refusal

_Key = tuple[object, ...]
_Row = dict[str, object]


@dataclass(slots=True)
class _Contents:
    """Rows by key for each dataset, and what else must survive a transaction or vanish with it."""

    datasets: dict[str, Dataset]
    rows: dict[str, dict[_Key, _Row]] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, int], LedgerEntry] = field(default_factory=dict)
    versions: dict[str, dict[_Key, str]] = field(default_factory=dict)
    transactions: int = 0


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
    def _lock(self) -> threading.RLock:
        return threading.RLock()

    def describe(self) -> Catalog:
        """The datasets, with their rows counted."""
        contents = self._contents
        counted = (replace(one, rows=len(contents.rows.get(one.name, ()))) for one in contents.datasets.values())
        return Catalog(tuple(counted))

    def read(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Every row once, as they were when the first batch was asked for."""
        return self._batches(dataset, fields, list(self._rows(dataset).values()))

    def read_after(
        self, dataset: Dataset, fields: Sequence[str], *, after: pa.RecordBatch | None = None, digest: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The rows after a key, as Python orders its parts."""
        if not dataset.key:
            raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
        place = None if after is None else _part(_plain(dataset, after)[0], dataset.key)
        if place is not None and None in place:
            raise Refused("a key with an empty part marks no place", where=dataset.name)
        rows = sorted(self._rows(dataset).items(), key=lambda item: _rank(item[0]))
        chosen = [row for key, row in rows if place is None or _rank(key) > _rank(place)]
        return self._digested(dataset, fields, chosen) if digest else self._batches(dataset, fields, chosen)

    def _digested(self, dataset: Dataset, fields: Sequence[str], rows: list[_Row]) -> Iterator[pa.RecordBatch]:
        for batch in self._batches(dataset, fields, rows):
            part, rows = rows[: batch.num_rows], rows[batch.num_rows :]
            yield batch.append_column(DIGEST, pa.array([_digest(dataset, row, fields) for row in part], pa.int64()))

    def digestible(self, dataset: Dataset, fields: Sequence[str]) -> bool:
        """Always."""
        return all(_field(dataset, name) for name in fields)

    def digest_total(self, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of the digests of their keys and these fields."""
        sums = [_digest(dataset, row, fields) for row in self._rows(dataset).values()]
        return len(sums), reduce(xor, sums, 0)

    def digest_rows(self, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key of every row, and the digest of its key and these fields."""
        rows = list(self._rows(dataset).values())
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
        rows, wanted = self._rows(dataset), dict.fromkeys(_part(row, dataset.key) for row in _plain(dataset, keys))
        return self._digested(dataset, fields, [rows[key] for key in wanted if key in rows])

    def versions(self, dataset: Dataset) -> Mapping[str, int]:
        """By the number of the transaction that wrote a row."""
        return Counter(self._contents.versions.get(dataset.name, {}).values())

    def lookup(self, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of those keys."""
        rows, wanted = self._rows(dataset), dict.fromkeys(_part(row, dataset.key) for row in _plain(dataset, keys))
        return self._batches(dataset, fields, [rows[key] for key in wanted if key in rows])

    def partitions(self, dataset: Dataset, parts: int) -> Sequence[str]:
        """Every n-th row."""
        return [f"{part}/{max(parts, 1)}" for part in range(max(parts, 1))]

    def read_partition(self, dataset: Dataset, fields: Sequence[str], partition: str) -> Iterator[pa.RecordBatch]:
        """Every n-th row, from the part's own place on."""
        part, parts = map(int, partition.split("/"))
        return self._batches(dataset, fields, list(self._rows(dataset).values())[part::parts])

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

    def examine(self, datasets: Sequence[Dataset]) -> Sequence[tuple[str, str, str]]:
        """That nothing is durable."""
        return [("durability", "warn", "everything is in memory, and gone when the process ends")]

    def close(self) -> None:
        """Nothing to give back; the rows stay."""

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
            contents.transactions += 1
            try:
                yield
            except BaseException:
                contents.rows, contents.entries, contents.versions = rows, entries, versions
                raise

    def _rows(self, dataset: Dataset) -> dict[_Key, _Row]:
        if dataset.name not in self._contents.datasets:
            raise SchemaDrift(f"there is no dataset {dataset.name}", where=dataset.name)
        return self._contents.rows.setdefault(dataset.name, {})

    def _batches(self, dataset: Dataset, fields: Sequence[str], rows: Sequence[_Row]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([(name, _field(dataset, name).type.arrow()) for name in fields])
        for at in range(0, max(len(rows), 1), self.batch_rows):
            part = rows[at : at + self.batch_rows]
            arrays = [pa.array([row[name] for row in part], schema.field(name).type) for name in fields]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _write(self, dataset: Dataset, change: Change, *, is_again: bool) -> Receipt:
        contents = self._contents
        write = _Write(dataset, self._rows(dataset), drawn=contents.drawn, is_again=is_again)
        receipt, version = write.apply(change), str(contents.transactions)
        versions = contents.versions.setdefault(dataset.name, {})
        versions.update(dict.fromkeys(write.touched, version))
        for key in write.gone:
            versions.pop(key, None)
        is_one = len(write.touched) == receipt.applied > 0 and change.verb is not Verb.DELETE
        return replace(receipt, version=version) if is_one else receipt


class _Write:
    """One change, row by row. `is_again` counts what stands there already as applied."""

    def __init__(self, dataset: Dataset, rows: dict[_Key, _Row], *, drawn: dict[str, int], is_again: bool) -> None:
        self.dataset = dataset
        self.rows = rows
        self.drawn = drawn
        self.is_again = is_again
        self.touched: set[_Key] = set()
        self.gone: set[_Key] = set()
        self.holders = {unique: {_part(row, unique): key for key, row in rows.items()} for unique in dataset.uniques}

    def apply(self, change: Change) -> Receipt:
        """The answer; rows are refused and missed one by one."""
        dataset = self.dataset
        if dataset.kind is not DatasetKind.TABLE:
            raise Refused(f"{dataset.name} is a {dataset.kind}; only tables can be written", where=dataset.name)
        for name in change.rows.schema.names:
            if _field(dataset, name).computed:
                raise Refused(f"the system computes {name} itself", where=f"{dataset.name}.{name}")
        sent = _plain(dataset, change.rows)
        expected = _plain(dataset, change.expected) if change.expected is not None else [{}] * len(sent)
        outcomes: list[_Key | Reject | None] = []
        for at, (row, awaited) in enumerate(zip(sent, expected, strict=True)):
            if change.verb is Verb.CREATE:
                outcomes.append(self._create(at, row))
            elif change.verb is Verb.UPDATE:
                outcomes.append(self._update(at, row, awaited))
            else:
                outcomes.append(self._delete(row, awaited))
        missed = tuple(at for at, outcome in enumerate(outcomes) if outcome is None)
        rejects = tuple(outcome for outcome in outcomes if isinstance(outcome, Reject))
        receipt = Receipt(len(sent) - len(missed) - len(rejects), missed, rejects)
        if change.verb is not Verb.CREATE or not dataset.key:
            return receipt
        keys = [outcome if isinstance(outcome, tuple) else (None,) * len(dataset.key) for outcome in outcomes]
        parts = [
            pa.array([key[place] for key in keys], _field(dataset, part).type.arrow())
            for place, part in enumerate(dataset.key)
        ]
        return replace(receipt, keys=pa.RecordBatch.from_arrays(parts, list(dataset.key)))

    def _create(self, at: int, row: _Row) -> _Key | Reject:
        whole = {one.name: row.get(one.name) for one in self.dataset.fields}
        for one in self.dataset.fields:
            if one.drawn and whole[one.name] is None:
                self.drawn[self.dataset.name] = self.drawn.get(self.dataset.name, 0) + 1
                whole[one.name] = self.drawn[self.dataset.name]
        key = _part(whole, self.dataset.key) if self.dataset.key else (object(),)
        if key in self.rows and self.is_again and _agree(self.rows[key], row):
            return key
        missing = self._missing(at, whole)
        if missing is None and key in self.rows:
            return refusal.reject(at, refusal.TAKEN, field=self.dataset.key[0])
        return missing or self._put(at, key, whole)

    def _update(self, at: int, row: _Row, awaited: _Row) -> _Key | Reject | None:
        key = _part(row, self.dataset.key)
        stands = self.rows.get(key)
        if stands is None:
            return None
        if self.is_again and _agree(stands, row):
            return key
        if not _agree(stands, awaited):
            return None
        whole = {**stands, **row}
        return self._missing(at, whole) or self._put(at, key, whole)

    def _delete(self, row: _Row, awaited: _Row) -> _Key | None:
        key = _part(row, self.dataset.key)
        stands = self.rows.get(key)
        if stands is None:
            return key if self.is_again else None
        if not _agree(stands, awaited):
            return None
        self._release(key)
        del self.rows[key]
        self.gone.add(key)
        return key

    def _missing(self, at: int, whole: _Row) -> Reject | None:
        for one in self.dataset.fields:
            is_needed = not one.nullable or one.name in self.dataset.key
            if whole[one.name] is None and is_needed and not one.computed:
                return refusal.reject(at, refusal.MISSING, field=one.name)
        return None

    def _put(self, at: int, key: _Key, whole: _Row) -> _Key | Reject:
        """Take the row in, if no unique constraint is against it."""
        for unique, holders in self.holders.items():
            wanted = _part(whole, unique)
            if None not in wanted and holders.get(wanted, key) != key:
                return refusal.reject(at, refusal.DOUBLE, field=unique[0])
        self._release(key)
        self.rows[key] = whole
        self.touched.add(key)
        for unique, holders in self.holders.items():
            holders[_part(whole, unique)] = key
        if self.dataset.key and isinstance(key[0], int):
            self.drawn[self.dataset.name] = max(self.drawn.get(self.dataset.name, 0), key[0])
        return key

    def _release(self, key: _Key) -> None:
        """Give back the unique values of the row that stands there."""
        if key in self.rows:
            for unique, holders in self.holders.items():
                holders.pop(_part(self.rows[key], unique), None)


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


def _field(dataset: Dataset, name: str) -> Field:
    found = dataset.field(name)
    if found is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return found


def _plain(dataset: Dataset, rows: pa.RecordBatch) -> list[_Row]:
    """The rows as dictionaries, each value as its field's type carries it."""
    names = rows.schema.names
    types = [pa.field(name, _field(dataset, name).type.arrow()) for name in names]
    cast = rows.cast(pa.schema(types))
    columns = [_values(column) for column in cast.columns]
    return [dict(zip(cast.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.Array) -> list[object]:
    """The values of a column; times that Python cannot hold stay as Arrow has them."""
    try:
        values: list[object] = column.to_pylist()
    except (OverflowError, ValueError):
        return [value if value.is_valid else None for value in column]
    return values


def _part(row: _Row, names: Sequence[str]) -> _Key:
    return tuple(row[name] for name in names)


def _rank(key: _Key) -> tuple[tuple[bool, Any], ...]:
    """Something that sorts as the key does; what is empty comes last."""
    return tuple((part is None, part) for part in key)


def _digest(dataset: Dataset, row: _Row, fields: Sequence[str]) -> int:
    """64 bits of a hash over the key and those fields, in the order of the dataset."""
    values = [(name, repr(row[name])) for name in dataset.names if name in {*dataset.key, *fields}]
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), "big", signed=True)


def _agree(stands: _Row, wanted: _Row) -> bool:
    """Whether the row holds these values; NaN equals NaN."""
    return all(stands[name] == value or str(stands[name]) == str(value) == "nan" for name, value in wanted.items())
