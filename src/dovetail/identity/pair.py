"""Pairing rows that already exist on several sides, by natural key; the cross-reference outranks it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ABSENT = -1


@dataclass(frozen=True, slots=True)
class Side:
    """One member's rows as pairing sees them.

    `linked` holds for each position the shared row it is already linked to, or `None`; `naturals` holds for each
    position the
    natural keys by which it may be paired (one where all match fields count together, several where any one does); a
    natural
    key that is null is left out. `held` are positions without a natural key that take no part (what is wrong with them
    is reported
    elsewhere)."""

    linked: Sequence[int | None]
    naturals: Sequence[Sequence[Hashable]]
    held: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Dispute:
    """Rows that pairing will not decide: (side, position) of each candidate, those in question first."""

    reason: str
    code: str
    rows: tuple[tuple[int, int], ...]
    candidates: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Pairing:
    """The answer: for each shared row its position on every side (`ABSENT` where it has none).

    `known` are rows of the cross-reference (shared row number -> positions), in order; `fresh` are new ones. `attached`
    are (shared row number, side)
    that were linked to a row whose former partner is gone, or had none."""

    known: dict[int, list[int]] = field(default_factory=dict)
    fresh: list[list[int]] = field(default_factory=list)
    attached: list[tuple[int, int]] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)


def pair(sides: Sequence[Side], rows: Iterable[int], *, by_natural_key: bool) -> Pairing:
    """Pair all rows; `rows` are the shared rows of the cross-reference, also those that no side holds any more.

    Without `by_natural_key` every unlinked row is a thing of its own. A natural key that is null, double on one side,
    or
    taken by another pair is a dispute, and nothing is created for it.
    """
    answer = Pairing(known={row: [ABSENT] * len(sides) for row in rows})
    loose: list[list[int]] = []
    for side, given in enumerate(sides):
        unlinked = []
        for position, row in enumerate(given.linked):
            if row is None:
                unlinked.append(position)
            else:
                answer.known.setdefault(row, [ABSENT] * len(sides))[side] = position
        loose.append(unlinked)
    if by_natural_key:
        _by_natural_key(sides, loose, answer)
    else:
        for side, positions in enumerate(loose):
            answer.fresh += [_alone(side, position, len(sides)) for position in positions]
    return answer


def _alone(side: int, position: int, sides: int) -> list[int]:
    row = [ABSENT] * sides
    row[side] = position
    return row


def _by_natural_key(sides: Sequence[Side], loose: Sequence[Sequence[int]], answer: Pairing) -> None:
    """Join loose rows that share a natural key, with each other and with rows of the cross-reference."""
    loose_by_key: dict[Hashable, list[tuple[int, int]]] = {}
    for side, positions in enumerate(loose):
        for position in positions:
            naturals = sides[side].naturals[position]
            if position in sides[side].held:
                answer.fresh.append(_alone(side, position, len(sides)))
            elif not naturals:
                answer.disputes.append(
                    Dispute("its natural key is null", "DV-404", ((side, position),), ((side, position),))
                )
            else:
                for natural in naturals:
                    loose_by_key.setdefault(natural, []).append((side, position))
    known_by_key = _known_keys(sides, answer.known, set(loose_by_key))
    is_single = all(len(naturals) < 2 for given in sides for naturals in given.naturals)
    join = _single_groups if is_single else _groups
    for group, rows in join(loose_by_key, known_by_key):
        _settle(group, rows, answer, len(sides))


def _known_keys(
    sides: Sequence[Side], known: Mapping[int, Sequence[int]], asked: set[Hashable]
) -> dict[Hashable, set[int]]:
    """The linked rows that hold one of the natural keys asked for."""
    found: dict[Hashable, set[int]] = {}
    for row, positions in known.items():
        for side, position in enumerate(positions):
            if position != ABSENT:
                for natural in sides[side].naturals[position]:
                    if natural in asked:
                        found.setdefault(natural, set()).add(row)
    return found


def _single_groups(
    loose: Mapping[Hashable, list[tuple[int, int]]], known: Mapping[Hashable, set[int]]
) -> Iterable[tuple[list[tuple[int, int]], set[int]]]:
    """As `_groups`, where no row has more than one natural key: then each key is a group."""
    return ((members, known.get(natural, set())) for natural, members in loose.items())


def _groups(
    loose: Mapping[Hashable, list[tuple[int, int]]], known: Mapping[Hashable, set[int]]
) -> Iterable[tuple[list[tuple[int, int]], set[int]]]:
    """Loose rows joined through any natural key that they share, each with the linked rows that share one too."""
    parent: dict[tuple[int, int], tuple[int, int]] = {}

    def root(of: tuple[int, int]) -> tuple[int, int]:
        while parent.setdefault(of, of) != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for members in loose.values():
        first = root(members[0])
        for other in members[1:]:
            parent[root(other)] = first
    groups: dict[tuple[int, int], tuple[dict[tuple[int, int], None], set[int]]] = {}
    for natural, members in loose.items():
        group, rows = groups.setdefault(root(members[0]), ({}, set()))
        group.update(dict.fromkeys(members))
        rows |= known.get(natural, set())
    return [(list(group), rows) for group, rows in groups.values()]


def _settle(group: list[tuple[int, int]], rows: set[int], answer: Pairing, sides: int) -> None:
    by_side: dict[int, list[int]] = {}
    for side, position in group:
        by_side.setdefault(side, []).append(position)
    taken = [(side, position) for row in rows for side, position in enumerate(answer.known[row]) if position != ABSENT]
    if len(rows) > 1 or any(len(positions) > 1 for positions in by_side.values()):
        reason = "its natural key is not unique"
        answer.disputes.append(Dispute(reason, "DV-405", tuple(group), (*group, *taken)))
        return
    if not rows:
        fresh = [ABSENT] * sides
        for side, position in group:
            fresh[side] = position
        answer.fresh.append(fresh)
        return
    row = next(iter(rows))
    for side, position in group:
        if answer.known[row][side] == ABSENT:
            answer.known[row][side] = position
            answer.attached.append((row, side))
        else:
            reason = "its natural key is taken by another pair"
            answer.disputes.append(Dispute(reason, "DV-406", ((side, position),), ((side, position), *taken)))
