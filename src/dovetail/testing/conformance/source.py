"""The promises of a connector that only reads, tried on whatever datasets it has; nothing is made or written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind, Type
from dovetail.systems.protocol import Source, SupportsLookup, SupportsOrder
from dovetail.testing.conformance.bench import Row, batch, plain
from dovetail.testing.conformance.verdict import expect

_GONE = "dovetail_not_there"


class SourceConformance:
    """All promises of reading, for a system that holds some rows already: a few datasets, a few rows in each."""

    @pytest.fixture
    def system(self) -> Source:
        """To be overridden: the system that is tried."""
        raise NotImplementedError

    def test_it_describes_what_it_holds(self, system: Source) -> None:
        """Names are unique, keys and unique fields are fields, and describing again says the same."""
        catalog = system.describe()
        names = [dataset.name for dataset in catalog.datasets]
        expect(names, "nothing is described")
        expect(len(set(names)) == len(names), f"a name stands twice: {names}")
        for dataset in catalog.datasets:
            expect(dataset.fields, f"{dataset.name} has no fields")
            expect(len(set(dataset.names)) == len(dataset.names), f"{dataset.name}: a field stands twice")
            parts = {part for group in (dataset.key, *dataset.uniques) for part in group}
            expect(parts <= set(dataset.names), f"{dataset.name}: a key names a field that is not there")
        expect(system.describe() == catalog, "described again, it is something else")

    def test_rows_come_in_their_carriers(self, system: Source) -> None:
        """Columns stand in the order asked for, each in the carrier of its type, for all fields as for one."""
        for dataset in system.describe().datasets:
            for names in (list(dataset.names), list(reversed(dataset.names)), [dataset.names[-1]]):
                for one in _batches(system, dataset, names):
                    for name in names:
                        described = dataset.field(name)
                        kind = one.schema.field(name).type
                        expect(described and kind == described.type.arrow(), f"{dataset.name}.{name} comes as {kind}")

    def test_every_row_comes_once(self, system: Source) -> None:
        """Reading twice gives the same rows, in batches no larger than set; no key comes twice or is empty."""
        most = getattr(system, "batch_rows", None)
        for dataset in system.describe().datasets:
            rows = _rows(system, dataset)
            expect(Counter(map(repr, rows)) == Counter(map(repr, _rows(system, dataset))), f"{dataset.name} changes")
            sizes = [one.num_rows for one in _batches(system, dataset, list(dataset.names))]
            expect(most is None or max(sizes, default=0) <= most, "a batch is larger than batch_rows")
            keys = [tuple(row[dataset.names.index(part)] for part in dataset.key) for row in rows]
            expect(not dataset.key or len(set(keys)) == len(keys), f"{dataset.name}: a key comes twice")
            for field in dataset.fields:
                values = [row[dataset.names.index(field.name)] for row in rows]
                marked = any(UNREADABLE in one.schema.names for one in _batches(system, dataset, [field.name]))
                expect(field.nullable or marked or None not in values, f"{dataset.name}.{field.name} is empty")

    def test_reading_may_stop_early(self, system: Source) -> None:
        """A reading that is given up leaves the system usable, two go on side by side, and closing ends nothing."""
        dataset = system.describe().datasets[0]
        names = list(dataset.names)
        abandoned = _batches(system, dataset, names)
        next(abandoned, None)
        abandoned.close()  # type: ignore[attr-defined]
        left, right = _batches(system, dataset, names), _batches(system, dataset, names)
        counts = [next(one, None) is not None for one in (left, right)]
        expect(counts[0] == counts[1], "one of two readings is empty")
        system.close()
        expect(len(_rows(system, dataset)) >= 0, "after close() it cannot be used again")

    def test_what_is_gone_is_drift(self, system: Source) -> None:
        """A dataset or field that is not there is `SchemaDrift`: no empty answer, and no error of the driver's."""
        there = system.describe().datasets[0]
        fields = (Field(_GONE, Type(Kind.TEXT)),)
        for dataset in (
            Dataset(_GONE, DatasetKind.TABLE, fields, key=(_GONE,)),
            Dataset(there.name, there.kind, (*there.fields, *fields), key=there.key),
        ):
            with pytest.raises(SchemaDrift):
                list(system.read(dataset, [_GONE]))

    def test_looking_up_is_reading(self, system: Source) -> None:
        """Where there is a look-up, it finds what reading gives, each row once, and nothing for a key that is gone."""
        for dataset in system.describe().datasets:
            if not isinstance(system, SupportsLookup) or not dataset.key:
                continue
            names, rows = list(dataset.names), _rows(system, dataset)
            keys = [{part: row[names.index(part)] for part in dataset.key} for row in rows[:50]]
            found = plain(system.lookup(dataset, names, batch(dataset, [*keys, *keys[:1]])), names)
            expect(sorted(map(repr, found)) == sorted(map(repr, rows[:50])), f"{dataset.name}: others are found")

    def test_reading_goes_on_after_a_key(self, system: Source) -> None:
        """Where there is an order, reading after each row's key gives just the rows that came after it."""
        for dataset in system.describe().datasets:
            if not isinstance(system, SupportsOrder) or not dataset.key:
                continue
            names = list(dataset.names)
            rows = plain(system.read_after(dataset, names), names)
            for at in range(0, len(rows), max(1, len(rows) // 5)):
                key = {part: rows[at][names.index(part)] for part in dataset.key}
                rest = plain(system.read_after(dataset, names, after=batch(dataset, [key])), names)
                expect(rest == rows[at + 1 :], f"{dataset.name}: after its row {at} come others")


def _batches(system: Source, dataset: Dataset, names: list[str]) -> Iterator[pa.RecordBatch]:
    yield from system.read(dataset, names)


def _rows(system: Source, dataset: Dataset) -> list[Row]:
    return plain(system.read(dataset, list(dataset.names)), list(dataset.names))
