"""Where a connector is tried: makes datasets, writes and looks, by the capabilities that the connector has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.systems.protocol import SupportsCreate, SupportsLookup, SupportsTransaction, Target
from dovetail.testing.conformance.attempt import attempted
from dovetail.testing.conformance.faults import Faults
from dovetail.testing.conformance.hidden import hide
from dovetail.testing.proxy import Proxy

Row = tuple[object, ...]
"""The values of one row, comparable: NaN equals NaN, and -0.0 is not 0.0."""


@dataclass(slots=True)
class Bench:
    """A writable, empty system, and what is known of how it can be troubled. `tally` counts what became of hostile
    values: exact, rejected, unreadable, rewritten. What is `opened` is closed with the trial, and lacks what is
    `hidden`."""

    system: Target
    tally: Counter[str] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)
    hidden: tuple[type, ...] = ()
    closing: ExitStack = field(default_factory=ExitStack)

    def opened(self, **settings: object) -> Target:
        """Another connector to the same system, those settings changed as far as it has them."""
        assert self.faults.open is not None
        asked = {name: value for name, value in settings.items() if name in self.faults.settings}
        other = self.faults.open(**asked)
        self.closing.callback(other.close)
        return hide(other, *self.hidden) if self.hidden else other

    @contextmanager
    def far(self, **settings: object) -> Iterator[tuple[Target, Proxy]]:
        """Another connector, and the network between it and the system."""
        assert self.faults.server is not None
        assert self.faults.through is not None
        host, port = self.faults.server
        with Proxy(port, host) as between:
            other = self.opened(**settings, **self.faults.through(between.port))
            yield other, between
            other.close()

    def attempt(self, call: Callable[[], object], *, within_s: float = 60.0) -> object:
        """What the call gives, or the error of ours that it ends with; no other, in time, without the password."""
        return attempted(call, within_s=within_s, secret=self.faults.secret)

    def make(self, dataset: Dataset) -> Dataset:
        """The dataset, made and then as the system describes it."""
        assert isinstance(self.system, SupportsCreate)
        self.system.create(dataset)
        found = self.system.describe().dataset(dataset.name)
        if found is None:
            raise AssertionError(f"{dataset.name} was made and is not described")
        return found

    def filled(self, dataset: Dataset, rows: Sequence[dict[str, object]]) -> Dataset:
        """The dataset, made, with those rows in it."""
        found = self.make(dataset)
        receipt = self.change(found, Verb.CREATE, rows)
        if receipt.applied != len(rows):
            raise AssertionError(f"of {len(rows)} ordinary rows {receipt.applied} were applied: {receipt.rejects[:3]}")
        return found

    def change(
        self,
        dataset: Dataset,
        verb: Verb,
        rows: Sequence[dict[str, object]],
        expected: Sequence[dict[str, object]] | None = None,
    ) -> Receipt:
        """Carry a change out: in a transaction where the system has them, else by itself."""
        awaited = None if expected is None else batch(dataset, expected)
        return self.write(dataset, Change(verb, batch(dataset, rows), awaited))

    def write(self, dataset: Dataset, change: Change) -> Receipt:
        """As `change`, for rows that are a batch already."""
        if isinstance(self.system, SupportsTransaction):
            with self.system.transaction() as transaction:
                return transaction.apply(dataset, change)
        return self.system.apply(dataset, change)

    def rows(self, dataset: Dataset, names: Sequence[str] | None = None) -> list[Row]:
        """All rows, sorted by their texts."""
        asked = list(dataset.names if names is None else names)
        return sorted(plain(self.system.read(dataset, asked), asked), key=repr)

    def find(self, dataset: Dataset, names: Sequence[str], keys: Sequence[dict[str, object]]) -> list[Row]:
        """The rows of those keys, sorted by their texts: looked up, or read and filtered."""
        asked = list(names)
        if isinstance(self.system, SupportsLookup):
            return sorted(plain(self.system.lookup(dataset, asked, batch(dataset, keys)), asked), key=repr)
        wanted = {tuple(comparable(key[part]) for part in dataset.key) for key in keys}
        names = list(dict.fromkeys([*dataset.key, *asked]))
        rows = [dict(zip(names, row, strict=True)) for row in plain(self.system.read(dataset, names), names)]
        found = [row for row in rows if tuple(row[part] for part in dataset.key) in wanted]
        return sorted((tuple(row[name] for name in asked) for row in found), key=repr)

    def by_key(self, dataset: Dataset, name: str) -> dict[object, object]:
        """One field of all rows by the first part of their key; a value that could not be read is the reason,
        marked."""
        found: dict[object, object] = {}
        for one in self.system.read(dataset, [dataset.key[0], name]):
            keys, values = listed(one.column(0)), listed(one.column(1))
            marks = one.column(UNREADABLE).to_pylist() if UNREADABLE in one.schema.names else [None] * len(keys)
            for key, value, mark in zip(keys, values, marks, strict=True):
                is_marked = mark is not None and value is None
                found[key] = Unreadable(mark) if is_marked else value
        return found


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that the connector says it cannot carry, and why."""

    words: str


def batch(dataset: Dataset, rows: Sequence[dict[str, object]]) -> pa.RecordBatch:
    """Rows as one batch in the carriers of the dataset's fields; without rows, its keys."""
    names = list(rows[0]) if rows else list(dataset.key)
    arrays = []
    for name in names:
        described = dataset.field(name)
        if described is None:
            raise AssertionError(f"{dataset.name} is described without its field {name!r}")
        arrays.append(column([row[name] for row in rows], described.type.arrow()))
    return pa.RecordBatch.from_arrays(arrays, names)


def column(values: Sequence[object], carrier: pa.DataType) -> pa.Array:
    """An array; whole numbers stand for the days and microseconds of dates and times, which Python's own cannot all
    hold."""
    if pa.types.is_date32(carrier):
        return pa.array(values, pa.int32()).cast(carrier)
    return pa.array(values, pa.int64()).cast(carrier) if pa.types.is_temporal(carrier) else pa.array(values, carrier)


def plain(batches: Iterable[pa.RecordBatch], names: Sequence[str]) -> list[Row]:
    """The rows of batches whose columns must stand in that order."""
    rows: list[Row] = []
    for one in batches:
        given = [name for name in one.schema.names if name != UNREADABLE]
        if given != list(names):
            raise AssertionError(f"asked for the fields {list(names)}, a batch has {given}")
        columns = [listed(one.column(at)) for at in range(len(names))]
        rows += zip(*columns, strict=True)
    return rows


def listed(array: pa.Array) -> list[object]:
    """The values of a column, comparable; dates and times as whole numbers of days and microseconds."""
    if pa.types.is_temporal(array.type):
        array = array.cast(pa.int32() if pa.types.is_date32(array.type) else pa.int64())
    return [comparable(value) for value in array.to_pylist()]


def comparable(value: object) -> object:
    """The value, or for a float something that is equal exactly where the bits are; all NaN count as one."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value.hex()
    return value
