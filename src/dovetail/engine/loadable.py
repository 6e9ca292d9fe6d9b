"""Whether a mapping can be loaded as a stream: every row comes from one member, and the other one holds nothing yet, or
only rows that each scope can look up.

Then no row depends on a row that is read later, so rows are read, decided and written scope by scope, in bounded
memory. Everything that could make rows depend on each other sends the mapping the whole way, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.agreed import Agreed
from dovetail.engine.workspace import Workspace
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.merge.fingerprint import fingerprints
from dovetail.model.key import encode
from dovetail.model.type import Kind, Type
from dovetail.plan.route import references
from dovetail.quality.check import declared, questions
from dovetail.systems.protocol import Source, SupportsLookup, SupportsOrder

PAIR = 2
"""Members of a mapping that can be streamed."""
SCOPE_ROWS = 32_768
"""Rows that are read, decided and written together; several scopes are in memory at once."""
POURED_ROWS = 65_536
"""Rows that are poured together; few of their values come by."""


@dataclass(frozen=True, slots=True)
class Loadable:
    """A mapping that can be streamed from the member `source` into the member `target` (places in the mapping).

    With `meets`, the target holds rows already; each scope looks up those that it may be paired with."""

    mapping: CompiledMapping
    source: int
    target: int
    meets: bool = False

    @property
    def giver(self) -> CompiledMember:
        """The member that is read."""
        return self.mapping.members[self.source]

    @property
    def taker(self) -> CompiledMember:
        """The member that is filled."""
        return self.mapping.members[self.target]


def streams(
    workspace: Workspace, groups: Sequence[Sequence[CompiledMapping]], known: Collection[str] = (), *, durable: bool
) -> tuple[dict[str, Loadable], dict[str, str]]:
    """The mappings that are streamed, by name, and why the others, the `known` ones apart, are not.

    One to which a mapping refers that must be decided whole, before the first write, is decided whole as well."""
    ways: dict[str, Loadable] = {}
    reasons: dict[str, str] = {}
    for group in groups:
        for mapping in group:
            way = "" if mapping.name in known else _way(mapping, group, workspace, durable=durable)
            if isinstance(way, Loadable):
                ways[mapping.name] = way
            elif way:
                reasons[mapping.name] = way
    mappings = [mapping for group in groups for mapping in group]
    whole = {mapping.name for mapping in mappings} - ways.keys()
    while True:
        asked = {name for mapping in mappings if mapping.name in whole for name in _asks(mapping)} & ways.keys()
        if not asked:
            return ways, reasons
        for name in asked:
            del ways[name]
            reasons[name] = "a mapping that is decided whole asks for its rows"
        whole |= asked


def _asks(mapping: CompiledMapping) -> set[str]:
    """The mappings that must be known before this one is decided."""
    return references(mapping.mapping) | looked_up_by(mapping)


def looked_up_by(mapping: CompiledMapping) -> set[str]:
    """The mappings whose values its checks look up."""
    scope = {field.name: mapping.types.get(field.name, Type(Kind.INTEGER)) for field in mapping.mapping.fields}
    return {asked.needs.mapping for asked in questions(declared(mapping.mapping), scope) if asked.needs is not None}


def _way(
    mapping: CompiledMapping, group: Sequence[CompiledMapping], workspace: Workspace, *, durable: bool
) -> Loadable | str:
    """How a mapping is streamed, or why not; a load that cannot go on is given up where that is `durable`."""
    store = workspace.store
    for way in _ways(mapping) if len(mapping.members) == PAIR else ():
        begun = store.loads.get(mapping.name, way.taker.name)
        if begun is None or not begun.is_open:
            continue
        if begun.document["layout"] == Agreed(mapping, np.zeros(0, dtype=np.int64)).layout:
            return replace(way, meets=begun.document["meets"])
        if durable:
            store.loads.close(mapping.name, way.taker.name)
        return "it was declared otherwise when its load was broken off"
    if store.crossref.count(mapping.name):
        return "rows of it are linked already"
    way_or_reason = direction(mapping, group, workspace)
    if isinstance(way_or_reason, str):
        return way_or_reason
    return doubles(way_or_reason, workspace.connector(way_or_reason.giver.member.system)) or way_or_reason


def _ways(mapping: CompiledMapping) -> tuple[Loadable, Loadable]:
    return Loadable(mapping, 0, 1), Loadable(mapping, 1, 0)


def direction(mapping: CompiledMapping, group: Sequence[CompiledMapping], workspace: Workspace) -> Loadable | str:
    """How the mapping could be streamed, as far as its declaration and the emptiness of its members tell; else why
    not."""
    reason = rows_hang_together(mapping, group)
    if reason:
        return reason
    if len({member.member.system for member in mapping.members}) == 1:
        return "both members are in one system"
    reasons: list[str] = []
    for way in _ways(mapping):
        if not _gives_only(way.giver) or not way.taker.receives or way.taker.member.creates == "never":
            continue
        target = workspace.connector(way.taker.member.system)
        if is_empty(target, way.taker):
            return way
        if not is_empty(workspace.connector(way.giver.member.system), way.giver):
            refused = why_not_met(way, target)
            if not refused:
                return replace(way, meets=True)
            reasons.append(refused)
    return "; ".join(["both members hold rows", *reasons])


def why_not_met(way: Loadable, target: Source) -> str:
    """Why rows that stand in the filled member cannot be met scope by scope; empty where they can.

    The giving member's values must win wherever they differ, or values would flow back to it; and a row that only the
    filled member holds must be nothing to the giving one."""
    mapping, giver, taker = way.mapping.mapping, way.giver, way.taker
    for member in (giver, taker):
        if member.wants is not None or member.gone is not None:
            return f"rows of {member.name} may not belong there, or be deleted softly"
    if giver.receives and giver.member.creates != "never":
        return f"rows of {taker.name} may have to be created at {giver.name}"
    for shared in mapping.fields:
        is_given = shared.owner == giver.name and shared.first in (None, giver.name) and shared.elsewhere != "keep"
        if len(shared.cells) > 1 and not is_given:
            return f"{shared.name!r} is not always taken from {giver.name}"
    if not isinstance(target, SupportsLookup):
        return f"rows of {taker.name} cannot be looked up by key"
    match = mapping.match
    if match is None or not (match.together or len(match.fields) == 1):
        return "rows are not paired by one natural key"
    named = {cell.read.column for name in match.fields if (cell := taker.cell(name)) is not None}
    matched = [mapping.field(name) for name in match.fields]
    refers = any(shared is None or shared.ref is not None for shared in matched)
    return f"the natural key is not the key of {taker.name}" if refers or named != set(taker.key) else ""


def rows_hang_together(mapping: CompiledMapping, group: Sequence[CompiledMapping]) -> str:
    """Why a row of this mapping cannot be decided without others; empty where it can."""
    if len(mapping.members) != PAIR:
        return f"{len(mapping.members)} members take part"
    if len(group) > 1 or mapping.name in references(mapping.mapping):
        return "its rows refer to each other"
    scope = {field.name: mapping.types.get(field.name, Type(Kind.INTEGER)) for field in mapping.mapping.fields}
    for question in questions(declared(mapping.mapping), scope):
        if question.failing is not None or question.needs is not None:
            return f"the check {question.check.name!r} compares rows with each other"
    return ""


def _gives_only(member: CompiledMember) -> bool:
    """Whether nothing would be written to this member while it alone holds the rows."""
    return not member.receives or all(fill.on_create_only for fill in member.fills)


def is_empty(source: Source, member: CompiledMember) -> bool:
    """Whether the member's dataset holds no row at all, its `where` apart."""
    with closing(iter(source.read(member.dataset, member.key))) as batches:  # type: ignore[type-var]
        return all(batch.num_rows == 0 for batch in batches_until_row(batches))


