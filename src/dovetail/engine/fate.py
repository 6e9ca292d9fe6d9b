"""What becomes of rows that vanished at a member, were deleted softly there, or do not belong there any more."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.engine.apart import unwanted_at
from dovetail.engine.decision import Contest, Decision, Flags, Surroundings
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMember
from dovetail.merge.deletes import Fate, fate
from dovetail.merge.judge import KEEP
from dovetail.model.mapping import DeleteRule

_NOBODY: dict[int, Fate] = {}
_SHARED = 2
"""Members that know a field at least, for it to be shared."""


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of rows at each member, as flags by member and place: `doomed` ones are removed there, `barred` ones
    are not created there, and `revived` ones, which are deleted softly there, are to stand again."""

    doomed: Flags
    barred: Flags
    revived: Flags


def settle_fates(decision: Decision, around: Surroundings, decreed: Bindings[int, Fate] = _NOBODY) -> Fates:
    """The fate of every row that vanished somewhere or left a member; what a person must be asked is added to the
    contests, and what no write is needed for is noted in the decision. `decreed` are fates by place that outrank the
    rules."""
    shape = decision.survey.index.shape
    fates = Fates(*(np.zeros(shape, dtype=np.bool_) for _ in range(3)))
    unwanted = unwanted_at(decision, around)
    if decision.survey.vanished.any() or decreed:
        _vanish(decision, fates, unwanted, decreed)
    if unwanted.any():
        _leave(decision, fates, unwanted)
    for side, place in decision.expelled:
        fates.doomed[side, place] = True
    fates.barred[decision.apart | decision.parting] = True
    return fates


def _vanish(decision: Decision, fates: Fates, unwanted: Flags, decreed: Bindings[int, Fate]) -> None:
    survey = decision.survey
    free = ~decision.filtered & ~decision.held
    stands = survey.index != ABSENT
    was_agreed = np.asarray(decision.first_agreement.any(axis=1))
    hard: Flags = survey.vanished & ~stands & free
    soft: Flags = survey.vanished & stands & free & ~unwanted
    decision.unlinked |= hard & unwanted
    events = np.asarray((hard & ~unwanted) | (soft & was_agreed))
    events[:, list(decreed)] = False
    for verdict, places in _by_fate(decision, events).items():
        if verdict is not Fate.CREATE_AGAIN and verdict is not Fate.LEAVE:
            fates.barred[:, places] = True
        if verdict is Fate.DELETE:
            unsure = _never_agreed(decision, places)
            _doom(decision, fates, places[~unsure])
            _contest(decision, places[unsure], "the row is gone at one member, and nothing was ever agreed on about it")
        elif verdict is Fate.FORGET:
            is_news = hard[:, places].any(axis=0) | was_agreed[places]
            decision.forgotten += places[is_news].tolist()
        elif verdict is Fate.ASK:
            _ask(decision, events, places)
        elif verdict is Fate.CREATE_AGAIN:
            _bring_back(
                decision, fates, _only(events, places), [rule is DeleteRule.DETACH for rule in _rules(decision)]
            )
        else:
            decision.parting |= _only(events, places)
    _order(decision, fates, decreed)
    back: Flags = soft & ~was_agreed & decision.active.any(axis=0)
    back[:, list(decreed)] = False
    _come_back(decision, fates, back)


def _rules(decision: Decision) -> list[DeleteRule | None]:
    return [rows.member.member.deletes for rows in decision.survey.sides]


def _by_fate(decision: Decision, events: Flags) -> dict[Fate, npt.NDArray[np.int64]]:
    """The places of each fate."""
    rules = _rules(decision)
    places = np.flatnonzero(events.any(axis=0))
    bits = 1 << np.arange(len(rules))
    cases = bits @ events[:, places]
    anywhere = decision.active[:, places].any(axis=0)
    kept = _kept(decision, places) | _unseen(decision, places, events[:, places])
    cases = (cases << 2) | (anywhere << 1) | kept
    found: dict[Fate, list[npt.NDArray[np.int64]]] = {}
    for case in np.unique(cases):
        own = [rule for at, rule in enumerate(rules) if case >> 2 & bits[at]]
        verdict = fate(own, anywhere=bool(case & 2), kept=bool(case & 1))
        found.setdefault(verdict, []).append(places[cases == case])
    return {verdict: np.concatenate(parts) for verdict, parts in found.items()}


