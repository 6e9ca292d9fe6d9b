"""The decisions of one mapping: for every shared row whose values count, and what is to be written where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dovetail.engine.agreed import Agreed
from dovetail.engine.apart import drop_lost, rejoin, standing_apart, taking_part
from dovetail.engine.arrays import listed, taken
from dovetail.engine.check import check_rows
from dovetail.engine.contest import settle_contests
from dovetail.engine.decision import Decision, Flags, Surroundings
from dovetail.engine.decree import apply_decrees
from dovetail.engine.fate import settle_fates
from dovetail.engine.formerly import carry_over
from dovetail.engine.links import Links
from dovetail.engine.marks import compare, mark
from dovetail.engine.put import Places
from dovetail.engine.standing import doubt_fields, doubt_rows
from dovetail.engine.survey import Survey
from dovetail.engine.work import find_updates, try_creates, work_at
from dovetail.expression.invert import Reversibility
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.judge import CONTESTED, KEEP, Evidence, FieldRule, Verdict, first_of, judge
from dovetail.merge.reason import Reason
from dovetail.model.mapping import Rule, SharedField


def decide(survey: Survey, agreed: Agreed, around: Surroundings) -> Decision:
    """Decide a whole mapping."""
    present = survey.index != ABSENT
    agreed.seed = around.seed
    apart = standing_apart(survey, around)
    active, filtered = taking_part(survey, present, apart)
    if agreed.former:
        carry_over(agreed, survey, active, around.seed)
    decision = Decision(
        survey=survey,
        agreed=agreed,
        sources={},
        origins={},
        marks=np.zeros((*agreed.cells.shape[1:], len(survey)), dtype=np.uint64).transpose(2, 0, 1),
        first_agreement=agreed.latest(),
        active=active,
        filtered=filtered,
        left_out=np.zeros(len(survey), dtype=np.bool_),
        apart=apart,
    )
    drop_lost(decision)
    contested = _judge_fields(decision, around.seed)
    if rejoin(decision, around, contested):
        contested = _judge_fields(decision, around.seed)
    decreed = apply_decrees(decision, around, contested)
    doubt_fields(decision, around, contested)
    settle_contests(decision, contested, around)
    fates = settle_fates(decision, around, decreed)
    to_check = np.flatnonzero((active & ~fates.doomed).any(axis=0) & ~filtered & ~decision.held)
    check_rows(survey, decision.origins, to_check, around.lookup, decision.settled)
    _note_held(decision, around.links)
    for side in range(len(survey.sides)):
        work = work_at(decision, side, fates, around)
        if work is not None:
            decision.work.append(work)
    doubt_rows(decision, around)
    _hold_dependants(decision, around.links)
    let_go(decision, around)
    return decision


def let_go(decision: Decision, around: Surroundings) -> None:
    """Where other mappings refer to these rows, a row has no key any more at a member that does not hold it."""
    survey, name = decision.survey, decision.survey.mapping.name
    if not any(field.ref == name for mapping in around.mappings.values() for field in mapping.mapping.fields):
        return
    for side, rows in enumerate(survey.sides):
        gone = np.flatnonzero(survey.vanished[side] & (survey.index[side] == ABSENT))
        if len(gone):
            around.links.unlink_many(name, rows.member.name, survey.numbers[gone])


def _hold_dependants(decision: Decision, links: Links) -> None:
    """Leave held rows out of all work, and hold the new rows of the same mapping that refer to them, until nothing
    changes."""
    is_tree = any(shared.ref == decision.survey.mapping.name for shared in decision.survey.mapping.mapping.fields)
    known = -1
    while known != len(decision.survey.problems):
        known = len(decision.survey.problems)
        _note_held(decision, links)
        for work in decision.work:
            work.leave_out(decision.held)
            if is_tree:
                try_creates(decision, work)


def refresh(decision: Decision, around: Surroundings) -> None:
    """Look again at updates that refer to rows which got their keys, or were held, since the decision."""
    if not decision.survey.referred:
        return
    for work in decision.work:
        waiting = find_updates(decision, work)
        decision.waiting.update(waiting.tolist())
        flags = decision.held
        flags[waiting] = True
        work.leave_out(flags)
    _note_held(decision, around.links)


def _judge_fields(decision: Decision, seed: int) -> dict[str, Places]:
    """Judge every field; the answer names the contested places of each."""
    survey = decision.survey
    contested: dict[str, Places] = {}
    is_plain = _nobody_meets(decision)
    if decision.agreed.is_kept or not (is_plain or compare(decision, seed)):
        mark(decision, seed)
    for at, shared in enumerate(survey.mapping.mapping.fields):
        knows = np.array([rows.member.cell(shared.name) is not None for rows in survey.sides])
        active = decision.active & knows[:, None]
        rule = field_rule(survey.mapping, shared)
        verdict = _alone(rule, active) if is_plain else judge(rule, _evidence(decision, at, active))
        winner = verdict.winner.copy()
        _owned_values(survey, shared, active, (winner, verdict.reason))
        decision.rules[shared.name] = verdict.reason
        if verdict.rivals is not None:
            decision.rivals[shared.name] = verdict.rivals
        contested[shared.name] = np.flatnonzero((winner == CONTESTED) | _unsure(rule, verdict, knows))
        winner[winner == CONTESTED] = KEEP
        decision.sources[shared.name] = winner
        decision.origins[shared.name] = np.where(winner >= 0, winner, verdict.source)
    return contested


def _unsure(rule: FieldRule, verdict: Verdict, knows: Flags) -> Flags:
    """The rows in which members may hold the same in different ways, because some cells say less than others: of a
    value that is owed, and of edits among which one is preferred."""
    if verdict.rivals is None or len(rule.fine) == int(knows.sum()):
        return np.zeros(len(verdict.reason), dtype=np.bool_)
    unsure: Flags = np.isin(verdict.reason, [Reason.OWED, Reason.PREFER]) & verdict.rivals.any(axis=0)
    return unsure


def _nobody_meets(decision: Decision) -> bool:
    """Whether every row stands at one member at most, and nothing was ever agreed on: then nothing is to be judged."""
    met = decision.active[0]
    for active in decision.active[1:]:
        if (met & active).any():
            return False
        met = met | active
    return not decision.first_agreement.any()


def _alone(rule: FieldRule, active: Flags) -> Verdict:
    """What `judge` says where nobody meets."""
    nobody = np.full(active.shape[1], KEEP, dtype=np.int8)
    return Verdict(nobody, first_of(rule.order, active), np.zeros(active.shape[1], dtype=np.int8))


def _evidence(decision: Decision, at: int, active: Flags) -> Evidence:
    """What is known of one field."""
    shared = decision.survey.mapping.mapping.fields[at]
    cells = decision.agreed.cells[:, at, :].T
    own = decision.marks[:, at, :].T
    agreement = np.ascontiguousarray(cells["agreement"])
    based = agreement > 0
    return Evidence(
        active=active,
        marks=_comparable(decision.survey, shared, own),
        based=based,
        changed=based & (own != cells["mark"]),
        agreement=agreement,
    )


def _owned_values(
    survey: Survey, shared: SharedField, active: Flags, found: tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]
) -> None:
    """Where a member holds a value that it owns (`owner: {true: mail}`), that value wins, whatever came later
    elsewhere; notes it in the winners and reasons `found`."""
    winner, reason = found
    if shared.owner is None or isinstance(shared.owner, str):
        return
    for value, name in reversed(shared.owner):
        for side, rows in enumerate(survey.sides):
            if rows.member.name == name and rows.member.cell(shared.name) is not None:
                at = np.flatnonzero(active[side])
                held = listed(taken(rows.shared.column(shared.name), survey.index[side, at]))
                owned = at[[one == value for one in held]]
                winner[owned], reason[owned] = side, Reason.OWNED_VALUE


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
        first=place.get(shared.first or ""),
        prefer=tuple(place[name] for name in prefer),
        policy=shared.policy,
        divergence_allowed=shared.elsewhere == "keep",
        fine=tuple(
            at
            for at, member in enumerate(mapping.members)
            if (cell := member.cell(shared.name)) is not None and cell.kind is Reversibility.LOSSLESS
        ),
    )


def _note_held(decision: Decision, links: Links) -> None:
    for place in decision.survey.problems:
        links.held.add((decision.survey.mapping.name, int(decision.survey.numbers[place])))
