"""What stands where: all members' rows of one mapping, paired into shared rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dovetail.engine.arrays import listed
from dovetail.engine.links import Links
from dovetail.engine.rows import MemberRows, Problem
from dovetail.errors import DeclarationError
from dovetail.identity.pair import ABSENT, Dispute, Pairing, Side, pair
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.key import texts
from dovetail.model.mapping import SharedField

NO_ROW = np.iinfo(np.int64).min
"""Stands for a null reference where shared row numbers are expected."""


@dataclass(slots=True)
class Survey:
    """All shared rows of one mapping.

    `numbers` are shared row numbers; `index` holds, a line each member, the position of the row there (`ABSENT` where
    it has none); `vanished`
    is true where a member that was linked no longer holds the row. `problems` are by place in `numbers`. `referred`
    holds, for each reference
    field, a line each member, the number of the shared row that it names (`NO_ROW` for none).
    """

    mapping: CompiledMapping
    sides: Sequence[MemberRows]
    numbers: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    vanished: npt.NDArray[np.bool_]
    problems: dict[int, list[Problem]] = field(default_factory=dict)
    referred: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    def hold(self, place: int, problem: Problem) -> None:
        """Hold a shared row."""
        self.problems.setdefault(place, []).append(problem)

    def parent_of(self, field: str) -> str:
        """The name of the mapping that a reference field refers to."""
        shared = self.mapping.mapping.field(field)
        return shared.ref or "" if shared is not None else ""

    def key_of(self, place: int) -> tuple[str, str]:
        """The first member that holds the row, and the row's key there."""
        for side, rows in enumerate(self.sides):
            position = self.index[side, place]
            if position != ABSENT:
                return rows.member.name, rows.keys[position]
        return self.sides[0].member.name, ""


def parent_member(mapping: CompiledMapping, member: CompiledMember) -> str:
    """The member of the referred mapping that stands for the same system: of the same name, else of the same system."""
    names = [other.name for other in mapping.members]
    if member.name in names:
        return member.name
    for other in mapping.members:
        if other.member.system == member.member.system:
            return other.name
    system = member.member.system
    raise DeclarationError(
        f"mapping {mapping.name!r} has no member in system {system!r}, so a reference to it cannot be followed",
        where=member.member.at,
        code="DV-207",
        hint=f"add a member of {system!r} to {mapping.name!r}, or leave the reference out for {member.name!r}",
    )


def take_survey(
    mapping: CompiledMapping, sides: Sequence[MemberRows], links: Links, parents: dict[str, CompiledMapping]
) -> Survey:
    """Pair all rows of a mapping and number the new ones; `parents` are all compiled mappings by name."""
    known = links.known(mapping.name)
    naturals = [_naturals(mapping, rows, links, parents) for rows in sides]
    pairing = pair(
        [
            Side(
                linked=[links.rows(mapping.name, rows.member.name).get(key) for key in rows.keys],
                naturals=naturals[side],
                held=frozenset(at for at in rows.problems if not naturals[side][at]),
            )
            for side, rows in enumerate(sides)
        ],
        known,
        by_natural_key=mapping.mapping.match is not None,
    )
    survey = _assemble(mapping, sides, pairing, links)
    for place in range(len(survey)):
        for side, rows in enumerate(sides):
            problem = rows.problems.get(int(survey.index[side, place])) if rows.problems else None
            if problem is not None and rows.wanted[survey.index[side, place]]:
                survey.hold(place, problem)
    return survey


def _assemble(mapping: CompiledMapping, sides: Sequence[MemberRows], pairing: Pairing, links: Links) -> Survey:
    disputed = [(at, dispute) for dispute in pairing.disputes for at in dispute.rows]
    alone = []
    for (side, position), _ in disputed:
        row = [ABSENT] * len(sides)
        row[side] = position
        alone.append(row)
    fresh = pairing.fresh
    drawn = [*links.draw(mapping.name, len(fresh) + len(alone))]
    numbers = np.array([*pairing.known, *drawn], dtype=np.int64)
    rows = [*pairing.known.values(), *fresh, *alone]
    index = np.array(rows, dtype=np.int64).reshape(len(rows), len(sides)).T.copy()
    vanished = np.zeros(index.shape, dtype=np.bool_)
    for side, given in enumerate(sides):
        keys = links.keys(mapping.name, given.member.name)
        for place, number in enumerate(pairing.known):
            vanished[side, place] = index[side, place] == ABSENT and number in keys
    survey = Survey(mapping, sides, numbers, index, vanished)
    first_alone = len(rows) - len(alone)
    for at, (_, dispute) in enumerate(disputed):
        survey.hold(first_alone + at, _problem(dispute, sides, disputed[at][0]))
    for place in range(len(pairing.known), first_alone):
        for side, given in enumerate(sides):
            if index[side, place] != ABSENT:
                links.link(mapping.name, given.member.name, int(numbers[place]), given.keys[index[side, place]])
    for number, side in pairing.attached:
        position = pairing.known[number][side]
        links.link(mapping.name, sides[side].member.name, number, sides[side].keys[position])
    return survey