def _kept(decision: Decision, places: npt.NDArray[np.int64]) -> Flags:
    """Which of these rows somebody edited who may set the field, or created again, since the last agreement."""
    survey = decision.survey
    cells = decision.agreed.cells[places]
    changed = (cells["agreement"] > 0) & (cells["mark"] != decision.marks[places])
    names = [rows.member.name for rows in survey.sides]
    owners = [field.owner if isinstance(field.owner, str) else None for field in survey.mapping.mapping.fields]
    may_set = np.array([[owner in (None, name) for name in names] for owner in owners])
    edited = (changed & may_set & decision.active[:, places].T[:, None, :]).any(axis=(1, 2))
    again = [place for place, side in survey.attached if decision.active[side, place]]
    kept: Flags = edited | np.isin(places, again)
    return kept


def _unseen(decision: Decision, places: npt.NDArray[np.int64], events: Flags) -> Flags:
    """Which of these rows hold a value elsewhere that was still owed to every member where they vanished (`events`, by
    member and row): nobody who deleted the row can have seen it, so it counts as an edit made meanwhile."""
    survey = decision.survey
    fields = survey.mapping.mapping.fields
    agreement = decision.agreed.cells["agreement"][places]
    newest = np.where(decision.active[:, places].T[:, None, :], agreement, 0).max(axis=2)
    unseen: Flags = np.asarray(events.any(axis=0))
    for side, rows in enumerate(survey.sides):
        may_come = np.array([field.owner != rows.member.name and field.elsewhere != "keep" for field in fields])
        owed = (agreement[:, :, side] > 0) & (newest > agreement[:, :, side]) & may_come
        unseen &= ~events[side] | owed.any(axis=1)
    return unseen


def _never_agreed(decision: Decision, places: npt.NDArray[np.int64]) -> Flags:
    """Of which of these rows it cannot be told whether somebody edited them elsewhere: a field that others may set too
    was never agreed on there. Where no base is kept, no rule asks for it."""
    survey, mapping = decision.survey, decision.survey.mapping.mapping
    unsure = np.zeros(len(places), dtype=np.bool_)
    if not decision.agreed.is_kept:
        return unsure
    for at, field in enumerate(mapping.fields):
        knows = [rows.member.cell(field.name) is not None for rows in survey.sides]
        if sum(knows) < _SHARED or field.value is not None:
            continue
        for side, rows in enumerate(survey.sides):
            if knows[side] and field.owner in (None, rows.member.name):
                agreement = decision.agreed.cells["agreement"][places, at, side]
                unsure |= decision.active[side, places] & (agreement == 0)
    return unsure


def _doom(decision: Decision, fates: Fates, places: npt.NDArray[np.int64]) -> None:
    """Remove rows wherever they stand; a person is asked where a member can only be read."""
    for side, rows in enumerate(decision.survey.sides):
        here = places[decision.active[side, places]]
        if rows.member.writable:
            fates.doomed[side, here] = True
        elif len(here):
            fates.doomed[:, here] = False
            _contest(decision, here, f"the row is gone elsewhere, and {rows.member.name} can only be read")


def _order(decision: Decision, fates: Fates, decreed: Bindings[int, Fate]) -> None:
    """Carry out what a person ordered about whole rows."""
    for verdict in (Fate.DELETE, Fate.CREATE_AGAIN):
        places = np.array([place for place, ordered in decreed.items() if ordered is verdict], dtype=np.int64)
        if verdict is Fate.DELETE:
            fates.barred[:, places] = True
            _doom(decision, fates, places)
        else:
            _bring_back(decision, fates, _only(decision.survey.vanished, places), [False] * len(decision.survey.sides))


