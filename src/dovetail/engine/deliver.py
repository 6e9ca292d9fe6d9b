"""One chunk on its way into a target: intended, sent, confirmed; each step is durable before the next begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import taken
from dovetail.engine.attempt import persist
from dovetail.engine.decision import Chunk, Decision, Turn, Work
from dovetail.engine.journaling import journal, journal_rewritten
from dovetail.engine.ledger import Bulk, Claim
from dovetail.engine.onlooker import Onlooker, written
from dovetail.engine.partition import Partition
from dovetail.engine.progress import Progress
from dovetail.engine.put import Places
from dovetail.engine.record import settle_base
from dovetail.failpoints import Point, failpoint
from dovetail.identity.pair import ABSENT
from dovetail.merge.packed import CELL
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.key import encode
from dovetail.state.journal import Chunked
from dovetail.state.segment import NOTHING, Segment
from dovetail.state.store import Store

BULK_ROWS_MIN = 500
"""New rows of one chunk from which they are kept together in the state."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every delivery of a run needs: the state, what it calls itself, the run, and the seed of fingerprints; after
    how many chunks a target's ledger is tidied; and who looks on."""

    store: Store
    installation: str
    run: str
    seed: int
    tidied: int = 1
    onlookers: Sequence[Onlooker] = ()


@dataclass(slots=True)
class Sent:
    """One try to write a chunk: its number, and what the target answered before the commit."""

    number: int
    receipt: Receipt | None = None
    claim: Claim | Bulk | None = None


