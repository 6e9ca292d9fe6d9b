"""Numbers whose edits are movements: they add up, and a count anew is told from them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import Column, Flags, flags, taken
from dovetail.engine.decision import Decision
from dovetail.engine.put import shared_column
from dovetail.engine.rivals import Contested, Left, Made, Outcome, Won
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.merge.amount import amount
from dovetail.merge.reason import Reason
from dovetail.model.mapping import SharedField

_NO_NUMBER = Left("one of the values is no number that could be added up")
_TWO_COUNTS = Left("several members counted anew, and their counts differ")


def add_up(contested: Contested) -> Iterator[tuple[int, Outcome]]:
    """The number last agreed on, and what every member has moved since its own base; or the count of a member that
    counted anew."""
    anew = {side: _counted_anew(contested, side) for side in contested.knows}
    for at, place in enumerate(contested.places.tolist()):
        sides = contested.active_at(at)
        cells = contested.decision.agreed.cells[place, contested.field]
        marks = contested.decision.marks[place, contested.field]
        if any(cells["agreement"][side] == 0 for side in sides):
            yield at, Left()
            continue
        moved = [side for side in sides if marks[side] != cells["mark"][side]]
        counts = {int(marks[side]): side for side in moved if anew[side][at]}
        if counts:
            yield at, Won(next(iter(counts.values())), Reason.RECOUNT) if len(counts) == 1 else _TWO_COUNTS
            continue
        latest = max(cells["agreement"][side] for side in sides)
        standing = {int(cells["mark"][side]) for side in sides if cells["agreement"][side] == latest}
        yield at, _sum(standing, [(int(marks[side]), int(cells["mark"][side])) for side in moved])


def _sum(standing: set[int], moved: list[tuple[int, int]]) -> Outcome:
    """What was agreed on, and the movements (today's mark and the base's)."""
    total = amount(standing.pop())
    numbers = [(amount(today), amount(base)) for today, base in moved]
    if standing or not isinstance(total, Decimal):
        return _NO_NUMBER
    for today, base in numbers:
        if not isinstance(today, Decimal) or not isinstance(base, Decimal):
            return _NO_NUMBER
        total += today - base
    return Made(total, Reason.DELTA)


def _counted_anew(contested: Contested, side: int) -> Flags:
    """For which rows a member says that its value is a count."""
    rows = contested.survey.sides[side]
    cell = rows.member.cell(contested.shared.name)
    if cell is None or cell.recount is None:
        return np.zeros(len(contested), dtype=np.bool_)
    own = taken(rows.own, contested.positions(side))
    return flags(evaluate([Output("recount", cell.recount)], rows.member.scope, own).table.column("recount"))


def below_floor(decision: Decision, shared: SharedField) -> list[int]:
    """The places where a value is about to count that lies below the field's floor, unless a person decided so, or it
    was agreed on before."""
    sources, rules = decision.sources[shared.name], decision.rules[shared.name]
    is_new = (sources >= 0) & ~np.isin(rules, [Reason.DECREE, Reason.OWED]) & ~decision.held
    places = np.flatnonzero(is_new)
    if not len(places):
        return []
    column = shared_column(decision.survey, shared.name, sources, places, decision.settled.get(shared.name))
    found: list[int] = places[flags(_less(column, Decimal(shared.floor or 0)))].tolist()
    return found


def _less(column: Column, floor: Decimal) -> Column:
    if pa.types.is_floating(column.type):
        return pc.less(column, float(floor))
    scale = max(getattr(column.type, "scale", 0), -int(floor.as_tuple().exponent), 0)
    kind = pa.decimal256(76, scale)
    return pc.less(column.cast(kind), pa.scalar(floor, kind))
