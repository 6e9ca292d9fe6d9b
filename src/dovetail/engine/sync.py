"""Continuous reconcile: what may have changed is looked at again, decided, written and confirmed, over and over."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from dovetail.engine.attempt import patience
from dovetail.engine.begun import was_broken_off
from dovetail.engine.census import Census
from dovetail.engine.deal import Deal, freed
from dovetail.engine.decision import Surroundings
from dovetail.engine.deliver import Desk
from dovetail.engine.drift import Lookout, aside
from dovetail.engine.ear import Ear
from dovetail.engine.feed import feed_name
from dovetail.engine.feeds import Feeds
from dovetail.engine.gone import hold_emptied
from dovetail.engine.guard import RollingGuard, closed
from dovetail.engine.inbox import SCOPE_KEYS, Inbox, Taken
from dovetail.engine.links import Links
from dovetail.engine.lossy import tell
from dovetail.engine.onlooker import Onlooker
from dovetail.engine.pingpong import PingPong
from dovetail.engine.progress import Progress, Silent
from dovetail.engine.reconcile import Reconcile
from dovetail.engine.scope import look_at
from dovetail.engine.standing import Heart, verify
from dovetail.engine.turn import Turn, absorb, include
from dovetail.engine.whole import carry_out
from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError
from dovetail.mapping.compiled import CompiledMapping
from dovetail.model.run import Summary
from dovetail.state.queue import Cursor

RETRY_S = 300.0
"""Seconds after which rows in quarantine are looked at again, where nothing was written meanwhile."""
TIDIED = 32
"""Chunks after which a target's ledger is tidied; entries that the state knows are passed over."""
PATIENCE_S = 2.0
"""Seconds in which a failed piece of work is tried again before its mapping waits, and the others go on."""


