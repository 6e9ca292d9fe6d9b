"""Whether the values of every field can arrive wherever they may have to be written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from dovetail.errors import DeclarationError
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.mapping import SharedField


def only_read(mapping: CompiledMapping, systems: Collection[str]) -> CompiledMapping:
    """The mapping where nothing is written at members of these systems, as at a view: their connectors only read."""
    members = (replace(one, is_only_read=True) if one.member.system in systems else one for one in mapping.members)
    return replace(mapping, members=tuple(members))


def unwritable(mapping: CompiledMapping, systems: Collection[str] = ()) -> Iterator[DeclarationError]:
    """A mistake for each cell that other members' values would have to go through and cannot, be it that the connectors
    of `systems` only read.

    Without it such a value would vanish, and no comparison would ever find it."""
    for field in mapping.mapping.fields:
        if field.value is not None:
            continue
        for member in mapping.members:
            cell = member.cell(field.name)
            declared = field.cell(member.name)
            only_reads = member.member.system in systems
            if cell is None or declared is None or (_arrives(cell, member) and not only_reads):
                continue
            if not _must_arrive(field, member, mapping) or not (member.writable or only_reads):
                continue
            reason = cell.reason or "the cell is one-way"
            if only_reads:
                reason = f"the connector of {member.member.system!r} only reads"
            yield DeclarationError(
                f"values of {field.name!r} cannot be written at {member.name!r}: {reason}",
                where=declared.at,
                hint=f"say how with {{read: ..., write: ...}}, or that they never go there with owner: {member.name}",
                code="DV-209",
            )


def _must_arrive(field: SharedField, member: CompiledMember, mapping: CompiledMapping) -> bool:
    """Whether another member's value may have to be written here."""
    others = [other for other in mapping.members if other is not member and other.cell(field.name) is not None]
    return bool(others) and field.owner != member.name


def _arrives(cell: CompiledCell, member: CompiledMember) -> bool:
    return bool(cell.writes) or any(cell.field in fill.expression.names for fill in member.fills)
