"""Keys as the server writes them, as a batch of the very values that reading the rows would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Field
from dovetail.model.change import VERSION
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.carry import finish
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.stored import Column


def batch(
    parts: Sequence[str],
    columns: Mapping[str, Column],
    written: Sequence[pa.Array],
    versions: Sequence[str] | pa.Array | None,
) -> pa.RecordBatch:
    """The keys in the carriers of their types, and the version of each; what cannot be carried is null, as when it is
    read."""
    fields = [Field(part, logical(columns[part].stored)) for part in parts]
    texts = [_as_read(array, columns[part]) for part, array in zip(parts, written, strict=True)]
    carried = finish(texts, fields).select(list(parts))
    return carried if versions is None else carried.append_column(VERSION, pa.array(versions, pa.string()))


def _as_read(written: pa.Array, column: Column) -> pa.Array:
    """The texts that reading would select, from those of the type's own output."""
    texts = written.cast(pa.string())
    stored = column.stored
    if stored.kind is Kind.INTEGER:
        return texts.cast(pa.int64())
    if stored.base == "bpchar":
        return pc.utf8_rtrim(texts, " ")
    if stored.kind is Kind.BYTES:
        return pc.replace_substring_regex(texts, r"^\\x", "")
    if stored.kind is Kind.BOOLEAN:
        return pc.utf8_slice_codeunits(texts, 0, 1)
    if stored.base == "float4":
        return texts.cast(pa.float32()).cast(pa.float64())
    return texts
