"""Today's fingerprints of everything that stands at a mapping's members."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.arrays import differs, taken, whole
from dovetail.engine.decision import Decision
from dovetail.engine.put import Places
from dovetail.engine.survey import Survey
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.amount import amounts
from dovetail.merge.fingerprint import fingerprints, row_seeds

_PAIR = 2
_DIGITS_MAX = 76


def mark(decision: Decision, seed: int) -> None:
    """Fill in the decision's marks, unless they are there already."""
    if decision.is_marked:
        return
    seeds = row_seeds(decision.survey.numbers, seed)
    for at, name in enumerate(decision.agreed.fields):
        decision.marks[:, at, :] = field_marks(decision.survey, name, seeds).T
    decision.is_marked = True


def compare(decision: Decision, seed: int) -> bool:
    """Fill in marks that only tell where the two members of a mapping differ, as long as nothing was ever agreed on;
    false where that does not do. They are no fingerprints, so the decision does not count as marked."""
    survey = decision.survey
    if len(survey.sides) != _PAIR or decision.first_agreement.any():
        return False
    both = np.flatnonzero((survey.index != ABSENT).all(axis=0))
    for at, name in enumerate(decision.agreed.fields):
        if any(rows.member.cell(name) is None for rows in survey.sides):
            continue
        left, right = (
            whole(taken(rows.shared.column(name), index[both]))
            for rows, index in zip(survey.sides, survey.index, strict=True)
        )
        if pa.types.is_decimal(left.type) and pa.types.is_decimal(right.type):
            left, right = to_one_scale(left, right)
        if left.type == right.type:
            decision.marks[both, at, 1] = differs(left, right)
        else:
            decision.marks[:, at, :] = field_marks(survey, name, row_seeds(survey.numbers, seed)).T
    return True


def marks_of(
    mapping: CompiledMapping, name: str, values: pa.Array, seeds: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """The marks of a field's values: fingerprints under each row's seed; of a `delta` field the numbers themselves."""
    shared = mapping.mapping.field(name)
    return amounts(values) if shared is not None and shared.adds_up else fingerprints(values, seeds)


def to_one_scale(left: pa.Array, right: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Exact numbers of up to 38 digits with the same decimal places, which always fit."""
    if left.type == right.type:
        return left, right
    kind = pa.decimal256(_DIGITS_MAX, max(left.type.scale, right.type.scale))
    return left.cast(kind), right.cast(kind)


def field_marks(survey: Survey, name: str, seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Fingerprints of a field, a line each member, as each gives it; references by the member's own key. Where several
    members hold the same values, they are made once."""
    marks = np.zeros(survey.index.shape, dtype=np.uint64)
    done: list[tuple[Places, pa.Array, npt.NDArray[np.uint64]]] = []
    for side, rows in enumerate(survey.sides):
        if rows.member.cell(name) is None:
            continue
        at = np.flatnonzero(survey.index[side] != ABSENT)
        values = whole(taken(rows.shared.column(name), survey.index[side, at]))
        made = next((made for places, same, made in done if same.equals(values) and np.array_equal(places, at)), None)
        if made is None:
            made = marks_of(survey.mapping, name, values, seeds[at])
            done.append((at, values, made))
        marks[side, at] = made
    return marks
