"""Values that are larger than one field may be: they are held, so that one of them cannot take all memory."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.change import UNREADABLE
from dovetail.model.type import FIELD_BYTES_MAX


def bounded(table: pa.Table) -> pa.Table:
    """The table with larger values taken out and their rows marked as unreadable; where whole columns are smaller,
    nothing is looked at."""
    for at, name in enumerate(table.column_names):
        column = table.column(at)
        if name == UNREADABLE or not _has_length(column.type) or column.nbytes <= FIELD_BYTES_MAX:
            continue
        larger = pc.fill_null(pc.greater(pc.binary_length(column), pa.scalar(FIELD_BYTES_MAX)), fill_value=False)
        if pc.any(larger).as_py():
            kept = pc.if_else(larger, pa.scalar(None, column.type), column)
            table = _marked(table.set_column(at, name, kept), name, larger)
    return table


def _has_length(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _marked(table: pa.Table, name: str, larger: pa.ChunkedArray) -> pa.Table:
    words = pa.scalar(f"{name}: larger than {FIELD_BYTES_MAX // 2**20} MiB", pa.string())
    if UNREADABLE not in table.column_names:
        return table.append_column(UNREADABLE, pc.if_else(larger, words, pa.scalar(None, pa.string())))
    at = table.column_names.index(UNREADABLE)
    known = table.column(at)
    return table.set_column(at, UNREADABLE, pc.if_else(larger, pc.coalesce(known, words), known))
