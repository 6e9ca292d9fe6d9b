"""Pairing whole columns at once; rows that are not plainly alone or plainly one are left to `pair`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dovetail.identity.pair import ABSENT, Dispute, Side, pair

UNLINKED = np.iinfo(np.int64).min
"""Stands for the shared row of a row that has none yet."""

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """One member's rows as pairing sees them, in columns; `Side` tells what they mean.

    `linked` holds shared rows or `UNLINKED`; `naturals` a number for each natural key, the same exactly for the same
    key on whichever side, -1 where it is null."""

    linked: Numbers
    naturals: Numbers
    held: Flags


@dataclass(slots=True)
class Paired:
    """The answer of `pair` in columns: `index` holds, a line each side, the position of every shared row there.

    The first places are those of `known` rows, in order; the fresh ones follow. `attached` are (place, side)."""

    known: Numbers
    index: Numbers
    attached: list[tuple[int, int]]
    disputes: list[Dispute]


def pair_columns(sides: Sequence[Columns], known: Numbers, *, by_natural_key: bool) -> Paired:
    """Pair all rows, as `pair` does; `known` are the shared rows of the cross-reference, each once."""
    numbers = _with_unlisted(sides, known)
    standing = np.full((len(sides), len(numbers)), ABSENT, dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    for at, side in enumerate(sides):
        if np.array_equal(side.linked, numbers):
            standing[at] = np.arange(len(numbers))
            continue
        positions = np.flatnonzero(side.linked != UNLINKED)
        if len(positions):
            standing[at, order[np.searchsorted(numbers[order], side.linked[positions])]] = positions
    if by_natural_key:
        return _by_natural_key(sides, numbers, standing)
    loose = [np.flatnonzero(side.linked == UNLINKED) for side in sides]
    return Paired(numbers, np.hstack([standing, _alone(loose)]), [], [])


def from_pairing(sides: Sequence[Side], known: Sequence[int]) -> Paired:
    """The answer of `pair` itself, in columns."""
    answer = pair(sides, known, by_natural_key=True)
    rows = [*answer.known.values(), *answer.fresh]
    place = {row: at for at, row in enumerate(answer.known)}
    index = np.array(rows, dtype=np.int64).reshape(len(rows), len(sides)).T.copy()
    attached = [(place[row], side) for row, side in answer.attached]
    return Paired(np.array([*answer.known], dtype=np.int64), index, attached, answer.disputes)


def _with_unlisted(sides: Sequence[Columns], known: Numbers) -> Numbers:
    """The known rows, then those that only a link tells of, as they come."""
    told = np.concatenate([known[:0], *(side.linked for side in sides if not np.array_equal(side.linked, known))])
    more = told[(told != UNLINKED) & ~np.isin(told, known)]
    numbers, first = np.unique(more, return_index=True)
    return np.concatenate([known, numbers[np.argsort(first)]])


def _alone(loose: Sequence[Numbers]) -> Numbers:
    """A place for each of these positions, side by side."""
    index = np.full((len(loose), sum(len(positions) for positions in loose)), ABSENT, dtype=np.int64)
    start = 0
    for at, positions in enumerate(loose):
        index[at, start : start + len(positions)] = positions
        start += len(positions)
    return index


def _by_natural_key(sides: Sequence[Columns], numbers: Numbers, standing: Numbers) -> Paired:
    keys = max((int(side.naturals.max(initial=-1)) for side in sides), default=-1) + 1
    asking = [(side.linked == UNLINKED) & ~side.held for side in sides]
    keyless = [np.flatnonzero(asks & (side.naturals < 0)) for asks, side in zip(asking, sides, strict=True)]
    loose = [np.flatnonzero(asks & (side.naturals >= 0)) for asks, side in zip(asking, sides, strict=True)]
    counts = [np.bincount(side.naturals[at], minlength=keys) for side, at in zip(sides, loose, strict=True)]
    is_asked = np.sum(counts, axis=0) > 0
    unclear = is_asked & ((np.max(counts, axis=0) > 1) | _taken(sides, standing, keys))
    clear = is_asked & ~unclear
    held = [np.flatnonzero((side.linked == UNLINKED) & side.held) for side in sides]
    paired = Paired(numbers, np.hstack([standing, _alone(held), _joined(sides, loose, clear)]), [], [])
    for at, positions in enumerate(keyless):
        for position in positions.tolist():
            paired.disputes.append(Dispute("its natural key is null", "DV-404", ((at, position),), ((at, position),)))
    if unclear.any():
        _settle_unclear(sides, loose, unclear, paired)
    return paired


def _taken(sides: Sequence[Columns], standing: Numbers, keys: int) -> Flags:
    """Which natural keys a known row holds."""
    found = np.zeros(keys, dtype=np.bool_)
    for side, positions in zip(sides, standing, strict=True):
        naturals = side.naturals[positions[positions != ABSENT]]
        found[naturals[naturals >= 0]] = True
    return found


def _joined(sides: Sequence[Columns], loose: Sequence[Numbers], clear: Flags) -> Numbers:
    """One place for each clear natural key, in the order in which they come."""
    index = np.full((len(sides), len(clear)), ABSENT, dtype=np.int64)
    first = np.full(len(clear), np.iinfo(np.int64).max, dtype=np.int64)
    start = 0
    for at, (side, positions) in enumerate(zip(sides, loose, strict=True)):
        naturals = side.naturals[positions]
        index[at, naturals] = positions
        first[naturals] = np.minimum(first[naturals], positions + start)
        start += len(side.linked)
    chosen = np.flatnonzero(clear)
    joined: Numbers = index[:, chosen[np.argsort(first[chosen], kind="stable")]]
    return joined


def _settle_unclear(sides: Sequence[Columns], loose: Sequence[Numbers], unclear: Flags, paired: Paired) -> None:
    """Ask `pair` about the natural keys that several rows of one side have, or a known row."""
    standing = paired.index[:, : len(paired.known)]
    asked = np.zeros(len(paired.known), dtype=np.bool_)
    for side, positions in zip(sides, standing, strict=True):
        naturals = np.where(positions != ABSENT, side.naturals[positions], -1) if len(side.naturals) else positions
        asked |= (naturals >= 0) & unclear[np.maximum(naturals, 0)]
    places = np.flatnonzero(asked)
    parts = []
    for side, positions, at in zip(sides, standing, loose, strict=True):
        here = positions[places]
        parts.append(np.sort(np.concatenate([here[here != ABSENT], at[unclear[side.naturals[at]]]])))
    place_of = {int(paired.known[place]): int(place) for place in places}
    answer = pair([_side(side, part) for side, part in zip(sides, parts, strict=True)], place_of, by_natural_key=True)
    for number, side_at in answer.attached:
        paired.index[side_at, place_of[number]] = parts[side_at][answer.known[number][side_at]]
        paired.attached.append((place_of[number], side_at))
    for dispute in answer.disputes:
        rows = tuple((at, int(parts[at][position])) for at, position in dispute.rows)
        candidates = tuple((at, int(parts[at][position])) for at, position in dispute.candidates)
        paired.disputes.append(Dispute(dispute.reason, dispute.code, rows, candidates))


def _side(side: Columns, positions: Numbers) -> Side:
    linked = [None if row == UNLINKED else row for row in side.linked[positions].tolist()]
    return Side(linked, [[natural] if natural >= 0 else [] for natural in side.naturals[positions].tolist()])
