"""What the members of a mapping have in common, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable

import pyarrow as pa

from dovetail.analysis.answer import Link, Overlap
from dovetail.engine.workspace import Workspace
from dovetail.errors import DeclarationError
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import UNREADABLE
from dovetail.model.mapping import Mapping, Project

ROWS_MAX = 500_000
"""Rows of a member at most; larger ones are left to `plan`, which pairs them anyway."""

_WHERE = "dovetail_where"


def links(project: Project) -> tuple[Link, ...]:
    """The threads that the mappings draw between datasets: from each mapping's first member to each other one."""
    found: list[Link] = []
    for mapping in project.mappings:
        for right in mapping.members[1:]:
            left = mapping.members[0]
            fields = tuple(
                (field.name, mine.read, theirs.read)
                for field in mapping.fields
                if (mine := field.cell(left.name)) and (theirs := field.cell(right.name))
            )
            ends = ((left.system, left.dataset), (right.system, right.dataset))
            found.append(Link(mapping.name, *ends, fields))
    return tuple(found)


def overlaps(workspace: Workspace, systems: Collection[str]) -> tuple[Overlap, ...]:
    """For every mapping that matches by plain values: how many things each side has, and how many both have.

    Left out are mappings that match by references, mappings of systems not asked about, and members of more than
    `ROWS_MAX` rows.
    """
    found: list[Overlap] = []
    for mapping in workspace.project.mappings:
        if not _is_simple(mapping) or any(member.system not in systems for member in mapping.members):
            continue
        try:
            catalogs = {member.system: workspace.catalog(member.system) for member in mapping.members}
            compiled = compile_mapping(mapping, catalogs, workspace.vars())
        except DeclarationError:
            continue  # `check` and `map show` report it with its place
        sides = [(member, _matches(workspace, compiled, member)) for member in compiled.members]
        (left, mine), *others = sides
        for right, theirs in others:
            if mine is not None and theirs is not None:
                found.append(_overlap(mapping.name, (left.name, mine), (right.name, theirs)))
    return tuple(found)


def _is_simple(mapping: Mapping) -> bool:
    if mapping.match is None or not (mapping.match.together or len(mapping.match.fields) == 1):
        return False
    fields = [mapping.field(name) for name in mapping.match.fields]
    return all(
        field is not None and field.ref is None and all(field.cell(member.name) for member in mapping.members)
        for field in fields
    )


def _overlap(mapping: str, left: tuple[str, Counter[Hashable]], right: tuple[str, Counter[Hashable]]) -> Overlap:
    mine, theirs = left[1].keys(), right[1].keys()
    return Overlap(
        mapping=mapping,
        left=left[0],
        right=right[0],
        left_only=len(mine - theirs),
        both=len(mine & theirs),
        right_only=len(theirs - mine),
        doubled=sum(1 for counts in (left[1], right[1]) for count in counts.values() if count > 1),
    )


def _matches(workspace: Workspace, mapping: CompiledMapping, member: CompiledMember) -> Counter[Hashable] | None:
    """How often each match value occurs at a member, or `None` where there are too many rows to hold."""
    if (member.dataset.rows or 0) > ROWS_MAX or mapping.mapping.match is None:
        return None
    cells = [cell for name in mapping.mapping.match.fields if (cell := member.cell(name)) is not None]
    outputs = [Output(cell.field, cell.read, mapping.types.get(cell.field)) for cell in cells]
    names = [name for cell in cells for name in cell.columns]
    if member.where is not None:
        outputs.append(Output(_WHERE, member.where))
        names += member.where.names
    columns = tuple(dict.fromkeys(names)) or member.key
    counts: Counter[Hashable] = Counter()
    for batch in workspace.connector(member.member.system).read(member.dataset, columns):
        table = pa.Table.from_batches([batch])
        if UNREADABLE in table.column_names:
            table = table.drop_columns([UNREADABLE])
        counts.update(_values(evaluate(outputs, member.scope, table).table))
        if counts.total() > ROWS_MAX:
            return None
    return counts


def _values(table: pa.Table) -> list[Hashable]:
    """The match values of the rows that the member wants; rows with a null among them match nothing."""
    if _WHERE in table.column_names:
        table = table.filter(table.column(_WHERE)).drop_columns([_WHERE])
    columns = [column.to_pylist() for column in table.columns]
    return [values for values in zip(*columns, strict=True) if None not in values]
