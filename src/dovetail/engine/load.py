"""A history load as a stream: read in the order of the key, decided and written scope by scope, in bounded memory.

Each scope goes through the same survey, decision and write as a whole mapping does. While one scope is being written,
the next is decided and the one after it is read. What the state knows of a load moves on in the transaction that
confirms a scope, so a load that was broken off goes on after the last scope that it confirmed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dovetail.engine.account import FINDINGS_MAX, add, count, findings
from dovetail.engine.agreed import Agreed
from dovetail.engine.arrays import flags
from dovetail.engine.attempt import persist
from dovetail.engine.begun import Begun, earlier
from dovetail.engine.decide import decide
from dovetail.engine.decision import Decision, Surroundings, Work
from dovetail.engine.deliver import Delivery, Desk
from dovetail.engine.giver import Giver, Read
from dovetail.engine.loadable import Loadable
from dovetail.engine.meet import Apart, Meeting, no_rows
from dovetail.engine.partition import Partition
from dovetail.engine.pipeline import Lane, ahead
from dovetail.engine.pour import Pour, channel
from dovetail.engine.progress import Advance, Progress
from dovetail.engine.quarantine import record
from dovetail.engine.quiet import keep_quiet, link_pairs
from dovetail.engine.rows import MemberRows
from dovetail.engine.scoped import ScopeLinks
from dovetail.engine.survey import follow_references, take_survey
from dovetail.engine.unmoved import LINKED, about, can_be_told, digested, is_ours, kinds_of, note
from dovetail.engine.workspace import Workspace
from dovetail.engine.write import Writer
from dovetail.errors import DovetailError, Refused, Remedy
from dovetail.model.finding import Finding
from dovetail.model.key import encode
from dovetail.model.run import MappingCount, MemberCount
from dovetail.systems.protocol import SupportsOrder, SupportsPassage, SupportsVersions

AHEAD = 1
"""Scopes that wait at most between reading and deciding."""


Digests: TypeAlias = "npt.NDArray[np.int64] | None"
"""The digest of each row, where its system gives them."""


@dataclass(slots=True)
class Scope:
    """Some rows on their way: what was decided about them, what carries it out, where their last key stands,
    the digests of the rows where their system gives them, and how many chunks of them are not confirmed yet."""

    decision: Decision
    writer: Writer
    place: str
    digests: Digests = None
    chunks: int = 0


@dataclass(slots=True)
class Loaded:
    """What a load did."""

    count: MappingCount
    findings: list[Finding] = field(default_factory=list)


class Load:
    """One mapping, streamed from the member that gives its rows into the one that is empty, or whose rows they meet."""

    def __init__(
        self,
        way: Loadable,
        around: Surroundings,
        desk: Desk,
        *,
        workspace: Workspace,
        partition: Partition,
        progress: Progress,
        for_sync: bool = False,
        is_dry: bool = False,
    ) -> None:
        self.way = way
        self.around = around
        self.desk = desk
        self.progress = progress
        self._source = source = workspace.connector(way.giver.member.system)
        self._about = about(way, workspace)
        self._for_sync = for_sync
        self.is_poured = False
        self._partition = partition
        self._lane: Lane[None] = Lane()
        self._flying: tuple[Scope, Delivery] | Pour | None = None
        members = way.mapping.members
        nothing = MappingCount(read={member.name: 0 for member in members})
        nothing.members = {member.name: MemberCount() for member in members if member.writable}
        self._loaded = Loaded(nothing)
        self._is_dry = is_dry
        self._begun = Begun.of(way, desk, is_dry=is_dry)
        self._apart = Apart()
        target = partition.target
        self._meeting = Meeting(way, target, desk.store) if way.meets else None
        self._before = target.versions(way.taker.dataset) if isinstance(target, SupportsVersions) and way.meets else {}
        self._sight = self._begun.sight
        self._sight.is_whole = self._sight.is_whole and can_be_told(way, source, target)
        if self._begun.was_broken_off:
            self._sight.recovered(partition.recovered)
            self._sight.is_whole = self._sight.is_whole and not way.meets
        self._giver = Giver(way, source, self._begun, self._meeting, is_digested=self._sight.is_whole)

    def carry_out(self) -> Loaded:
        """Load everything that is not loaded yet. The connectors of both members are in use until it ends."""
        mapping, giver = self.way.mapping, self.way.giver
        name = f"load {mapping.name} from {giver.name} to {self.way.taker.name}"
        self._note_earlier()
        try:
            with self.progress.task(name, total=giver.dataset.rows) as advance:
                if not self._pour(advance):
                    self._stream(advance)
            if self._meeting is not None:
                for rows in self._meeting.not_met(self._apart):
                    self._carry(self._alone(rows), advance)
                self._land(advance)
            persist(self._partition.tidy, self.progress)
        finally:
            self._lane.close()
        self._end()
        return self._loaded

    def _stream(self, advance: Advance) -> None:
        """Read the rows, decide and write them, scope by scope."""
        with ahead(self._giver.scopes, depth=AHEAD) as scopes:
            for read in scopes:
                self._carry(self._decide(read), advance)
            self._land(advance)

    def _pour(self, advance: Advance) -> bool:
        """Let rows flow from source to target where they can; whether that was all of them."""
        ends = (self._source, self._partition.target)
        found = channel(self.way, ends, self.around.links, self.around.mappings, is_based=self._for_sync)
        if isinstance(found, str):
            return False
        self.is_poured = True
        source = self._source
        assert isinstance(source, SupportsPassage)
        dataset = replace(self.way.giver.dataset, key=self.way.giver.key)
        with (
            source.passage(dataset, found.asked, found.landing) as passage,
            ahead(lambda: self._giver.looks(passage, found), depth=AHEAD) as looks,
        ):
            for looked in looks:
                pour = Pour(self.desk, found, self._partition, passage, looked) if looked.is_sure else None
                if pour is None or self._begun.is_resumed or not pour.is_free():
                    self._carry(self._decide(self._giver.again(looked)), advance)
                    continue
                pour.intend()
                if not self._land(advance, then=pour):
                    return False
                self._flying = pour
            return self._land(advance)

    def existing(self) -> int:
        """How many rows stand in the filled member."""
        return 0 if self._meeting is None else sum(self._before.values()) or self._meeting.count()

    def changes(self) -> int:
        """How many rows that stand in the filled member a load would change; nothing is written."""
        total = 0
        try:
            with ahead(self._giver.scopes, depth=AHEAD) as scopes:
                for read in scopes:
                    work = self._work(self._decide(read).decision)
                    total += len(work.updates) + len(work.deletes) if work is not None else 0
        finally:
            self._lane.close()
        return total

    def _note_earlier(self) -> None:
        """Count what an interrupted load did, and say so."""
        add(self._loaded.count, self._begun.count)
        if self._begun.place is not None:
            rows = self._begun.count.rows
            words = f"goes on where an interrupted load ended; its {rows:,} rows were not read again"
            self._loaded.findings.append(Finding("DV-454", words, mapping=self.way.mapping.name, severity="note"))

    def _decide(self, read: Read) -> Scope:
        """Decide some rows, as if they were the whole mapping."""
        rows = read.rows
        place = read.place or str(
            encode([rows.own.column(part).slice(len(rows) - 1, 1) for part in rows.member.key])[0].as_py()
        )
        links = ScopeLinks(self.around.links, self.way.mapping, durable=not self._is_dry)
        if self._meeting is not None:
            standing = read.standing if read.standing is not None else self._meeting.linked(rows, links)
            return self._scope(rows, standing, links, place, read.digests)
        fresh, digests = self._without_loaded(rows, read.digests)
        return self._scope(fresh, no_rows(self.way, self.way.target), links, place, digests)

    def _alone(self, rows: MemberRows) -> Scope:
        """Decide some rows that only the filled member holds."""
        links = ScopeLinks(self.around.links, self.way.mapping, durable=not self._is_dry)
        return self._scope(no_rows(self.way, self.way.source), rows, links, self._begun.place or "", None)

    def _scope(
        self,
        given: MemberRows,
        standing: MemberRows,
        links: ScopeLinks,
        place: str,
        digests: Digests,
    ) -> Scope:
        mapping = self.way.mapping
        sides = [given, standing] if self.way.source == 0 else [standing, given]
        around = replace(self.around, links=links)
        survey = take_survey(mapping, sides, links, around.mappings)
        follow_references(survey, links, around.mappings)
        agreed = Agreed(mapping, survey.numbers, for_sync=self._for_sync)
        if self.way.meets:
            agreed.load(self.desk.store, is_some=True)
        decision = decide(survey, agreed, around)
        writer = Writer(decision, around, self.desk, progress=self.progress)
        return Scope(decision, writer, place, digests)

    def _without_loaded(self, rows: MemberRows, digests: Digests) -> tuple[MemberRows, Digests]:
        """Leave out what an interrupted load has written: at most one scope where the source gives rows in order."""
        if not self._begun.is_resumed:
            return rows, digests
        numbers = self.desk.store.crossref.rows(self.way.mapping.name, rows.member.name, rows.keys)
        is_new = flags(numbers.is_null())
        known = len(rows) - int(is_new.sum())
        if not known:
            self._begun.is_resumed = not isinstance(self._source, SupportsOrder)
            return rows, digests
        for total in (self._loaded.count, self._begun.count):
            add(total, MappingCount(rows=known, unchanged=known))
        return rows.only(is_new), None if digests is None else digests[is_new]

    def _carry(self, scope: Scope, advance: Advance) -> None:
        """Send a scope on its way, behind the one that is being written."""
        work = self._work(scope.decision)
        chunks = []
        link_pairs(self.desk.store, self._partition, scope.decision)
        if work is not None:
            if len(work.creates) and self._draws_keys(work):
                self._land(advance)
            chunks = list(scope.writer.chunks(work, self._partition))
        if work is None or not chunks:
            self._land(advance)
            self._finish(scope, advance)
            return
        scope.chunks = len(chunks)
        for chunk in chunks:
            delivery = Delivery(self.desk, scope.decision, work, self._partition, chunk)
            delivery.intend()
            self._land(advance, then=delivery)
            self._flying = (scope, delivery)

    def _work(self, decision: Decision) -> Work | None:
        return next((work for work in decision.work if work.side == self.way.target), None)

    def _draws_keys(self, work: Work) -> bool:
        """Whether the target gives the keys: it is asked while nothing else is under way there."""
        return not set(self.way.taker.key) <= work.putter.columns_written(create=True)

    def _land(self, advance: Advance, then: Delivery | Pour | None = None) -> bool:
        """Wait for the chunk that is being written, begin the next one, and let the state know of the first; whether
        all went as it was meant to."""
        landed, self._flying = self._flying, None
        is_left = landed is not None and not self._is_landed(landed, advance)
        if is_left and isinstance(then, Pour):
            return False
        if then is not None:
            if not then.is_intended:
                then.intend()
            self._lane.give(then.send)
        if isinstance(landed, Pour) and not is_left:
            self._keep_poured(landed, advance)
        elif isinstance(landed, tuple):
            scope, delivery = landed
            scope.writer.note(delivery)
            scope.chunks -= 1
            delivery.confirm(note=None if scope.chunks else lambda: self._keep(scope))
            if not scope.chunks:
                self._account(scope, advance)
        return not is_left

    def _is_landed(self, landed: tuple[Scope, Delivery] | Pour, advance: Advance) -> bool:
        """Whether the target holds the chunk now, if need be after other tries; rows that could not be poured are dealt
        with the general way, and are not poured any more."""
        try:
            self._lane.take()
        except DovetailError as error:
            if isinstance(landed, tuple):
                if error.remedy is not Remedy.RETRY:
                    raise
                persist(landed[1].attempt, self.progress, after=error)
                return True
            if error.remedy is not Remedy.RETRY and not isinstance(error, Refused):
                raise
            if persist(landed.is_known, self.progress):
                return True
            self._carry(self._decide(persist(lambda: self._giver.again(landed.looked), self.progress)), advance)
            self._land(advance)
            return False
        return True

    def _keep_poured(self, pour: Pour, advance: Advance) -> None:
        """Bring into the state that a stretch was poured."""
        way, store, name = self.way, self.desk.store, self.way.mapping.name
        rows = len(pour.keys)
        done = MappingCount(rows=rows, created=rows, read={way.giver.name: rows, way.taker.name: 0})
        done.members = {member.name: MemberCount() for member in way.mapping.members if member.writable}
        done.members[way.taker.name].created = rows
        digests = pour.digests

        def keep() -> None:
            if self._sight.is_whole and digests is not None:
                seen = digests.to_numpy()
                kinds = np.full(rows, LINKED, dtype=np.uint8)
                store.digests.add(name, digested(pour.keys, seen, kinds))
                self._sight.see(seen, kinds)
                self._sight.poured(rows, pour.version)
            add(self._begun.count, earlier(done))
            self._begun.place = str(pour.keys[rows - 1].as_py())
            store.loads.note(name, way.taker.name, self._begun.document())

        pour.confirm(keep)
        add(self._loaded.count, done)
        advance(rows)

    def _finish(self, scope: Scope, advance: Advance) -> None:
        """A scope of which nothing was to be written."""
        with self.desk.store.transaction():
            self._partition.hold()
            self._keep(scope)
        self._account(scope, advance)

    def _keep(self, scope: Scope) -> None:
        """Bring into the state, inside its transaction, what a scope leaves besides its writes, and how far the load
        is."""
        decision = scope.decision
        store, name = self.desk.store, self.way.mapping.name
        keep_quiet(store, decision)
        if self._sight.is_whole and scope.digests is not None:
            kinds = kinds_of(decision, self.way.source, scope.writer.written)
            store.digests.add(name, digested(decision.survey.sides[self.way.source].keys, scope.digests, kinds))
            self._sight.see(scope.digests, kinds)
            self._sight.wrote(scope.writer.written)
        record(store, self.desk.run, decision, is_whole=False)
        add(self._begun.count, earlier(count(decision, scope.writer.written)))
        self._begun.place = scope.place
        store.loads.note(name, self.way.taker.name, self._begun.document())

    def _account(self, scope: Scope, advance: Advance) -> None:
        decision, written = scope.decision, scope.writer.written
        add(self._loaded.count, count(decision, written))
        self._apart.see(decision, written)
        room = FINDINGS_MAX - len(self._loaded.findings)
        self._loaded.findings += [finding for finding, _ in zip(findings(decision, written), range(room), strict=False)]
        advance(len(decision.survey))

    def _end(self) -> None:
        """Everything is loaded: what stood in quarantine before and was not met again is closed."""
        store, name = self.desk.store, self.way.mapping.name
        with store.transaction():
            self._partition.hold()
            if not self._begun.was_broken_off:
                store.rejects.close_absent(self.desk.run, name)
                store.conflicts.close_absent(self.desk.run, name)
            store.loads.close(name, self.way.taker.name)
            self._count_versions()
            note(store, self.way, self._sight, self._about)
        self._apart.link(name, self.around.links)
        self.around.links.finished.add(name)

    def _count_versions(self) -> None:
        """Where rows stood before the load, what they are now counts as ours only if nobody else wrote meanwhile."""
        target = self._partition.target
        if self._meeting is None or not self._sight.is_whole or not isinstance(target, SupportsVersions):
            return
        after = target.versions(self.way.taker.dataset)
        replaced = self._loaded.count.updated
        self._sight.is_whole = is_ours(self._before, after, self._sight.versions, replaced)
        self._sight.versions = Counter(after)