class Delivery:
    """A chunk of one decision, to be written through one partition.

    `intend` and `confirm` use the state, `send` only the target: so another thread may send while the next chunk is
    made ready."""

    def __init__(self, desk: Desk, decision: Decision, work: Work, partition: Partition, chunk: Chunk) -> None:
        self.desk = desk
        self.decision = decision
        self.work = work
        self.partition = partition
        self.chunk = chunk
        self.tries: list[Sent] = []
        self._holding = 0
        self._before: npt.NDArray[np.void] | None = None
        self._former: dict[str, int] = {}
        numbers = decision.survey.numbers[chunk.places]
        self._is_bulk = (
            chunk.verb is Verb.CREATE
            and chunk.keys is not None
            and len(numbers) >= BULK_ROWS_MIN
            and partition.is_exact
            and not decision.agreed.unions
            and bool((np.diff(numbers) > 0).all())
        )
        if decision.agreed.is_kept or decision.first_agreement[chunk.places].any():
            self._before = decision.agreed.cells[chunk.places]

    @property
    def receipt(self) -> Receipt:
        """What the target answered."""
        receipt = self.tries[-1].receipt
        assert receipt is not None
        return receipt

    def deliver(self, progress: Progress) -> None:
        """Write the chunk, again where the reason of a failure passes, and let the state know what the target holds."""
        persist(self.attempt, progress)
        self.confirm()
        persist(lambda: self.partition.tidy(self.desk.tidied), progress)

    def attempt(self) -> None:
        """Write the chunk; after a try whose end is not known, only if the target did not commit that one."""
        if self.tries:
            self.partition.reopen()
            if self.partition.knows(self.tries[-1].number):
                return
            self._take_back(slice(None))
        self.intend()
        self.send()

    @property
    def is_intended(self) -> bool:
        """Whether the intent still stands; taking a partition over clears all that are open."""
        return self._holding == self.partition.holding

    def intend(self) -> None:
        """Make durable what is about to be written, and what it will overwrite."""
        store = self.desk.store
        self.tries.append(Sent(self.partition.next_chunk()))
        self._holding = self.partition.holding
        number = self.tries[-1].number
        segment = self._segment() if self._is_bulk else None
        if segment is not None and not all(
            are_free(store, segment.mapping, member, keys.drop_null()) for member, keys in segment.keys.items()
        ):
            self._take_back(slice(None))
            self._is_bulk, segment = False, None
        if segment is None and self.chunk.verb is Verb.CREATE and self.chunk.keys is not None:
            self._former = self._holders(self.chunk.keys)
        failpoint(Point.INTENT_BEFORE)
        with store.transaction():
            if segment is not None:
                member = self.decision.survey.sides[self.work.side].member
                store.segments.put(self.partition.name, number, segment)
                store.journal.append_segment(self.desk.run, self.partition.name, number, member=member.name)
            else:
                store.intents.put(self.partition.name, number, run=self.desk.run, content=self._intent())
                self._journal(number)
        self.partition.flushed()
        failpoint(Point.INTENT_AFTER)

    def _journal(self, number: int) -> None:
        """Keep what the chunk will overwrite. A target with a ledger has told by now that it never took a former try,
        and that one is forgotten; elsewhere what a former try was to write is what this one writes."""
        store, carried = self.desk.store, Chunked(self.partition.name, number)
        if len(self.tries) > 1 and not self.partition.is_exact:
            store.journal.carry_again(Chunked(self.partition.name, self.tries[-2].number), number)
        else:
            journal(store, self.desk.run, self.decision, work=self.work, chunk=self.chunk, carried=carried)

    def send(self) -> None:
        """Write the chunk and its claim in one transaction of the target."""
        sent, chunk = self.tries[-1], self.chunk

        def account(receipt: Receipt) -> bytes:
            sent.receipt, sent.claim = receipt, self._claim(receipt)
            return sent.claim.content()

        self.partition.tidy(self.desk.tidied)
        dataset = self.decision.survey.sides[self.work.side].member.dataset
        change = Change(chunk.verb, chunk.rows, chunk.expected)
        self.partition.write(dataset, change, sent.number, self.desk.run, account)

    def confirm(self, *, note: Callable[[], None] | None = None) -> None:
        """Make the state know what the target holds, and in the same transaction whatever `note` adds."""
        sent = self.tries[-1]
        assert sent.claim is not None
        self.partition.confirm(sent.number, sent.claim, note=lambda: self._noted(note), is_lazy=self.desk.tidied > 1)

    def _noted(self, note: Callable[[], None] | None) -> None:
        """Keep what the target made of the values, and tell whoever looks on what was written."""
        desk = self.desk
        journal_rewritten(desk.store, desk.run, self.decision, work=self.work, chunk=self.chunk, receipt=self.receipt)
        if self.desk.onlookers:
            places = written(self.chunk, self.receipt)
            for onlooker in self.desk.onlookers:
                onlooker.wrote(self.decision, self.work, self.chunk, places)
        if note is not None:
            note()

    def _segment(self) -> Segment:
        """The rows as the state keeps them together, on the assumption that the target takes them all as they are."""
        decision, chunk = self.decision, self.chunk
        whole = np.ones(len(chunk.places), dtype=np.bool_)
        settled = Receipt(applied=len(chunk.places))
        if decision.agreed.is_kept:
            settle_base(decision, self.work, chunk, receipt=settled, done=whole, seed=self.desk.seed)
        survey, agreed = decision.survey, decision.agreed
        return Segment(
            mapping=survey.mapping.name,
            rows=pa.array(survey.numbers[chunk.places]),
            keys={rows.member.name: self._keys(side) for side, rows in enumerate(survey.sides)},
            layout=agreed.layout if agreed.is_kept else None,
            marks=agreed.cells[chunk.places] if agreed.is_kept else NOTHING,
        )

    def _keys(self, side: int) -> pa.Array:
        if side == self.work.side and self.chunk.keys is not None:
            return self.chunk.keys
        survey = self.decision.survey
        return taken(survey.sides[side].keys, survey.index[side, self.chunk.places])

    def _intent(self) -> bytes:
        """What is about to be written: enough to know the rows, no values."""
        survey = self.decision.survey
        document = {
            "mapping": survey.mapping.name,
            "member": survey.sides[self.work.side].member.name,
            "verb": self.chunk.verb,
            "rows": survey.numbers[self.chunk.places].tolist(),
            "keys": None if self.chunk.keys is None else self.chunk.keys.to_pylist(),
        }
        return json.dumps(document).encode()

    def _claim(self, receipt: Receipt) -> Claim | Bulk:
        """What the write did, in the words of the state."""
        chunk = self.chunk
        failed = sorted({reject.position for reject in receipt.rejects} | set(receipt.missed))
        if self._is_bulk and receipt.held is None:
            self._take_back(failed)
            rows = len(chunk.places) - len(failed)
            return Bulk(self.desk.installation, tuple(failed), receipt.version, rows)
        if self._is_bulk:
            self._take_back(slice(None))
        done = np.ones(len(chunk.places), dtype=np.bool_)
        done[failed] = False
        places = chunk.places[done]
        if chunk.removes:
            return self._removal(places)
        if chunk.turn is Turn.REVIVE:
            return self._claim_of(places[:0], {})
        keys = self._all_keys(receipt, done)
        settle_base(self.decision, self.work, chunk, receipt=receipt, done=done, seed=self.desk.seed)
        return self._released(self._claim_of(places, keys))

    def _holders(self, keys: pa.Array) -> dict[str, int]:
        """Other rows that the state still knows by keys which are about to be created, by key."""
        survey = self.decision.survey
        member = survey.sides[self.work.side].member.name
        held = self.desk.store.crossref.rows(survey.mapping.name, member, keys)
        mine = {*survey.numbers[self.chunk.places].tolist()}
        found = zip(keys.to_pylist(), held.to_pylist(), strict=True)
        return {key: row for key, row in found if row is not None and row not in mine}

    def _released(self, claim: Claim) -> Claim:
        """The same, and that rows whose keys were free to be created are not there any more."""
        if not self._former:
            return claim
        member = self.decision.survey.sides[self.work.side].member.name
        gone = tuple(self._former[key] for key in claim.keys[member] if key in self._former)
        return replace(claim, gone={member: gone})

    def _removal(self, places: Places) -> Claim:
        """What removing rows at one member means: it has no key of them any more, unless it only holds them as deleted;
        where no other member shares a row by now, nothing is agreed on about it either."""
        decision, side = self.decision, self.work.side
        survey, cells = decision.survey, decision.agreed.cells
        shared = decision.active[:, places]
        shared[side] = False
        last = places[~shared.any(axis=0)]
        cells[places, :, side] = np.zeros(1, dtype=CELL)
        cells[last] = np.zeros(1, dtype=CELL)
        gone = {}
        for at, rows in enumerate(survey.sides):
            ended = last[survey.index[at, last] == ABSENT] if at != side else places
            if at != side or self.chunk.verb is Verb.DELETE:
                gone[rows.member.name] = tuple(survey.numbers[ended].tolist())
        claim = self._claim_of(places, {})
        return replace(claim, gone=gone, baseless=tuple(survey.numbers[last].tolist()))

    def _take_back(self, rows: slice | list[int]) -> None:
        """The base as it was before the chunk, for some of its rows."""
        before = np.zeros(1, dtype=CELL) if self._before is None else self._before[rows]
        self.decision.agreed.cells[self.chunk.places[rows]] = before

    def _all_keys(self, receipt: Receipt, done: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
        """The keys of the rows that were written, at every member; of changed rows, where the state does not know
        them."""
        is_new = self.decision.survey.fresh[self.chunk.places]
        if self.chunk.verb is Verb.UPDATE and not is_new.any():
            return {}
        keep = pa.array(done)
        keys = {rows.member.name: self._keys(side).filter(keep) for side, rows in enumerate(self.decision.survey.sides)}
        if self.chunk.verb is Verb.UPDATE:
            is_told = pa.array(is_new).filter(keep)
            return {name: pc.if_else(is_told, column, None) for name, column in keys.items()}
        if self.chunk.verb is Verb.CREATE:
            member = self.decision.survey.sides[self.work.side].member
            keys[member.name] = created_keys(self.chunk, receipt, member.key).filter(keep)
        return keys

    def _claim_of(self, places: Places, keys: dict[str, pa.Array]) -> Claim:
        survey, agreed = self.decision.survey, self.decision.agreed
        is_based = bool(agreed.cells["agreement"][places].any())
        return Claim(
            installation=self.desk.installation,
            mapping=survey.mapping.name,
            layout=agreed.layout,
            numbers=tuple(survey.numbers[places].tolist()),
            keys={member: tuple(column.to_pylist()) for member, column in keys.items()},
            packed=tuple(agreed.packed(places)) if is_based else (),
            words=agreed.words_at(places) if is_based else (),
        )


def created_keys(chunk: Chunk, receipt: Receipt, key: Sequence[str]) -> pa.Array:
    """The key texts of the rows of a create, known beforehand or drawn by the target."""
    if chunk.keys is not None:
        return chunk.keys
    assert receipt.keys is not None
    return encode([receipt.keys.column(part) for part in key])


def are_free(store: Store, mapping: str, member: str, keys: pa.Array) -> bool:
    """Whether none of these keys stands twice, or belongs to another row: what the target will say of such a row is its
    own affair, and the row is dealt with alone."""
    is_distinct = len(keys.unique()) == len(keys)
    return is_distinct and bool(store.crossref.rows(mapping, member, keys).null_count == len(keys))
