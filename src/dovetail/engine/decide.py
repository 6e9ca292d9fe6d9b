"""The decisions of one mapping: for every shared row whose values count, and what is to be written where."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.agreed import Agreed
from dovetail.engine.check import check_rows
from dovetail.engine.compare import differs
from dovetail.engine.links import Links
from dovetail.engine.put import Places, Put, Putter, shared_column
from dovetail.engine.rows import Problem
from dovetail.engine.survey import NO_ROW, Survey
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.merge.deletes import Fate, fate
from dovetail.merge.fingerprint import fingerprints, row_seeds
from dovetail.merge.judge import CONTESTED, KEEP, Evidence, FieldRule, judge, settle
from dovetail.model.mapping import Rule, SharedField

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contest:
    """A field (or, with an empty name, a whole row) that no rule could settle."""

    place: int
    field: str
    reason: str


@dataclass(slots=True)
class Work:
    """What is to be written at one member. `changed` says, row for row with `updates`, which columns of `new` differ from what stands there.

    `creates` are places only: what they should hold is put when their parents have keys."""

    side: int
    putter: Putter
    creates: Places
    updates: Places
    deletes: Places
    new: pa.Table | None = None
    changed: dict[str, Flags] = field(default_factory=dict)
    fed: Bindings[str, frozenset[str]] = field(default_factory=dict)

    def leave_out(self, rows: Flags) -> None:
        """Do nothing for these shared rows (flags by place)."""
        keep = ~rows[self.updates]
        if self.new is not None:
            self.new = self.new.filter(pa.array(keep))
            self.changed = {column: flags[keep] for column, flags in self.changed.items()}
        self.updates = self.updates[keep]
        self.creates = self.creates[~rows[self.creates]]
        self.deletes = self.deletes[~rows[self.deletes]]


@dataclass(slots=True)
class Decision:
    """Everything decided about one mapping; nothing has been written.

    `marks` are today's fingerprints in the shape of the base (rows, fields, members); `sources` the member whose value counts, by field.
    `waiting` are rows whose update must wait until a row that they refer to has its key; `left_out` those that a
    reviewed plan does not show as they are now."""

    survey: Survey
    agreed: Agreed
    sources: dict[str, npt.NDArray[np.int8]]
    marks: npt.NDArray[np.uint64]
    first_agreement: npt.NDArray[np.int64]
    active: Flags
    filtered: Flags
    left_out: Flags
    waiting: set[int] = field(default_factory=set)
    contests: list[Contest] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)

    @property
    def held(self) -> Flags:
        """Rows in quarantine."""
        flags = np.zeros(len(self.survey), dtype=np.bool_)
        flags[list(self.survey.problems)] = True
        return flags

    @property
    def next_agreement(self) -> npt.NDArray[np.int64]:
        """The number of the next agreement on each field of each row (rows, fields).

        Numbers go up by two: the one in between marks a member that took part but is still owed the value."""
        return self.first_agreement + 2

    def being_written(self) -> Flags:
        """Which fields of which rows wait for a write somewhere (rows, fields)."""
        flags = np.zeros(self.marks.shape[:2], dtype=np.bool_)
        for work in self.work:
            flags[work.creates] = True
            flags[work.deletes] = True
            for column, changed in work.changed.items():
                for name in work.fed[column]:
                    if name in self.agreed.fields:
                        flags[work.updates[changed], self.agreed.fields.index(name)] = True
        return flags


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What deciding needs besides the rows: links, all compiled mappings, the seed of fingerprints, and what was decided before."""

    links: Links
    mappings: Bindings[str, CompiledMapping]
    seed: int
    decided: dict[str, Decision] = field(default_factory=dict)

    def lookup(self, mapping: str, name: str) -> pa.Array:
        """All values of a shared field of a mapping that was decided before; raises `KeyError`."""
        survey = self.decided[mapping].survey
        if survey.mapping.mapping.field(name) is None:
            raise KeyError(name)
        columns = [rows.shared.column(name) for rows in survey.sides if rows.member.cell(name) is not None]
        return pa.concat_arrays([chunk for column in columns for chunk in column.chunks])


