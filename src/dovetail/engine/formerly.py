"""What was agreed on through cells that have changed since: rows are read through the old cell too, so an edit is told
from a new way to look at the same value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.agreed import Agreed, Former
from dovetail.engine.arrays import taken, whole
from dovetail.engine.marks import field_marks
from dovetail.engine.survey import Survey
from dovetail.errors import DeclarationError
from dovetail.expression.parse import parse
from dovetail.identity.pair import ABSENT
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.merge.amount import UNKNOWN_MARK
from dovetail.merge.fingerprint import fingerprints, row_seeds

Flags = npt.NDArray[np.bool_]
_THEN = "dovetail_then"


def carry_over(agreed: Agreed, survey: Survey, active: Flags, seed: int) -> None:
    """Bring the base of changed cells up to date where an edit was made since: what a member holds unchanged, as the
    old cell reads it, stays agreed on, so that the edit wins as it would have. Where nobody edited anything the field
    meets anew under its new cells."""
    by_field: dict[int, list[Former]] = {}
    for former in agreed.former:
        by_field.setdefault(former.field, []).append(former)
    for at, formers in by_field.items():
        name = agreed.fields[at]
        seeds = row_seeds(survey.numbers, seed)
        today = field_marks(survey, name, seeds)
        cells = agreed.cells[:, at, :].T
        edited = ((cells["agreement"] > 0) & active & (cells["mark"] != today)).any(axis=0)
        found: list[tuple[Former, Flags]] = []
        for former in formers:
            changed = _changed(former, survey, active, seeds)
            if changed is not None:
                found.append((former, changed))
                edited |= changed
        for former, changed in found:
            places = former.places[edited[former.places]]
            kept = former.cells[edited[former.places]]
            stands = agreed.cells[:, at, former.side]
            stands["agreement"][places] = kept["agreement"]
            now = today[former.side, places]
            other = UNKNOWN_MARK if agreed.mapping.mapping.fields[at].adds_up else ~now
            stands["mark"][places] = np.where(changed[places], other, now)


def _changed(former: Former, survey: Survey, active: Flags, seeds: npt.NDArray[np.uint64]) -> Flags | None:
    """The rows that a member changed, as the old cell reads them; `None` where it cannot be read any more."""
    rows = survey.sides[former.side]
    try:
        expression = parse(former.read)
    except DeclarationError:
        return None
    if not set(expression.names) <= set(rows.own.column_names):
        return None
    changed = np.zeros(len(survey), dtype=np.bool_)
    is_here = active[former.side, former.places] & (survey.index[former.side, former.places] != ABSENT)
    chosen = is_here & (former.cells["agreement"] > 0)
    places = former.places[chosen]
    positions = survey.index[former.side, places]
    own = pa.table({name: taken(rows.own.column(name), positions) for name in expression.names})
    if not len(places) or not expression.names:
        return changed
    read = evaluate([Output(_THEN, expression)], rows.member.scope, own)
    marks = fingerprints(whole(read.table.column(_THEN)), seeds[places])
    changed[places] = marks != former.cells["mark"][chosen]
    return changed
