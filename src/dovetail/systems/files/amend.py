"""What a change does to the rows of a file: decided row by row against the rows that it is about, which are few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import UNREADABLE, Change, Receipt, Reject, Verb
from dovetail.systems.files.known import known
from dovetail.systems.files.manifest import Pinned
from dovetail.systems.files.plain import among, plain
from dovetail.systems.sql import refusal

Values = tuple[object, ...]


@dataclass(slots=True)
class Edit:
    """What becomes of a file: positions of rows that go, rows that take values from a row of the change, and rows of
    the change that are added at the end."""

    rows: pa.RecordBatch
    removed: set[int] = field(default_factory=set)
    changed: dict[int, int] = field(default_factory=dict)
    added: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.removed or self.changed or self.added)


@dataclass(slots=True)
class _Row:
    """A row of the file that a change is about."""

    position: int
    values: dict[str, object]
    unreadable: bool = False


def cast(dataset: Dataset, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows in the carriers of the dataset's fields."""
    return rows.cast(pa.schema([(name, known(dataset, name).type.arrow()) for name in rows.schema.names]))


def ruled(dataset: Dataset, found: Pinned) -> Dataset:
    """The dataset as asked for, with the rules under which its file was made; a key that is asked for comes first."""
    made = found.dataset
    fields = tuple(
        replace(one, nullable=one.nullable and (made.field(one.name) or one).nullable) for one in dataset.fields
    )
    return replace(dataset, fields=fields, key=dataset.key or made.key, uniques=made.uniques)


