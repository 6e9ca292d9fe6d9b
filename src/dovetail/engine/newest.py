"""The newest of several edits, by the times that the members keep, each corrected by its system's clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import taken, whole
from dovetail.engine.clocks import Clock
from dovetail.engine.rivals import Contested, Left, Outcome, Won
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.merge.reason import Reason
from dovetail.model.finding import Finding

OFFSET_S_NOTED = 2.0
"""Seconds between two clocks from which a run says so where `newest` decided."""
OFFSET_S_MAX = 30.0
"""Seconds between two clocks beyond which `newest` decides nothing."""
CLOCK_OFF = "DV-464"
"""The clock of a system is off."""

_SECOND_US = 1_000_000
_NO_TIME = np.iinfo(np.int64).min

_EQUAL = Left("changed at the same time at several members, so `newest` does not decide")
_UNTOLD = Left("a member does not say when the value was changed, so `newest` does not decide")

Stamps = npt.NDArray[np.int64]


def by_time(contested: Contested, rows: list[int]) -> Iterator[tuple[int, Outcome]]:
    """The edit that was made last. Times that are equal, as far as the clocks can tell, are decided by `first`, if
    that is one of the members; else nobody decides."""
    if not rows:
        return
    clocks = {side: contested.around.clocks(_system(contested, side)) for side in contested.knows}
    for side, clock in clocks.items():
        if OFFSET_S_NOTED < abs(clock.offset_s) <= OFFSET_S_MAX:
            _note(contested, side, clock)
    stamps = {side: _stamps(contested, side, clock) for side, clock in clocks.items()}
    for at in rows:
        yield at, _latest(contested, at, stamps, clocks)


def _system(contested: Contested, side: int) -> str:
    return contested.survey.sides[side].member.member.system


def _latest(contested: Contested, at: int, stamps: dict[int, Stamps], clocks: dict[int, Clock]) -> Outcome:
    sides = contested.rivals_at(at)
    off = [side for side in sides if abs(clocks[side].offset_s) > OFFSET_S_MAX]
    if off:
        system, seconds = _system(contested, off[0]), clocks[off[0]].offset_s
        words = f"the clock of {system} is {seconds:+.0f} s from ours, so `newest` does not decide"
        return Left(words, CLOCK_OFF)
    times = _times(contested, at, {side: int(stamps[side][at]) for side in sides})
    if _NO_TIME in times.values():
        return _UNTOLD
    last = max(times, key=lambda side: times[side])
    near = [side for side in times if times[last] - times[side] <= _doubt_us(clocks[last], clocks[side])]
    marks = contested.decision.marks[contested.places[at], contested.field]
    if len({int(marks[side]) for side in near}) > 1:
        names = [contested.survey.sides[side].member.name for side in near]
        if contested.shared.first not in names:
            return _EQUAL
        last = near[names.index(contested.shared.first)]
    return Won(last, Reason.NEWEST)


def _times(contested: Contested, at: int, times: dict[int, int]) -> dict[int, int]:
    """When each value was set; one that was agreed on before is as old as its oldest holder says, for the others got it
    from us."""
    cells = contested.decision.agreed.cells[contested.places[at], contested.field]
    marks = contested.decision.marks[contested.places[at], contested.field]
    agreed = [side for side in times if cells["agreement"][side] and cells["mark"][side] == marks[side]]
    oldest = min((times[side] for side in agreed), default=0)
    return {side: oldest if side in agreed else time for side, time in times.items()}


def _doubt_us(one: Clock, other: Clock) -> int:
    return 0 if one == other else round((one.error_s + other.error_s) * _SECOND_US)


def _stamps(contested: Contested, side: int, clock: Clock) -> Stamps:
    """When each row was changed at a member, in microseconds since 1970 by our clock; `_NO_TIME` where nobody knows."""
    member = contested.survey.sides[side].member
    if member.changed is None:
        return np.full(len(contested), _NO_TIME, dtype=np.int64)
    own = taken(contested.survey.sides[side].own, contested.positions(side))
    found = whole(evaluate([Output("changed", member.changed)], member.scope, own).table.column("changed"))
    if found.type.tz is None:
        found = pc.assume_timezone(found, clock.zone, ambiguous="latest", nonexistent="latest")
    numbers = found.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    offset = round(clock.offset_s * _SECOND_US)
    told = np.asarray(numbers.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64) - offset
    return np.where(np.asarray(numbers.is_null().to_numpy(zero_copy_only=False)), _NO_TIME, told)


def _note(contested: Contested, side: int, clock: Clock) -> None:
    """Say that a clock is off; its stamps were corrected."""
    system = _system(contested, side)
    words = f"the clock of {system} is {clock.offset_s:+.1f} s from ours; `newest` took that into account"
    noted = Finding(CLOCK_OFF, words, mapping=contested.survey.mapping.name, severity="note", next="dovetail doctor")
    if noted not in contested.decision.remarks:
        contested.decision.remarks.append(noted)
