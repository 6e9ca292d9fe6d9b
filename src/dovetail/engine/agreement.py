"""What the members last agreed on about one field, as far as the journal kept it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dovetail.engine.arrays import value_at
from dovetail.engine.glance import Seen
from dovetail.engine.rows import see
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.state.journal import Journaled
from dovetail.state.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that all members agreed on, as one of them was given it, when, and by which run."""

    value: object
    member: str
    run: str
    at: dt.datetime


def last_agreed(store: Store, mapping: CompiledMapping, row: int, field: str, now: Mapping[str, Seen]) -> Kept | None:
    """The newest value of a field that was written to any member, in the shared shape; `None` where the journal kept
    none. `now` says what stands at the members: it fills in what the write left as it was."""
    members = {member.name: member for member in mapping.members}
    for told in store.journal.history(mapping.name, row):
        member = members.get(told.entry.member)
        cell = member.cell(field) if member is not None else None
        written = told.entry.after
        if member is None or cell is None or written is None:
            continue
        if not {name for name, _ in cell.writes} & written.keys():
            continue
        seen = now.get(member.name)
        value, is_known = shared_value(mapping, member, field, {**(seen.own if seen is not None else {}), **written})
        if is_known:
            return Kept(value, member.name, told.run, told.at)
    return None


def last_written(store: Store, mapping: CompiledMapping, row: int, field: str) -> dict[str, Journaled]:
    """The newest write of a field to each member: whatever stands there instead came later, from its own users."""
    cells = {member.name: member.cell(field) for member in mapping.members}
    found: dict[str, Journaled] = {}
    for told in store.journal.history(mapping.name, row):
        cell, written = cells.get(told.entry.member), told.entry.after
        if cell is not None and written is not None and {name for name, _ in cell.writes} & written.keys():
            found.setdefault(told.entry.member, told)
    return found


def shared_value(
    mapping: CompiledMapping, member: CompiledMember, field: str, own: Mapping[str, object]
) -> tuple[object, bool]:
    """What a field is for a member that holds these columns, and whether they are enough to tell."""
    cell = member.cell(field)
    if cell is None or not set(cell.columns) <= own.keys():
        return None, False
    try:
        table = pa.table({name: pa.array([own.get(name)], member.scope[name].arrow()) for name in member.columns})
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
        return None, False
    rows = see(mapping, member, table)
    if 0 in rows.problems and rows.problems[0].field in ("", field):
        return None, False
    return value_at(rows.shared.column(field), 0), True
