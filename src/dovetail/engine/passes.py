"""Passes over the same rows: what a later one did, in the account of the first."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from dovetail.engine.arrays import taken, whole
from dovetail.engine.decision import Decision
from dovetail.engine.put import Places
from dovetail.engine.survey import Survey
from dovetail.engine.work import hold_failures
from dovetail.engine.write import Written
from dovetail.identity.pair import ABSENT


def counterparts(here: Survey, places: Places, there: Survey) -> Places:
    """The places in another survey of the same mapping of some shared rows, known by the key of any member; `ABSENT`
    where it has none."""
    found = np.full(len(places), ABSENT, dtype=np.int64)
    for side, rows in enumerate(there.sides):
        keys = taken(whole(here.sides[side].keys), here.index[side, places])
        positions = pc.index_in(keys, value_set=whole(rows.keys), skip_nulls=True).fill_null(ABSENT).to_numpy()
        place_of = np.full(len(rows) + 1, ABSENT, dtype=np.int64)  # the last one stands for `ABSENT`
        held = np.flatnonzero(there.index[side] != ABSENT)
        place_of[there.index[side, held]] = held
        found = np.where(found == ABSENT, place_of[positions], found)
    return found


def fold(first: tuple[Decision, Written], later: tuple[Decision, Written]) -> None:
    """Bring what a later pass wrote, held or found moved of a mapping into the first."""
    (decision, written), (again, rewritten) = first, later
    places = counterparts(again.survey, np.arange(len(again.survey)), decision.survey)
    met = set(places.tolist())
    for flags, more in (
        (written.created, rewritten.created),
        (written.updated, rewritten.updated),
        (written.deleted, rewritten.deleted),
    ):
        at = places[more]
        flags[at[at != ABSENT]] = True
    written.counts += rewritten.counts
    written.rewritten += rewritten.rewritten
    written.moved = [one for one in written.moved if one[0] not in met]
    written.moved += [(int(places[place]), member) for place, member in rewritten.moved if places[place] != ABSENT]
    problems = {place: found for place, found in decision.survey.problems.items() if place not in met}
    for place, found in again.survey.problems.items():
        if places[place] != ABSENT:
            problems[int(places[place])] = found
    decision.survey.problems = problems


def hold_what_waits(decision: Decision, written: Written) -> None:
    """Hold the rows that wait for a key when nothing more is written: what they refer to did not get one."""
    waiting = np.array(sorted(decision.waiting | written.pending), dtype=np.int64)
    for work in decision.work if len(waiting) else ():
        created = np.isin(waiting, work.creates)
        stands = (decision.survey.index[work.side, waiting] != ABSENT) & ~created
        for places, create in ((waiting[created], True), (waiting[stands], False)):
            hold_failures(decision, work, work.putter.put(places, create=create))
