"""The guard of a running sync: what changes of rows that stood before, added up over an hour that rolls."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import listed, taken
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.onlooker import Places
from dovetail.errors import GateClosed
from dovetail.model.change import Verb
from dovetail.plan.guard import SHARE_ROWS_MIN, Blast, trips
from dovetail.plan.hour import MINUTES, Hour
from dovetail.state.changed import Count, minute
from dovetail.state.store import Store

SAMPLE_ROWS = 3
"""Rows that are named when the guard holds a mapping."""
COUNTED_S = 60.0
"""Seconds for which the number of rows that exist is believed."""

CAUSES_MAX = 1_000
"""Chunks whose columns are remembered at most, for each member."""
FEW_ROWS = 64
"""Rows below which values are counted one by one."""

_HOUR = dt.timedelta(minutes=MINUTES)


@dataclass(frozen=True, slots=True)
class _Cause:
    """How many rows got a new value in one column, and how many of them the most frequent one."""

    minute: int
    column: str
    rows: int
    value: object
    alike: int


class RollingGuard:
    """Holds the mappings of which too much would change. `allowed` rows may change beyond that, in all; where a person
    allowed it, the hour begins anew."""

    def __init__(self, store: Store, clock: Callable[[], dt.datetime], *, allowed: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._left = allowed
        self._hours: dict[str, dict[str, Hour]] = {}
        self._causes: dict[tuple[str, str], deque[_Cause]] = {}
        self._existing: dict[tuple[str, str], tuple[float, int]] = {}
        self._exempt: set[int] = set()

    def join(self, mapping: str) -> None:
        """Begin with what the state has counted, whoever counted it; where that was nobody else, the rows are known
        again."""
        now = self._clock()
        self._store.changed.prune(mapping, now - _HOUR)
        counted = {one: Hour(told) for one, told in self._store.changed.buckets(mapping, now - _HOUR).items()}
        if _totals(counted, minute(now)) != _totals(self._hours.get(mapping, {}), minute(now)):
            self._hours[mapping] = counted

    def release(self, mapping: str) -> None:
        """Begin to count anew: a person has looked."""
        self._store.changed.forget(mapping)
        self._hours[mapping] = {}

    def holds(self, decision: Decision, *, is_whole: bool = False) -> list[str]:
        """Why these decisions must wait, one reason a member; nothing of them may then be written. `is_whole` says that
        they are about all rows of the mapping."""
        self._exempt.discard(id(decision))
        reasons = []
        for work in decision.work:
            rows = decision.survey.sides[work.side]
            existing = _existing(decision, rows.member.name, len(rows)) if is_whole else None
            blast = self._blast(decision, work, existing)
            reason = trips(decision.survey.mapping.mapping.guard, blast) if blast is not None else ""
            if reason and blast is not None:
                cause = self._cause(decision, work)
                reasons.append(f"{blast.mapping}.{blast.member}: {reason}{cause}")
        if not reasons:
            return []
        asked = sum(len(_changed(work)) for work in decision.work)
        if self._left is None or asked > self._left:
            return reasons
        self._left -= asked
        self._exempt.add(id(decision))
        self.release(decision.survey.mapping.name)
        return []

    def wrote(self, decision: Decision, work: Work, chunk: Chunk, places: Places) -> None:
        """Count what was written; inside the transaction that confirms it."""
        if chunk.verb is Verb.CREATE or not len(places) or id(decision) in self._exempt:
            return
        mapping, member = decision.survey.mapping.name, decision.survey.sides[work.side].member.name
        now = self._clock()
        rows = decision.survey.numbers[places]
        fresh = self._hour(mapping, member).add(rows, minute(now), deleted=chunk.removes)
        if fresh:
            count = Count(deleted=fresh) if chunk.removes else Count(updated=fresh)
            self._store.changed.add(mapping, member, count, at=now)
            self._note_causes(decision, work, chunk, minute(now))

    def _hour(self, mapping: str, member: str) -> Hour:
        if mapping not in self._hours:
            self.join(mapping)
        return self._hours.setdefault(mapping, {}).setdefault(member, Hour())

    def _blast(self, decision: Decision, work: Work, existing: int | None) -> Blast | None:
        """What would be changed within the hour; `None` where that is too little to count."""
        survey = decision.survey
        mapping, member = survey.mapping.name, survey.sides[work.side].member.name
        updates, deletes = np.concatenate([work.updates, work.revived]), work.deletes
        if not len(updates) + len(deletes):
            return None
        hour, now = self._hour(mapping, member), minute(self._clock())
        updated, deleted = hour.total(now)
        updated += int(hour.fresh(np.unique(survey.numbers[updates]), now).sum())
        deleted += int(hour.fresh(np.unique(survey.numbers[deletes]), now).sum())
        if updated + deleted <= min(SHARE_ROWS_MIN, survey.mapping.mapping.guard.rows):
            return None
        standing = self._standing(mapping, member) if existing is None else existing
        return Blast(mapping, member, updated, deleted, standing)

    def _standing(self, mapping: str, member: str) -> int:
        """About how many rows a member has."""
        now = self._clock().timestamp()
        known = self._existing.get((mapping, member))
        if known is None or not 0 <= now - known[0] < COUNTED_S:
            known = (now, self._store.crossref.count(mapping, member=member))
            self._existing[mapping, member] = known
        return known[1]

    # What it was that changed so much.

    def _note_causes(self, decision: Decision, work: Work, chunk: Chunk, at: int) -> None:
        """Remember for an hour which columns the chunk set."""
        mapping, member = decision.survey.mapping.name, decision.survey.sides[work.side].member.name
        causes = self._causes.setdefault((mapping, member), deque(maxlen=CAUSES_MAX))
        while causes and causes[0].minute <= at - MINUTES:
            causes.popleft()
        if chunk.removes:
            return
        key = decision.survey.sides[work.side].member.key
        causes.extend(
            _counted(at, name, chunk.rows.column(name)) for name in chunk.rows.schema.names if name not in key
        )

    def _cause(self, decision: Decision, work: Work) -> str:
        """What changes most, whether to one value, and some of the rows, in words without values."""
        survey = decision.survey
        mapping, member = survey.mapping.name, survey.sides[work.side].member.name
        now = minute(self._clock())
        causes = [one for one in self._causes.get((mapping, member), ()) if one.minute > now - MINUTES]
        causes += list(_causes_of(work, now))
        by_column: Counter[str] = Counter()
        by_value: Counter[tuple[str, object]] = Counter()
        for cause in causes:
            by_column[cause.column] += cause.rows
            by_value[cause.column, cause.value] += cause.alike
        words = ""
        if by_column:
            column, rows = by_column.most_common(1)[0]
            alike = max(count for (name, _), count in by_value.items() if name == column)
            words = f"; most often {column!r} ({rows} times"
            words += f", {alike} of them to one and the same value)" if alike > rows / 2 and rows > 1 else ")"
        places = _changed(work)[:SAMPLE_ROWS]
        texts = taken(survey.sides[work.side].keys, survey.index[work.side, places]).to_pylist()
        return f"{words}; for instance the rows {', '.join(texts)}"


def _totals(hours: Mapping[str, Hour], now: int) -> dict[str, tuple[int, int]]:
    """What was updated and deleted within the hour, of members where anything was."""
    totals = {member: hour.total(now) for member, hour in hours.items()}
    return {member: total for member, total in totals.items() if any(total)}


def _existing(decision: Decision, member: str, read: int) -> int:
    """How many rows a member has, of which all or those that moved were read."""
    return read if decision.standing is None else decision.standing[member]


def closed(mapping: str, reasons: Sequence[str]) -> GateClosed:
    """The guard holds a mapping."""
    return GateClosed(
        "the guard holds this mapping; nothing was written\n  " + "\n  ".join(reasons),
        where=mapping,
        hint="look first: dovetail plan; then dovetail apply PLAN, or permit it once: "
        f"dovetail sync --once --mapping {mapping} --allow ROWS",
        code="DV-611",
    )


def _changed(work: Work) -> Places:
    return np.concatenate([work.updates, work.revived, work.deletes])


def _causes_of(work: Work, at: int) -> Iterator[_Cause]:
    if work.new is None:
        return
    for name, flags in work.changed.items():
        if flags.any():
            yield _counted(at, name, work.new.column(name).filter(pa.array(flags)))


def _counted(at: int, column: str, values: pa.Array | pa.ChunkedArray) -> _Cause:
    """The most frequent of the values, and how often it stands there."""
    if len(values) < FEW_ROWS:
        ((value, count),) = Counter(listed(values)).most_common(1)
        return _Cause(at, column, len(values), value, count)
    counts = pc.value_counts(values)
    numbers = counts.field("counts").to_numpy(zero_copy_only=False)
    most = int(numbers.argmax())
    return _Cause(at, column, len(values), listed(counts.field("values").slice(most, 1))[0], int(numbers[most]))
