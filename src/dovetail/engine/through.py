"""Whether members agree: one's value, put through the other's cell, gives what the other holds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import Flags, differs, taken
from dovetail.engine.put import Put, Putter, Settled, Sources
from dovetail.engine.rivals import Contested
from dovetail.engine.rows import see
from dovetail.engine.work import changed_columns
from dovetail.merge.judge import KEEP


def holds_through_cell(contested: Contested, source: int, side: int) -> Flags:
    """For which contested rows a member holds already what another one's value is at it."""
    name, survey = contested.shared.name, contested.survey
    cell = survey.sides[side].member.cell(name)
    holds = np.zeros(len(contested), dtype=np.bool_)
    both = np.flatnonzero(contested.active[source] & contested.active[side])
    if not len(both) or cell is None:
        return holds
    if not cell.writes:
        holds[both] = True
        return holds
    places = contested.places[both]
    nobody = np.full(len(survey), KEEP, dtype=np.int8)
    sources = dict.fromkeys(contested.decision.sources, nobody) | {name: np.full_like(nobody, source)}
    counting: tuple[Sources, Sources, dict[str, Settled]] = (sources, contested.decision.origins, {})
    put = Putter(survey, side, counting, contested.around.links, contested.around.mappings).put(places, create=False)
    columns = [column for column, fed in put.fed.items() if name in fed]
    changed = changed_columns(contested.decision, side, put)
    same = ~np.any([changed[column] for column in columns], axis=0) if columns else np.ones(len(places), dtype=np.bool_)
    if not same.all():
        same |= _seen_alike(contested, side, put, columns)
    same[[failure.position for failure in put.failures if failure.output in columns]] = False
    if name in survey.referred:
        same &= ~put.pending
    holds[both] = same
    return holds


def _seen_alike(contested: Contested, side: int, put: Put, columns: list[str]) -> Flags:
    """For which rows the member would see the same shared value with these columns as it sees now."""
    rows, name = contested.survey.sides[side], contested.shared.name
    positions = contested.survey.index[side, put.places]
    after = rows.own.take(pa.array(positions))
    for column in columns:
        given = put.columns.column(column).cast(after.schema.field(column).type, safe=False)
        after = after.set_column(after.column_names.index(column), column, given)
    seen = see(contested.survey.mapping, rows.member, after)
    alike: Flags = ~differs(
        pc.cast(taken(rows.shared.column(name), positions), seen.shared.column(name).type), seen.shared.column(name)
    )
    alike[list(seen.problems)] = False
    return alike
