"""What stands where: all members' rows of one mapping, paired into shared rows."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags, taken
from dovetail.engine.book import NO_ROW
from dovetail.engine.links import Links
from dovetail.engine.natural import Naturals, in_columns, pair_naturals
from dovetail.engine.rows import DOUBLE, MemberRows, Problem, orphan
from dovetail.errors import DeclarationError
from dovetail.identity.columns import Paired, pair_columns
from dovetail.identity.pair import ABSENT, Dispute
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.key import encode
from dovetail.model.mapping import SharedField


@dataclass(slots=True)
class Survey:
    """All shared rows of one mapping.

    `numbers` are shared row numbers; `index` holds, a line each member, the position of the row there (`ABSENT` where
    it has none); `vanished` is true where a member that was linked no longer holds the row, `fresh` where a row was
    paired or numbered just now; `attached` are (place, member) where a known row was found under a new key.
    `problems` are by place in `numbers`. `referred` holds, for each reference field, a
    line each member, the number of the shared row that it names (`NO_ROW` for none).
    """

    mapping: CompiledMapping
    sides: Sequence[MemberRows]
    numbers: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    vanished: npt.NDArray[np.bool_]
    fresh: npt.NDArray[np.bool_]
    attached: Sequence[tuple[int, int]] = ()
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
                return rows.member.name, rows.key(int(position))
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
    mapping: CompiledMapping, sides: Sequence[MemberRows], links: Links, parents: Bindings[str, CompiledMapping]
) -> Survey:
    """Pair all rows of a mapping and number the new ones; `parents` are all compiled mappings by name."""
    known = links.known(mapping.name)
    naturals = [naturals_of(mapping, rows, links, parents) for rows in sides]
    linked = [_linked(mapping, rows, links) for rows in sides]
    if mapping.mapping.match is None:
        nothing = [np.full(len(rows), -1, dtype=np.int64) for rows in sides]
        paired = pair_columns(in_columns(sides, linked, nothing), known, by_natural_key=False)
    else:
        paired = pair_naturals(mapping.mapping.match.together, sides, (linked, naturals), known)
    survey = _assemble(mapping, sides, paired, links)
    _hold_problems(survey)
    return survey


def _linked(mapping: CompiledMapping, rows: MemberRows, links: Links) -> npt.NDArray[np.int64]:
    """The shared row of each row; those of one key that is double are one shared row, which is held."""
    numbers = links.numbers(mapping.name, rows.member.name, rows.keys)
    doubles = [position for position, problem in rows.problems.items() if problem.code == DOUBLE]
    if not doubles:
        return numbers
    loose = np.array([position for position in doubles if numbers[position] == NO_ROW], dtype=np.int64)
    keys = taken(rows.keys, loose).dictionary_encode()
    drawn = links.draw(mapping.name, len(keys.dictionary))
    fresh = np.arange(drawn.start, drawn.stop, drawn.step, dtype=np.int64)
    numbers[loose] = fresh[keys.indices.to_numpy()]
    links.link_many(mapping.name, rows.member.name, fresh, keys.dictionary)
    return numbers


def _assemble(mapping: CompiledMapping, sides: Sequence[MemberRows], paired: Paired, links: Links) -> Survey:
    disputed = [(at, dispute) for dispute in paired.disputes for at in dispute.rows]
    alone = np.full((len(sides), len(disputed)), ABSENT, dtype=np.int64)
    for place, ((side, position), _) in enumerate(disputed):
        alone[side, place] = position
    index = np.hstack([paired.index, alone])
    first_fresh, first_alone = len(paired.known), paired.index.shape[1]
    drawn = links.draw(mapping.name, index.shape[1] - first_fresh)
    numbers = np.concatenate([paired.known, np.arange(drawn.start, drawn.stop, drawn.step, dtype=np.int64)])
    vanished = np.zeros(index.shape, dtype=np.bool_)
    for side, given in enumerate(sides):
        gone = np.flatnonzero(index[side, :first_fresh] == ABSENT)
        if len(gone):
            former = links.keys_of(mapping.name, given.member.name, numbers[gone])
            vanished[side, gone] = flags(pc.is_valid(former))
    is_fresh = np.zeros(len(numbers), dtype=np.bool_)
    is_fresh[first_fresh:first_alone] = True
    is_fresh[[place for place, _ in paired.attached]] = True
    survey = Survey(mapping, sides, numbers, index, vanished, is_fresh, attached=paired.attached)
    for at, (where, dispute) in enumerate(disputed):
        survey.hold(first_alone + at, _problem(dispute, sides, where))
        rows = sides[where[0]]
        links.unpaired.add((mapping.name, rows.member.name, rows.key(where[1])))
    for side, given in enumerate(sides):
        fresh = first_fresh + np.flatnonzero(index[side, first_fresh:first_alone] != ABSENT)
        links.link_many(mapping.name, given.member.name, numbers[fresh], taken(given.keys, index[side, fresh]))
    for place, side in paired.attached:
        links.link(mapping.name, sides[side].member.name, int(numbers[place]), sides[side].key(index[side, place]))
    return survey


def _hold_problems(survey: Survey) -> None:
    """Hold the shared rows of which a member that wants them could not read something."""
    found = []
    for side, rows in enumerate(survey.sides):
        if not rows.problems:
            continue
        at = np.flatnonzero(survey.index[side] != ABSENT)
        place = dict(zip(survey.index[side, at].tolist(), at.tolist(), strict=True))
        found += [
            (place[position], side, problem)
            for position, problem in rows.problems.items()
            if position in place and rows.wanted[position]
        ]
    for at, _, problem in sorted(found, key=lambda one: one[:2]):
        survey.hold(at, problem)


def _problem(dispute: Dispute, sides: Sequence[MemberRows], at: tuple[int, int]) -> Problem:
    names = [f"{sides[side].member.name} {sides[side].key(position)}" for side, position in dispute.candidates]
    candidates = f" (candidates: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''})" if len(names) > 1 else ""
    return Problem(dispute.code, dispute.reason + candidates, sides[at[0]].member.name, check="match")


def naturals_of(
    mapping: CompiledMapping, rows: MemberRows, links: Links, parents: Bindings[str, CompiledMapping]
) -> Naturals:
    """The fields by which rows may be paired, each as a column; a reference by the number of the row that it names."""
    match = mapping.mapping.match
    columns: dict[str, pa.Array] = {}
    for name in match.fields if match is not None else ():
        shared = mapping.mapping.field(name)
        cell = rows.member.cell(name)
        if shared is None or cell is None:
            columns[name] = pa.nulls(len(rows))
        elif shared.ref is not None and shared.by is None:
            numbers = _referred(shared, cell, rows, links, parents)
            _park(shared, rows, numbers, (parents[shared.ref], links))
            columns[name] = pa.array(numbers, mask=numbers == NO_ROW)
        else:
            columns[name] = rows.shared.column(name).combine_chunks()
    return columns


def _park(
    shared: SharedField, rows: MemberRows, numbers: npt.NDArray[np.int64], around: tuple[CompiledMapping, Links]
) -> None:
    """Rows that can only be paired by a parent which nobody knows wait for it."""
    parent, links = around
    column = rows.shared.column(shared.name)
    unknown = np.flatnonzero((numbers == NO_ROW) & flags(pc.is_valid(column)))
    for position, key in zip(unknown.tolist(), encode([taken(column, unknown)]).to_pylist(), strict=True):
        waits = (parent.name, parent_member(parent, rows.member), key)
        rows.problems.setdefault(position, _waiting(rows.member.name, shared.name, waits, links))


def _referred(
    field: SharedField, cell: CompiledCell, rows: MemberRows, links: Links, parents: Bindings[str, CompiledMapping]
) -> npt.NDArray[np.int64]:
    """The number of the row that each row's reference names; `NO_ROW` where it names none, or one nobody knows."""
    parent = parents[field.ref or ""]
    raw = rows.shared.column(cell.field)
    numbers = links.numbers(parent.name, parent_member(parent, rows.member), encode([raw]))
    return np.where(flags(pc.is_null(raw)), NO_ROW, numbers) if raw.null_count else numbers


def follow_references(survey: Survey, links: Links, parents: Bindings[str, CompiledMapping]) -> None:
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
            column = rows.shared.column(shared.name)
            places = np.flatnonzero(survey.index[side] != ABSENT)
            places = places[(rows.wanted & flags(pc.is_valid(column)))[survey.index[side, places]]]
            positions = survey.index[side, places]
            found[side, places] = _referred(shared, cell, rows, links, parents)[positions]
            unknown = np.flatnonzero(found[side, places] == NO_ROW)
            names = encode([taken(column, positions[unknown])]).to_pylist()
            for place, key in zip(places[unknown].tolist(), names, strict=True):
                waits = (parent.name, parent_member(parent, rows.member), key)
                survey.hold(place, _waiting(rows.member.name, shared.name, waits, links))
        survey.referred[shared.name] = found


def _waiting(member: str, field: str, waits: tuple[str, str, str], links: Links) -> Problem:
    """The problem of a row that refers to one without a shared row."""
    if waits in links.unpaired:
        return orphan(member, field, waits)
    reason = f"waits for {waits[0]} {waits[2]} of {waits[1]}, which is not there"
    return Problem("DV-407", reason, member, field, check="refers", waits_for=waits)
