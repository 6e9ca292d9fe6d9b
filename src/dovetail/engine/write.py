"""Carrying out decisions: intent, write and ledger in one transaction of the target, confirmation in the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.arrays import flags, taken
from dovetail.engine.attempt import persist
from dovetail.engine.decision import Chunk, Decision, Surroundings, Turn, Work
from dovetail.engine.deliver import Delivery, Desk, created_keys
from dovetail.engine.lossy import rewritten
from dovetail.engine.partition import Partition
from dovetail.engine.progress import Progress
from dovetail.engine.put import Places, Put
from dovetail.engine.rows import Problem
from dovetail.engine.tangle import tangled, together
from dovetail.engine.work import waits_for
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledMember
from dovetail.model.change import Verb
from dovetail.model.key import encode
from dovetail.plan.route import waves

CHUNK_ROWS = 32_768
"""Rows changed or deleted at most in one transaction of a target."""
CREATE_ROWS = 65_536
"""Rows created at most in one transaction of a target."""

Heard = Callable[[CompiledMember, str, pa.Array], None]
"""Is told which rows were written at a member, and the number of the transaction."""


@dataclass(slots=True)
class Written:
    """What was written, by shared row: flags by place, and counts by member; `rewritten` counts by member and
    column the values of which the system made something else. `versions` counts written rows by the
    version that they carry now; `is_versioned` is false where a target did not tell."""

    created: npt.NDArray[np.bool_]
    updated: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_]
    moved: list[tuple[int, str]] = field(default_factory=list)
    pending: set[int] = field(default_factory=set)
    counts: Counter[tuple[str, Verb]] = field(default_factory=Counter)
    rewritten: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    is_versioned: bool = True


class Writer:
    """Writes the decisions of one mapping, member by member, chunk by chunk."""

    def __init__(
        self,
        decision: Decision,
        around: Surroundings,
        desk: Desk,
        *,
        progress: Progress,
        heard: Heard | None = None,
    ) -> None:
        survey = decision.survey
        nothing = np.zeros(len(survey), dtype=np.bool_)
        self.decision = decision
        self.survey = survey
        self.around = around
        self.desk = desk
        self.progress = progress
        self.heard = heard
        self.written = Written(nothing.copy(), nothing.copy(), nothing.copy())

    def fill(self, work: Work, partition: Partition) -> None:
        """Create, then update at one member."""
        total = len(work.creates) + len(work.updates) + len(work.revived)
        self._write(work, partition, self.fills(work, partition), total=total)

    def remove(self, work: Work, partition: Partition) -> None:
        """Delete at one member: never a row of which something could not be written elsewhere, or moved meanwhile."""
        self._write(work, partition, self._removals(work), total=len(work.deletes))

    def _write(self, work: Work, partition: Partition, chunks: Iterator[Chunk], *, total: int) -> None:
        if not total:
            return
        member = self.survey.sides[work.side].member.name
        with self.progress.task(f"write {self.survey.mapping.name} to {member}", total=total) as advance:
            for chunk in chunks:
                delivery = Delivery(self.desk, self.decision, work, partition, chunk)
                delivery.deliver(self.progress)
                self.note(delivery)
                advance(len(chunk.places))

    def chunks(self, work: Work, partition: Partition) -> Iterator[Chunk]:
        """Everything that is to be written at one member: rows created, then changed, then deleted."""
        yield from self.fills(work, partition)
        yield from self._removals(work)

    def fills(self, work: Work, partition: Partition) -> Iterator[Chunk]:
        """What is to be created and changed at one member."""
        yield from self.creates(work, partition)
        yield from self._updates(work)
        yield from self._turns(work, work.revived, Turn.REVIVE)

    def _removals(self, work: Work) -> Iterator[Chunk]:
        member = self.survey.sides[work.side].member
        left = self.decision.held
        left[[place for place, _ in self.written.moved]] = True
        for wave in self._generations(work, work.deletes[~left[work.deletes]]):
            if member.remove:
                yield from self._turns(work, wave, Turn.RETIRE)
                continue
            for at in range(0, len(wave), CHUNK_ROWS):
                places = wave[at : at + CHUNK_ROWS]
                own = self._own(work, places)
                yield Chunk(Verb.DELETE, places, _batch(own.select(member.key)), _batch(own), None, _none(places))

    def _turns(self, work: Work, places: Places, turn: Turn) -> Iterator[Chunk]:
        """Rows that are deleted softly, if they are as they were read, or stand again after that."""
        member = self.survey.sides[work.side].member
        columns = member.remove if turn is Turn.RETIRE else member.revive
        outputs = [Output(name, expression, member.scope[name]) for name, expression in columns]
        for at in range(0, len(places), CHUNK_ROWS):
            part = places[at : at + CHUNK_ROWS]
            own = self._own(work, part)
            evaluated = evaluate(outputs, member.scope, own)
            good = np.ones(len(part), dtype=np.bool_)
            for failure in evaluated.failures:
                good[failure.position] = False
                problem = Problem(failure.code, failure.reason, member.name, failure.output)
                self._hold(int(part[failure.position]), problem)
            after = own
            for name, _ in columns:
                after = _with(after, name, evaluated.table.column(name))
            good &= self._is_turned(part, after, work, turn)
            own, after = own.filter(pa.array(good)), after.filter(pa.array(good))
            new = after.select(list(dict.fromkeys([*member.key, *(name for name, _ in columns)])))
            read = [name for name, expression in columns for name in (name, *expression.names)]
            guarded = own if turn is Turn.RETIRE else own.select(list(dict.fromkeys([*member.key, *read])))
            chosen = part[good]
            if len(chosen):
                yield Chunk(Verb.UPDATE, chosen, _batch(new), _batch(guarded), None, _none(chosen), turn)

    def creates(self, work: Work, partition: Partition) -> Iterator[Chunk]:
        """The rows to be created, parents before children, as chunks whose keys are drawn where the system can."""
        for wave in self._waves(work):
            for at in range(0, len(wave), CREATE_ROWS):
                chunk = self._create(work, partition, wave[at : at + CREATE_ROWS])
                if chunk is not None:
                    yield chunk

    def _create(self, work: Work, partition: Partition, places: Places) -> Chunk | None:
        """Put the rows now that their parents have keys, and draw keys where the system can."""
        member = self.survey.sides[work.side].member
        put = work.putter.create(places)
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
        keys = encode([columns.column(part) for part in member.key]) if known else None
        return Chunk(Verb.CREATE, places, _batch(columns), None, keys, put.pending[good])

    def _without_failures(self, work: Work, put: Put) -> npt.NDArray[np.bool_]:
        good = np.ones(len(put.places), dtype=np.bool_)
        member = self.survey.sides[work.side].member.name
        for failure in put.failures:
            good[failure.position] = False
            self._hold(int(put.places[failure.position]), Problem(failure.code, failure.reason, member, failure.output))
        for at, reference in put.orphaned.items():
            good[at] = False
            place = int(put.places[at])
            self._hold(place, waits_for(self.decision, work, place, reference))
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

    def _is_turned(self, places: Places, after: pa.Table, work: Work, turn: Turn) -> npt.NDArray[np.bool_]:
        """Where `gone` sees what `remove` or `revive` does; other rows would be turned again and again, so they are
        held."""
        member = self.survey.sides[work.side].member
        if member.gone is None:
            return np.ones(len(places), dtype=np.bool_)
        gone = flags(evaluate([Output("gone", member.gone)], member.scope, after).table.column("gone"))
        good = gone if turn is Turn.RETIRE else ~gone
        word = "remove" if turn is Turn.RETIRE else "revive"
        for place in places[~good].tolist():
            self._hold(place, Problem("DV-466", f"`gone` does not see what `{word}` writes", member.name))
        return good

    def _generations(self, work: Work, places: Places) -> list[Places]:
        """The rows to be removed, children before parents where a mapping refers to itself."""
        name = self.survey.mapping.name
        depth = np.zeros(len(places), dtype=np.int64)
        place_of = {int(self.survey.numbers[place]): at for at, place in enumerate(places)}
        for shared in self.survey.mapping.mapping.fields:
            if shared.ref == name and shared.name in self.survey.referred and len(places):
                parents = self.survey.referred[shared.name][work.side, places].tolist()
                found = np.array(waves([place_of.get(number, -1) for number in parents]))
                depth = np.maximum(depth, np.where(found < 0, 0, found))
        return [places[depth == wave] for wave in range(int(depth.max(initial=0)), -1, -1)]

    def _updates(self, work: Work) -> Iterator[Chunk]:
        """Updates in groups that set the same columns."""
        if not len(work.updates) or work.new is None:
            return
        member = self.survey.sides[work.side].member
        names = sorted(work.changed)
        wanted, changed = work.new, work.changed
        knotted = np.zeros(len(work.updates), dtype=np.bool_)
        if any(not changed.keys().isdisjoint(group) for group in member.dataset.uniques):
            whole = self._own(work, work.updates)
            knotted = tangled(member, whole, wanted, changed)
            wanted, changed = together(knotted, whole, wanted, changed)
        for rows in _alike([*(changed[name] for name in names), knotted]):
            columns = [name for name in names if changed[name][rows[0]]]
            for at in range(0, len(rows), CHUNK_ROWS):
                part = rows[at : at + CHUNK_ROWS]
                places = work.updates[part]
                own = self._own(work, places)
                new = own.select(member.key)
                for name in columns:
                    new = _with(new, name, taken(wanted.column(name), part))
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

    def note(self, delivery: Delivery) -> None:
        """Count what was written, hold what was refused, remember what had moved."""
        work, chunk, receipt = delivery.work, delivery.chunk, delivery.receipt
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
        verb = Verb.DELETE if chunk.removes else chunk.verb
        done = {
            Verb.CREATE: self.written.created,
            Verb.UPDATE: self.written.updated,
            Verb.DELETE: self.written.deleted,
        }[verb]
        done[places] = True
        is_again = chunk.turn is Turn.REVIVE and np.isin(places, work.updates)
        self.written.counts[member.name, verb] += len(places) - int(np.sum(is_again))
        for column, rows in rewritten(chunk, receipt, good).items():
            self.written.rewritten[member.name, column] += rows
        if chunk.removes:
            self.decision.active[work.side, places] = False
        if receipt.version is not None:
            self.written.versions[receipt.version] += len(places)
        elif chunk.verb is not Verb.DELETE and len(places):
            self.written.is_versioned = False
        self.written.pending.update(chunk.places[chunk.pending].tolist())
        if chunk.verb is Verb.CREATE:
            keys = created_keys(chunk, receipt, member.key).filter(pa.array(good))
            self.around.links.link_many(mapping.name, member.name, self.survey.numbers[places], keys)
        if self.heard is not None and receipt.transaction is not None:
            self.heard(
                member, receipt.transaction, keys if chunk.verb is Verb.CREATE else _keys_of(member, chunk, good)
            )

    def _hold(self, place: int, problem: Problem) -> None:
        self.survey.hold(place, problem)
        self.around.links.held.add((self.survey.mapping.name, int(self.survey.numbers[place])))


def _keys_of(member: CompiledMember, chunk: Chunk, good: npt.NDArray[np.bool_]) -> pa.Array:
    """The keys of the rows of a chunk that were written."""
    return encode([chunk.rows.column(part) for part in member.key]).filter(pa.array(good))


def _alike(flags: Sequence[npt.NDArray[np.bool_]]) -> list[Places]:
    """The rows by the flags that they carry: those of each list carry the same ones."""
    kinds = np.zeros(len(flags[0]), dtype=np.int64)
    for one in flags:
        if one.any() and not one.all():
            _, kinds = np.unique(2 * kinds + one, return_inverse=True)
    order = np.argsort(kinds, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1)


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