class Amendment:
    """One change to one dataset. First show it the rows of the file, then ask what is to be done.

    `is_again` counts what stands there already as applied; `unfit` names, by position in the change, the field whose
    value the file cannot hold."""

    def __init__(self, dataset: Dataset, change: Change, *, is_again: bool, unfit: dict[int, str]) -> None:
        if dataset.kind is not DatasetKind.TABLE or not dataset.key:
            words = f"{dataset.name} has no key; declare it under `datasets:` of the system"
            raise Refused(words, where=dataset.name)
        self.dataset = dataset
        self.verb = change.verb
        self.is_again = is_again
        self.unfit = unfit
        self.edit = Edit(cast(dataset, change.rows))
        self._sent = _rows(self.edit.rows)
        awaited = None if change.expected is None else cast(dataset, change.expected)
        self._awaited = _rows(awaited) if awaited is not None else [dict[str, object]()] * len(self._sent)
        self._keys = [_part(row, dataset.key) if _has(row, dataset.key) else () for row in self._sent]
        self._about = {key: at for at, key in enumerate(self._keys)}
        names = set(change.rows.schema.names)
        self._uniques = [one for one in dataset.uniques if names & set(one) and change.verb is not Verb.DELETE]
        self._held: dict[Values, list[_Row]] = {}
        self._owners: dict[tuple[tuple[str, ...], Values], int] = {}
        looked = [*dataset.key, *(name for one in self._uniques for name in one)]
        looked += awaited.schema.names if awaited is not None else []
        looked += change.rows.schema.names if is_again else []
        self.fields = tuple(dict.fromkeys(looked))

    def see(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Look at all rows of the file, the fields of `self.fields`."""
        before = 0
        for batch in batches:
            if len(batch) and self._sent:
                self._see_keys(batch, before)
                for one in self._uniques:
                    self._see_unique(batch, before, one)
            before += len(batch)

    def receipt(self) -> Receipt:
        """Decide every row; afterwards `self.edit` says what becomes of the file."""
        decide = {Verb.CREATE: self._create, Verb.UPDATE: self._update, Verb.DELETE: self._delete}[self.verb]
        outcomes = [decide(at) for at in range(len(self._sent))]
        missed = tuple(at for at, outcome in enumerate(outcomes) if outcome is None)
        rejects = tuple(outcome for outcome in outcomes if isinstance(outcome, Reject))
        receipt = Receipt(len(outcomes) - len(missed) - len(rejects), missed, rejects)
        if self.verb is not Verb.CREATE:
            return receipt
        is_there = pa.array([outcome is True for outcome in outcomes], pa.bool_())
        keys = [
            pc.if_else(is_there, self.edit.rows.column(part), None)
            if part in self.edit.rows.schema.names
            else pa.nulls(len(outcomes), known(self.dataset, part).type.arrow())
            for part in self.dataset.key
        ]
        return replace(receipt, keys=pa.RecordBatch.from_arrays(keys, list(self.dataset.key)))

    # ------------------------------------------------------------------------------------------------------- the file

    def _see_keys(self, batch: pa.RecordBatch, before: int) -> None:
        first = self.dataset.key[0]
        if first not in self.edit.rows.schema.names:
            return
        places = among(batch.column(first), self.edit.rows.column(first))
        for at, row in zip(places.to_pylist(), _rows(batch.take(places)), strict=True):
            key = _part(row, self.dataset.key)
            if key in self._about:
                is_unreadable = row.pop(UNREADABLE, None) is not None
                self._held.setdefault(key, []).append(_Row(before + at, row, is_unreadable))

    def _see_unique(self, batch: pa.RecordBatch, before: int, unique: tuple[str, ...]) -> None:
        first = next(name for name in unique if name in self.edit.rows.schema.names)
        places = among(batch.column(first), self.edit.rows.column(first))
        for at, row in zip(places.to_pylist(), _rows(batch.take(places)), strict=True):
            values = _part(row, unique)
            if None not in values:
                self._owners[unique, values] = before + at

    # ------------------------------------------------------------------------------------------------------- decisions

    def _create(self, at: int) -> Reject | bool | None:
        row, there = self._sent[at], self._held.get(self._keys[at], [])
        if self.is_again and len(there) == 1 and _agree(there[0], row):
            return True
        wrong = self._wrong(at, dict.fromkeys(self.dataset.names) | row)
        if wrong is None and there:
            return refusal.reject(at, refusal.TAKEN, field=self.dataset.key[0])
        if wrong is None and self._claim(at, row, owner=-1 - at):
            wrong = refusal.reject(at, refusal.DOUBLE, field=self._claim(at, row, owner=-1 - at))
        if wrong is None:
            self.edit.added.append(at)
        return wrong or True

    def _update(self, at: int) -> Reject | bool | None:
        row, there = self._sent[at], self._held.get(self._keys[at], [])
        if not there:
            return None
        if len(there) > 1:
            return refusal.reject(at, refusal.AMBIGUOUS, field=self.dataset.key[0])
        if self.is_again and _agree(there[0], row):
            return True
        if not _agree(there[0], self._awaited[at]):
            return None
        wrong = self._wrong(at, row)
        whole = {**there[0].values, **row}
        doubled = "" if wrong else self._claim(at, whole, owner=there[0].position)
        if doubled:
            wrong = refusal.reject(at, refusal.DOUBLE, field=doubled)
        if wrong is None:
            self._release(there[0], whole)
            self.edit.changed[there[0].position] = at
        return wrong or True

    def _delete(self, at: int) -> Reject | bool | None:
        there = self._held.get(self._keys[at], [])
        if not there:
            return True if self.is_again else None
        if len(there) > 1:
            return refusal.reject(at, refusal.AMBIGUOUS, field=self.dataset.key[0])
        if not _agree(there[0], self._awaited[at]):
            return None
        self.edit.removed.add(there[0].position)
        return True

    def _wrong(self, at: int, row: dict[str, object]) -> Reject | None:
        for name, value in row.items():
            one = known(self.dataset, name)
            if value is None and (not one.nullable or name in self.dataset.key):
                return refusal.reject(at, refusal.MISSING, field=name)
        if at in self.unfit:
            return refusal.reject(at, refusal.UNFIT, field=self.unfit[at])
        return None

    def _claim(self, at: int, row: dict[str, object], *, owner: int) -> str:
        """Take the row's unique values, or name the field of one that another row has."""
        claims = [(one, _part(row, one)) for one in self._uniques if _has(row, one)]
        claims = [(one, values) for one, values in claims if None not in values]
        for one, values in claims:
            if self._owners.get((one, values), owner) != owner:
                return one[0]
        self._owners.update(dict.fromkeys(claims, owner))
        return ""

    def _release(self, stood: _Row, whole: dict[str, object]) -> None:
        for one in self._uniques:
            old = _part(stood.values, one)
            if old != _part(whole, one) and self._owners.get((one, old)) == stood.position:
                del self._owners[one, old]


def _rows(batch: pa.RecordBatch) -> list[dict[str, object]]:
    names = batch.schema.names
    if not names:
        return [{} for _ in range(len(batch))]
    columns = [plain(column) for column in batch.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _part(row: dict[str, object], names: Sequence[str]) -> Values:
    return tuple(row[name] for name in names)


def _has(row: dict[str, object], names: Sequence[str]) -> bool:
    return all(name in row for name in names)


def _agree(stands: _Row, wanted: dict[str, object]) -> bool:
    """Whether the row holds these values; of a row that cannot be read nobody can tell."""
    if stands.unreadable and any(stands.values[name] is None for name in wanted):
        return False
    return all(stands.values[name] == value for name, value in wanted.items())
