"""Which members take part in which rows: where they stand and count, stand apart, or belong by `wants`."""

from __future__ import annotations

import numpy as np

from dovetail.engine.decision import Decision, Flags, Surroundings
from dovetail.engine.put import Places, Putter
from dovetail.engine.survey import Survey
from dovetail.identity.pair import ABSENT


def standing_apart(survey: Survey, around: Surroundings) -> Flags:
    """Which members have nothing to do with which rows any more (by member and place)."""
    names = [rows.member.name for rows in survey.sides]
    return around.links.store.detached.among(survey.mapping.name, names, survey.numbers)


def taking_part(survey: Survey, present: Flags, apart: Flags) -> tuple[Flags, Flags]:
    """Where a member holds the row and shares it, and which rows a `where` leaves out (then the whole pair is
    frozen). A row that is deleted softly counts as vanished; what becomes of one at a member that stands apart counts
    for nothing."""
    active = present & ~apart
    filtered = np.zeros(len(survey), dtype=np.bool_)
    for side, rows in enumerate(survey.sides):
        at = np.flatnonzero(active[side])
        positions = survey.index[side, at]
        filtered[at] |= ~rows.wanted[positions]
        soft = rows.gone[positions]
        active[side, at[soft]] = False
        survey.vanished[side, at[soft]] = True
    return active & ~filtered, filtered


def drop_lost(decision: Decision) -> None:
    """What cannot be read at a member that stands apart holds no row; and a row that is gone there is nothing to it any
    more, not even that."""
    survey, names = decision.survey, [rows.member.name for rows in decision.survey.sides]
    for place in [place for place in survey.problems if decision.apart[:, place].any()]:
        survey.problems[place] = [
            one for one in survey.problems[place] if not _is_of(decision, place, one.member, names)
        ]
        if not survey.problems[place]:
            del survey.problems[place]
    lost = decision.apart & decision.survey.vanished
    decision.survey.vanished[lost] = False
    decision.apart[lost] = False
    decision.unlinked |= lost
    decision.rejoined |= lost


def _is_of(decision: Decision, place: int, member: str, names: list[str]) -> bool:
    return member in names and bool(decision.apart[names.index(member), place])


def rejoin(decision: Decision, around: Surroundings, contested: dict[str, Places]) -> bool:
    """Let members take part again in rows that stand there and belong there, as if they met for the first time; says
    whether there are any, for then the fields are to be judged anew."""
    survey = decision.survey
    waiting = decision.apart & (survey.index != ABSENT) & ~decision.filtered & ~decision.held
    for side in np.flatnonzero(waiting.any(axis=1)).tolist():
        rows = survey.sides[side]
        at = np.flatnonzero(waiting[side])
        positions = survey.index[side, at]
        waiting[side, at] = rows.wanted[positions] & ~rows.gone[positions]
        if rows.member.wants is not None:
            judged, unwanted = _judged(decision, side, around, contested)
            waiting[side] &= judged & ~unwanted
    if not waiting.any():
        return False
    decision.apart[waiting] = False
    decision.active[waiting] = True
    decision.rejoined |= waiting
    for side in range(len(survey.sides)):
        decision.agreed.cells[np.flatnonzero(waiting[side]), :, side] = np.zeros(1, decision.agreed.cells.dtype)
    return True


def unwanted_at(decision: Decision, around: Surroundings) -> Flags:
    """Which rows a member surely does not want (by member and place): where the values that `wants` asks for are
    known, agreed on, and say so."""
    found = np.zeros(decision.survey.index.shape, dtype=np.bool_)
    contested: dict[str, Places] = {}
    for contest in decision.contests:
        contested[contest.field] = np.append(contested.get(contest.field, []), contest.place).astype(np.int64)
    for side, rows in enumerate(decision.survey.sides):
        if rows.member.wants is not None:
            found[side] = _judged(decision, side, around, contested)[1]
    return found


def _judged(decision: Decision, side: int, around: Surroundings, contested: dict[str, Places]) -> tuple[Flags, Flags]:
    """Of which rows a member knows whether it wants them, and which of those it does not."""
    survey = decision.survey
    wants = survey.sides[side].member.wants
    assert wants is not None
    judged = decision.active.any(axis=0) & ~decision.filtered & ~decision.held
    for name in wants.names:
        judged &= decision.origins[name] >= 0
    for name in ("", *wants.names):
        judged[contested.get(name, [])] = False
    judged &= (survey.index[side] != ABSENT) | survey.vanished[side] | decision.apart[side]
    places = np.flatnonzero(judged)
    counting = (decision.sources, decision.origins, decision.settled)
    putter = Putter(survey, side, counting, around.links, around.mappings)
    unwanted = np.zeros(len(survey), dtype=np.bool_)
    if len(places):
        unwanted[places] = ~putter.wanted(places, wants)
    return judged, unwanted
