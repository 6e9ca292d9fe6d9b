"""Contested fields: settled by value or through the coarser cell, or left to a person."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dovetail.engine.arrays import value_at
from dovetail.engine.decision import Contest, Decision, Surroundings
from dovetail.engine.put import Places, Putter, Sources, shared_column
from dovetail.engine.work import changed_columns
from dovetail.merge.judge import KEEP, settle
from dovetail.merge.reason import Reason
from dovetail.model.mapping import Rule, SharedField


def settle_contests(decision: Decision, contested: dict[str, Places], around: Surroundings) -> None:
    """Decide contested fields by value, or through the coarser cell; the rest becomes conflicts."""
    held = decision.held
    for name, places in contested.items():
        shared = decision.survey.mapping.mapping.field(name)
        assert shared is not None
        for place in places[~held[places]]:
            active = np.flatnonzero(decision.active[:, place]).tolist()
            holders = [side for side in active if decision.survey.sides[side].member.cell(name) is not None]
            one = np.array([place], dtype=np.int64)
            values = [
                value_at(shared_column(decision.survey, name, _constant(decision, side), one), 0) for side in holders
            ]
            chosen = settle(shared.policy, values)
            if chosen is not None:
                decision.sources[name][place] = decision.origins[name][place] = holders[chosen]
                decision.rules[name][place] = Reason[shared.policy.rule.name] if shared.policy else Reason.NOTHING
            elif not _agree_through_cells(decision, name, one, around):
                decision.contests.append(Contest(int(place), name, _why(shared)))


def _why(shared: SharedField) -> str:
    rule = shared.policy.rule if shared.policy is not None else Rule.ASK
    if rule in (Rule.ASK, Rule.MIN, Rule.MAX, Rule.PREFER):
        return "the members hold different values, and no rule decides"
    return f"the members hold different values; policy {rule} is carried out by continuous sync only"


def _constant(decision: Decision, side: int) -> npt.NDArray[np.int8]:
    return np.full(len(decision.survey), side, dtype=np.int8)


def _agree_through_cells(decision: Decision, name: str, place: Places, around: Surroundings) -> bool:
    """Whether one member's value, put through another's cell, gives what the other holds."""
    holders = [int(side) for side in np.flatnonzero(decision.active[:, place[0]])]
    for source in holders:
        sources = {**dict.fromkeys(decision.sources, _constant(decision, KEEP)), name: _constant(decision, source)}
        others = [side for side in holders if side != source]
        if all(_holds_already(decision, side, name, sources=sources, place=place, around=around) for side in others):
            return True
    return False


def _holds_already(
    decision: Decision, side: int, name: str, *, sources: Sources, place: Places, around: Surroundings
) -> bool:
    cell = decision.survey.sides[side].member.cell(name)
    if cell is None or not cell.writes:
        return cell is None
    put = Putter(decision.survey, side, (sources, decision.origins, {}), around.links, around.mappings).put(
        place, create=False
    )
    if put.failures or put.pending.any():
        return False
    columns = {column for column, fed in put.fed.items() if name in fed}
    return not any(flags.any() for column, flags in changed_columns(decision, side, put).items() if column in columns)
