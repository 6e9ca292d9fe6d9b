"""Declared checks, asked of the values that count; rows that fail are held."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Bindings

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.book import NO_ROW
from dovetail.engine.put import Places, Settled, shared_column
from dovetail.engine.rows import Problem
from dovetail.engine.survey import Survey
from dovetail.errors import UnknownName
from dovetail.kernel.evaluate import Evaluated, Output, evaluate
from dovetail.model.type import Kind, Type
from dovetail.quality.check import declared, questions
from dovetail.quality.fold import failed, refused
from dovetail.quality.question import Need, Question

Sources = Bindings[str, npt.NDArray[np.integer]]
Lookup = Callable[[str, str], pa.Array]
"""All values of a shared field of another mapping."""


def check_rows(
    survey: Survey, origins: Sources, places: Places, lookup: Lookup, settled: Bindings[str, Settled]
) -> None:
    """Ask every declared check of the rows at `places`.

    The value that is judged is the one that counts: it is what would be written. `origins` names the member that it is
    from, the number after the last member what was `settled`."""
    scope = {name: survey.mapping.types.get(name, Type(Kind.INTEGER)) for name in origins}
    asked = questions(declared(survey.mapping.mapping), scope)
    if not asked or not len(places):
        return
    names = dict.fromkeys(name for question in asked for name in question.fields)
    table = pa.table({name: counting(survey, name, origins[name], (places, settled.get(name))) for name in names})
    outputs = [Output(question.name, question.expression) for question in asked if question.expression is not None]
    evaluated = evaluate(outputs, scope, table)
    for question in asked:
        _hold(survey, question, (table, evaluated), (places, origins, lookup))


def _hold(
    survey: Survey, question: Question, asked: tuple[pa.Table, Evaluated], around: tuple[Places, Sources, Lookup]
) -> None:
    table, evaluated = asked
    places, origins, lookup = around
    known = _known(question.needs, lookup) if question.needs is not None else None
    answer = evaluated.table.column(question.name) if question.expression is not None else None
    found = [*failed(question, table, answer=answer, known=known)]
    found += refused(question, [failure.position for failure in evaluated.failures if failure.output == question.name])
    for row in found:
        place = int(places[row.position])
        side = max(int(origins[question.fields[0]][place]), 0)
        member = survey.sides[side].member.name if side < len(survey.sides) else survey.key_of(place)[0]
        survey.hold(place, Problem(row.code, f"{row.field} {row.reason}", member, row.field, row.check))


def _known(need: Need, lookup: Lookup) -> pa.Array:
    try:
        return lookup(need.mapping, need.field)
    except KeyError as error:
        raise UnknownName(
            f"a check looks {need.field!r} of mapping {need.mapping!r} up, which is not there (or comes later)",
            hint="name a mapping and one of its shared fields",
        ) from error


def counting(
    survey: Survey, name: str, holder: npt.NDArray[np.integer], asked: tuple[Places, Settled | None]
) -> pa.Array:
    """The value that counts; a reference by the number of the row that it names."""
    places, settled = asked
    if name not in survey.referred:
        return shared_column(survey, name, holder, places, settled)
    side = holder[places]
    numbers = survey.referred[name][np.maximum(side, 0), places]
    masked: pa.Array = pa.array(numbers, mask=(side < 0) | (numbers == NO_ROW))
    return masked