class Sync:
    """Keeps mappings joined. `start` before anything else; then `notice` and `turn`, for as long as one likes.

    Nothing that a feed told is acknowledged before the state knows what became of it."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        only: Sequence[str] = (),
        allowed: int | None = None,
        progress: Progress | None = None,
        told: Callable[[Turn], None] | None = None,
    ) -> None:
        self.workspace = workspace
        self._told = told
        self.allowed = allowed
        self.progress: Progress = progress or Silent()
        self._only = only
        self._seed, self._installation = workspace.store.meta.seed, workspace.store.meta.installation
        self.pingpong = PingPong(workspace.store, workspace.clock, self._seed)
        self.guard = RollingGuard(workspace.store, workspace.clock, allowed=allowed)
        self.onlookers: list[Onlooker] = [self.guard, self.pingpong]
        self._renew()
        self._inbox = Inbox(workspace.store)
        self._cursors: dict[str, str] = {}
        self._heart = Heart()
        self._retries: dict[str, float] = {}
        self._run = ""
        self._joined = Summary("sync", "")

    def _renew(self) -> None:
        """Compile the declarations against what the systems hold now."""
        workspace = self.workspace
        self.lookout = Lookout(workspace, self._adopt, aside=aside)
        self.reconcile = self._reconcile(self._only, self.lookout.compile())
        self.order = self.reconcile.order
        chosen = [self.reconcile.mappings[name] for name in self.order]
        project, store = workspace.project, workspace.store
        name = feed_name(project.name, project.environment, store.meta.installation)
        self.feeds = Feeds(workspace, chosen, name)
        self.ear = Ear(workspace, self.feeds)
        self._censuses = {
            (mapping.name, member.name): Census(mapping.name, member, workspace.connector(member.member.system), store)
            for mapping in chosen
            for member in mapping.members
        }
        self._members = {name: [member.name for member in one.members] for name, one in self.reconcile.mappings.items()}
        self._stale = set(self.order)

    def _reconcile(self, names: Sequence[str], mappings: Mapping[str, CompiledMapping]) -> Reconcile:
        known, progress = dict(mappings), self.progress
        return Reconcile(self.workspace, only=names, durable=True, progress=progress, for_sync=True, mappings=known)

    def _adopt(self, mapping: CompiledMapping) -> None:
        """Go on with a mapping as it was compiled anew; what its members could not take before is tried again."""
        name, store = mapping.name, self.workspace.store
        self.reconcile.adopt(mapping)
        self.feeds.adopt(mapping)
        for member in mapping.members:
            source = self.workspace.connector(member.member.system)
            self._censuses[name, member.name] = Census(name, member, source, store)
            store.queue.push(name, member.name, store.rejects.keys(name, member.name))
        self._stale.add(name)

    def start(self) -> Summary:
        """Join all mappings; what that did."""
        summary = Summary("sync", self._run)
        for name in self.order:
            self.join(name)
        absorb(summary, self._joined)
        self._joined = Summary("sync", self._run)
        return summary

    def systems(self, name: str) -> Collection[str]:
        """The systems that a mapping joins."""
        return {member.member.system for member in self.reconcile.mappings[name].members}

    def join(self, name: str) -> None:
        """Take a mapping over from whoever worked on it, bring into the state what a crash left in the targets, and
        look at it as a whole where it cannot be told what changed while nobody was here; with it those that it forms
        a cycle with."""
        if not self._run:
            project = self.workspace.project
            self._run = self.workspace.store.runs.start("sync", project.digest, project.environment)
        with self.lookout.watching(self.reconcile.mappings[name]):
            self.feeds.open(self.systems(name))
            if not self._is_joined(name):
                (group,) = (group for group in self.reconcile.groups if name in {one.name for one in group})
                absorb(self._joined, self.whole([one.name for one in group]))
            self._open(name)
        self.lookout.remember(self.reconcile.mappings[name])

    def leave(self, name: str) -> None:
        """Let a mapping go; nothing of it is written until it is joined again."""
        self._stale.add(name)

    def probe(self, system: str) -> None:
        """Raise where a system does not answer, over a connection of its own."""
        source = self.workspace.connect_anew(system)
        try:
            source.describe()
        finally:
            source.close()

    def _is_joined(self, name: str) -> bool:
        """Whether the mapping was looked at as a whole under these declarations, and feeds tell all that came since."""
        mapping = self.reconcile.mappings[name]
        joined = self.workspace.store.queue.cursor(f"joined {name}") == self._declared
        return joined and all(self.feeds.covers(member) for member in mapping.members)

    @property
    def _declared(self) -> str:
        project = self.workspace.project
        return f"{project.digest} {project.environment or ''}"

    def whole(self, names: Sequence[str]) -> Summary:
        """Look at all rows of these mappings, and write what differs."""
        for name in names:
            for census in self._censuses_of(name):
                census.look()
        marks = {name: self._inbox.marks(name, self._members[name]) for name in names}
        broken = [name for name in names if was_broken_off(self.workspace.store, name, self._members[name])]
        reconcile = self._reconcile(names, self.reconcile.mappings)
        reconcile.guard, reconcile.pingpong = self.guard, self.pingpong
        reconcile.onlookers = self.onlookers
        try:
            summary = carry_out(reconcile, "sync", allowed=self.allowed, within=self._run)
        finally:
            self._stale |= set(names)
            self.reconcile.standing.refresh()
        queue = self.workspace.store.queue
        for name in names:
            queue.move(Cursor(f"joined {name}", self._declared))
            for member, mark in marks[name].items():
                queue.done_all(name, member, mark)
            if name in broken:  # what it had read before it broke off may have changed since
                queue.mark_all(name, self._members[name][0], "a load that had broken off was brought to its end")
        return summary

    def _censuses_of(self, name: str) -> Iterable[Census]:
        """Those of members that no feed tells of."""
        mapping = self.reconcile.mappings[name]
        return [self._censuses[name, one.name] for one in mapping.members if not self.feeds.covers(one)]

    def _open(self, name: str) -> int:
        """Take the partitions of a mapping over, unless we hold them."""
        if name not in self._stale:
            return 0
        self.guard.join(name)
        self.pingpong.join(name)
        recovered = self.reconcile.recover([name])
        self._stale.discard(name)
        return recovered

    def notice(self, without: Collection[str] = ()) -> int:
        """Read the feeds that woke us, now and then all of them, but for those of some systems and those whose former
        words are not dealt with yet; how many keys came."""
        noticed = 0
        for system in self.ear.to_read(without):
            if system in self._cursors:
                continue
            told = self.ear.read(system)
            for (mapping, member), keys in told.keys.items():
                self._inbox.put(mapping, member, keys)
                noticed += len(keys)
            for (mapping, member), reason in told.whole.items():
                self.workspace.store.queue.mark_all(mapping, member, reason)
                noticed += 1
            if told.cursor is not None:
                self._cursors[system] = told.cursor
        if not noticed:
            self._acknowledge()
        return noticed

    def census(self, name: str) -> int:
        """Look over the members of a mapping that no feed tells of; how many keys came."""
        noticed = 0
        for member in self.reconcile.mappings[name].members:
            if self.feeds.covers(member):
                continue
            with self.lookout.watching(self.reconcile.mappings[name]):
                keys = self._censuses[name, member.name].look()
            if keys is None:
                self.workspace.store.queue.mark_all(name, member.name, "its rows were not looked over before")
                noticed += 1
            else:
                self._inbox.put(name, member.name, keys)
                noticed += len(keys)
        return noticed

    def await_changes(self, timeout_s: float) -> bool:
        """Wait until a feed may hold something, at most so long."""
        return self.ear.wait(timeout_s)

    def turn(self, names: Collection[str] | None = None, *, limits: Mapping[str, int] | None = None) -> Turn:
        """Deal with what waits of all mappings, or of these: creates and updates of parents first, then deletes of
        children first; `limits` are keys at most, by mapping. What fails waits in the state's queue, and holds nothing
        but its own mapping."""
        turn = Turn(self._joined)
        self._joined = Summary("sync", self._run)
        due = [name for name in self.order if names is None or name in names]
        self._inbox.look()
        self._inbox.set_aside(due)
        around = self._surroundings()
        begun: list[tuple[Taken, Deal]] = []
        token = patience.set(PATIENCE_S)
        try:
            for group in self.reconcile.groups:
                for name in (one.name for one in group if one.name in due):
                    limit = (limits or {}).get(name, SCOPE_KEYS)
                    if limit > 0:
                        self._begin(turn, name, around, begun, limit=limit)
                around.links.finished |= {one.name for one in group}
            for taken, deal in reversed(begun):
                self._end(turn, taken, deal)
        finally:
            patience.reset(token)
        self._acknowledge()
        turn.summary.findings += self.lookout.notes
        self.lookout.notes = []
        turn.waiting = self._inbox.waiting(due)
        if self._told is not None:
            self._told(turn)
        return turn

    def _surroundings(self) -> Surroundings:
        store = self.workspace.store
        links = Links(store, self._members, durable=True, asked=self._members.keys())
        doubted = self.reconcile.standing.doubts
        return Surroundings(
            links, self.reconcile.mappings, self._seed, clocks=self.reconcile.clocks.of, doubted=doubted
        )

    def _begin(
        self, turn: Turn, name: str, around: Surroundings, begun: list[tuple[Taken, Deal]], *, limit: int
    ) -> None:
        """Look at what waits of a mapping, and create and change rows."""
        members = self._members[name]
        taken = None
        try:
            self.lookout.admit(self.reconcile.mappings[name])
            if self._inbox.marks(name, members):
                absorb(turn.summary, self.whole([name]))
            taken = self._inbox.take(name, members, limit)
            if not taken.keys:
                self._retry(name)
                return
            self._open(name)
            insisted = self._inbox.insisted(taken)
            if insisted is not None:
                taken = insisted
                with self._deal(name, taken, around).alone():
                    deal = self._deal(name, taken, around)
                    deal.fill()
            else:
                deal = self._deal(name, taken, around)
                deal.fill()
            begun.append((taken, deal))
        except DovetailError as error:
            self._failed(turn, name, taken, error)

    def _deal(self, name: str, taken: Taken, around: Surroundings) -> Deal:
        """What is to be done about these keys; raises `GateClosed` where the guard holds it."""
        decision = look_at(self.reconcile.mappings[name], taken.keys, around, self.workspace)
        hold_emptied(decision, self.workspace, allowed=self.allowed)
        verify(decision, self.reconcile.partitions)
        self.pingpong.hold(decision)
        reasons = self.guard.holds(decision)
        if reasons:
            raise closed(name, reasons)
        return Deal(
            decision,
            around,
            self._desk(around),
            partitions=self.reconcile.partitions,
            progress=self.progress,
            heard=partial(self.feeds.wrote, name),
        )

    def _end(self, turn: Turn, taken: Taken, deal: Deal) -> None:
        """Delete rows, and bring into the state what became of all of them."""
        store, name = self.workspace.store, deal.name
        try:
            deal.remove()
            self._beat(name)
            with store.transaction():
                deal.settle()
                self._inbox.done(taken, deal.again(), missed=deal.missed())
                if deal.written:  # what was confirmed lazily is safe once this is
                    store.queue.move(Cursor(f"written {name}", self._run))
                for (mapping, member), keys in freed(store, name, deal.linked()).items():
                    store.queue.push(mapping, member, keys)
        except DovetailError as error:
            self._failed(turn, name, taken, error)
            return
        if deal.written:
            self._retries[name] = 0.0
        turn.looked += sum(len(keys) for keys in taken.keys.values())
        turn.written += deal.written
        include(turn.summary, deal)

    def _retry(self, name: str) -> None:
        """Let rows in quarantine be looked at again, now that nothing else waits: after rows were written, which may
        have given free what they asked for, and now and then."""
        now = time.monotonic()
        due = self._retries.setdefault(name, now + RETRY_S)
        if now < due:
            return
        self._retries[name] = now + RETRY_S
        store = self.workspace.store
        for member in self._members[name]:
            store.queue.push(name, member, store.rejects.keys(name, member))

    def _beat(self, name: str, *, at_once: bool = False) -> None:
        partitions = [one for (mapping, _), one in self.reconcile.partitions.items() if mapping == name]
        self._heart.beat(partitions, self.workspace.clock().timestamp(), at_once=at_once)

    def _failed(self, turn: Turn, name: str, taken: Taken | None, error: DovetailError) -> None:
        """Let a mapping wait. What became of its last write is found out when its partitions are taken over again."""
        self._stale.add(name)
        if taken is not None:
            self._inbox.give_back(taken)
        turn.failed[name] = self.lookout.explained(self.reconcile.mappings[name], error)

    def _desk(self, around: Surroundings) -> Desk:
        store = self.workspace.store
        return Desk(store, self._installation, self._run, around.seed, tidied=TIDIED, onlookers=self.onlookers)

    def _acknowledge(self) -> None:
        """Let the feeds forget what they told, once nothing of it is in our memory alone."""
        if self._inbox.is_clear:
            for system, cursor in self._cursors.items():
                self.feeds.acknowledge(system, cursor)
            self._cursors.clear()

    def close(self) -> None:
        """End the run; what waits still waits in the state or at the feeds."""
        for name in self.order:
            with suppress(DovetailError):
                self.pingpong.keep(name)
                self._beat(name, at_once=True)
        for partition in self.reconcile.partitions.values():
            with suppress(DovetailError):
                partition.tidy()
        self.ear.close()

    def finish(self, summary: Summary, *, ok: bool) -> None:
        """Keep in the state how the run ended, if it ever began; `summary` gets its name."""
        tell(summary, self.reconcile.mappings)
        if self._run:
            summary.run, summary.ok = self._run, ok
            self.workspace.store.runs.finish(self._run, ok=ok, summary=summary.document())