def batches_until_row(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches up to the first that holds a row."""
    for batch in batches:
        yield batch
        if batch.num_rows:
            return


def doubles(way: Loadable, source: Source) -> str:
    """Why rows of the giving member may hang together by their keys or natural keys; empty where all are different.

    What a constraint of the system guarantees is believed; for the rest those columns alone are read once."""
    member = way.giver
    asked = unproven(way, is_guarded=isinstance(source, SupportsOrder))
    if () in asked and _ascends(member, source):
        asked.remove(())
    if not asked:
        return ""
    columns = tuple(dict.fromkeys([*member.key, *(name for cell in member.cells for name in cell.columns)]))
    needed = [name for name in columns if name in member.key or any(name in _reads(member, part) for part in asked)]
    marks: dict[tuple[str, ...], list[npt.NDArray[np.uint64]]] = {part: [] for part in asked}
    for batch in source.read(member.dataset, needed):
        table = pa.Table.from_batches([batch]).select(needed)
        for part in asked:
            marks[part].append(_marks(way, part, table))
    for part, found in marks.items():
        whole = np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.uint64)
        if (whole[1:] == whole[:-1]).any():
            return f"several rows have the same {', '.join(part) or 'key'}"
    return ""


def unproven(way: Loadable, *, is_guarded: bool) -> list[tuple[str, ...]]:
    """The groups of shared fields (the empty one: the key) that may hold doubles as far as the catalog tells, and the
    key where it is to be asked about."""
    member, match = way.giver, way.mapping.mapping.match
    guarded = [set(part) for part in (member.dataset.key, *member.dataset.uniques) if part] if is_guarded else []
    asked: list[tuple[str, ...]] = []
    if not any(part <= set(member.key) for part in guarded):
        asked.append(())
        guarded.append(set(member.key))
    if match is not None:
        known = [name for name in match.fields if member.cell(name) is not None]
        for part in [tuple(known)] if match.together else [(name,) for name in known]:
            bare = {cell.read.column for name in part if (cell := member.cell(name)) is not None}
            if part and not any(unique <= bare for unique in guarded):
                asked.append(part)
    return asked


def _ascends(member: CompiledMember, source: Source) -> bool:
    """Whether the key is one whole number that grows from row to row: then nothing need be kept to know that none
    stands twice."""
    first, *more = member.key
    if more or member.scope[first].kind is not Kind.INTEGER:
        return False
    last: int | None = None
    with closing(iter(source.read(member.dataset, [first]))) as batches:  # type: ignore[type-var]
        for batch in batches:
            if batch.column(first).null_count:
                return False
            numbers = batch.column(first).to_numpy()
            if not len(numbers):
                continue
            if (last is not None and numbers[0] <= last) or (numbers[1:] <= numbers[:-1]).any():
                return False
            last = int(numbers[-1])
    return True


def _reads(member: CompiledMember, part: tuple[str, ...]) -> set[str]:
    return {name for field in part if (cell := member.cell(field)) is not None for name in cell.columns}


def _marks(way: Loadable, part: tuple[str, ...], table: pa.Table) -> npt.NDArray[np.uint64]:
    """One mark for each row that has all of these values; equal values have equal marks."""
    member = way.giver
    marks = np.zeros(table.num_rows, dtype=np.uint64)
    if not part:
        return fingerprints(encode([table.column(name) for name in member.key]), marks)
    cells = [cell for name in part if (cell := member.cell(name)) is not None]
    outputs = [Output(cell.field, cell.read, way.mapping.types.get(cell.field, cell.type)) for cell in cells]
    scope: Mapping[str, Type] = {name: member.scope[name] for name in table.column_names}
    values = evaluate(outputs, scope, table).table
    is_whole = np.ones(table.num_rows, dtype=np.bool_)
    for name in part:
        marks = fingerprints(values.column(name), marks)
        is_whole &= values.column(name).is_valid().to_numpy()
    return marks[is_whole]
