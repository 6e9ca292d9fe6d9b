"""How rows change in memory: one by one, with every rule that a system has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.systems.sql import refusal

Key = tuple[object, ...]
"""The parts of a row's key."""

Row = dict[str, object]
"""The values of a row by field."""

_NAN = float("nan")


class Write:
    """One change, row by row; `touched` and `gone` are the keys that it wrote and deleted. `is_again` counts what
    stands there already as applied."""

    def __init__(self, dataset: Dataset, rows: dict[Key, Row], *, drawn: dict[str, int], is_again: bool) -> None:
        self.dataset = dataset
        self.rows = rows
        self.drawn = drawn
        self.is_again = is_again
        self.touched: set[Key] = set()
        self.gone: set[Key] = set()
        self.holders = {unique: {key_of(row, unique): key for key, row in rows.items()} for unique in dataset.uniques}

    def apply(self, change: Change) -> Receipt:
        """The answer; rows are refused and missed one by one."""
        dataset = self.dataset
        if dataset.kind is not DatasetKind.TABLE:
            raise Refused(f"{dataset.name} is a {dataset.kind}; only tables can be written", where=dataset.name)
        for name in change.rows.schema.names:
            if field_of(dataset, name).computed:
                raise Refused(f"the system computes {name} itself", where=f"{dataset.name}.{name}")
        sent = rows_of(dataset, change.rows)
        expected = rows_of(dataset, change.expected) if change.expected is not None else [{}] * len(sent)
        outcomes: list[Key | Reject | None] = []
        for at, (row, awaited) in enumerate(zip(sent, expected, strict=True)):
            if change.verb is Verb.CREATE:
                outcomes.append(self._create(at, row))
            elif change.verb is Verb.UPDATE:
                outcomes.append(self._update(at, row, awaited))
            else:
                outcomes.append(self._delete(row, awaited))
        if change.verb is Verb.UPDATE:
            self._release_before_taking(sent, expected, outcomes)
        missed = tuple(at for at, outcome in enumerate(outcomes) if outcome is None)
        rejects = tuple(outcome for outcome in outcomes if isinstance(outcome, Reject))
        receipt = Receipt(len(sent) - len(missed) - len(rejects), missed, rejects)
        if change.verb is not Verb.CREATE or not dataset.key:
            return receipt
        keys = [outcome if isinstance(outcome, tuple) else (None,) * len(dataset.key) for outcome in outcomes]
        parts = [
            pa.array([key[place] for key in keys], field_of(dataset, part).type.arrow())
            for place, part in enumerate(dataset.key)
        ]
        return replace(receipt, keys=pa.RecordBatch.from_arrays(parts, list(dataset.key)))

    def _create(self, at: int, row: Row) -> Key | Reject:
        whole = {one.name: row.get(one.name) for one in self.dataset.fields}
        for one in self.dataset.fields:
            if one.drawn and whole[one.name] is None:
                self.drawn[self.dataset.name] = self.drawn.get(self.dataset.name, 0) + 1
                whole[one.name] = self.drawn[self.dataset.name]
        key = key_of(whole, self.dataset.key) if self.dataset.key else (object(),)
        if key in self.rows and self.is_again and _agree(self.rows[key], row):
            return key
        missing = self._missing(at, whole)
        if missing is None and key in self.rows:
            return refusal.reject(at, refusal.TAKEN, field=self.dataset.key[0])
        return missing or self._put(at, key, whole)

    def _update(self, at: int, row: Row, awaited: Row) -> Key | Reject | None:
        key = key_of(row, self.dataset.key)
        stands = self.rows.get(key)
        if stands is None:
            return None
        if self.is_again and _agree(stands, row):
            return key
        if not _agree(stands, awaited):
            return None
        whole = {**stands, **row}
        return self._missing(at, whole) or self._put(at, key, whole)

    def _release_before_taking(
        self, sent: Sequence[Row], expected: Sequence[Row], outcomes: list[Key | Reject | None]
    ) -> None:
        """Try rows again whose unique value another one of the change has given back; then those that wait for each
        other in a circle, together."""
        waiting = [at for at, outcome in enumerate(outcomes) if _is_double(outcome)]
        is_going = bool(waiting)
        while is_going:
            for at in waiting:
                outcomes[at] = self._update(at, sent[at], expected[at])
            left = [at for at in waiting if _is_double(outcomes[at])]
            is_going, waiting = len(left) < len(waiting), left
        before = {key_of(sent[at], self.dataset.key): self.rows[key_of(sent[at], self.dataset.key)] for at in waiting}
        for key in before:
            self._release(key)
        tried = {at: self._update(at, sent[at], expected[at]) for at in waiting}
        if not any(isinstance(outcome, Reject) for outcome in tried.values()):
            for at, outcome in tried.items():
                outcomes[at] = outcome
            return
        for key in before:
            self._release(key)
        for key, row in before.items():
            self.rows[key] = row
            for unique, holders in self.holders.items():
                holders[key_of(row, unique)] = key

    def _delete(self, row: Row, awaited: Row) -> Key | None:
        key = key_of(row, self.dataset.key)
        stands = self.rows.get(key)
        if stands is None:
            return key if self.is_again else None
        if not _agree(stands, awaited):
            return None
        self._release(key)
        del self.rows[key]
        self.gone.add(key)
        return key

    def _missing(self, at: int, whole: Row) -> Reject | None:
        for one in self.dataset.fields:
            is_needed = not one.nullable or one.name in self.dataset.key
            if whole[one.name] is None and is_needed and not one.computed:
                return refusal.reject(at, refusal.MISSING, field=one.name)
        return None

    def _put(self, at: int, key: Key, whole: Row) -> Key | Reject:
        """Take the row in, if no unique constraint is against it."""
        for unique, holders in self.holders.items():
            wanted = key_of(whole, unique)
            if None not in wanted and holders.get(wanted, key) != key:
                return refusal.reject(at, refusal.DOUBLE, field=unique[0])
        self._release(key)
        self.rows[key] = whole
        self.touched.add(key)
        for unique, holders in self.holders.items():
            holders[key_of(whole, unique)] = key
        if self.dataset.key and isinstance(key[0], int):
            self.drawn[self.dataset.name] = max(self.drawn.get(self.dataset.name, 0), key[0])
        return key

    def _release(self, key: Key) -> None:
        """Give back the unique values of the row that stands there."""
        if key in self.rows:
            for unique, holders in self.holders.items():
                holders.pop(key_of(self.rows[key], unique), None)


