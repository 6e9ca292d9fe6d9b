"""Whether what a field's policy asks of its members is there: numbers that add up, times that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dovetail.errors import DeclarationError, Declarations
from dovetail.expression.invert import Reversibility
from dovetail.expression.types import infer
from dovetail.mapping.compiled import CompiledMember
from dovetail.model.mapping import Mapping, Rule, SharedField
from dovetail.model.type import Kind

_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)
_TIMES = (Kind.TIMESTAMP, Kind.INSTANT)


def rules_hold(mapping: Mapping, members: Sequence[CompiledMember]) -> None:
    """Raise `Declarations` with every policy that its members cannot carry."""
    mistakes = [
        mistake for field in mapping.fields for member in members for mistake in _mistakes(field, member, mapping)
    ]
    mistakes += [_nobody_counts(field) for field in mapping.fields if _is_blind(field, members)]
    if mistakes:
        raise Declarations(mistakes)


def _is_blind(field: SharedField, members: Iterable[CompiledMember]) -> bool:
    """Whether no member has the fields by which a count is told from a movement."""
    cells = [cell for member in members if (cell := member.cell(field.name)) is not None]
    return field.recount is not None and bool(cells) and all(cell.recount is None for cell in cells)


def _nobody_counts(field: SharedField) -> DeclarationError:
    return DeclarationError(
        f"`recount` of {field.name!r} names fields that no member has",
        where=field.at,
        code="DV-223",
        hint="write it over the fields of the member that counts",
    )


def _mistakes(field: SharedField, member: CompiledMember, mapping: Mapping) -> Iterator[DeclarationError]:
    cell, declared = member.cell(field.name), field.cell(member.name)
    if cell is None or declared is None or field.policy is None:
        return
    if field.adds_up and (cell.type.kind not in _NUMBERS or cell.kind is not Reversibility.LOSSLESS):
        reason = cell.reason or f"it gives {cell.type}"
        yield DeclarationError(
            f"`policy: delta` adds up what {field.name!r} moves by, and the cell of {member.name!r} is no exact "
            f"number: {reason}",
            where=declared.at,
            code="DV-460",
            hint="write a cell that gives a number and loses nothing, such as a field or a field times a constant",
        )
    if field.is_set and cell.type.kind is not Kind.TEXT:
        yield DeclarationError(
            f"`policy: union` puts words together, and {member.name!r} gives {field.name!r} as {cell.type}",
            where=declared.at,
            code="DV-221",
            hint="write a cell that gives a text of words, or choose another policy",
        )
    if field.policy.rule is Rule.NEWEST and member.changed is not None:
        kind = infer(member.changed, member.scope)
        if kind.kind not in _TIMES:
            yield DeclarationError(
                f"`changed` of {member.name!r} gives {kind}, which is no time; `policy: newest` compares times",
                where=member.member.at,
                code="DV-222",
                hint=f"write changed: CAST(... AS timestamp) for member {member.name!r} of {mapping.name!r}",
            )
