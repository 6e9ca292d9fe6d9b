"""What systems make otherwise of the values that they are sent: named before a run, counted in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from dovetail.engine.arrays import Flags, differs
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.put import shared_column
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.catalog import Field
from dovetail.model.change import Receipt
from dovetail.model.run import Loss, MemberCount, Summary
from dovetail.model.type import Kind

UNFORESEEN = "the system itself made something else of it (a trigger, a rule, a spelling of its own)"
"""What is said of a change that no type announces."""


def foreseen(decision: Decision, work: Work) -> dict[str, int]:
    """By column of a member how many values would be written into it that the system may make otherwise."""
    mapping, survey = decision.survey.mapping, decision.survey
    found: Counter[str] = Counter()
    for cell, column in _rewriting(mapping, survey.sides[work.side].member):
        given = decision.origins[cell.field]
        created = shared_column(survey, cell.field, given, work.creates, decision.settled.get(cell.field))
        found[column.name] += len(created) - created.null_count
        if column.name in work.changed:
            found[column.name] += int(work.changed[column.name].sum())
    return {name: rows for name, rows in found.items() if rows}


def rewritten(chunk: Chunk, receipt: Receipt, good: Flags) -> dict[str, int]:
    """By column how many values of the rows that were written (`good`) the system made otherwise."""
    held = receipt.held
    if held is None:
        return {}
    names = [name for name in held.schema.names if name in chunk.rows.schema.names]
    counts = {name: int((differs(chunk.rows.column(name), held.column(name)) & good).sum()) for name in names}
    return {name: rows for name, rows in counts.items() if rows}


def tell(summary: Summary, mappings: Mapping[str, CompiledMapping]) -> None:
    """Name in a summary what may be made otherwise, and how many values would be (in a plan) or were."""
    summary.lossy = [
        loss
        for name, count in summary
        if name in mappings
        for member in mappings[name].members
        for loss in _losses(mappings[name], member, count.members.get(member.name, MemberCount()).rewritten)
    ]


def _losses(mapping: CompiledMapping, member: CompiledMember, rows: Mapping[str, int]) -> Iterator[Loss]:
    named = {column.name: (cell, column) for cell, column in _rewriting(mapping, member)}
    for name in dict.fromkeys([*named, *rows]):
        cell, column = named.get(name) or (_cell(member, name), member.dataset.field(name))
        yield Loss(
            mapping=mapping.name,
            member=member.name,
            field=cell.field if cell is not None else name,
            column=name,
            given=_given(mapping, member, cell),
            taken=_native(column) if column is not None else "",
            words=column.rewrites if column is not None and name in named else UNFORESEEN,
            rows=rows.get(name, 0),
        )


def _rewriting(mapping: CompiledMapping, member: CompiledMember) -> Iterator[tuple[CompiledCell, Field]]:
    """The columns of a member that take values of others and may make something else of them, with their cells."""
    for cell in member.cells if member.writable else ():
        for name, _ in cell.writes:
            column = member.dataset.field(name)
            if column is not None and column.rewrites and _comes_otherwise(mapping, member, cell, column):
                yield cell, column


def _comes_otherwise(mapping: CompiledMapping, member: CompiledMember, cell: CompiledCell, column: Field) -> bool:
    """Whether some value may come that a column of this very type did not make already."""
    givers = [other.cell(cell.field) for other in mapping.members if other is not member]
    return any(giver is not None and not _is_alike(giver, column) for giver in givers)


def _is_alike(giver: CompiledCell, column: Field) -> bool:
    """Whether what is given was spelled by such a column already; only of JSON the type's name tells that."""
    same = giver.type.kind is column.type.kind is Kind.JSON and giver.type.native == column.type.native
    return same and len(giver.columns) == 1


def _cell(member: CompiledMember, column: str) -> CompiledCell | None:
    return next((cell for cell in member.cells if any(name == column for name, _ in cell.writes)), None)


def _given(mapping: CompiledMapping, member: CompiledMember, cell: CompiledCell | None) -> str:
    """The types in which others give the field."""
    if cell is None:
        return ""
    givers = [found for other in mapping.members if other is not member and (found := other.cell(cell.field))]
    return ", ".join(dict.fromkeys(giver.type.native or str(giver.type) for giver in givers))


def _native(column: Field) -> str:
    return column.type.native or str(column.type)
