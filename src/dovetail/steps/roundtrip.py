"""Trials of the laws of round trips on one member's rows: values written, and read again, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dovetail.engine.rows import MemberRows
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledCell, CompiledMapping
from dovetail.mapping.laws import Law, Question, Row, Trial, Verdict, edited, reading, verdict, writing
from dovetail.model.type import Type

ROTATIONS = (1, 7, 31)
"""How far away the rows lie whose values are written into a row."""

EDITED = "edited"
"""The source of values that nobody holds."""

EDITS = 3
"""Edits of every value that are tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial with its verdict; `source` is the member whose value it was, `EDITED`, or empty for the own rows."""

    trial: Trial
    verdict: Verdict
    source: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One cell on trial: its member's rows, those of them that read well, and the shared type."""

    rows: MemberRows
    cell: CompiledCell
    shared: Type
    places: tuple[int, ...]

    @property
    def values(self) -> list[object]:
        """The shared value that each row reads as."""
        return list(self.rows.shared.column(self.cell.field).take(pa.array(self.places, pa.int64())).to_pylist())


def subject(mapping: CompiledMapping, rows: MemberRows, cell: CompiledCell) -> Subject:
    """The cell, with the rows that the member's `where` admits and that can be read."""
    places = [place for place in range(len(rows)) if rows.wanted[place] and place not in rows.problems]
    return Subject(rows, cell, mapping.types.get(cell.field, cell.type), tuple(places))


def trials(asked: Subject, foreign: Mapping[str, Sequence[object]]) -> Iterator[Tried]:
    """Every trial of a cell: each row's own value, those of other rows and of other members (`foreign`), edited
    ones. Where the member has no rows, new ones are made of the values of the others."""
    if not asked.places:
        for member, values in foreign.items():
            yield from _judged(asked, _written(asked, Law.CREATE_GET, values), member, in_range=False)
        return
    own = asked.values
    yield from _judged(asked, _written(asked, Law.GET_PUT, own), "", in_range=True)
    yield from _judged(asked, _written(asked, Law.CREATE_GET, own), "", in_range=True)
    for step in ROTATIONS[: len(own)]:
        turned = own[step % len(own) :] + own[: step % len(own)]
        yield from _judged(asked, _written(asked, Law.PUT_GET, turned), "", in_range=True)
    for member, values in foreign.items():
        if values:
            spread = [values[at % len(values)] for at in range(max(len(values), len(own)))]
            for start in range(0, len(spread), len(own)):
                part = spread[start : start + len(own)]
                yield from _judged(asked, _written(asked, Law.PUT_GET, part), member, in_range=False)
    for turn in range(EDITS):
        changed = [edited(value, asked.shared, at + turn * 3) for at, value in enumerate(own)]
        yield from _judged(asked, _written(asked, Law.PUT_GET, changed), EDITED, in_range=False)


def _judged(asked: Subject, tried: Sequence[Trial], source: str, *, in_range: bool) -> Iterator[Tried]:
    for trial in tried:
        yield Tried(trial, verdict(trial, asked.cell.kind, in_range=in_range), source)


def _written(asked: Subject, law: Law, values: Sequence[object]) -> list[Trial]:
    """The values written, one a row from the first on, and read again."""
    member = asked.rows.member
    places, own = _before(asked, len(values))
    question = writing(member, asked.cell, asked.shared, create=law is Law.CREATE_GET)
    given = {asked.cell.field: pa.array(values, asked.shared.arrow())}
    given |= {name: own.column(name.removeprefix("old.")) for name in question.scope if name != asked.cell.field}
    after, refused = _answers(question, pa.table(given))
    columns = {name: own.column(name) for name in asked.cell.columns if law is not Law.CREATE_GET}
    columns |= {
        name: pa.nulls(len(values), member.scope[name].arrow()) for name in asked.cell.columns if name not in columns
    }
    held = pa.table(columns | {name: after.column(name) for name in after.column_names if name in member.scope})
    again, unread = _answers(reading(member, asked.cell, asked.shared), held)
    befores, afters = _rows(own, after.column_names), _rows(after, after.column_names)
    read = again.column(asked.cell.field).to_pylist()
    return [
        Trial(law, place, befores[at], values[at], afters[at], read[at], refused.get(at, ""), unread.get(at, ""))
        for at, place in enumerate(places)
    ]


def _before(asked: Subject, count: int) -> tuple[Sequence[int], pa.Table]:
    """The first rows that read well; rows of nulls where there is none, for new ones to be made."""
    if asked.places:
        places = asked.places[:count]
        return places, asked.rows.own.take(pa.array(places, pa.int64()))
    empty = asked.rows.own.schema
    return range(count), pa.table({known.name: pa.nulls(count, known.type) for known in empty})


def _answers(question: Question, table: pa.Table) -> tuple[pa.Table, dict[int, str]]:
    """The columns of a question, and by position why a row failed."""
    outputs = [Output(name, expression, given) for name, expression, given in question.outputs]
    evaluated = evaluate(outputs, question.scope, table)
    reasons: dict[int, list[str]] = defaultdict(list)
    for failure in evaluated.failures:
        reasons[failure.position].append(failure.reason)
    return evaluated.table, {at: "; ".join(dict.fromkeys(found)) for at, found in reasons.items()}


def _rows(table: pa.Table, names: Sequence[str]) -> list[Row]:
    return list(table.select(list(names)).to_pylist())
