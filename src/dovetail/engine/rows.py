"""A member's rows, read and seen in the shared shape."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import Flags, flags
from dovetail.engine.progress import Progress
from dovetail.engine.sizes import bounded
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import UNREADABLE
from dovetail.model.key import decode, encode
from dovetail.systems.protocol import Source

_WHERE = "dovetail_where"
_GONE = "dovetail_gone"
DOUBLE = "DV-403"
"""Several rows have this key."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is held: the field and check to blame, a code, and words without the row's values.

    `waits_for` names mapping, member and key of a missing parent; `values` are what the quarantine keeps, encrypted, in
    place of the row's own value."""

    code: str
    reason: str
    member: str
    field: str = ""
    check: str = ""
    waits_for: tuple[str, str, str] | None = None
    values: Bindings[str, object] | None = None


def orphan(member: str, field: str, parent: tuple[str, str, str]) -> Problem:
    """The problem of a row that refers to a held one, known by mapping, member and key (no member: by its number)."""
    reason = f"waits for its {parent[0]}, which is in quarantine"
    return Problem("DV-408", reason, member, field, "refers", parent)


@dataclass(slots=True)
class MemberRows:
    """All rows of one member, in the order in which they were read.

    `own` holds the member's own columns, `shared` the shared fields that it knows (references still as its own values),
    `keys` the
    encoded keys. `wanted` is false where the member's `where` leaves a row out, `gone` true where it is softly deleted.
    `problems` are by position.
    """

    member: CompiledMember
    own: pa.Table
    shared: pa.Table
    keys: pa.Array
    wanted: npt.NDArray[np.bool_]
    gone: npt.NDArray[np.bool_]
    problems: dict[int, Problem] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, position: int) -> str:
        """The encoded key of one row."""
        return str(self.keys[int(position)].as_py())

    def only(self, keep: Flags) -> MemberRows:
        """Some of the rows (flags by position), with all that is known of them."""
        mask = pa.array(keep)
        moved_to = np.cumsum(keep) - 1
        return MemberRows(
            member=self.member,
            own=self.own.filter(mask),
            shared=self.shared.filter(mask),
            keys=self.keys.filter(mask),
            wanted=self.wanted[keep],
            gone=self.gone[keep],
            problems={int(moved_to[at]): problem for at, problem in self.problems.items() if keep[at]},
        )


def read_member(source: Source, mapping: CompiledMapping, member: CompiledMember, progress: Progress) -> MemberRows:
    """Read every row of a member, unfiltered, and see it in the shared shape.

    Unreadable values and failing cells become problems of their rows, never errors."""
    columns = member.columns
    batches = []
    with progress.task(f"read {mapping.name} from {member.name}", total=member.dataset.rows) as advance:
        for batch in source.read(member.dataset, columns):
            batches.append(batch)
            advance(batch.num_rows)
    own, unreadable = one_table(member, batches)
    return see(mapping, member, own, unreadable)


def see(
    mapping: CompiledMapping, member: CompiledMember, own: pa.Table, unreadable: pa.ChunkedArray | None = None
) -> MemberRows:
    """A member's own rows in the shared shape."""
    evaluated = evaluate(_outputs(mapping, member), member.scope, own)
    everywhere = np.ones(own.num_rows, dtype=np.bool_)
    rows = MemberRows(
        member=member,
        own=own,
        shared=evaluated.table.select([cell.field for cell in member.cells]),
        keys=encode([own.column(part) for part in member.key]),
        wanted=flags(evaluated.table.column(_WHERE)) if member.where else everywhere,
        gone=flags(evaluated.table.column(_GONE)) if member.gone else ~everywhere,
    )
    _note_unreadable(rows, unreadable)
    _note_doubles(rows)
    for failure in evaluated.failures:
        name = "" if failure.output in (_WHERE, _GONE) else failure.output
        rows.problems.setdefault(failure.position, Problem(failure.code, failure.reason, member.name, name))
    return rows


def _outputs(mapping: CompiledMapping, member: CompiledMember) -> list[Output]:
    outputs = [Output(cell.field, cell.read, mapping.types.get(cell.field, cell.type)) for cell in member.cells]
    if member.where is not None:
        outputs.append(Output(_WHERE, member.where))
    if member.gone is not None:
        outputs.append(Output(_GONE, member.gone))
    return outputs


def parts_of(member: CompiledMember, keys: pa.Array) -> pa.RecordBatch:
    """Keys as a system is asked for them."""
    columns = decode(keys.to_pylist(), [member.scope[part] for part in member.key])
    return pa.RecordBatch.from_arrays(columns, names=list(member.key))


def one_table(member: CompiledMember, batches: list[pa.RecordBatch]) -> tuple[pa.Table, pa.ChunkedArray | None]:
    """One table of the member's columns, and the column of unreadable values where any batch has one."""
    schema = pa.schema([(name, member.scope[name].arrow()) for name in member.columns])
    tables = [bounded(pa.Table.from_batches([batch])) for batch in batches]
    marked = any(UNREADABLE in table.column_names for table in tables)
    for at, table in enumerate(tables):
        if marked and UNREADABLE not in table.column_names:
            tables[at] = table.append_column(UNREADABLE, pa.nulls(table.num_rows, pa.string()))
    if not tables:
        return schema.empty_table(), None
    whole = pa.concat_tables(tables).combine_chunks()
    return whole.select(member.columns), whole.column(UNREADABLE) if marked else None


def _note_unreadable(rows: MemberRows, unreadable: pa.ChunkedArray | None) -> None:
    if unreadable is None:
        return
    for position in np.flatnonzero(flags(pc.is_valid(unreadable))):
        name, _, reason = str(unreadable[int(position)].as_py()).partition(": ")
        rows.problems[int(position)] = Problem("DV-401", f"{name} cannot be read: {reason}", rows.member.name, name)


def _note_doubles(rows: MemberRows) -> None:
    """A key that occurs twice identifies nothing: both rows are held."""
    if len(rows.member.key) == 1 and _ascends(rows.own.column(rows.member.key[0])):
        return
    codes = np.asarray(rows.keys.dictionary_encode().indices)
    counts = np.bincount(codes)
    if len(counts) == len(codes):
        return
    seen: dict[int, int] = {}
    for position in np.flatnonzero(counts[codes] > 1).tolist():
        other = seen.setdefault(int(codes[position]), position)
        if other != position:
            problem = Problem(DOUBLE, "several rows have this key", rows.member.name, ", ".join(rows.member.key))
            rows.problems.setdefault(other, problem)
            rows.problems.setdefault(position, problem)


def _ascends(column: pa.ChunkedArray) -> bool:
    """Whether each value is known and greater than the one before: then no two are the same."""
    if column.null_count or pa.types.is_floating(column.type):
        return False
    return bool(pc.all(pc.less(column.slice(0, max(len(column) - 1, 0)), column.slice(1)), min_count=0).as_py())
