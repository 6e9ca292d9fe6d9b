"""Natural keys of members' rows, made comparable: as numbers where whole columns can be compared, else as values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import listed
from dovetail.engine.book import NO_ROW
from dovetail.engine.rows import MemberRows
from dovetail.identity.columns import Columns, Paired, from_pairing, pair_columns
from dovetail.identity.pair import Side
from dovetail.model.key import encode

Numbers = npt.NDArray[np.int64]
Naturals: TypeAlias = "Mapping[str, pa.Array]"
"""The columns by which one member's rows are paired, by field."""


def pair_naturals(
    together: bool,  # noqa: FBT001  (how the declaration says it)
    sides: Sequence[MemberRows],
    given: tuple[Sequence[Numbers], Sequence[Naturals]],
    known: Numbers,
) -> Paired:
    """Pair by natural keys: one of all fields together, or one a field where any does."""
    linked, naturals = given
    if (together or len(naturals[0]) == 1) and _is_comparable(naturals):
        return pair_columns(in_columns(sides, linked, _numbered(naturals)), known, by_natural_key=True)
    rows = [_by_values(together, columns, len(side)) for columns, side in zip(naturals, sides, strict=True)]
    return from_pairing(
        [
            Side(
                [None if row == NO_ROW else row for row in linked[at].tolist()],
                rows[at],
                frozenset(position for position in side.problems if not rows[at][position]),
            )
            for at, side in enumerate(sides)
        ],
        known.tolist(),
    )


def in_columns(sides: Sequence[MemberRows], linked: Sequence[Numbers], naturals: Sequence[Numbers]) -> list[Columns]:
    """Members' rows as `pair_columns` takes them; a row with a problem and no natural key is held."""
    columns = []
    for side, rows, keys in zip(sides, linked, naturals, strict=True):
        held = np.zeros(len(side), dtype=np.bool_)
        held[list(side.problems)] = True
        columns.append(Columns(rows, keys, held & (keys < 0)))
    return columns


def _is_comparable(naturals: Sequence[Naturals]) -> bool:
    """Whether values are equal exactly where their texts are: one carrier on all sides, which holds no fractions of
    powers of two."""
    for name in naturals[0]:
        kinds = {columns[name].type for columns in naturals if not pa.types.is_null(columns[name].type)}
        if len(kinds) > 1 or any(pa.types.is_floating(kind) for kind in kinds):
            return False
    return True


def _numbered(naturals: Sequence[Naturals]) -> list[Numbers]:
    """A number for each natural key, as the keys come; -1 where a part of it is null."""
    keys = pa.concat_arrays(_keys(naturals)).dictionary_encode()
    numbers = keys.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum([len(next(iter(columns.values()))) for columns in naturals])
    return np.split(numbers, ends[:-1])


def _keys(naturals: Sequence[Naturals]) -> list[pa.Array]:
    """Each side's keys as values that are equal exactly where the keys are; null where a part is."""
    firsts = [next(iter(columns.values())) for columns in naturals]
    if len(naturals[0]) == 1 and all(pa.types.is_integer(first.type) for first in firsts):
        return firsts
    return [_texts(columns) for columns in naturals]


def _texts(columns: Naturals) -> pa.Array:
    known = [pc.is_valid(column) for column in columns.values()]
    texts = encode(list(columns.values()))
    for is_valid in known:
        if is_valid.true_count < len(is_valid):
            texts = pc.if_else(is_valid, texts, pa.scalar(None, pa.string()))
    return texts


def _by_values(together: bool, columns: Naturals, rows: int) -> list[list[Hashable]]:  # noqa: FBT001
    """The natural keys of every row as values."""
    lists = [listed(column) for column in columns.values()] or [[None] * rows]
    if together:
        return [[values] if None not in values else [] for values in zip(*lists, strict=True)]
    return [
        [(name, value) for name, value in zip(columns, values, strict=True) if value is not None]
        for values in zip(*lists, strict=True)
    ]
