"""Whether the values of every field can arrive wherever they may have to be written."""

from __future__ import annotations

from collections.abc import Iterator

from dovetail.errors import DeclarationError
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.mapping import SharedField


def unwritable(mapping: CompiledMapping) -> Iterator[DeclarationError]:
    """A mistake for each cell that other members' values would have to go through and cannot.

    Without it such a value would vanish, and no comparison would ever find it."""
    for field in mapping.mapping.fields:
        if field.value is not None:
            continue
        for member in mapping.members:
            cell = member.cell(field.name)
            declared = field.cell(member.name)
            if cell is None or declared is None or _arrives(cell, member):
                continue
            if not _must_arrive(field, member, mapping):
                continue
            reason = cell.reason or "the cell is one-way"
            yield DeclarationError(
                f"values of {field.name!r} cannot be written at {member.name!r}: {reason}",
                where=declared.at,
                hint=f"say how with {{read: ..., write: ...}}, or that they never go there with owner: {member.name}",
                code="DV-209",
            )


def _must_arrive(field: SharedField, member: CompiledMember, mapping: CompiledMapping) -> bool:
    """Whether another member's value may have to be written here."""
    others = [other for other in mapping.members if other is not member and other.cell(field.name) is not None]
    return member.writable and bool(others) and field.owner != member.name


def _arrives(cell: CompiledCell, member: CompiledMember) -> bool:
    return bool(cell.writes) or any(cell.field in fill.expression.names for fill in member.fills)
