"""One change on its way into a simulated table, row by row, as a server would carry it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.systems.sql import refusal
from dovetail.testing.simulation.database import Key, Row, Table, Writing


class Applying:
    """One change on its way into a table, row by row. `is_again` counts what stands there already as applied."""

    def __init__(self, table: Table, writing: Writing, *, is_again: bool) -> None:
        self.table = table
        self.writing = writing
        self.is_again = is_again
        self.held: dict[int, Row] = {}

    def receipt(self, change: Change) -> Receipt:
        """The answer; rows are refused and missed one by one."""
        self._land_others(change)
        sent = plain(change.rows)
        expected = plain(change.expected) if change.expected is not None else [{}] * len(sent)
        verb = {Verb.CREATE: self._create, Verb.UPDATE: self._update, Verb.DELETE: self._delete}[change.verb]
        outcomes = self._together(sent, expected) if change.verb is Verb.UPDATE else None
        if outcomes is None:
            outcomes = [verb(at, row, awaited) for at, (row, awaited) in enumerate(zip(sent, expected, strict=True))]
        missed = tuple(at for at, outcome in enumerate(outcomes) if outcome is None)
        rejects = tuple(outcome for outcome in outcomes if isinstance(outcome, Reject))
        receipt = Receipt(len(sent) - len(missed) - len(rejects), missed, rejects, held=self._held(change, sent))
        if change.verb is not Verb.CREATE:
            return receipt
        dataset = self.table.dataset
        keys = [outcome if isinstance(outcome, tuple) else (None,) * len(dataset.key) for outcome in outcomes]
        rows = [dict(zip(dataset.key, key, strict=True)) for key in keys]
        return replace(receipt, keys=batch(dataset, dataset.key, rows))

    def _together(self, sent: Sequence[Row], expected: Sequence[Row]) -> list[Key | Reject | None] | None:
        """All updates at once, so that rows may exchange unique values; `None` where a constraint is against any."""
        former = dict(self.writing.rows)
        outcomes: list[Key | Reject | None] = []
        name = self.table.dataset.name
        for at, (row, awaited) in enumerate(zip(sent, expected, strict=True)):
            key = self.table.key(row)
            stands = self.writing.row(name, key)
            if stands is None or not _agree(stands, awaited):
                outcomes.append(key if stands is not None and self.is_again and _agree(stands, row) else None)
                continue
            stored = self.table.stored({**stands, **row}, stands)
            self.writing.rows[name, key] = self.held[at] = stored
            outcomes.append(key)
        if any(self.writing.refused(self.table, self.table.key(one), one) for one in self.held.values()):
            self.writing.rows, self.held = former, {}
            return None
        return outcomes

    def _land_others(self, change: Change) -> None:
        """Wait for transactions that hold rows of this table: those whose COMMIT is on its way end well."""
        database, name = self.writing.database, self.table.dataset.name
        for other in list(database.open):
            if other is self.writing or all(table != name for table, _ in other.rows):
                continue
            if other.is_sent:
                database.commit(other)
            else:
                database.roll_back(other)

    def _held(self, change: Change, sent: Sequence[Mapping[str, object]]) -> pa.RecordBatch | None:
        """What the rows hold now, where a trigger made something else of what was sent."""
        if change.verb is Verb.DELETE:
            return None
        names = [name for name in change.rows.schema.names if name not in self.table.dataset.key]
        if not any(
            at in self.held and self.held[at][name] != row[name] for at, row in enumerate(sent) for name in names
        ):
            return None
        return batch(self.table.dataset, names, [self.held.get(at, row) for at, row in enumerate(sent)])

    def _create(self, at: int, row: Row, awaited: Row) -> Key | Reject:
        dataset = self.table.dataset
        whole = {one.name: row.get(one.name) for one in dataset.fields}
        if is_drawn(dataset) and whole[dataset.key[0]] is None:
            whole[dataset.key[0]] = self.writing.database.draw(dataset.name)
        key = self.table.key(whole)
        stands = self.writing.row(dataset.name, key)
        if stands is not None and self.is_again and _agree(stands, row):
            return key
        if stands is not None:
            return refusal.reject(at, refusal.TAKEN, field=dataset.key[0])
        return self._put(at, key, whole)

    def _update(self, at: int, row: Row, awaited: Row) -> Key | Reject | None:
        key = self.table.key(row)
        stands = self.writing.row(self.table.dataset.name, key)
        if stands is None:
            return None
        if self.is_again and _agree(stands, row):
            return key
        if not _agree(stands, awaited):
            return None
        return self._put(at, key, {**stands, **row})

    def _delete(self, at: int, row: Row, awaited: Row) -> Key | Reject | None:
        key = self.table.key(row)
        stands = self.writing.row(self.table.dataset.name, key)
        if stands is None:
            return key if self.is_again else None
        if not _agree(stands, awaited):
            return None
        if self.table.is_strict and self.writing.children(self.table, key):
            return refusal.reject(at, refusal.ORPHAN)
        self.writing.set(self.table, key, None)
        return key

    def _put(self, at: int, key: Key, whole: Row) -> Key | Reject:
        stored = self.table.stored(whole, self.writing.row(self.table.dataset.name, key))
        against = self.writing.refused(self.table, key, stored)
        if against is not None:
            return refusal.reject(at, against[0], field=against[1])
        self.writing.rows[self.table.dataset.name, key] = self.held[at] = stored
        return key


def batch(dataset: Dataset, fields: Sequence[str], rows: Sequence[Mapping[str, object]]) -> pa.RecordBatch:
    """Rows as a batch, in the carriers of their types."""
    types = [(name, _field(dataset, name).type.arrow()) for name in fields]
    arrays = [pa.array([row[name] for row in rows], kind) for name, kind in types]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(types))


def plain(rows: pa.RecordBatch) -> list[Row]:
    """A batch as rows."""
    found: list[Row] = rows.to_pylist()
    return found


def _field(dataset: Dataset, name: str) -> Field:
    found = dataset.field(name)
    if found is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return found


def is_drawn(dataset: Dataset) -> bool:
    """Whether the system draws its keys."""
    return all(part.drawn for name in dataset.key if (part := dataset.field(name)) is not None)


def _agree(stands: Row, wanted: Mapping[str, object]) -> bool:
    return all(stands[name] == value for name, value in wanted.items())
