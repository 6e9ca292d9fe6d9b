"""The loop of a running sync: what is worked on next, what waits and why, and for how long to rest."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dovetail.errors import DovetailError, Fenced, GateClosed, Remedy, SchemaDrift, StateFault
from dovetail.schedule.agenda import Agenda, Reason, Timetable
from dovetail.schedule.breaker import Patience
from dovetail.schedule.circuits import Circuits
from dovetail.schedule.clock import Time
from dovetail.schedule.drive import Engine, Turned
from dovetail.schedule.lease import Tenancy
from dovetail.schedule.pace import Bucket, pause_s
from dovetail.state.holds import Holds

SLICE_S = 0.5
"""Seconds of one rest at most, so that a stop is noticed."""
REVIEW_S = 1.0
"""Seconds between two reviews at most, while a mapping waits."""
PAUSE_FIRST_S = 0.25
"""Seconds that a mapping waits after a failure; twice as long after each further one."""
PAUSE_MAX_S = 60.0
"""Seconds that a mapping waits at most until it is tried again."""
STALL_FIRST_S = 0.01
"""Seconds to rest where keys wait and none could be dealt with; twice as long each time, up to `SLICE_S`."""
PASSING = frozenset({"DV-502", "DV-507"})
"""Faults of the state that pass: it is locked, or cannot be reached."""
KINDS = ("window", "calendar", "breaker", "fault", "fenced", "guard", "drift")
"""The kinds of reasons that the loop keeps in the state."""


@dataclass(slots=True)
class Ran:
    """What a loop did until it was stopped."""

    turns: int = 0
    looked: int = 0
    written: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Seat:
    """One mapping in the loop: its times, its systems, whether we work on it, its failures in a row with the last one's
    reason, and why it waits, as it is and as the state has it."""

    agenda: Agenda
    systems: frozenset[str]
    is_joined: bool = False
    failures: int = 0
    until_s: float = 0.0
    fault: Reason | None = None
    reason: Reason | None = None
    saved: Reason | None = None


class Loop:
    """Drives an engine until it is stopped. A mapping that waits or fails holds none of the others; a child of one that
    waits goes on with the rows whose parents are there.

    `last` says when a mapping's calendar was last met; `met` is told when it is."""

    def __init__(
        self,
        engine: Engine,
        tenancy: Tenancy,
        holds: Holds,
        timetables: Mapping[str, Timetable],
        *,
        buckets: Mapping[str, Bucket] | None = None,
        patience: Patience | None = None,
        clock: Time | None = None,
        last: Mapping[str, dt.datetime] | None = None,
        met: Callable[[str, dt.datetime], None] = lambda _name, _moment: None,
    ) -> None:
        self._engine = engine
        self._tenancy = tenancy
        self._holds = holds
        self._clock = clock or Time()
        self._met = met
        self._buckets = dict(buckets or {})
        wall, known = self._clock.wall(), last or {}
        self._seats = {
            name: _Seat(
                Agenda(timetables.get(name, Timetable()), wall=wall, last=known.get(name)),
                frozenset(engine.systems(name)),
            )
            for name in engine.order
        }
        systems = {system for seat in self._seats.values() for system in seat.systems}
        self._circuits = Circuits(systems, engine.probe, patience=patience or Patience(), clock=self._clock)
        self._open: frozenset[str] = frozenset()
        self._review_s = self._clock.now_s()
        self._stalls = 0
        self.ran = Ran()

    def run(self, stop: threading.Event) -> Ran:
        """Go on until `stop` is set; what is begun then is finished, and nothing else is begun."""
        with self._tenancy.kept():
            try:
                while not stop.is_set():
                    wait_s = self.step()
                    if wait_s > 0 and not stop.is_set():
                        self._rest(min(wait_s, SLICE_S))
            finally:
                self._end()
        return self.ran

    def reasons(self) -> dict[str, Reason]:
        """Why mappings wait, as of the last review."""
        return {name: seat.reason for name, seat in self._seats.items() if seat.reason is not None}

    def step(self) -> float:
        """One round: review, look over, read the feeds, deal with what waits. Seconds until the next may be of use."""
        try:
            now_s = self._clock.now_s()
            if now_s >= self._review_s or self._circuits.has_answers:
                self._review(now_s)
            if not self._open:
                return max(0.0, self._review_s - now_s)
            self._look_over(now_s)
            return self._turn() if self._open else 0.0
        except StateFault as fault:
            if fault.code not in PASSING:
                raise
            return self._without_state()

    def _look_over(self, now_s: float) -> None:
        """Look one mapping over whose time has come; one a round, so that changes of others wait for no more than
        that."""
        for name in self._engine.order:
            agenda = self._seats[name].agenda
            if name not in self._open or not agenda.is_due(now_s):
                continue
            try:
                self._engine.census(name)
            except DovetailError as error:
                self._fail(name, error)
            else:
                ends_s = self._clock.now_s()
                agenda.looked(ends_s, ends_s - now_s)
            return

    def _turn(self) -> float:
        """Deal with what waits, and see what became of it."""
        try:
            self._engine.notice(self._circuits.left_alone())
        except StateFault:
            raise
        except DovetailError:
            self._circuits.suspect({system for name in self._open for system in self._seats[name].systems})
        turned = self._engine.turn(self._open, limits=self._limits())
        self.ran.turns += 1
        self.ran.looked += turned.looked
        self.ran.written += turned.written
        for name in self._open - turned.failed.keys():
            self._succeed(self._seats[name], is_done=not turned.waiting)
        for name, error in turned.failed.items():
            self._fail(name, error)
        return self._wait_s(turned)

    def _succeed(self, seat: _Seat, *, is_done: bool) -> None:
        if seat.failures:
            seat.failures, seat.fault = 0, None
            self._review_s = self._clock.now_s()
        if is_done:
            seat.agenda.ends()

    def _wait_s(self, turned: Turned) -> float:
        """Seconds until something may be to be done, unless a feed tells of something."""
        if turned.waiting and turned.looked:
            self._stalls = 0
            return 0.0
        self._stalls = self._stalls + 1 if turned.waiting else 0
        now_s, wall = self._clock.now_s(), self._clock.wall()
        waits = [self._review_s - now_s]
        waits += [self._seats[name].agenda.wait_s(now_s, wall) for name in self._open]
        if self._stalls:
            waits.append(pause_s(self._stalls, first_s=STALL_FIRST_S, cap_s=SLICE_S, share=0))
        return max(0.0, min(waits))

    def _limits(self) -> dict[str, int] | None:
        """Keys that may be looked at now, of mappings with a system whose pace is bounded."""
        if not self._buckets:
            return None
        paced = {name: self._seats[name].systems & self._buckets.keys() for name in self._open}
        return {name: min(self._buckets[one].rows for one in systems) for name, systems in paced.items() if systems}

    def _rest(self, seconds: float) -> None:
        """Wait for changes; where that cannot be asked, just wait."""
        try:
            self._engine.await_changes(seconds)
        except DovetailError:
            self._clock.rest(seconds)

    # What waits, and why.

    def _review(self, now_s: float) -> None:
        """Find out which mappings are ours and need not wait, and tell the state why the others do."""
        wall = self._clock.wall()
        self._circuits.review()
        if self._tenancy.is_due():
            self._tenancy.renew()
        self._tenancy.claim(self._seats)
        held = self._tenancy.held
        for name, seat in self._seats.items():
            if name in held:
                seat.reason = self._reason(name, seat, now_s, wall)
                continue
            seat.reason, seat.saved = Reason("lease", self._tenancy.told(name)), None
            self._let_go(name, seat)
        for name, seat in self._seats.items():
            if seat.reason is None and not seat.is_joined:
                self._join(name, seat)
        self._open = frozenset(name for name, seat in self._seats.items() if seat.reason is None and seat.is_joined)
        self._remember(held)
        self._review_s = self._next_review_s(wall)

    def _reason(self, name: str, seat: _Seat, now_s: float, wall: dt.datetime) -> Reason | None:
        """Why a mapping of ours must wait now."""
        reason = seat.agenda.reason(wall)
        if reason is not None:
            return reason
        words = self._circuits.reason(seat.systems)
        if words:
            return Reason("breaker", words, hint="dovetail doctor")
        if now_s < seat.until_s:
            return seat.fault
        if seat.agenda.met is not None:
            self._met(name, seat.agenda.met)
            seat.agenda.met = None
        return None

    def _next_review_s(self, wall: dt.datetime) -> float:
        """When reasons may be others."""
        now_s = self._clock.now_s()
        waits = [self._tenancy.ttl_s / 3]
        for seat in self._seats.values():
            if seat.reason is not None:
                waits.append(REVIEW_S)
                waits += [seat.until_s - now_s] if seat.until_s > now_s else []
            waits.append(seat.agenda.turns_s(wall))
        return now_s + max(0.0, min(waits))

    def _remember(self, held: Collection[str]) -> None:
        """Keep the reasons of our mappings in the state, where they are others than before. A failure's stands until
        the mapping was worked on without one."""
        for name in held & self._seats.keys():
            seat = self._seats[name]
            reason = seat.reason or seat.fault
            if reason == seat.saved:
                continue
            if reason is None or (seat.saved is not None and seat.saved.kind != reason.kind):
                self._holds.lift(name, *KINDS)
            if reason is not None:
                self._holds.put(name, reason.kind, reason.words, hint=reason.hint, until=reason.until)
            seat.saved = reason

    # Joining and failing.

    def _join(self, name: str, seat: _Seat) -> None:
        """Begin to work on a mapping."""
        if seat.saved is None:
            self._holds.lift(name, *KINDS)
        try:
            self._engine.join(name)
            seat.is_joined = True
        except DovetailError as error:
            self._fail(name, error)
            seat.reason = seat.fault

    def _let_go(self, name: str, seat: _Seat) -> None:
        """Leave a mapping to others, until it is joined again."""
        if seat.is_joined:
            seat.is_joined = False
            self._engine.leave(name)

    def _fail(self, name: str, error: DovetailError) -> None:
        """Let a mapping wait after a failure, and find out which system it was."""
        if isinstance(error, StateFault):
            raise error
        seat = self._seats[name]
        self.ran.failures += 1
        seat.failures += 1
        pause = pause_s(seat.failures, first_s=PAUSE_FIRST_S, cap_s=PAUSE_MAX_S, share=self._clock.draw())
        if isinstance(error, Fenced):
            self._let_go(name, seat)
            self._tenancy.renew()
            pause = max(pause, self._tenancy.ttl_s / 3)
        if error.remedy is Remedy.RETRY:
            self._circuits.suspect(seat.systems)
        where = f"{error.where}: " if error.where else ""
        seat.fault = Reason(_kind(error), f"{error.code} {where}{error.message}", hint=error.hint)
        seat.until_s = self._clock.now_s() + pause
        self._open -= {name}
        self._review_s = self._clock.now_s()

    def _without_state(self) -> float:
        """Let everything go while the state cannot be used; it is taken up again once it can."""
        self._stalls += 1
        self.ran.failures += 1
        for name, seat in self._seats.items():
            self._let_go(name, seat)
        self._open = frozenset()
        pause = pause_s(self._stalls, first_s=PAUSE_FIRST_S, cap_s=PAUSE_MAX_S, share=self._clock.draw())
        self._review_s = self._clock.now_s() + pause
        return pause

    def _end(self) -> None:
        """Give everything back."""
        with suppress(StateFault):
            for name, seat in self._seats.items():
                if seat.saved is not None and seat.saved.kind in ("window", "calendar", "breaker"):
                    self._holds.lift(name, seat.saved.kind)
            self._tenancy.leave_all()


def _kind(error: DovetailError) -> str:
    if isinstance(error, GateClosed):
        return "guard"
    if isinstance(error, SchemaDrift):
        return "drift"
    return "fenced" if isinstance(error, Fenced) else "fault"
