"""The judge of one shared field over many rows: who changed it, and whose value counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.model.mapping import Policy, Rule

KEEP = -1
"""Nothing is to be done: the members agree, or nobody changed anything."""
CONTESTED = -2
"""Several members hold different values, and no rule about *who* decides."""

Flags = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a person declared about one field; members are numbers in the mapping's order."""

    owner: int | None = None
    first: int | None = None
    prefer: tuple[int, ...] = ()
    policy: Policy | None = None
    divergence_allowed: bool = False

    @property
    def order(self) -> tuple[int, ...]:
        """Members in the order in which their value is taken when nothing else decides."""
        owner = () if self.owner is None else (self.owner,)
        first = () if self.first is None else (self.first,)
        return (*first, *owner, *self.prefer)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one field: one line a member, one place a row.

    `active`: the member holds the row and knows the field. `marks`: equal exactly where the shared values are equal.
    `based`: a
    base exists. `changed`: the value differs from the member's own base. `agreement`: the number of the agreement that
    the member last took part in."""

    active: Flags
    marks: Marks
    based: Flags
    changed: Flags
    agreement: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """For each row the member whose value counts (`KEEP` or `CONTESTED` otherwise), and where its value is taken from
    for creations."""

    winner: npt.NDArray[np.int8]
    source: npt.NDArray[np.int8]


def judge(rule: FieldRule, evidence: Evidence) -> Verdict:
    """Whose value counts, row by row.

    Rows where an active member has no base meet for the first time: equal values are settled, else `first`, the owner,
    or the
    preferred member wins. With a base: nobody changed it, nothing is done, unless a member is still owed an agreement;
    one
    changed it, that one wins; several changed it to one value, settled; else the rule decides. An owner's value always
    wins.
    """
    winner = np.full(evidence.active.shape[1], KEEP, dtype=np.int8)
    first_meeting: Flags = _any(evidence.active & ~evidence.based)
    if first_meeting.any():
        _meet(rule, evidence, first_meeting, winner)
    if not first_meeting.all() and evidence.based.any():
        _continue(rule, evidence, ~first_meeting, winner)
    source = first_of(rule.order, evidence.active)
    return Verdict(winner, np.where(winner >= 0, winner, source))


def _any(members: Flags) -> Flags:
    """For which rows any member is flagged."""
    found: Flags = np.zeros(members.shape[1], dtype=np.bool_)
    for flags in members:
        found |= flags
    return found


def _meet(rule: FieldRule, evidence: Evidence, rows: Flags, winner: npt.NDArray[np.int8]) -> None:
    """Rows without a base: equal values stay, else the declared order decides."""
    differ = rows & ~_alike(evidence.marks, evidence.active)
    if not differ.any():
        return
    winner[differ] = CONTESTED
    decided = first_of(rule.order, evidence.active, only=rule.order)
    _take(winner, differ & (decided >= 0), decided)


def _continue(rule: FieldRule, evidence: Evidence, rows: Flags, winner: npt.NDArray[np.int8]) -> None:
    """Rows with a base: the three-way merge."""
    changed = evidence.changed & evidence.active
    any_changed = _any(changed)
    owed = rows & ~any_changed & ~_alike(evidence.agreement, evidence.active)
    if owed.any():
        latest = np.where(evidence.active, evidence.agreement.astype(np.int64), -1).argmax(axis=0)
        _take(winner, owed, latest)
    if any_changed.any():
        _take_changes(rule, evidence, (rows, changed), winner)


def _take_changes(
    rule: FieldRule, evidence: Evidence, found: tuple[Flags, Flags], winner: npt.NDArray[np.int8]
) -> None:
    """The rows in which a member changed the value since its base."""
    rows, changed = found
    count = changed.sum(axis=0)
    one = rows & (count == 1)
    _take(winner, one, changed.argmax(axis=0))
    several = rows & (count > 1)
    same = _alike(evidence.marks, changed)
    _take(winner, several & same, changed.argmax(axis=0))
    winner[several & ~same] = CONTESTED
    preferred = first_of(rule.prefer, changed, only=rule.prefer)
    _take(winner, several & ~same & (preferred >= 0), preferred)
    if rule.owner is not None:
        owned = rows & (count > 0) & evidence.active[rule.owner]
        winner[owned] = rule.owner
        if rule.divergence_allowed:
            winner[owned & ~changed[rule.owner]] = KEEP


def _alike(marks: npt.NDArray[np.generic], members: Flags) -> Flags:
    """Whether all of the given members carry the same mark, row by row."""
    alike: Flags = np.ones(members.shape[1], dtype=np.bool_)
    first, seen = marks[0], members[0]
    for mark, takes_part in zip(marks[1:], members[1:], strict=True):
        alike &= ~(seen & takes_part) | (first == mark)
        first = np.where(seen, first, mark)
        seen = seen | takes_part
    return alike


def first_of(order: tuple[int, ...], members: Flags, *, only: tuple[int, ...] | None = None) -> npt.NDArray[np.int8]:
    """The first member of `order` that takes part, then any other in the mapping's order; with `only`, none but these
    (-1)."""
    chosen = np.full(members.shape[1], KEEP, dtype=np.int8)
    everybody = order if only is not None else (*order, *range(members.shape[0]))
    for member in reversed(everybody):
        chosen[members[member]] = member
    return chosen


def _take(winner: npt.NDArray[np.int8], rows: Flags, members: npt.NDArray[np.integer]) -> None:
    winner[rows] = members[rows]


def settle(policy: Policy | None, values: list[object]) -> int | None:
    """Which of several different values a rule about *values* takes (its place in the list), or `None` where a person
    must decide.

    `min` and `max` compare in the declared order of words, else by value; a null never wins.

    >>> settle(Policy(Rule.MAX, order=("new", "paid", "shipped")), ["paid", "new"])
    0
    """
    if policy is None or policy.rule not in (Rule.MIN, Rule.MAX):
        return None
    rank = {word: place for place, word in enumerate(policy.order)}
    known = [
        (rank.get(str(value)) if rank else value, place) for place, value in enumerate(values) if value is not None
    ]
    if not known or any(value is None for value, _ in known):
        return None
    best = min(known) if policy.rule is Rule.MIN else max(known)
    return best[1]
