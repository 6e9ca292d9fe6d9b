"""What is to be written at one member: rows to create, to update and to delete."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import differs
from dovetail.engine.decision import Decision, Flags, Surroundings, Work
from dovetail.engine.fate import Fates, may_create
from dovetail.engine.put import Places, Put, Putter, Sources
from dovetail.engine.rows import Problem, orphan
from dovetail.engine.survey import parent_member
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMember
from dovetail.merge.reason import Reason


def work_at(decision: Decision, side: int, fates: Fates, around: Surroundings) -> Work | None:
    """What is to be written at one member, `None` where it is only read."""
    survey = decision.survey
    member = survey.sides[side].member
    if not member.writable:
        return None
    free = ~decision.held & ~decision.filtered
    free[[contest.place for contest in decision.contests if not contest.field]] = False
    elsewhere = (decision.active.sum(axis=0) - decision.active[side]) > 0
    missing = (survey.index[side] == ABSENT) & elsewhere & free & ~fates.barred[side]
    missing[_undecided(decision, member)] = False
    if not may_create(member):
        missing[:] = False
    present = decision.active[side] & free
    doomed, revived = fates.doomed[side] & present, fates.revived[side] & free
    present = (present | revived) & ~doomed & ~decision.parting[side]
    counting = (_sources(decision, revived), decision.origins, decision.settled)
    putter = Putter(survey, side, counting, around.links, around.mappings)
    incoming = np.full(len(survey), bool(_always_filled(member)))
    for name in putter.fields_read(create=False):
        incoming |= putter.comes_in(name)
    creates, updates = np.flatnonzero(missing), np.flatnonzero(present & incoming)
    work = Work(side, putter, creates, updates, np.flatnonzero(doomed), np.flatnonzero(revived))
    work.creates = _wanted_here(decision, work, member)
    find_updates(decision, work)
    try_creates(decision, work)
    return work


def _undecided(decision: Decision, member: CompiledMember) -> list[int]:
    """The rows that meet for the first time and are contested in a field of which this member has the say: a new row
    here would hold one of the values, and so decide between them."""
    agreed, mapping = decision.agreed, decision.survey.mapping.mapping
    has_say = {
        field.name
        for field in mapping.fields
        if member.name in (field.owner, field.first, *(field.policy.members if field.policy is not None else ()))
    }
    return [
        contest.place
        for contest in decision.contests
        if contest.field in has_say and not decision.first_agreement[contest.place, agreed.fields.index(contest.field)]
    ]


def _sources(decision: Decision, revived: Flags) -> Sources:
    """The member whose value counts, by field; for a row that is to stand again, that of the others."""
    if not revived.any():
        return decision.sources
    return {
        name: np.where(revived & (counts < 0), decision.origins[name], counts)
        for name, counts in decision.sources.items()
    }


def _always_filled(member: CompiledMember) -> set[str]:
    """The columns that the mapping itself fills: what stands there must always be what is declared."""
    return {fill.column for fill in member.fills if not fill.on_create_only}


def _wanted_here(decision: Decision, work: Work, member: CompiledMember) -> Places:
    """The rows to be created that `wants` lets in; of one that is in conflict about it nobody knows."""
    if member.wants is None or not len(work.creates):
        return work.creates
    unclear = [contest.place for contest in decision.contests if contest.field in member.wants.names]
    return work.creates[work.putter.wanted(work.creates, member.wants) & ~np.isin(work.creates, unclear)]


def find_updates(decision: Decision, work: Work) -> Places:
    """Keep the rows in which something really differs, and note what; the answer names rows that refer to one without a
    key yet."""
    if not len(work.updates):
        return work.updates
    put = work.putter.put(work.updates, create=False)
    hold_failures(decision, work, put)
    changed = changed_columns(decision, work.side, put)
    _hold_new_keys(decision, work, changed)
    filled = _always_filled(decision.survey.sides[work.side].member)
    for column in changed:
        fed = np.full(len(put.places), column in filled)
        for name in put.fed[column] & decision.sources.keys():
            fed |= (work.putter.comes_in(name) & ~_has_it(decision, name, work.side))[put.places]
        waits = put.pending if put.fed[column] & decision.survey.referred.keys() else False
        changed[column] = (changed[column] | waits) & fed
    some = np.zeros(len(put.places), dtype=np.bool_)
    for flags in changed.values():
        some |= flags
    work.updates = put.places[some]
    work.new = put.columns.filter(pa.array(some))
    work.changed = {column: flags[some] for column, flags in changed.items()}
    work.fed = put.fed
    return put.places[put.pending]


def _has_it(decision: Decision, name: str, side: int) -> Flags:
    """For which rows a member has what others are still owed: it was written there, and holds what the system made of
    it."""
    at = decision.agreed.fields.index(name)
    owed: Flags = decision.rules[name] == Reason.OWED
    if not owed.any():
        return owed
    agreement = decision.agreed.cells["agreement"][:, at, side]
    has_it: Flags = owed & decision.active[side] & (agreement == decision.first_agreement[:, at])
    return has_it


def _hold_new_keys(decision: Decision, work: Work, changed: dict[str, Flags]) -> None:
    """A key that would change is not written: it names the row for everybody else in that system."""
    member = decision.survey.sides[work.side].member
    for part in member.key:
        if part in changed:
            for place in work.updates[changed[part]]:
                reason = f"the key {part!r} of {member.dataset.name} would change"
                decision.survey.hold(int(place), Problem("DV-409", reason, member.name, part))


def changed_columns(decision: Decision, side: int, put: Put) -> dict[str, Flags]:
    """Which columns of a put differ from what stands there, row for row."""
    own = decision.survey.sides[side].own
    position = pa.array(decision.survey.index[side, put.places])
    return {
        name: differs(pc.take(own.column(name), position), put.columns.column(name))
        for name in put.columns.column_names
    }


def try_creates(decision: Decision, work: Work) -> None:
    """Put the rows to be created once, so that what cannot be written is known before the first write."""
    if len(work.creates):
        hold_failures(decision, work, work.putter.try_create(work.creates))


def hold_failures(decision: Decision, work: Work, put: Put) -> None:
    """Hold the rows of a put that cannot be written, and those that refer to a row which gets no key."""
    member = decision.survey.sides[work.side].member.name
    for failure in put.failures:
        place = int(put.places[failure.position])
        decision.survey.hold(place, Problem(failure.code, failure.reason, member, failure.output))
    for at, (name, number) in put.orphaned.items():
        place = int(put.places[at])
        decision.survey.hold(place, waits_for(decision, work, place, (name, number)))


def waits_for(decision: Decision, work: Work, place: int, reference: tuple[str, int]) -> Problem:
    """The problem of a row whose parent gets no key: it is held, or it simply has no row here (left out, perhaps)."""
    name, number = reference
    links, parent = work.putter.links, work.putter.parents[decision.survey.parent_of(name)]
    member, _ = decision.survey.key_of(place)
    if (parent.name, number) in links.held:
        return orphan(member, name, (parent.name, "", str(number)))
    side = next(rows.member for rows in decision.survey.sides if rows.member.name == member)
    giver = parent_member(parent, side)
    key = links.keys_of(parent.name, giver, np.array([number], dtype=np.int64))[0].as_py() or ""
    reason = f"waits for {parent.name} {key} of {giver}, which has no row at {work.putter.member.name}"
    return Problem("DV-407", reason, member, name, "refers", (parent.name, giver, key))
