"""Many changes of one shape as one block of the journal: column by column, so that nothing is done row by row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.change import Verb

MARK = b"\x01"
"""The first byte of such a block; the others begin as zlib does."""

_ABOUT, _ROW, _KEY, _BEFORE, _AFTER = b"dovetail", "row", "key", "before ", "after "


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of one verb that one chunk writes at one member: their shared row numbers and keys, what their fields held
    before and what they are given (`None` where nothing is)."""

    member: str
    verb: Verb
    chunk: int
    rows: npt.NDArray[np.int64]
    keys: pa.Array
    before: pa.RecordBatch | None = None
    after: pa.RecordBatch | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """One of them, its values as Python knows them (times beyond the year 9999 as texts)."""

    row: int
    key: str
    before: dict[str, object] | None
    after: dict[str, object] | None


def pack(mapping: str, changes: Changes) -> bytes:
    """The changes as bytes."""
    columns: dict[str, pa.Array] = {_ROW: pa.array(changes.rows, pa.int64()), _KEY: changes.keys}
    for sign, batch in ((_BEFORE, changes.before), (_AFTER, changes.after)):
        if batch is not None:
            columns |= {sign + name: batch.column(name) for name in batch.schema.names}
    about = {"mapping": mapping, "member": changes.member, "verb": changes.verb, "chunk": changes.chunk}
    table = pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return MARK + packed


def about(content: bytes) -> dict[str, Any]:
    """What the block is about: mapping, member, verb and chunk."""
    with pa.ipc.open_stream(content[len(MARK) :]) as reader:
        found: dict[str, Any] = json.loads(reader.schema.metadata[_ABOUT])
    return found


def unpack(content: bytes, row: int | None) -> list[Changed]:
    """The changes of that row, or of every row."""
    with pa.ipc.open_stream(content[len(MARK) :]) as reader:
        table = reader.read_all()
    if row is not None:
        table = table.filter(pc.equal(table.column(_ROW), row))
    sides = [_dictionaries(table, sign) for sign in (_BEFORE, _AFTER)]
    rows, keys = table.column(_ROW).to_pylist(), table.column(_KEY).to_pylist()
    return [Changed(*one) for one in zip(rows, keys, *sides, strict=True)]


def _dictionaries(table: pa.Table, sign: str) -> list[dict[str, object] | None]:
    names = [name for name in table.column_names if name.startswith(sign)]
    if not names:
        return [None] * table.num_rows
    columns = [_values(table.column(name)) for name in names]
    bare = [name.removeprefix(sign) for name in names]
    return [dict(zip(bare, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[object]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast(pa.string()).to_pylist())
