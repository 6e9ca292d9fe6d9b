"""Many changes of one shape as one block of the journal: column by column, so that nothing is done row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.change import Verb
from dovetail.state import lossless

MARK = b"\x01"
"""The first byte of such a block; the others begin as zlib does."""

_ABOUT, _ROW, _KEY = b"dovetail", "row", "key"
_BEFORE, _AFTER, _RULE, _LOSING = "before ", "after ", "rule ", "losing "


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of one verb that one chunk writes at one member: their shared row numbers and keys, what their fields held
    before and what they are given (`None` where nothing is).

    `rules` says by shared field, row for row, what decided (null: nothing did); `losing` the values that lost, by
    member, as `lossless` texts."""

    member: str
    verb: Verb
    chunk: int
    rows: npt.NDArray[np.int64]
    keys: pa.Array
    before: pa.RecordBatch | None = None
    after: pa.RecordBatch | None = None
    rules: Mapping[str, pa.Array] = field(default_factory=dict)
    losing: Mapping[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """One of them, its values as Python knows them (times beyond the year 9999 as texts)."""

    row: int
    key: str
    before: dict[str, object] | None
    after: dict[str, object] | None
    rules: dict[str, str] | None
    losing: dict[str, dict[str, object]] | None


def pack(mapping: str, changes: Changes) -> bytes:
    """The changes as bytes."""
    columns: dict[str, pa.Array] = {_ROW: pa.array(changes.rows, pa.int64()), _KEY: changes.keys}
    for sign, batch in ((_BEFORE, changes.before), (_AFTER, changes.after)):
        if batch is not None:
            columns |= {sign + name: batch.column(name) for name in batch.schema.names}
    columns |= {_RULE + name: column for name, column in changes.rules.items()}
    columns |= {_LOSING + name: column for name, column in changes.losing.items()}
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
    rules = [_known(one) for one in _dictionaries(table, _RULE)]
    losing = [_read(one) for one in _dictionaries(table, _LOSING)]
    rows, keys = table.column(_ROW).to_pylist(), table.column(_KEY).to_pylist()
    return [Changed(*one) for one in zip(rows, keys, *sides, rules, losing, strict=True)]


def _known(told: dict[str, Any] | None) -> dict[str, Any] | None:
    known = {name: text for name, text in (told or {}).items() if text is not None}
    return known or None


def _read(told: dict[str, Any] | None) -> dict[str, Any] | None:
    return _known({name: text and lossless.read(text) for name, text in (told or {}).items()})


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