def _problem(dispute: Dispute, sides: Sequence[MemberRows], at: tuple[int, int]) -> Problem:
    names = [f"{sides[side].member.name} {sides[side].keys[position]}" for side, position in dispute.candidates]
    candidates = f" (candidates: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''})" if len(names) > 1 else ""
    return Problem(dispute.code, dispute.reason + candidates, sides[at[0]].member.name, check="match")


def _naturals(
    mapping: CompiledMapping, rows: MemberRows, links: Links, parents: dict[str, CompiledMapping]
) -> list[list[Hashable]]:
    """The natural keys of every row: one of all match fields together, or one a field where any does."""
    match = mapping.mapping.match
    if match is None:
        return [[] for _ in range(len(rows))]
    columns: list[list[Hashable]] = []
    for name in match.fields:
        shared = mapping.mapping.field(name)
        cell = rows.member.cell(name)
        if shared is None or cell is None:
            columns.append([None] * len(rows))
        elif shared.ref is not None and shared.by is None:
            numbers = _referred(shared, cell, rows, links, parents)
            _park(shared, rows, numbers, parents[shared.ref])
            columns.append(numbers)
        else:
            columns.append(listed(rows.shared.column(name)))
    if match.together:
        return [[values] if None not in values else [] for values in zip(*columns, strict=True)]
    return [
        [(name, value) for name, value in zip(match.fields, values, strict=True) if value is not None]
        for values in zip(*columns, strict=True)
    ]


def _park(shared: SharedField, rows: MemberRows, numbers: list[Hashable], parent: CompiledMapping) -> None:
    """Rows that can only be paired by a parent which nobody knows wait for it."""
    column = rows.shared.column(shared.name)
    keys, nulls = texts([column]), column.is_null().to_pylist()
    for position, number in enumerate(numbers):
        if number is None and not nulls[position]:
            waits = (parent.name, parent_member(parent, rows.member), keys[position])
            rows.problems.setdefault(position, _waiting(rows.member.name, shared.name, waits))


def _referred(
    field: SharedField, cell: CompiledCell, rows: MemberRows, links: Links, parents: dict[str, CompiledMapping]
) -> list[Hashable]:
    parent = parents[field.ref or ""]
    known = links.rows(parent.name, parent_member(parent, rows.member))
    raw = rows.shared.column(cell.field)
    keys = texts([raw])
    nulls = raw.is_null().to_pylist()
    return [None if null else known.get(key) for key, null in zip(keys, nulls, strict=True)]


def follow_references(survey: Survey, links: Links, parents: dict[str, CompiledMapping]) -> None:
    """Fill `referred`; a row whose parent nobody knows waits for it."""
    for shared in survey.mapping.mapping.fields:
        if shared.ref is None or shared.by is not None:
            continue
        parent = parents[shared.ref]
        found = np.full(survey.index.shape, NO_ROW, dtype=np.int64)
        for side, rows in enumerate(survey.sides):
            cell = rows.member.cell(shared.name)
            if cell is None:
                continue
            numbers = _referred(shared, cell, rows, links, parents)
            raw = texts([rows.shared.column(shared.name)])
            nulls = rows.shared.column(shared.name).is_null().to_pylist()
            for place in np.flatnonzero(survey.index[side] != ABSENT):
                position = survey.index[side, place]
                if nulls[position] or not rows.wanted[position]:
                    continue
                number = numbers[position]
                if number is None:
                    waits = (parent.name, parent_member(parent, rows.member), raw[position])
                    survey.hold(int(place), _waiting(rows.member.name, shared.name, waits))
                else:
                    found[side, place] = number
        survey.referred[shared.name] = found


def _waiting(member: str, field: str, waits: tuple[str, str, str]) -> Problem:
    reason = f"waits for {waits[0]} {waits[2]} of {waits[1]}, which is not there"
    return Problem("DV-407", reason, member, field, check="refers", waits_for=waits)
