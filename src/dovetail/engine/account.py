"""The account of a pass: one outcome for every shared row, and findings in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dovetail.engine.decision import Decision
from dovetail.engine.lossy import foreseen
from dovetail.engine.rows import Problem
from dovetail.engine.survey import Survey
from dovetail.engine.write import Written
from dovetail.identity.pair import ABSENT
from dovetail.model.change import Verb
from dovetail.model.finding import Finding
from dovetail.model.key import split
from dovetail.model.run import OUTCOMES, MappingCount, MemberCount, Summary

FINDINGS_MAX = 1_000
"""Findings listed at most in one summary; the counts are always whole."""


def account(summary: Summary, decisions: Sequence[Decision], written: Mapping[str, Written]) -> None:
    """Fill a summary from what was decided, and, where something was written, from what was written."""
    for decision in decisions:
        name = decision.survey.mapping.name
        summary.mappings[name] = count(decision, written.get(name))
        for finding in findings(decision, written.get(name)):
            if len(summary.findings) < FINDINGS_MAX:
                summary.findings.append(finding)


def count(decision: Decision, written: Written | None) -> MappingCount:
    """The outcomes of one mapping. Precedence: quarantined, conflicts, applied, filtered, unchanged."""
    survey = decision.survey
    result = MappingCount(rows=len(survey))
    for side, rows in enumerate(survey.sides):
        result.read[rows.member.name] = len(rows)
        if rows.member.writable:
            result.members[rows.member.name] = _member_count(decision, side, written)
    open_rows = ~decision.held
    result.quarantined = int((~open_rows).sum())
    conflicts = _flags(survey, [contest.place for contest in decision.contests])
    if written is not None:
        conflicts |= _flags(survey, [place for place, _ in written.moved])
    result.conflicts = int((conflicts & open_rows).sum())
    open_rows &= ~conflicts
    for outcome, flags in _applied(decision, written):
        setattr(result, outcome, int((flags & open_rows).sum()))
        open_rows &= ~flags
    left_out = decision.filtered | unwanted(decision)
    result.filtered = int((left_out & open_rows).sum())
    result.unchanged = int((open_rows & ~left_out).sum())
    if decision.beyond is not None:
        add(result, decision.beyond)
    return result


def add(total: MappingCount, part: MappingCount) -> None:
    """Add the counts of some rows to those of others."""
    for name in ("rows", *OUTCOMES, "different"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
    for member, read in part.read.items():
        total.read[member] = total.read.get(member, 0) + read
    for member, counts in part.members.items():
        known = total.members.setdefault(member, MemberCount())
        known.created += counts.created
        known.updated += counts.updated
        known.deleted += counts.deleted
        for column, rows in counts.rewritten.items():
            known.rewritten[column] = known.rewritten.get(column, 0) + rows


def _applied(decision: Decision, written: Written | None) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Flags of rows that were written, or would be."""
    if written is not None:
        yield from (("created", written.created), ("deleted", written.deleted), ("updated", written.updated))
        return
    survey = decision.survey
    for outcome, attribute in (("created", "creates"), ("deleted", "deletes"), ("updated", "touched")):
        yield (
            outcome,
            _flags(
                survey, np.concatenate([[], *(getattr(work, attribute) for work in decision.work)]).astype(np.int64)
            ),
        )


def unwanted(decision: Decision) -> npt.NDArray[np.bool_]:
    """Rows that stand at some members only, and that the others do not want."""
    present = (decision.survey.index != ABSENT).sum(axis=0)
    some = (present < len(decision.survey.sides)) & ~decision.survey.vanished.any(axis=0)
    written = np.zeros(len(decision.survey), dtype=np.bool_)
    for work in decision.work:
        written[work.creates] = True
    nowhere: npt.NDArray[np.bool_] = some & ~written & ~decision.left_out
    return nowhere


def _flags(survey: Survey, places: object) -> npt.NDArray[np.bool_]:
    flags = np.zeros(len(survey), dtype=np.bool_)
    flags[np.asarray(places, dtype=np.int64)] = True
    return flags


def _member_count(decision: Decision, side: int, written: Written | None) -> MemberCount:
    name = decision.survey.sides[side].member.name
    if written is not None:
        counts = written.counts
        rewritten = {column: rows for (member, column), rows in written.rewritten.items() if member == name}
        return MemberCount(counts[name, Verb.CREATE], counts[name, Verb.UPDATE], counts[name, Verb.DELETE], rewritten)
    for work in decision.work:
        if work.side == side:
            return MemberCount(len(work.creates), len(work.touched), len(work.deletes), foreseen(decision, work))
    return MemberCount()


def findings(decision: Decision, written: Written | None) -> Iterator[Finding]:
    """Everything about one mapping that is worth a person's attention."""
    survey = decision.survey
    for place, problems in sorted(survey.problems.items()):
        yield problem_finding(survey, place, problems[0])
    yield from decision.remarks
    for contest in decision.contests:
        yield _finding(
            survey, contest.place, contest.code, contest.reason, field=contest.field, command="dovetail conflicts"
        )
    for place, member in written.moved if written is not None else []:
        reason = f"changed at {member} while it was being written; nothing of it was overwritten"
        yield _finding(survey, place, "DV-451", reason, field="", command="run the command again")


def problem_finding(survey: Survey, place: int, problem: Problem) -> Finding:
    """A held row as a finding."""
    side = next((at for at, rows in enumerate(survey.sides) if rows.member.name == problem.member), 0)
    if survey.index[side, place] == ABSENT:
        return _finding(survey, place, problem.code, problem.reason, field=problem.field, command="dovetail rejects")
    return Finding(
        code=problem.code,
        message=problem.reason,
        mapping=survey.mapping.name,
        member=problem.member,
        key=key_parts(survey, side, place),
        field=problem.field,
        next="dovetail rejects",
    )


def _finding(survey: Survey, place: int, code: str, message: str, *, field: str, command: str) -> Finding:
    side = next(at for at in range(len(survey.sides)) if survey.index[at, place] != ABSENT)
    return Finding(
        code=code,
        message=message,
        mapping=survey.mapping.name,
        member=survey.sides[side].member.name,
        key=key_parts(survey, side, place),
        field=field,
        next=command,
    )


def key_parts(survey: Survey, side: int, place: int) -> tuple[tuple[str, str], ...]:
    """The names and texts of a row's key at one member."""
    rows = survey.sides[side]
    texts = split(rows.key(survey.index[side, place]))
    return tuple((name, text or "") for name, text in zip(rows.member.key, texts, strict=True))
