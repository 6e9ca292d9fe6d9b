"""Which rows take part, and what becomes of those that vanished at a member."""

from __future__ import annotations

import numpy as np

from dovetail.engine.decision import Contest, Decision, Flags
from dovetail.engine.survey import Survey
from dovetail.merge.deletes import Fate, fate
from dovetail.model.mapping import DeleteRule


def taking_part(survey: Survey, present: Flags) -> tuple[Flags, Flags]:
    """Where a member holds the row and shares it, and which rows a `where` leaves out (then the whole pair is
    frozen)."""
    active = present.copy()
    filtered = np.zeros(len(survey), dtype=np.bool_)
    for side, rows in enumerate(survey.sides):
        at = np.flatnonzero(present[side])
        positions = survey.index[side, at]
        filtered[at] |= ~rows.wanted[positions]
        soft = rows.gone[positions]
        active[side, at[soft]] = False
        survey.vanished[side, at[soft]] = True
    return active & ~filtered, filtered


def vanished(decision: Decision) -> dict[int, tuple[int, Fate]]:
    """For each row that vanished at one member: that member, and the row's fate."""
    survey = decision.survey
    fates: dict[int, tuple[int, Fate]] = {}
    owners = [field.owner if isinstance(field.owner, str) else None for field in survey.mapping.mapping.fields]
    places = np.flatnonzero(survey.vanished.any(axis=0) & ~decision.filtered & ~decision.held)
    cells = decision.agreed.cells[places]
    changed = (cells["agreement"] > 0) & (cells["mark"] != decision.marks[places])
    for line, place in enumerate(places):
        side = int(survey.vanished[:, place].argmax())
        others = np.flatnonzero(decision.active[:, place]).tolist()
        edited = any(
            changed[line, at, other] and owner in (None, survey.sides[other].member.name)
            for at, owner in enumerate(owners)
            for other in others
        )
        rule = survey.sides[side].member.member.deletes
        verdict = fate(rule, anywhere=bool(len(others)), edited_elsewhere=edited)
        fates[int(place)] = (side, verdict)
        if verdict is Fate.ASK:
            name = survey.sides[side].member.name
            why = "`deletes` does not say what that means"
            if rule is DeleteRule.SOFT:
                why = "soft deletes are carried out by continuous sync only"
            elif rule is DeleteRule.ASK:
                why = "`deletes` asks"
            decision.contests.append(Contest(int(place), "", f"the row is gone at {name}, and {why}"))
        elif verdict is Fate.FORGET:
            decision.forgotten.append(int(place))
    return fates