def _is_double(outcome: Key | Reject | None) -> bool:
    return isinstance(outcome, Reject) and outcome.code == refusal.DOUBLE


def field_of(dataset: Dataset, name: str) -> Field:
    """The field of that name; one that is not there is drift."""
    found = dataset.field(name)
    if found is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return found


def rows_of(dataset: Dataset, rows: pa.RecordBatch) -> list[Row]:
    """The rows as dictionaries, each value as its field's type carries it."""
    names = rows.schema.names
    types = [pa.field(name, field_of(dataset, name).type.arrow()) for name in names]
    cast = rows.cast(pa.schema(types))
    columns = [_values(column) for column in cast.columns]
    return [dict(zip(cast.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.Array) -> list[object]:
    """The values of a column, comparable: dates and times as whole numbers, and NaN as one object, so that it equals
    itself."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    values: list[object] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [_NAN if value != value else value for value in values]  # noqa: PLR0124 - only NaN differs from itself
    return values


def key_of(row: Row, names: Sequence[str]) -> Key:
    """The values of those fields."""
    return tuple(row[name] for name in names)


def _agree(stands: Row, wanted: Row) -> bool:
    """Whether the row holds these values; NaN equals NaN."""
    return all(stands[name] == value or str(stands[name]) == str(value) == "nan" for name, value in wanted.items())
