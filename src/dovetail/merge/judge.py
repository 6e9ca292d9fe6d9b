"""The judge of one shared field over many rows: who changed it, and whose value counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.merge.reason import Reason
from dovetail.model.mapping import Policy, Rule

KEEP = -1
"""Nothing is to be done: the members agree, or nobody changed anything."""
CONTESTED = -2
"""Several members hold different values, and no rule about *who* decides."""

Flags = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a person declared about one field; members are numbers in the mapping's order.

    `fine` are the members whose cells lose nothing: among members that agree, their value says most."""

    owner: int | None = None
    first: int | None = None
    prefer: tuple[int, ...] = ()
    policy: Policy | None = None
    divergence_allowed: bool = False
    fine: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """Members in the order in which their value is taken when nothing else decides."""
        owner = () if self.owner is None else (self.owner,)
        first = () if self.first is None else (self.first,)
        return (*first, *owner, *self.prefer)

    @property
    def adds_up(self) -> bool:
        """Whether edits are movements, so that two equal ones count twice."""
        return self.policy is not None and self.policy.rule is Rule.DELTA


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one field: one line a member, one place a row.

    `active`: the member holds the row and knows the field. `marks`: equal exactly where the shared values are equal.
    `based`: a base exists. `changed`: the value differs from the member's own base. `agreement`: the number of the
    agreement that the member last took part in."""

    active: Flags
    marks: Marks
    based: Flags
    changed: Flags
    agreement: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """For each row the member whose value counts (`KEEP` or `CONTESTED` otherwise), where its value is taken from for
    creations, and the `Reason`.

    `rivals` flags, a line each member, whose values stood against each other; `None` where none did anywhere."""

    winner: npt.NDArray[np.int8]
    source: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    rivals: Flags | None = None


@dataclass(slots=True)
class _Finding:
    """A verdict in the making."""

    winner: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    rivals: Flags | None = None

    def take(self, rows: Flags, members: npt.NDArray[np.integer] | int, reason: Reason) -> None:
        """These members win these rows."""
        self.winner[rows] = members if isinstance(members, int) else members[rows]
        self.reason[rows] = reason

    def contest(self, rows: Flags, rivals: Flags) -> None:
        """These rows are contested between these members, unless a rule about members takes them afterwards."""
        self.winner[rows] = CONTESTED
        self.oppose(rows, rivals)

    def oppose(self, rows: Flags, rivals: Flags) -> None:
        """Note whose values stand against each other in these rows."""
        if rows.any():
            found = rivals & rows
            self.rivals = found if self.rivals is None else self.rivals | found


def judge(rule: FieldRule, evidence: Evidence) -> Verdict:
    """Whose value counts, row by row.

    Rows where an active member has no base meet for the first time: equal values are settled, else `first`, the owner,
    or the preferred member wins. With a base: nobody changed it, nothing is done, unless a member is still owed an
    agreement; one changed it, that one wins; several changed it to one value, settled; else the rule decides. A member
    that is owed an agreement and changed its value stands against that agreement. An owner's value always wins.
    """
    rows = evidence.active.shape[1]
    found = _Finding(np.full(rows, KEEP, dtype=np.int8), np.zeros(rows, dtype=np.int8))
    first_meeting: Flags = _any(evidence.active & ~evidence.based)
    if first_meeting.any():
        _meet(rule, evidence, first_meeting, found)
    if not first_meeting.all() and evidence.based.any():
        _continue(rule, evidence, ~first_meeting, found)
    source = first_of(rule.order, evidence.active)
    if not first_meeting.all():
        source = np.where(first_meeting, source, _agreed_by(rule, evidence))
    return Verdict(found.winner, np.where(found.winner >= 0, found.winner, source), found.reason, found.rivals)


def _any(members: Flags) -> Flags:
    """For which rows any member is flagged."""
    found: Flags = np.zeros(members.shape[1], dtype=np.bool_)
    for flags in members:
        found |= flags
    return found


def _meet(rule: FieldRule, evidence: Evidence, rows: Flags, found: _Finding) -> None:
    """Rows without a base: equal values stay, else the declared order decides."""
    differ = rows & ~_alike(evidence.marks, evidence.active)
    if not differ.any():
        return
    found.contest(differ, evidence.active)
    decided = first_of(rule.order, evidence.active, only=rule.order)
    found.take(differ & (decided >= 0), decided, Reason.FIRST)
    if rule.owner is not None and rule.owner != rule.first:
        found.reason[differ & (decided == rule.owner)] = Reason.OWNER


def _continue(rule: FieldRule, evidence: Evidence, rows: Flags, found: _Finding) -> None:
    """Rows with a base: the three-way merge."""
    changed = evidence.changed & evidence.active
    any_changed = _any(changed)
    uneven = rows & ~_alike(evidence.agreement, evidence.active)
    owed = uneven & ~any_changed
    if owed.any():
        _pay(rule, evidence, owed, found)
    if any_changed.any():
        _take_changes(rule, evidence, (rows, uneven), found)


def _pay(rule: FieldRule, evidence: Evidence, owed: Flags, found: _Finding) -> None:
    """Rows that nobody changed and somebody is owed: what was agreed on counts. Where it is held in several ways, each
    as a cell can say it, and none of these cells is known to lose nothing, their holders are noted as rivals."""
    winner = _agreed_by(rule, evidence)
    found.take(owed, winner, Reason.OWED)
    latest = np.where(evidence.active, evidence.agreement, 0).max(axis=0)
    holds = evidence.active & (evidence.agreement == latest)
    found.oppose(owed & ~np.isin(winner, rule.fine) & ~_alike(evidence.marks, holds), holds)


def _take_changes(rule: FieldRule, evidence: Evidence, where: tuple[Flags, Flags], found: _Finding) -> None:
    """The rows in which a member changed the value since its base."""
    rows, uneven = where
    changed = evidence.changed & evidence.active
    rivals = _with_agreed(evidence, changed, uneven)
    count = rivals.sum(axis=0)
    found.take(rows & (count == 1), changed.argmax(axis=0), Reason.ONLY_CHANGE)
    several = rows & (count > 1)
    same = several & ~_differ(rule, evidence, rivals)
    found.take(same, changed.argmax(axis=0), Reason.SAME_CHANGE)
    found.contest(several & ~same, rivals)
    preferred = first_of(rule.prefer, rivals, only=rule.prefer)
    found.take(several & ~same & (preferred >= 0), preferred, Reason.PREFER)
    if rule.owner is None:
        return
    owned = rows & (count > 0) & evidence.active[rule.owner]
    overrules = owned & ~(changed[rule.owner] & ((count == 1) | same))
    found.oppose(overrules, rivals)
    found.winner[owned] = rule.owner
    found.reason[overrules] = Reason.OWNER
    if rule.divergence_allowed:
        found.take(owned & ~changed[rule.owner] & ~uneven, KEEP, Reason.NOTHING)


def _differ(rule: FieldRule, evidence: Evidence, rivals: Flags) -> Flags:
    """Whether the rivals' values differ, row by row; movements always add up."""
    if rule.adds_up:
        return np.ones(rivals.shape[1], dtype=np.bool_)
    return ~_alike(evidence.marks, rivals)


