"""`verify`: compare all members field by field; a plan that must come out empty."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dovetail.engine.account import FINDINGS_MAX, count, key_parts, problem_finding
from dovetail.engine.decision import Decision, Work
from dovetail.engine.progress import Progress
from dovetail.engine.quarantine import is_known, is_open, known_conflicts, known_rejects
from dovetail.engine.reconcile import Reconcile
from dovetail.engine.workspace import Workspace
from dovetail.identity.pair import ABSENT
from dovetail.model.finding import Finding
from dovetail.model.run import MappingCount, Summary
from dovetail.steps.plan import Sample, samples


def verify(
    workspace: Workspace,
    *,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    show: Callable[[Sequence[Sample]], object] | None = None,
) -> Summary:
    """Compare every row and field of all members as their types mean it. Nothing is written; `show` is called with
    some of the values that differ, a mapping at a time.

    `ok` is false when any field differs, any row is missing or too many, or any row cannot be compared that does not
    stand
    in quarantine already. `different` counts unequal fields; a missing row counts as one."""
    started = time.monotonic()
    notes: list[Finding] = []
    summary = Summary(command="verify", run=f"{workspace.clock():%Y%m%dT%H%M%S}-verify")
    looked = Reconcile(workspace, only=only, durable=False, progress=progress).look()
    for decision in looked.decisions:
        name = decision.survey.mapping.name
        known = known_rejects(workspace.store, name)
        result = count(decision, None)
        _set_aside(result, decision, {(member, key) for member, key, _, _ in known})
        summary.mappings[name] = result
        if show is not None:
            show(samples(decision))
        for finding in differences(decision, known, known_conflicts(workspace.store, name)):
            if finding.severity == "difference":
                result.different += 1
            summary.ok = summary.ok and finding.severity == "note"
            listed = notes if finding.severity == "note" else summary.findings
            if len(listed) < FINDINGS_MAX:
                listed.append(finding)
    summary.findings += notes[: FINDINGS_MAX - len(summary.findings)]
    summary.seconds = time.monotonic() - started
    return summary


def _set_aside(result: MappingCount, decision: Decision, refused: set[tuple[str, str]]) -> None:
    """Rows that a member lacks because it refused them stand in quarantine; they are not still to be created."""
    survey = decision.survey
    contested = {contest.place for contest in decision.contests}
    lacking = {place for work in decision.work for place in work.creates.tolist()} - contested
    held = sum(survey.key_of(place) in refused and not decision.held[place] for place in lacking)
    result.created -= held
    result.quarantined += held


def differences(
    decision: Decision, known: set[tuple[str, str, str, str]], open_conflicts: set[tuple[str, str, str]]
) -> Iterator[Finding]:
    """Every difference of one mapping; what stands in quarantine or in conflict already is a note."""
    for work in decision.work:
        yield from _missing(decision, work, {(member, key) for member, key, _, _ in known})
        yield from _unequal(decision, work)
        yield from _doomed(decision, work)
    survey = decision.survey
    for contest in decision.contests:
        side = int((survey.index[:, contest.place] != ABSENT).argmax())
        yield Finding(
            code="DV-461" if contest.field else "DV-462",
            message=contest.reason,
            mapping=survey.mapping.name,
            member=survey.sides[side].member.name,
            key=key_parts(survey, side, contest.place),
            field=contest.field,
            next="dovetail plan",
            severity="note" if is_open(survey, contest, open_conflicts) else "difference",
        )
    for place, problems in sorted(survey.problems.items()):
        finding = problem_finding(survey, place, problems[0])
        severity = "note" if is_known(survey, place, known) else "problem"
        yield Finding(
            finding.code,
            finding.message,
            finding.mapping,
            finding.member,
            finding.key,
            finding.field,
            finding.next,
            severity,
        )


def _missing(decision: Decision, work: Work, refused: set[tuple[str, str]]) -> Iterator[Finding]:
    """Rows that a member lacks; those that it has refused before stand in quarantine, and are notes."""
    survey = decision.survey
    for place in work.creates.tolist():
        side = next(at for at in range(len(survey.sides)) if decision.active[at, place])
        yield Finding(
            code="DV-462",
            message=f"missing at {survey.sides[work.side].member.name}",
            mapping=survey.mapping.name,
            member=survey.sides[side].member.name,
            key=key_parts(survey, side, place),
            next="dovetail plan",
            severity="note" if survey.key_of(place) in refused else "difference",
        )


def _unequal(decision: Decision, work: Work) -> Iterator[Finding]:
    survey = decision.survey
    member = survey.sides[work.side].member
    for at, place in enumerate(work.updates.tolist()):
        fields = dict.fromkeys(
            name if name in decision.sources else column
            for column, flags in work.changed.items()
            if flags[at]
            for name in sorted(work.fed[column]) or [column]
            if name not in decision.sources or work.putter.comes_in(name)[place]
        )
        for name in fields:
            source = decision.origins.get(name, np.full(len(survey), -1))[place]
            known = 0 <= source < len(survey.sides)
            other = survey.sides[source].member.name if known else "what is declared"
            yield Finding(
                code="DV-461",
                message=f"{member.name} does not hold what {other} holds",
                mapping=survey.mapping.name,
                member=member.name,
                key=key_parts(survey, work.side, place),
                field=name,
                next="dovetail plan",
                severity="difference",
            )


def _doomed(decision: Decision, work: Work) -> Iterator[Finding]:
    survey = decision.survey
    told = [(place, "gone elsewhere, still here") for place in work.deletes.tolist()]
    told += [(place, "deleted softly here, and there elsewhere") for place in work.revived.tolist()]
    for place, message in told:
        yield Finding(
            code="DV-462",
            message=message,
            mapping=survey.mapping.name,
            member=survey.sides[work.side].member.name,
            key=key_parts(survey, work.side, place),
            next="dovetail plan",
            severity="difference",
        )
