"""A change on its way: what has become of each of its rows so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Change, Receipt, Reject, Verb
from dovetail.model.key import encode
from dovetail.systems.connectors.mariadb.bind import Values, bind, is_rewritten
from dovetail.systems.connectors.mariadb.read import Reader
from dovetail.systems.connectors.mariadb.refusals import Refusals
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.stored import Facts, found, learn
from dovetail.systems.sql import refusal
from dovetail.systems.sql.fields import known

_EVENTS = {Verb.CREATE: "INSERT", Verb.UPDATE: "UPDATE", Verb.DELETE: "DELETE"}


@dataclass(slots=True)
class Attempt:
    """The rows of a change as the server stores them (`columns`, `expected`), their keys in our carriers, and what
    became of them.

    A row that is neither `written`, nor `done` (it stood there already as it should), nor rejected, was missed; with
    `is_odd` the server had something to say about rows that it wrote."""

    dataset: Dataset
    change: Change
    facts: Facts
    columns: dict[str, Values]
    expected: dict[str, Values] = field(default_factory=dict)
    keys: dict[str, pa.Array] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    rejects: dict[int, Reject] = field(default_factory=dict)
    is_odd: bool = False

    @property
    def size(self) -> int:
        """Rows of the change."""
        return int(self.change.rows.num_rows)

    @property
    def names(self) -> list[str]:
        """The fields that are written, without those of the key."""
        return [name for name in self.columns if name not in self.dataset.key]

    @property
    def refusals(self) -> Refusals:
        """The words for what the server refuses."""
        return Refusals(self.dataset, self.facts, is_delete=self.change.verb is Verb.DELETE)

    @property
    def may_move(self) -> bool:
        """Whether the server may change other fields of the rows than those that are written."""
        return self.facts.may_move(_EVENTS[self.change.verb])

    def todo(self) -> Sequence[int]:
        """The positions still to be written."""
        if not (self.done or self.written or self.moved or self.rejects):
            return range(self.size)
        settled = self.done | self.written | self.moved | self.rejects.keys()
        return [at for at in range(self.size) if at not in settled]

    def refuse(self, positions: Iterable[int], code: str, *, field: str = "", detail: str = "") -> None:
        """Reject rows for one reason."""
        for at in positions:
            self.rejects.setdefault(at, refusal.reject(at, code, field=field, detail=detail))

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


def begin(session: Session, dataset: Dataset, change: Change) -> Attempt:
    """The change as the server stores it; what the table could not hold exactly is rejected, what it cannot hold as a
    key is missed."""
    if dataset.kind is not DatasetKind.TABLE:
        raise Refused(f"{dataset.name} is a {dataset.kind}; only tables can be written", where=dataset.name)
    names = list(change.rows.schema.names)
    is_create = change.verb is Verb.CREATE
    if not is_create and (not dataset.key or not set(dataset.key) <= set(names)):
        raise Refused(f"{dataset.name} has no key by which a row could be named", where=dataset.name)
    facts = _facts(session, dataset)
    for name in names:
        if known(dataset, name).computed or found(facts, dataset, name).is_generated:
            raise Refused(f"the system computes {name} itself", where=f"{dataset.name}.{name}")
    must_fill = change.verb is not Verb.DELETE and _EVENTS[change.verb] not in facts.triggers
    bound = bind(facts, dataset, change.rows, names, must_fill=must_fill)
    attempt = Attempt(dataset, change, facts, bound.columns)
    for at, words in bound.rejects.items():
        if is_create or words.field not in dataset.key:
            attempt.rejects[at] = words
    _expect(attempt)
    for part in dataset.key:
        if part in names:
            attempt.keys[part] = bound.columns[part].carried
    return attempt


def _facts(session: Session, dataset: Dataset) -> Facts:
    """What is known of the table; it stays so until the transaction ends."""
    if dataset.name not in session.remembered:
        session.remembered[dataset.name] = learn(session, dataset)
    facts: Facts = session.remembered[dataset.name]
    return facts


def _expect(attempt: Attempt) -> None:
    """Take over what the rows must still hold. A row that is expected to hold what its field cannot hold has moved."""
    expected = attempt.change.expected
    if expected is None:
        return
    guarded = [name for name in expected.schema.names if name not in attempt.dataset.key]
    bound = bind(attempt.facts, attempt.dataset, expected, guarded)
    attempt.expected = bound.columns
    attempt.moved |= bound.rejects.keys()


def held(session: Session, reader: Reader, attempt: Attempt) -> pa.RecordBatch | None:
    """What the rows hold now in their keys and the fields written, read back; `None` where that is what was sent."""
    dataset = attempt.dataset
    names = list(dict.fromkeys([*dataset.key, *attempt.change.rows.schema.names]))
    may_differ = attempt.is_odd or attempt.facts.may_rewrite(_EVENTS[attempt.change.verb])
    may_differ = may_differ or any(
        is_rewritten(attempt.facts.columns[name], known(dataset, name).type) for name in names
    )
    good = attempt.done | attempt.written
    keys = attempt.known_keys()
    if not may_differ or not good or keys is None:
        return None
    schema = pa.schema([(name, known(dataset, name).type.arrow()) for name in names])
    batches = reader.lookup(session, dataset, names, keys.take(pa.array(sorted(good), pa.int64())))
    stands = pa.Table.from_batches([batch.select(names) for batch in batches], schema).combine_chunks()
    place = {key: at for at, key in enumerate(_texts(stands.select(list(dataset.key)).columns))}
    wanted = [place.get(key) if at in good else None for at, key in enumerate(_texts(keys.columns))]
    rows = stands.take(pa.array(wanted, pa.int64())).combine_chunks().to_batches()
    return rows[0] if rows else None


def standing(session: Session, reader: Reader, attempt: Attempt, positions: Sequence[int]) -> list[int]:
    """Those of the positions whose keys have rows."""
    key = list(attempt.dataset.key)
    if not positions:
        return []
    rows = pa.array(positions, pa.int64())
    keys = pa.RecordBatch.from_arrays([attempt.keys[part].take(rows) for part in key], key)
    there: set[str] = set()
    for batch in reader.lookup(session, attempt.dataset, key, keys):
        there.update(_texts(batch.select(key).columns))
    return [at for at, text in zip(positions, _texts(keys.columns), strict=True) if text in there]


def _texts(columns: Iterable[pa.Array]) -> list[str]:
    texts: list[str] = encode(list(columns)).to_pylist()
    return texts
