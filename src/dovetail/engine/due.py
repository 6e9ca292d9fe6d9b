"""Which rows a pass may write: all, or those that a plan shows; then those that the pass before left undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.engine.decision import Decision
from dovetail.engine.digest import planned_rows, read_digests, written_places
from dovetail.engine.passes import counterparts
from dovetail.engine.put import Places
from dovetail.engine.write import Written
from dovetail.identity.pair import ABSENT
from dovetail.plan.manifest import PlannedRow

Plan = Mapping[tuple[str, str, str], PlannedRow]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The rows of one mapping that a pass may write, by place, and how the plan shows each where there is one."""

    decision: Decision
    places: Places
    planned: Sequence[PlannedRow] = ()

    def only(self, chosen: npt.NDArray[np.bool_]) -> Admitted:
        """Some of them."""
        planned = [row for row, is_chosen in zip(self.planned, chosen, strict=False) if is_chosen]
        return Admitted(self.decision, self.places[chosen], planned)


class Due:
    """The rows that are to be written, pass by pass."""

    def __init__(self, plan: Plan | None) -> None:
        self._plan = plan
        self._admitted: dict[str, Admitted] = {}
        self._undone: dict[str, Admitted] | None = None

    def admit(self, decision: Decision) -> Sequence[PlannedRow]:
        """Leave out of a decision what is not due; returns rows that are not as the plan, or the pass before it, saw
        them."""
        name = decision.survey.mapping.name
        if self._undone is None and self._plan is None:
            self._admitted[name] = Admitted(decision, written_places(decision))
            return ()
        if self._undone is None:
            admitted, moved = _as_planned(decision, self._plan or {})
        elif name in self._undone:
            admitted, moved = _as_before(self._undone[name], decision)
        else:
            admitted, moved = Admitted(decision, np.array([], dtype=np.int64)), ()
        leave_out_others(decision, admitted.places)
        self._admitted[name] = admitted
        return moved

    def turn(self, written: Mapping[str, Written]) -> bool:
        """Take stock after a pass; whether another one is of use: rows wait for keys, and some were written."""
        undone = {}
        waits = False
        for name, admitted in self._admitted.items():
            decision, done = admitted.decision, written[name]
            waits |= bool(done.pending or decision.waiting - decision.survey.problems.keys())
            finished = done.created | done.updated | done.deleted
            finished[list(done.pending | decision.waiting)] = False
            held = np.flatnonzero(decision.held)  # may be free by then
            asked = Admitted(decision, np.union1d(admitted.places, held)) if self._plan is None else admitted
            undone[name] = asked.only(~finished[asked.places])
        self._undone, self._admitted = undone, {}
        return waits and any(done.counts.total() for done in written.values())


def leave_out_others(decision: Decision, places: Places) -> None:
    """Do nothing but what is to be done at these places."""
    others = np.ones(len(decision.survey), dtype=np.bool_)
    others[places] = False
    decision.left_out[written_places(decision)] = True
    decision.left_out &= others
    for work in decision.work:
        work.leave_out(others)


def _as_planned(decision: Decision, plan: Plan) -> tuple[Admitted, Sequence[PlannedRow]]:
    """The rows that stand as the plan shows them, and those that do not."""
    places = written_places(decision)
    rows = list(planned_rows(decision))
    same = np.array([plan.get((row.mapping, row.member, row.key)) == row for row in rows], dtype=np.bool_)
    moved = [row for row, is_same in zip(rows, same, strict=True) if not is_same]
    return Admitted(decision, places, rows).only(same), moved


def _as_before(undone: Admitted, decision: Decision) -> tuple[Admitted, Sequence[PlannedRow]]:
    """What is left to do, and the rows of a plan that are not as the pass before read them.

    What that pass wrote itself is not compared."""
    before = undone.decision
    places = counterparts(before.survey, undone.places, decision.survey)
    found = places != ABSENT
    if not undone.planned:
        return Admitted(decision, np.unique(places[found])), ()
    asked = before.survey.index[:, undone.places] != ABSENT
    for work in before.work:
        asked[work.side] &= ~np.isin(undone.places, np.concatenate([work.creates, work.touched, work.deletes]))
    was = read_digests(before, undone.places, asked)
    now = read_digests(decision, places, asked & found)
    same = np.array([one.digest() == other.digest() for one, other in zip(was, now, strict=True)], dtype=np.bool_)
    moved = [row for row, is_same in zip(undone.planned, same, strict=True) if not is_same]
    return Admitted(decision, places, undone.planned).only(same & found), moved
