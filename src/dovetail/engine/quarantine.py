"""Held rows and contests, brought into the state so that people can look at them and later runs can free them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dovetail.engine.account import problem_finding
from dovetail.engine.arrays import listed, taken, value_at
from dovetail.engine.decision import Contest, Decision
from dovetail.engine.decree import end_decrees, row_values
from dovetail.engine.rows import MemberRows, Problem
from dovetail.engine.survey import Survey
from dovetail.failpoints import Point, failpoint
from dovetail.identity.pair import ABSENT
from dovetail.state.conflicts import Dispute
from dovetail.state.rejects import Looked, Parent, Refusal
from dovetail.state.store import Store

if TYPE_CHECKING:
    from dovetail.engine.write import Written


def record(
    store: Store, run: str, decision: Decision, written: Written | None = None, *, is_whole: bool = True
) -> None:
    """Bring the quarantine, the conflicts and the decrees of a mapping up to date. What was not met again is closed:
    after a pass over all its rows (`is_whole`) wherever it stood, else about the rows that were looked at."""
    survey = decision.survey
    name = survey.mapping.name
    failpoint(Point.QUARANTINE_BEFORE)
    refusals = [refusal(survey, place, problems[0]) for place, problems in survey.problems.items()]
    disputes = disputes_of(decision)
    numbers = [] if is_whole else survey.numbers.tolist()
    looked = Looked(numbers, {rows.member.name: rows.keys for rows in survey.sides})
    if is_whole or refusals or disputes or decision.decreed or _is_noted(store, name, looked):
        with store.transaction():
            pending = end_decrees(store, decision, written)
            store.rejects.settle(run, name, refusals, looked=None if is_whole else looked)
            rows = None if is_whole else numbers
            store.conflicts.settle(run, name, disputes, rows=rows, pending=pending)
    failpoint(Point.QUARANTINE_AFTER)


def _is_noted(store: Store, name: str, looked: Looked) -> bool:
    """Whether anything stands open about rows that were looked at."""
    return bool(store.rejects.standing(name, looked)) or store.conflicts.is_any(name, looked.rows)


def refusal(survey: Survey, place: int, problem: Problem) -> Refusal:
    """A held row as the quarantine keeps it; the value that failed goes along, encrypted there."""
    side, position = _where(survey, place, problem)
    rows = survey.sides[side]
    value = _value(survey, rows, position, problem.field) if problem.values is None else dict(problem.values)
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


def disputes_of(decision: Decision) -> list[Dispute]:
    """What no rule settled, with the keys of each row and the values that stand against each other."""
    survey = decision.survey
    by_field: dict[str, list[Contest]] = {}
    for contest in decision.contests:
        by_field.setdefault(contest.field, []).append(contest)
    return [dispute for field, contests in by_field.items() for dispute in _of_field(survey, field, contests)]


def _of_field(survey: Survey, field: str, contests: Sequence[Contest]) -> Iterator[Dispute]:
    places = np.array([contest.place for contest in contests], dtype=np.int64)
    keys: dict[str, list[str | None]] = {}
    held: dict[str, list[object]] = {}
    for side, rows in enumerate(survey.sides):
        positions = survey.index[side, places]
        keys[rows.member.name] = listed(taken(rows.keys, positions))
        if not field:
            held[rows.member.name] = [_standing(survey, side, int(place)) for place in places]
        elif rows.member.cell(field) is not None:
            held[rows.member.name] = listed(taken(rows.shared.column(field), positions))
    for at, contest in enumerate(contests):
        known = {member: text for member, texts in keys.items() if (text := texts[at]) is not None}
        yield Dispute(
            row=int(survey.numbers[contest.place]),
            field=field,
            code=contest.code,
            reason=contest.reason,
            keys=known,
            sides={member: values[at] for member, values in held.items() if not field or member in known},
        )


def _standing(survey: Survey, side: int, place: int) -> dict[str, object] | None:
    """What a member holds of a row, `None` where it is gone, or marked so."""
    position = survey.index[side, place]
    if position == ABSENT or survey.sides[side].gone[position]:
        return None
    return row_values(survey, side, place)
