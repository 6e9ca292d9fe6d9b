"""A change on its way: what has become of each of its rows so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.model.key import encode
from dovetail.systems.connectors.postgres.bind import Values, bind, conform
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.known import Facts, signature
from dovetail.systems.connectors.postgres.pipe import Statement, texts
from dovetail.systems.connectors.postgres.read import Reader, known
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.staged import Staged
from dovetail.systems.connectors.postgres.stored import Column, Habits, found, habits
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dialect import POSTGRES

_LOCK = ("lock",)
_BY_INDEX = Statement("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")
"""Rows are met by the index of their key; the server may not know how large the table is, and read all of it."""


@dataclass(slots=True)
class Attempt:
    """The rows of a change as the server stores them (`columns`, `expected`), their keys in our carriers, and what
    became of them. With `is_binary` they may travel in binary form.

    `statements` counts those that wrote, `versions` are those that they told. A row that is neither `written`, nor
    `done` (it stood there already as it should), nor rejected, was missed."""

    dataset: Dataset
    change: Change
    place: exp.Table
    facts: Facts
    columns: Values
    expected: Mapping[str, pa.Array] = field(default_factory=dict)
    keys: dict[str, pa.Array] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    rejects: dict[int, Reject] = field(default_factory=dict)
    statements: int = 0
    versions: set[str] = field(default_factory=set)
    is_binary: bool = False

    @property
    def stored(self) -> dict[str, Column]:
        """The table's columns by name."""
        return self.facts.columns

    @property
    def habits(self) -> Habits:
        """What else a write must know about the table."""
        return self.facts.habits

    @property
    def size(self) -> int:
        """Rows of the change."""
        return int(self.change.rows.num_rows)

    def todo(self) -> Sequence[int]:
        """The positions still to be written."""
        if not (self.done or self.written or self.moved or self.rejects):
            return range(self.size)
        if len(self.written) == self.size:
            return ()
        settled = self.done | self.written | self.moved | self.rejects.keys()
        return [at for at in range(self.size) if at not in settled]

    def refuse(self, positions: Iterable[int], code: str, *, field: str = "", detail: str = "") -> None:
        """Reject rows for one reason."""
        for at in positions:
            self.rejects.setdefault(at, refusal.reject(at, code, field=field, detail=detail))

    def staged(self, *, values: bool = True) -> Staged:
        """The rows as a statement sees them: their keys and, with `values`, their other fields and what is expected."""
        carried = self.columns.carried
        key = {part: carried[part] for part in self.dataset.key if part in carried}
        if not values:
            return Staged(self.place, self.stored, key, is_binary=self.is_binary)
        others = {name: column for name, column in carried.items() if name not in key}
        return Staged(self.place, self.stored, key, others, self.expected, is_binary=self.is_binary)

    def known_keys(self) -> pa.RecordBatch | None:
        """The keys of the rows that were written or stood there, row for row; nulls for the others."""
        if not self.dataset.key:
            return None
        good = self.done | self.written if self.done else self.written
        arrays = [self.keys[part] for part in self.dataset.key]
        if len(good) < self.size:
            kept = pa.array([at if at in good else None for at in range(self.size)], pa.int64())
            arrays = [array.take(kept) for array in arrays]
        return pa.RecordBatch.from_arrays(arrays, list(self.dataset.key))

    def receipt(self, held: pa.RecordBatch | None = None) -> Receipt:
        """The answer."""
        good = self.done | self.written if self.done else self.written
        missed: tuple[int, ...] = ()
        if len(good) + len(self.rejects) < self.size:
            missed = tuple(at for at in range(self.size) if at not in good and at not in self.rejects)
        rejects = tuple(self.rejects[at] for at in sorted(self.rejects))
        keys = self.known_keys() if self.change.verb is Verb.CREATE else None
        return Receipt(len(good), missed, rejects, keys=keys, held=held)


def begin(session: Session, reader: Reader, dataset: Dataset, change: Change) -> Attempt:
    """The change as the server stores it; what the table could not hold exactly is rejected, what it cannot hold as a
    key is missed."""
    if dataset.kind is not DatasetKind.TABLE:
        raise Refused(f"{dataset.name} is a {dataset.kind}; only tables can be written", where=dataset.name)
    names = list(change.rows.schema.names)
    is_create = change.verb is Verb.CREATE
    if not is_create and (not dataset.key or not set(dataset.key) <= set(names)):
        raise Refused(f"{dataset.name} has no key by which a row could be named", where=dataset.name)
    place = reader.place(dataset)
    facts = _facts(session, reader, dataset)
    stored = facts.columns
    for name in names:
        if known(dataset, name).computed or found(stored, dataset, name).is_generated:
            raise Refused(f"the system computes {name} itself", where=f"{dataset.name}.{name}")
    bound = bind(stored, change.rows, names)
    attempt = Attempt(dataset, change, place, facts, bound.columns, is_binary=reader.is_binary)
    for at, words in bound.rejects.items():
        if is_create or words.field not in dataset.key:
            attempt.rejects[at] = words
    _expect(attempt)
    for part in dataset.key:
        if part in names:
            attempt.keys[part] = conform(change.rows.column(part), stored[part])[0]
    return attempt