def _bring_back(decision: Decision, fates: Fates, events: Flags, detaches: Sequence[bool]) -> None:
    """Let rows come back where they vanished. A member that `detaches`, or at which nothing can be created, has nothing
    to do with the row from now on."""
    stands = decision.survey.index != ABSENT
    for side, rows in enumerate(decision.survey.sides):
        here = events[side]
        if not here.any():
            continue
        if detaches[side]:
            decision.parting[side] |= here
        else:
            if not may_create(rows.member):
                decision.parting[side] |= here & ~stands[side]
            _revive(decision, fates, side, here & stands[side])


def _come_back(decision: Decision, fates: Fates, back: Flags) -> None:
    """Rows that are deleted softly at one member, stand at another, and of which nothing was agreed on: one whose end
    was settled stands again elsewhere; of one that meets for the first time nobody knows which is true."""
    known = ~decision.survey.fresh
    known[[place for place, _ in decision.survey.attached]] = True
    for side, rows in enumerate(decision.survey.sides):
        first = np.flatnonzero(back[side] & ~known)
        _contest(decision, first, f"the row is deleted softly at {rows.member.name}, and nothing was agreed on before")
        _revive(decision, fates, side, back[side] & known)


def _revive(decision: Decision, fates: Fates, side: int, here: Flags) -> None:
    member = decision.survey.sides[side].member
    if member.revive and member.writable:
        fates.revived[side] |= here
        return
    why = (
        f"the row is deleted softly at {member.name} and stands elsewhere, and `revive` does not say how it comes back"
    )
    _contest(decision, np.flatnonzero(here), why)


def _ask(decision: Decision, events: Flags, places: npt.NDArray[np.int64]) -> None:
    for place in places.tolist():
        sides = [decision.survey.sides[side].member for side in np.flatnonzero(events[:, place]).tolist()]
        asks = any(member.member.deletes is DeleteRule.ASK for member in sides)
        why = "`deletes` asks" if asks else "`deletes` does not say what that means"
        names = " and ".join(member.name for member in sides)
        decision.contests.append(Contest(place, "", f"the row is gone at {names}, and {why}"))


def _contest(decision: Decision, places: npt.NDArray[np.int64], reason: str) -> None:
    known = {contest.place for contest in decision.contests if not contest.field}
    decision.contests += [Contest(place, "", reason) for place in places.tolist() if place not in known]


def _leave(decision: Decision, fates: Fates, unwanted: Flags) -> None:
    """Rows that stand where they are not wanted any more are left alone from now on, or removed: as soon as a member
    that wants them holds them."""
    survey = decision.survey
    here = decision.active & ~fates.doomed
    home: Flags = np.asarray((here & ~unwanted).any(axis=0))
    home[[contest.place for contest in decision.contests if not contest.field]] = False
    leaving = here & unwanted & home & ~decision.filtered & ~decision.held
    for side, rows in enumerate(survey.sides):
        is_removed = rows.member.member.leaves == "remove" and rows.member.writable
        removed = leaving[side] & ~survey.fresh & is_removed
        fates.doomed[side] |= removed
        decision.parting[side] |= leaving[side] & ~removed
        _take_away(decision, side, leaving[side])


def _take_away(decision: Decision, side: int, leaving: Flags) -> None:
    """What a row's former member alone could tell is not known any more; what it shares still counts this once."""
    for name, origins in decision.origins.items():
        knows = [at != side and rows.member.cell(name) is not None for at, rows in enumerate(decision.survey.sides)]
        alone = leaving & (origins == side) & ~decision.active[knows].any(axis=0)
        origins[alone] = KEEP
        decision.sources[name][alone] = KEEP


def may_create(member: CompiledMember) -> bool:
    """Whether rows may be created at a member."""
    return member.receives and member.member.creates != "never"


def _only(flags: Flags, places: npt.NDArray[np.int64]) -> Flags:
    """The flags of these places, and none elsewhere."""
    some = np.zeros_like(flags)
    some[:, places] = flags[:, places]
    return some
