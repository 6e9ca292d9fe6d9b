"""One shared row as it stands at each member right now; nothing is decided about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.engine.arrays import value_at
from dovetail.engine.rows import MemberRows, one_table, see
from dovetail.engine.scope import rows_of_keys
from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.compiled import CompiledMapping, CompiledMember

_CHANGED = "dovetail_changed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a member holds of a row: its own columns and the shared fields, references as its own keys; empty where it
    has no such row (`is_there`). `changed` is the member's own stamp, where it has one; `fault` says why nothing could
    be read."""

    member: str
    key: str
    is_there: bool = False
    own: Mapping[str, object] = field(default_factory=dict)
    shared: Mapping[str, object] = field(default_factory=dict)
    changed: object = None
    fault: str = ""
    rows: MemberRows | None = None


def compiled(workspace: Workspace, name: str) -> CompiledMapping:
    """One mapping of the project, compiled against its systems."""
    mapping = workspace.project.mapping(name)
    assert mapping is not None
    catalogs = workspace.catalogs(sorted({member.system for member in mapping.members}))
    return compile_mapping(mapping, catalogs, workspace.vars())


def glance(workspace: Workspace, mapping: CompiledMapping, keys: Mapping[str, str]) -> dict[str, Seen]:
    """The row at each member, found by its key there; a member without a key has no row."""
    with ThreadPoolExecutor(max_workers=len(mapping.members)) as pool:
        found = pool.map(lambda member: _look(workspace, mapping, member, keys.get(member.name)), mapping.members)
        return {seen.member: seen for seen in found}


def _look(workspace: Workspace, mapping: CompiledMapping, member: CompiledMember, key: str | None) -> Seen:
    if key is None:
        return Seen(member.name, "")
    try:
        source = workspace.connector(member.member.system)
        own, unreadable = one_table(member, rows_of_keys(source, member, pa.array([key])))
        rows = see(mapping, member, own, unreadable)
    except DovetailError as error:
        return Seen(member.name, key, fault=f"{error.code} {error.message}")
    if not len(rows):
        return Seen(member.name, key)
    return Seen(
        member=member.name,
        key=key,
        is_there=not rows.gone[0],
        own={name: value_at(rows.own.column(name), 0) for name in rows.own.column_names},
        shared={name: value_at(rows.shared.column(name), 0) for name in rows.shared.column_names},
        changed=_stamp(member, rows),
        rows=rows,
    )


def _stamp(member: CompiledMember, rows: MemberRows) -> object:
    if member.changed is None:
        return None
    found = evaluate([Output(_CHANGED, member.changed)], member.scope, rows.own).table.column(_CHANGED)
    stamp = value_at(found, 0)
    return stamp.isoformat(sep=" ") if isinstance(stamp, dt.datetime) else stamp