def _with_agreed(evidence: Evidence, changed: Flags, uneven: Flags) -> Flags:
    """Who stands against whom: the members that changed the value, and, where all of them are owed an agreement that
    they have not seen, those that hold it."""
    if not (uneven & _any(changed)).any():
        return changed
    latest = np.where(evidence.active, evidence.agreement, 0).max(axis=0)
    holds: Flags = evidence.active & (evidence.agreement == latest)
    unseen = uneven & _any(changed) & ~_any(changed & holds)
    return changed | (holds & unseen)


def _agreed_by(rule: FieldRule, evidence: Evidence) -> npt.NDArray[np.int8]:
    """The member that holds what was last agreed on: of several the owner, else one whose cell loses nothing, those
    first that are preferred; a system may make less of a value than its cell would."""
    owner = () if rule.owner is None else (rule.owner,)
    preferred = tuple(one for one in rule.prefer if one in rule.fine)
    latest = np.where(evidence.active, evidence.agreement, 0).max(axis=0)
    return first_of((*owner, *preferred, *rule.fine), evidence.active & (evidence.agreement == latest))


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
    known: dict[int, Any] = {
        place: rank.get(str(value)) if rank else value for place, value in enumerate(values) if value is not None
    }
    if not known or None in known.values():
        return None
    return (min if policy.rule is Rule.MIN else max)(known, key=lambda place: known[place])