def decide(survey: Survey, agreed: Agreed, around: Surroundings) -> Decision:
    """Decide a whole mapping."""
    present = survey.index != ABSENT
    active, filtered = _active(survey, present)
    decision = Decision(
        survey=survey,
        agreed=agreed,
        sources={},
        marks=np.zeros(agreed.cells.shape, dtype=np.uint64),
        first_agreement=agreed.cells["agreement"].max(axis=2, initial=0).astype(np.int64),
        active=active,
        filtered=filtered,
        left_out=np.zeros(len(survey), dtype=np.bool_),
    )
    contested = _judge_fields(decision, row_seeds(survey.numbers, around.seed))
    gone = _vanished(decision)
    _settle_contests(decision, contested, around)
    to_check = np.flatnonzero(active.any(axis=0) & ~filtered & ~decision.held)
    check_rows(survey, decision.sources, active, to_check, around.lookup)
    _note_held(decision, around.links)
    for side in range(len(survey.sides)):
        work = _work(decision, side, gone, around)
        if work is not None:
            decision.work.append(work)
    _hold_dependants(decision, around.links)
    return decision


def _hold_dependants(decision: Decision, links: Links) -> None:
    """Leave held rows out of all work, and hold the new rows of the same mapping that refer to them, until nothing changes."""
    is_tree = any(shared.ref == decision.survey.mapping.name for shared in decision.survey.mapping.mapping.fields)
    known = -1
    while known != len(decision.survey.problems):
        known = len(decision.survey.problems)
        _note_held(decision, links)
        for work in decision.work:
            work.leave_out(decision.held)
            if is_tree:
                _try_creates(decision, work)


def refresh(decision: Decision, around: Surroundings) -> None:
    """Look again at updates that refer to rows which got their keys, or were held, since the decision."""
    if not decision.survey.referred:
        return
    for work in decision.work:
        waiting = _find_updates(decision, work)
        decision.waiting.update(waiting.tolist())
        flags = decision.held
        flags[waiting] = True
        work.leave_out(flags)
    _note_held(decision, around.links)


def _active(survey: Survey, present: Flags) -> tuple[Flags, Flags]:
    """Where a member holds the row and shares it, and which rows a `where` leaves out (then the whole pair is frozen)."""
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


def _judge_fields(decision: Decision, seeds: npt.NDArray[np.uint64]) -> dict[str, Places]:
    """Judge every field; the answer names the contested places of each."""
    survey, cells = decision.survey, decision.agreed.cells
    contested: dict[str, Places] = {}
    for at, shared in enumerate(survey.mapping.mapping.fields):
        knows = np.array([rows.member.cell(shared.name) is not None for rows in survey.sides])
        active = decision.active & knows[:, None]
        own = _own_marks(survey, shared.name, seeds)
        decision.marks[:, at, :] = own.T
        agreement = cells["agreement"][:, at, :].T
        evidence = Evidence(
            active=active,
            marks=_comparable(survey, shared, own),
            based=agreement > 0,
            changed=(agreement > 0) & (cells["mark"][:, at, :].T != own),
            agreement=agreement,
        )
        verdict = judge(field_rule(survey.mapping, shared), evidence)
        winner = verdict.winner.copy()
        contested[shared.name] = np.flatnonzero(winner == CONTESTED)
        winner[winner == CONTESTED] = KEEP
        alone = active.sum(axis=0) < len(survey.sides)
        decision.sources[shared.name] = np.where((winner == KEEP) & alone, verdict.source, winner).astype(np.int8)
    return contested


