"""Carrying out decisions: intent, write and ledger in one transaction of the target, confirmation in the state."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.arrays import taken
from dovetail.engine.attempt import persist
from dovetail.engine.decision import Chunk, Decision, Surroundings, Work
from dovetail.engine.ledger import Claim
from dovetail.engine.partition import Partition
from dovetail.engine.progress import Advance, Progress
from dovetail.engine.put import Places, Put
from dovetail.engine.record import journal, settle_base
from dovetail.engine.rows import Problem, orphan
from dovetail.failpoints import Point, failpoint
from dovetail.identity.pair import ABSENT
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.key import texts
from dovetail.plan.route import waves
from dovetail.state.store import Store

CHUNK_ROWS = 10_000
"""Rows written at most in one transaction of a target."""


@dataclass(slots=True)
class Written:
    """What was written, by shared row: flags by place, and counts by member."""

    created: npt.NDArray[np.bool_]
    updated: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_]
    moved: list[tuple[int, str]] = field(default_factory=list)
    pending: set[int] = field(default_factory=set)
    counts: Counter[tuple[str, Verb]] = field(default_factory=Counter)


@dataclass(slots=True)
class Sent:
    """One try to write a chunk: its number, and what the target answered before the commit."""

    number: int
    receipt: Receipt | None = None
    claim: Claim | None = None


class Writer:
    """Writes the decisions of one mapping, member by member, chunk by chunk."""

    def __init__(self, decision: Decision, around: Surroundings, store: Store, *, run: str, progress: Progress) -> None:
        survey = decision.survey
        nothing = np.zeros(len(survey), dtype=np.bool_)
        self.decision = decision
        self.survey = survey
        self.around = around
        self.store = store
        self.run = run
        self.progress = progress
        self.written = Written(nothing.copy(), nothing.copy(), nothing.copy())

    def write(self, work: Work, partition: Partition) -> None:
        """Create, then update, then delete at one member."""
        member = self.survey.sides[work.side].member.name
        total = len(work.creates) + len(work.updates) + len(work.deletes)
        if not total:
            return
        with self.progress.task(f"write {self.survey.mapping.name} to {member}", total=total) as advance:
            for chunk in self._chunks(work, partition):
                self._write_chunk(work, partition, chunk, advance)

    def _chunks(self, work: Work, partition: Partition) -> Iterator[Chunk]:
        yield from self._creates(work, partition)
        yield from self._updates(work)
        for at in range(0, len(work.deletes), CHUNK_ROWS):
            places = work.deletes[at : at + CHUNK_ROWS]
            own = self._own(work, places)
            keys = own.select(self.survey.sides[work.side].member.key)
            yield Chunk(Verb.DELETE, places, _batch(keys), _batch(own), None, _none(places))

    def _creates(self, work: Work, partition: Partition) -> Iterator[Chunk]:
        for wave in self._waves(work):
            for at in range(0, len(wave), CHUNK_ROWS):
                chunk = self._create(work, partition, wave[at : at + CHUNK_ROWS])
                if chunk is not None:
                    yield chunk

    def _create(self, work: Work, partition: Partition, places: Places) -> Chunk | None:
        """Put the rows now that their parents have keys, and draw keys where the system can."""
        member = self.survey.sides[work.side].member
        put = work.putter.put(places, create=True)
        good = self._without_failures(work, put)
        if not good.any():
            return None
        columns = put.columns.filter(pa.array(good))
        places = places[good]
        missing = [part for part in member.key if part not in columns.column_names]
        drawn = persist(lambda: partition.reserve(member.dataset, len(places)), self.progress) if missing else None
        if drawn is not None:
            for part in missing:
                columns = columns.append_column(part, drawn.column(part))
        known = all(part in columns.column_names for part in member.key)
        keys = texts([columns.column(part) for part in member.key]) if known else None
        return Chunk(Verb.CREATE, places, _batch(columns), None, keys, put.pending[good])

    def _without_failures(self, work: Work, put: Put) -> npt.NDArray[np.bool_]:
        good = np.ones(len(put.places), dtype=np.bool_)
        member = self.survey.sides[work.side].member.name
        for failure in put.failures:
            good[failure.position] = False
            self._hold(int(put.places[failure.position]), Problem(failure.code, failure.reason, member, failure.output))
        for at, (name, number) in put.orphaned.items():
            good[at] = False
            problem = orphan(member, name, self.survey.parent_of(name), number)
            self._hold(int(put.places[at]), problem)
        return good

    def _waves(self, work: Work) -> list[Places]:
        """The rows to be created, parents before children where a mapping refers to itself."""
        name = self.survey.mapping.name
        selves = [field.name for field in self.survey.mapping.mapping.fields if field.ref == name]
        if not selves or not len(work.creates):
            return [work.creates]
        place_of = {int(self.survey.numbers[place]): at for at, place in enumerate(work.creates)}
        depth = np.zeros(len(work.creates), dtype=np.int64)
        for field_name in selves:
            source = np.maximum(self.decision.origins[field_name][work.creates], 0)
            parents = self.survey.referred[field_name][source, work.creates].tolist()
            depth = np.maximum(depth, np.array(waves([place_of.get(number, -1) for number in parents])))
        last = int(depth.max()) + 1
        order = np.where(depth < 0, last, depth)
        return [work.creates[order == wave] for wave in range(last + 1) if (order == wave).any()]

    def _updates(self, work: Work) -> Iterator[Chunk]:
        """Updates in groups that set the same columns."""
        if not len(work.updates) or work.new is None:
            return
        member = self.survey.sides[work.side].member
        names = sorted(work.changed)
        pattern = np.zeros(len(work.updates), dtype=object)
        for at, name in enumerate(names):
            pattern += work.changed[name].astype(object) * (1 << at)
        for bits in dict.fromkeys(pattern.tolist()):
            columns = [name for at, name in enumerate(names) if bits >> at & 1]
            rows = np.flatnonzero(pattern == bits)
            for at in range(0, len(rows), CHUNK_ROWS):
                part = rows[at : at + CHUNK_ROWS]
                places = work.updates[part]
                own = self._own(work, places)
                new = own.select(member.key)
                for name in columns:
                    new = _with(new, name, taken(work.new.column(name), part))
                guarded = dict.fromkeys([*member.key, *columns, *self._read_by(work, columns)])
                yield Chunk(Verb.UPDATE, places, _batch(new), _batch(own.select(list(guarded))), None, _none(places))

    def _read_by(self, work: Work, columns: list[str]) -> list[str]:
        """The member's own columns that the writes of these columns read."""
        member = self.survey.sides[work.side].member
        writes = [write for cell in member.cells for name, write in cell.writes if name in columns]
        writes += [fill.expression for fill in member.fills if fill.column in columns]
        return [name for write in writes for name in write.old_names]

    def _own(self, work: Work, places: Places) -> pa.Table:
        position = self.survey.index[work.side, places]
        return self.survey.sides[work.side].own.take(pa.array(position))

    def _write_chunk(self, work: Work, partition: Partition, chunk: Chunk, advance: Advance) -> None:
        """Write a chunk, again where the reason of a failure passes, and let the state know what the target holds."""
        tries: list[Sent] = []
        before = self.decision.agreed.cells[chunk.places]

        def attempt() -> Sent:
            if tries:
                partition.reopen()
                if partition.knows(tries[-1].number):
                    return tries[-1]
                self.decision.agreed.cells[chunk.places] = before
            tries.append(Sent(partition.next_chunk()))
            self._send(work, partition, chunk, tries)
            return tries[-1]

        sent = persist(attempt, self.progress)
        claim = sent.claim if sent.claim is not None and sent.claim.numbers else None
        partition.confirm(self.store, sent.number, claim)
        persist(lambda: partition.forget(sent.number), self.progress)
        assert sent.receipt is not None
        self._note(work, chunk, sent.receipt)
        advance(len(chunk.places))

    def _send(self, work: Work, partition: Partition, chunk: Chunk, tries: list[Sent]) -> None:
        """Intent, write, ledger, in this order; each is durable before the next."""
        sent = tries[-1]
        failpoint(Point.INTENT_BEFORE)
        with self.store.transaction():
            self.store.intents.put(partition.name, sent.number, run=self.run, content=self._intent(work, chunk))
            if sent.number not in [former.number for former in tries[:-1]]:
                journal(self.store, self.run, self.decision, work=work, chunk=chunk, number=sent.number)
        failpoint(Point.INTENT_AFTER)

        def account(receipt: Receipt) -> bytes:
            sent.receipt, sent.claim = receipt, self._claim(work, chunk, receipt)
            return sent.claim.content()

        dataset = self.survey.sides[work.side].member.dataset
        partition.write(dataset, Change(chunk.verb, chunk.rows, chunk.expected), sent.number, self.run, account)

    def _intent(self, work: Work, chunk: Chunk) -> bytes:
        """What is about to be written: enough to know the rows, no values."""
        document = {
            "mapping": self.survey.mapping.name,
            "member": self.survey.sides[work.side].member.name,
            "verb": chunk.verb,
            "rows": self.survey.numbers[chunk.places].tolist(),
            "keys": chunk.keys,
        }
        return json.dumps(document).encode()

    def _claim(self, work: Work, chunk: Chunk, receipt: Receipt) -> Claim:
        """What the write did, in the words of the state."""
        failed = {reject.position for reject in receipt.rejects} | set(receipt.missed)
        done = np.array([at not in failed for at in range(len(chunk.places))], dtype=np.bool_)
        places = chunk.places[done]
        keys: dict[str, tuple[str | None, ...]] = {}
        if chunk.verb is Verb.DELETE:
            return self._claim_of(places, keys, removed=True)
        if chunk.verb is Verb.CREATE:
            member = self.survey.sides[work.side].member
            drawn = chunk.keys
            if drawn is None:
                assert receipt.keys is not None
                drawn = texts([receipt.keys.column(part) for part in member.key])
            own = [key for key, good in zip(drawn, done, strict=True) if good]
            keys[member.name] = tuple(own)
        for side, rows in enumerate(self.survey.sides):
            if rows.member.name not in keys:
                positions = self.survey.index[side, places]
                keys[rows.member.name] = tuple(None if at == ABSENT else rows.keys[at] for at in positions)
        settle_base(self.decision, work, chunk, receipt=receipt, done=done, seed=self.around.seed)
        return self._claim_of(places, keys, removed=False)

    def _claim_of(self, places: Places, keys: dict[str, tuple[str | None, ...]], *, removed: bool) -> Claim:
        agreed = self.decision.agreed
        return Claim(
            installation=self.store.meta.installation,
            mapping=self.survey.mapping.name,
            layout=agreed.layout,
            numbers=tuple(self.survey.numbers[places].tolist()),
            keys=keys,
            packed=() if removed else tuple(agreed.packed(places)),
            removed=removed,
        )

    def _note(self, work: Work, chunk: Chunk, receipt: Receipt) -> None:
        """Count what was written, hold what was refused, remember what had moved."""
        mapping, member = self.survey.mapping, self.survey.sides[work.side].member
        good = np.ones(len(chunk.places), dtype=np.bool_)
        for reject in receipt.rejects:
            good[reject.position] = False
            self._hold(
                int(chunk.places[reject.position]), Problem(reject.code, reject.reason, member.name, reject.field)
            )
        for position in receipt.missed:
            good[position] = False
            self.written.moved.append((int(chunk.places[position]), member.name))
        places = chunk.places[good]
        flags = {
            Verb.CREATE: self.written.created,
            Verb.UPDATE: self.written.updated,
            Verb.DELETE: self.written.deleted,
        }[chunk.verb]
        flags[places] = True
        self.written.counts[member.name, chunk.verb] += len(places)
        self.written.pending.update(chunk.places[good & chunk.pending].tolist())
        if chunk.verb is Verb.CREATE:
            keys = chunk.keys or texts([receipt.keys.column(part) for part in member.key])  # type: ignore[union-attr]
            for place, key, done in zip(chunk.places, keys, good, strict=True):
                if done:
                    self.around.links.link(mapping.name, member.name, int(self.survey.numbers[place]), key)

    def _hold(self, place: int, problem: Problem) -> None:
        self.survey.hold(place, problem)
        self.around.links.held.add((self.survey.mapping.name, int(self.survey.numbers[place])))


def _none(places: Places) -> npt.NDArray[np.bool_]:
    return np.zeros(len(places), dtype=np.bool_)


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    """The table with a column set; a key part that changes takes the place of the old one under the same name."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def _batch(table: pa.Table) -> pa.RecordBatch:
    whole = table.combine_chunks()
    batches = whole.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
