"""Where a row stands under the same natural key at another member: asked of the system, or found by reading all."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.links import Links
from dovetail.engine.rows import MemberRows, one_table, see
from dovetail.engine.survey import naturals_of, parent_member
from dovetail.expression.invert import Reversibility
from dovetail.expression.parse import Expression
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.model.key import decode_first, encode
from dovetail.systems.protocol import Source, SupportsLookup

Around = tuple[Links, Bindings[str, CompiledMapping]]
"""Links, and all compiled mappings by name."""


def counterparts_at(
    mapping: CompiledMapping,
    member: CompiledMember,
    naturals: Bindings[str, pa.Array],
    *,
    source: Source,
    around: Around,
) -> pa.Array:
    """The keys of a member's rows whose natural key is one of these (columns by shared field, a reference by the number
    of the row that it names; null matches nothing)."""
    match = mapping.mapping.match
    assert match is not None
    sets = [match.fields] if match.together else [(name,) for name in match.fields]
    found = [pa.array([], pa.string())]
    for fields in sets:
        if any(member.cell(name) is None for name in fields):
            continue
        columns = {name: naturals[name] for name in fields}
        whole = pa.table(columns).drop_null()
        if whole.num_rows:
            found.append(_holders(mapping, member, whole, source=source, around=around))
    return pa.concat_arrays(found).unique()


def _holders(
    mapping: CompiledMapping, member: CompiledMember, wanted: pa.Table, *, source: Source, around: Around
) -> pa.Array:
    asked = _as_columns(mapping, member, wanted, around) if isinstance(source, SupportsLookup) else None
    if asked is None:
        return _by_reading(mapping, member, wanted, source=source, around=around)
    assert isinstance(source, SupportsLookup)
    dataset = replace(member.dataset, key=tuple(asked.schema.names))
    fields = list(dict.fromkeys([*member.key, *asked.schema.names]))
    batches = source.lookup(dataset, fields, asked)
    keys = [encode([batch.column(part) for part in member.key]) for batch in batches if batch.num_rows]
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def _as_columns(
    mapping: CompiledMapping, member: CompiledMember, wanted: pa.Table, around: Around
) -> pa.RecordBatch | None:
    """The natural keys in the member's own columns; `None` where a cell does not give one column that holds just that
    value."""
    outputs, scope, columns = [], {}, {}
    for name in wanted.column_names:
        cell = member.cell(name)
        write = _only_write(cell)
        if cell is None or write is None:
            return None
        column, expression = write
        values = wanted.column(name).combine_chunks()
        parent = _parent(mapping, name, around)
        if parent is not None:
            numbers = values.to_numpy(zero_copy_only=False)
            keys = around[0].keys_of(parent.name, parent_member(parent, member), numbers)
            values = decode_first(keys, cell.type)
        columns[name] = values
        scope[name] = cell.type if parent is not None else mapping.types.get(name, cell.type)
        outputs.append(Output(column, expression, member.scope[column]))
    made = evaluate(outputs, scope, pa.table(columns))
    rows = made.table.drop_null().combine_chunks()
    return rows.to_batches()[0] if rows.num_rows and not made.failures else _none_of(rows, failed=bool(made.failures))


def _none_of(rows: pa.Table, *, failed: bool) -> pa.RecordBatch | None:
    return None if failed else pa.RecordBatch.from_pylist([], schema=rows.schema)


def _only_write(cell: CompiledCell | None) -> tuple[str, Expression] | None:
    if cell is None or cell.kind is not Reversibility.LOSSLESS or len(cell.columns) != 1 or len(cell.writes) != 1:
        return None
    (write,) = cell.writes
    return write if write[0] == cell.columns[0] and not write[1].old_names else None


def _parent(mapping: CompiledMapping, name: str, around: Around) -> CompiledMapping | None:
    shared = mapping.mapping.field(name)
    if shared is None or shared.ref is None or shared.by is not None:
        return None
    return around[1][shared.ref]


def _by_reading(
    mapping: CompiledMapping, member: CompiledMember, wanted: pa.Table, *, source: Source, around: Around
) -> pa.Array:
    """Read every row of the member, and keep those whose natural key is wanted."""
    own, unreadable = one_table(member, list(source.read(member.dataset, member.columns)))
    rows: MemberRows = see(mapping, member, own, unreadable)
    held = naturals_of(mapping, rows, *around)
    theirs = _texts({name: held[name] for name in wanted.column_names})
    return rows.keys.filter(pc.is_in(theirs, value_set=_texts(_columns(wanted)).drop_null(), skip_nulls=True))


def _columns(table: pa.Table) -> dict[str, pa.Array]:
    return {name: table.column(name).combine_chunks() for name in table.column_names}


def _texts(columns: Bindings[str, pa.Array]) -> pa.Array:
    """One text for each row, null where a part is."""
    texts = encode(list(columns.values()))
    for column in columns.values():
        texts = pc.if_else(pc.is_valid(column), texts, pa.scalar(None, pa.string()))
    return texts