def _own_marks(survey: Survey, name: str, seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Fingerprints of a field as each member gives it; references by the member's own key."""
    marks = np.zeros(survey.index.shape, dtype=np.uint64)
    for side, rows in enumerate(survey.sides):
        if rows.member.cell(name) is None:
            continue
        at = np.flatnonzero(survey.index[side] != ABSENT)
        values = pc.take(rows.shared.column(name), pa.array(survey.index[side, at]))
        marks[side, at] = fingerprints(values, seeds[at])
    return marks


def _comparable(survey: Survey, shared: SharedField, own: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    if shared.name in survey.referred:
        return survey.referred[shared.name].view(np.uint64)
    return own


def field_rule(mapping: CompiledMapping, shared: SharedField) -> FieldRule:
    """The declared rule of a field, with members as numbers."""
    place = {member.name: at for at, member in enumerate(mapping.members)}
    prefer = shared.policy.members if shared.policy is not None and shared.policy.rule is Rule.PREFER else ()
    return FieldRule(
        owner=place[shared.owner] if isinstance(shared.owner, str) else None,
        first=place[shared.first] if shared.first in place else None,
        prefer=tuple(place[name] for name in prefer),
        policy=shared.policy,
        divergence_allowed=shared.elsewhere == "keep",
    )


def _vanished(decision: Decision) -> dict[int, tuple[int, Fate]]:
    """For each row that vanished at one member: that member, and the row's fate."""
    survey = decision.survey
    fates: dict[int, tuple[int, Fate]] = {}
    changed = (decision.agreed.cells["agreement"] > 0) & (decision.agreed.cells["mark"] != decision.marks)
    owners = [field.owner if isinstance(field.owner, str) else None for field in survey.mapping.mapping.fields]
    for place in np.flatnonzero(survey.vanished.any(axis=0) & ~decision.filtered & ~decision.held):
        side = int(survey.vanished[:, place].argmax())
        others = np.flatnonzero(decision.active[:, place])
        edited = any(
            changed[place, at, other] and owner in (None, survey.sides[other].member.name)
            for at, owner in enumerate(owners)
            for other in others
        )
        rule = survey.sides[side].member.member.deletes
        verdict = fate(rule, anywhere=bool(len(others)), edited_elsewhere=edited)
        fates[int(place)] = (side, verdict)
        if verdict is Fate.ASK:
            name = survey.sides[side].member.name
            decision.contests.append(Contest(int(place), "", f"the row is gone at {name}, and `deletes` does not say what that means"))
        elif verdict is Fate.FORGET:
            decision.forgotten.append(int(place))
    return fates


def _settle_contests(decision: Decision, contested: dict[str, Places], around: Surroundings) -> None:
    """Decide contested fields by value, or through the coarser cell; the rest becomes conflicts."""
    held = decision.held
    for name, places in contested.items():
        shared = decision.survey.mapping.mapping.field(name)
        assert shared is not None
        for place in places[~held[places]]:
            holders = np.flatnonzero(decision.active[:, place])
            holders = [int(side) for side in holders if decision.survey.sides[side].member.cell(name) is not None]
            one = np.array([place], dtype=np.int64)
            values = [shared_column(decision.survey, name, _constant(decision, side), one)[0].as_py() for side in holders]
            chosen = settle(shared.policy, values)
            if chosen is not None:
                decision.sources[name][place] = holders[chosen]
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
        if all(_holds_already(decision, side, name, sources, place, around) for side in others):
            return True
    return False


def _holds_already(
    decision: Decision, side: int, name: str, sources: dict[str, npt.NDArray[np.int8]], place: Places, around: Surroundings
) -> bool:
    cell = decision.survey.sides[side].member.cell(name)
    if cell is None or not cell.writes:
        return cell is None
    put = Putter(decision.survey, side, sources, around.links, around.mappings).put(place, create=False)
    if put.failures or put.pending.any():
        return False
    columns = {column for column, fed in put.fed.items() if name in fed}
    return not any(flags.any() for column, flags in _changed(decision, side, put).items() if column in columns)


def _note_held(decision: Decision, links: Links) -> None:
    for place in decision.survey.problems:
        links.held.add((decision.survey.mapping.name, int(decision.survey.numbers[place])))


def _work(
    decision: Decision, side: int, gone: dict[int, tuple[int, Fate]], around: Surroundings
) -> Work | None:
    survey = decision.survey
    member = survey.sides[side].member
    if not member.writable:
        return None
    free = ~decision.held & ~decision.filtered
    free[[contest.place for contest in decision.contests if not contest.field]] = False
    elsewhere = (decision.active.sum(axis=0) - decision.active[side]) > 0
    missing = (survey.index[side] == ABSENT) & elsewhere & free
    missing[[place for place, (_, verdict) in gone.items() if verdict is not Fate.CREATE_AGAIN]] = False
    if member.member.creates == "never":
        missing[:] = False
    present = decision.active[side] & free
    doomed = np.array(
        [place for place, (at, verdict) in gone.items() if verdict is Fate.DELETE and at != side and present[place]],
        dtype=np.int64,
    )
    present[doomed] = False
    incoming = np.zeros(len(survey), dtype=np.bool_)
    for cell in member.cells:
        source = decision.sources[cell.field]
        incoming |= (source >= 0) & (source != side) & bool(cell.writes)
    putter = Putter(survey, side, decision.sources, around.links, around.mappings)
    work = Work(side, putter, np.flatnonzero(missing), np.flatnonzero(present & incoming), doomed)
    work.creates = _wanted_here(decision, work, member)
    _find_updates(decision, work)
    _try_creates(decision, work)
    return work


def _wanted_here(decision: Decision, work: Work, member: CompiledMember) -> Places:
    """The rows to be created that `wants` lets in."""
    if member.wants is None or not len(work.creates):
        return work.creates
    return work.creates[work.putter.wanted(work.creates, member.wants)]


def _find_updates(decision: Decision, work: Work) -> Places:
    """Keep the rows in which something really differs, and note what; the answer names rows that refer to one without a key yet."""
    if not len(work.updates):
        return work.updates
    put = work.putter.put(work.updates, create=False)
    _hold_failures(decision, work, put)
    changed = _changed(decision, work.side, put)
    _hold_new_keys(decision, work, changed)
    for column, flags in changed.items():
        fed = np.zeros(len(flags), dtype=np.bool_)
        for name in put.fed[column]:
            source = decision.sources.get(name)
            if source is not None:
                fed |= (source[put.places] >= 0) & (source[put.places] != work.side)
        flags &= fed if put.fed[column] else True
        if any(name in decision.survey.referred for name in put.fed[column]):
            flags |= put.pending & fed
    some = np.zeros(len(put.places), dtype=np.bool_)
    for flags in changed.values():
        some |= flags
    work.updates = put.places[some]
    work.new = put.columns.filter(pa.array(some))
    work.changed = {column: flags[some] for column, flags in changed.items()}
    work.fed = put.fed
    return put.places[put.pending]


def _hold_new_keys(decision: Decision, work: Work, changed: dict[str, Flags]) -> None:
    """A key that would change is not written: it names the row for everybody else in that system."""
    member = decision.survey.sides[work.side].member
    for part in member.key:
        if part in changed:
            for place in work.updates[changed[part]]:
                reason = f"the key {part!r} of {member.dataset.name} would change"
                decision.survey.hold(int(place), Problem("DV-409", reason, member.name, part))


def _changed(decision: Decision, side: int, put: Put) -> dict[str, Flags]:
    own = decision.survey.sides[side].own
    position = pa.array(decision.survey.index[side, put.places])
    return {
        name: differs(pc.take(own.column(name), position), put.columns.column(name)) for name in put.columns.column_names
    }


def _try_creates(decision: Decision, work: Work) -> None:
    """Put the rows to be created once, so that what cannot be written is known before the first write."""
    if len(work.creates):
        _hold_failures(decision, work, work.putter.put(work.creates, create=True))


def _hold_failures(decision: Decision, work: Work, put: Put) -> None:
    member = decision.survey.sides[work.side].member.name
    for failure in put.failures:
        place = int(put.places[failure.position])
        decision.survey.hold(place, Problem(failure.code, failure.reason, member, failure.output))
    for at, (name, number) in put.orphaned.items():
        place = int(put.places[at])
        decision.survey.hold(place, _orphan(decision, place, name, number))


def _orphan(decision: Decision, place: int, name: str, number: int) -> Problem:
    shared = decision.survey.mapping.mapping.field(name)
    assert shared is not None
    assert number != NO_ROW
    member, _ = decision.survey.key_of(place)
    reason = f"waits for its {shared.ref}, which is in quarantine"
    return Problem("DV-408", reason, member, name, check="refers", waits_for=(shared.ref or "", "", str(number)))
