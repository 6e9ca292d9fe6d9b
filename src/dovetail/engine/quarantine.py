"""Held rows and contests, brought into the state so that people can look at them and later runs can free them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dovetail.engine.account import problem_finding
from dovetail.engine.arrays import value_at
from dovetail.engine.decision import Contest, Decision
from dovetail.engine.put import shared_column
from dovetail.engine.rows import MemberRows, Problem
from dovetail.engine.survey import Survey
from dovetail.failpoints import Point, failpoint
from dovetail.identity.pair import ABSENT
from dovetail.state.conflicts import Dispute
from dovetail.state.rejects import Parent, Refusal
from dovetail.state.store import Store


def record(store: Store, run: str, decision: Decision, *, is_whole: bool = True) -> None:
    """Bring the quarantine and the conflicts of a mapping up to date; after a pass that looked at every row of it
    (`is_whole`), what was not met again is closed."""
    survey = decision.survey
    name = survey.mapping.name
    failpoint(Point.QUARANTINE_BEFORE)
    with store.transaction():
        store.rejects.record(
            run, name, [refusal(survey, place, problems[0]) for place, problems in survey.problems.items()]
        )
        if is_whole:
            store.rejects.close_absent(run, name)
        store.conflicts.record(run, name, list(_disputes(decision)))
        if is_whole:
            store.conflicts.close_absent(run, name)
    failpoint(Point.QUARANTINE_AFTER)


def refusal(survey: Survey, place: int, problem: Problem) -> Refusal:
    """A held row as the quarantine keeps it; the value that failed goes along, encrypted there."""
    side, position = _where(survey, place, problem)
    rows = survey.sides[side]
    value = _value(survey, rows, position, problem.field)
    return Refusal(
        member=rows.member.name,
        key=rows.key(position),
        code=problem.code,
        reason=problem.reason,
        field=problem.field,
        check=problem.check,
        value=value,
        row=int(survey.numbers[place]) if survey.numbers[place] > 0 else None,
        waiting_for=Parent(*problem.waits_for) if problem.waits_for else None,
    )


def _value(survey: Survey, rows: MemberRows, position: int, field: str) -> object:
    """What the row holds where it failed: a field of its own, what a cell reads, or what feeds another member's
    field."""
    if not field:
        return None
    if field in rows.own.column_names:
        return value_at(rows.own.column(field), position)
    fed = [cell.field for side in survey.sides for cell in side.member.cells if field in dict(cell.writes)]
    for name in (field, *fed):
        cell = rows.member.cell(name)
        if cell is not None:
            return {column: value_at(rows.own.column(column), position) for column in cell.columns}
    return None


def is_known(survey: Survey, place: int, known: set[tuple[str, str, str, str]]) -> bool:
    """Whether this held row already stands in quarantine for the same reason."""
    problem = survey.problems[place][0]
    side, position = _where(survey, place, problem)
    return (survey.sides[side].member.name, survey.sides[side].key(position), problem.field, problem.code) in known


def known_rejects(store: Store, mapping: str) -> set[tuple[str, str, str, str]]:
    """Member, key, field and code of every open reject of a mapping."""
    return {
        (reject.refusal.member, reject.refusal.key, reject.refusal.field, reject.refusal.code)
        for reject in store.rejects.list(mapping)
    }


def known_conflicts(store: Store, mapping: str) -> set[tuple[str, str, str]]:
    """Member, key and field of every open conflict of a mapping, once for each member that has a part in it."""
    return {
        (member, key, conflict.dispute.field)
        for conflict in store.conflicts.list(mapping)
        for member, key in conflict.dispute.keys.items()
    }


def is_open(survey: Survey, contest: Contest, known: set[tuple[str, str, str]]) -> bool:
    """Whether this contest already stands as an open conflict."""
    side = int((survey.index[:, contest.place] != ABSENT).argmax())
    rows = survey.sides[side]
    return (rows.member.name, rows.key(survey.index[side, contest.place]), contest.field) in known


def _where(survey: Survey, place: int, problem: Problem) -> tuple[int, int]:
    """The member to blame and the row's position there; where that member has no row, the first one that has."""
    sides = [at for at, rows in enumerate(survey.sides) if rows.member.name == problem.member]
    for side in [*sides, *range(len(survey.sides))]:
        if survey.index[side, place] != ABSENT:
            return side, int(survey.index[side, place])
    raise AssertionError(problem_finding(survey, place, problem))


def _disputes(decision: Decision) -> Iterator[Dispute]:
    survey = decision.survey
    for contest in decision.contests:
        place = contest.place
        keys = {
            rows.member.name: rows.key(survey.index[side, place])
            for side, rows in enumerate(survey.sides)
            if survey.index[side, place] != ABSENT
        }
        sides = {}
        if contest.field:
            for side, rows in enumerate(survey.sides):
                if survey.index[side, place] != ABSENT and rows.member.cell(contest.field) is not None:
                    constant = np.full(len(survey), side, dtype=np.int8)
                    one = np.array([place], dtype=np.int64)
                    sides[rows.member.name] = value_at(shared_column(survey, contest.field, constant, one), 0)
        yield Dispute(
            row=int(survey.numbers[place]),
            field=contest.field,
            code=contest.code,
            reason=contest.reason,
            keys=keys,
            sides=sides,
        )
