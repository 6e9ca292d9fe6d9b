"""Rows to be changed that want unique values which others of them give up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags
from dovetail.mapping.compiled import CompiledMember
from dovetail.model.key import encode

Flags = npt.NDArray[np.bool_]


def tangled(member: CompiledMember, own: pa.Table, new: pa.Table, changed: Mapping[str, Flags]) -> Flags:
    """Which of these rows wait for each other by a unique constraint, or are waited for: they must be written in one
    transaction. `own` is what they hold, `new` what they are to hold, `changed` where that differs, row for row."""
    found = np.zeros(own.num_rows, dtype=np.bool_)
    for group in member.dataset.uniques:
        touched = [changed[name] for name in group if name in changed]
        if not touched or not set(group) <= set(own.column_names):
            continue
        moves = np.flatnonzero(np.any(touched, axis=0))
        if len(moves) < 2:
            continue
        at = pa.array(moves)
        held = encode([own.column(name).take(at) for name in group])
        wanted = encode([_column(name, own, new, changed).take(at) for name in group])
        takes = flags(pc.is_in(wanted, value_set=held))
        gives = flags(pc.is_in(held, value_set=wanted.filter(pa.array(takes))))
        found[moves] |= takes | gives
    return found


def _column(name: str, own: pa.Table, new: pa.Table, changed: Mapping[str, Flags]) -> pa.ChunkedArray:
    """What the rows hold afterwards."""
    if name not in changed:
        return own.column(name)
    return pc.if_else(pa.array(changed[name]), new.column(name), own.column(name))


def together(
    which: Flags, own: pa.Table, new: pa.Table, changed: Mapping[str, Flags]
) -> tuple[pa.Table, dict[str, Flags]]:
    """The same changes, but that those rows all set the same columns: one that does not change is set to what it
    holds."""
    columns, alike = new, {}
    for name, some in changed.items():
        alike[name] = some | (which & bool((which & some).any()))
        if (alike[name] != some).any():
            columns = columns.set_column(columns.column_names.index(name), name, _column(name, own, new, changed))
    return columns, alike