def _facts(session: Session, reader: Reader, dataset: Dataset) -> Facts:
    """What is known of the table. It is locked as the writing itself would lock it, so that it stays as it is; so it is
    looked up once a transaction, and no more than recognised where it was known before."""
    place = reader.place(dataset)
    name = f"{place.db}\0{place.name}"
    if name not in session.remembered:
        known = reader.known.of(place)
        if known is None or not _still_holds(session, known, place, dataset):
            known = _learn(session, reader, dataset)
        if not known.habits.may_lock:
            return known
        reader.known.keep(place, known)
        session.remembered[name] = known
    remembered: Facts = session.remembered[name]
    return remembered


def _still_holds(session: Session, known: Facts, place: exp.Table, dataset: Dataset) -> bool:
    """Lock the table; whether it is as we knew it."""
    if not known.habits.may_lock:
        return False
    if _is_met_by_index(dataset, known.habits):
        session.defer(_BY_INDEX)
    if _LOCK not in known.statements:
        known.statements[_LOCK] = Statement(_lock(place))
    session.defer(known.statements[_LOCK])
    (answer,) = session.send(signature(place))
    return texts(answer) == [(known.signature,)]


def _learn(session: Session, reader: Reader, dataset: Dataset) -> Facts:
    """The signature first: what is changed while the rest is read gives the table another one."""
    place = reader.place(dataset)
    (answer,) = session.send(signature(place))
    found_habits = habits(session, place)
    if found_habits.may_lock:
        session.defer(Statement(_lock(place)))
    if _is_met_by_index(dataset, found_habits):
        session.defer(_BY_INDEX)
    return Facts(str(texts(answer)[0][0]), reader.columns(session, dataset), found_habits)


def _lock(place: exp.Table) -> str:
    return f"LOCK TABLE ONLY {POSTGRES.sql(place)} IN ROW EXCLUSIVE MODE"


def _is_met_by_index(dataset: Dataset, known: Habits) -> bool:
    return bool(dataset.key) and frozenset(dataset.key) in known.uniques


def held(session: Session, reader: Reader, attempt: Attempt, *, is_rewritten: bool) -> pa.RecordBatch | None:
    """What the rows hold now in their keys and the fields written, read back; `None` where that is what was sent."""
    dataset = attempt.dataset
    names = list(dict.fromkeys([*dataset.key, *attempt.change.rows.schema.names]))
    is_rewritten = is_rewritten or any(attempt.stored[name].stored.is_rewritten for name in names)
    good = attempt.done | attempt.written
    keys = attempt.known_keys()
    if not is_rewritten or not good or keys is None:
        return None
    schema = pa.schema([(name, logical(attempt.stored[name].stored).arrow()) for name in names])
    batches = reader.lookup(session, dataset, names, keys.take(pa.array(sorted(good), pa.int64())))
    stands = pa.Table.from_batches([batch.select(names) for batch in batches], schema).combine_chunks()
    place = {key: at for at, key in enumerate(_texts(stands.select(list(dataset.key)).columns))}
    wanted = [place.get(key) if at in good else None for at, key in enumerate(_texts(keys.columns))]
    rows = stands.take(pa.array(wanted, pa.int64())).combine_chunks().to_batches()
    return rows[0] if rows else None


def _texts(columns: Iterable[pa.Array]) -> list[str]:
    texts: list[str] = encode(list(columns)).to_pylist()
    return texts


def _expect(attempt: Attempt) -> None:
    """Take over what the rows must still hold. A row that is expected to hold what its field cannot hold has moved."""
    expected = attempt.change.expected
    if expected is None:
        return
    guarded = [name for name in expected.schema.names if name not in attempt.dataset.key]
    bound = bind({name: found(attempt.stored, attempt.dataset, name) for name in guarded}, expected, guarded)
    attempt.expected = bound.columns.carried
    attempt.moved |= bound.rejects.keys()
