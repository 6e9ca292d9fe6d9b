"""Compiled members, once the types of the shared fields are known."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from dataclasses import replace

from dovetail.errors import DeclarationError
from dovetail.expression.invert import Reversibility, received
from dovetail.expression.meeting import EXACT_NUMBERS, assignable
from dovetail.expression.parse import Expression, substitute
from dovetail.expression.types import infer
from dovetail.mapping.compiled import CompiledCell, CompiledMember, Writes
from dovetail.model.mapping import Mapping
from dovetail.model.type import Kind, Type


def settled(member: CompiledMember, mapping: Mapping, types: Bindings[str, Type]) -> CompiledMember:
    """The member with writing directions that fit the shared types.

    Where another member's floats make the shared type a float, exact fields are written from the exact number that it
    stands for. A derived writing direction that does not fit makes its cell one-way; one that a person wrote raises
    `DeclarationError`. In a row that is created here, a field that no other member gives is left to the system.
    """
    scope = {f"old.{name}": given for name, given in member.scope.items()}
    scope |= {cell.field: cell.type for cell in member.cells}
    scope |= types
    cells = (_settled(cell, member, mapping, scope) for cell in member.cells)
    return replace(
        member,
        cells=tuple(
            cell if _is_given(cell, mapping) else replace(cell, creates=(), untried=cell.creates) for cell in cells
        ),
    )


def _is_given(cell: CompiledCell, mapping: Mapping) -> bool:
    """Whether any other member has a value for this field, where there is one."""
    shared = mapping.field(cell.field)
    return shared is None or len(shared.cells) > 1 or len(mapping.members) == 1


def _settled(cell: CompiledCell, member: CompiledMember, mapping: Mapping, scope: Bindings[str, Type]) -> CompiledCell:
    shared = mapping.field(cell.field)
    declared = shared.cell(member.name) if shared is not None else None
    is_by_hand = declared is not None and bool(declared.write)
    if cell.type.kind in EXACT_NUMBERS and scope[cell.field].kind is Kind.FLOAT and not is_by_hand:
        exact = {cell.field: received(cell.field, cell.type)}
        cell = replace(cell, writes=_with(cell.writes, exact), creates=_with(cell.creates, exact))
    try:
        for name, write in (*cell.writes, *cell.creates):
            _check(name, write, member, scope)
    except DeclarationError as mistake:
        if is_by_hand and declared is not None:
            where = mistake.where or declared.at
            raise DeclarationError(mistake.message, where=where, hint=mistake.hint, code=mistake.code) from mistake
        reason = f"what it reads cannot be written back: {mistake.message}"
        return replace(cell, writes=(), creates=(), kind=Reversibility.ONE_WAY, reason=reason, profile=())
    return cell


def _with(writes: Writes, exact: Bindings[str, Expression]) -> Writes:
    return tuple((name, substitute(write, exact)) for name, write in writes)


def _check(name: str, write: Expression, member: CompiledMember, scope: Bindings[str, Type]) -> None:
    """Raise where a column cannot take what is written: another type, or a name that nobody knows."""
    target = member.scope.get(name)
    if target is None:
        raise DeclarationError(
            f"{member.dataset.name!r} has no field {name!r}",
            code="DV-203",
            hint="name a field of the dataset under `write`",
        )
    given = infer(write, scope)
    if not assignable(given, target):
        raise DeclarationError(
            f"field {name!r} is {target}, its writing expression gives {given}",
            code="DV-208",
            hint=f"write CAST(... AS ...) in the expression for {name!r}",
        )
