"""Links and counts over ranges of row numbers, from live segments and from links that stand alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.state.database import Database, Row, Rows
from dovetail.state.keyset import strings
from dovetail.state.planes import Numbers
from dovetail.state.segment import Keys
from dovetail.state.shelf import Extent, Shelf

PAGE_ROWS = 50_000
"""Links that stand alone, read at most at a time."""

_LAST = (1 << 63) - 1
_RANGE = """SELECT row_id, row_key FROM crossref
WHERE mapping = ? AND member = ? AND row_id BETWEEN ? AND ? ORDER BY row_id LIMIT ?"""
_ROWS_ALONE = "SELECT row_id FROM crossref WHERE mapping = ? AND member = ? AND row_id BETWEEN ? AND ?"
_COUNT_ALONE = """SELECT count(*) FROM
(SELECT row_id FROM crossref WHERE mapping = ? GROUP BY row_id HAVING count(*) >= ?) AS counted"""
_WHOLE = """SELECT s.segment_id, s.linked, s.paired FROM segments s WHERE s.mapping = ? AND s.is_live = 1
AND NOT EXISTS (SELECT 1 FROM segment_links k WHERE k.segment_id = s.segment_id AND k.gone > 0)"""
_BETWEEN = "SELECT 1 FROM crossref WHERE mapping = ? AND member = ? AND row_id BETWEEN ? AND ? LIMIT 1"


def as_numbers(rows: Rows) -> Numbers:
    """Row numbers as an array of numbers."""
    if isinstance(rows, np.ndarray):
        return rows.astype(np.int64, copy=False)
    if isinstance(rows, pa.Array | pa.ChunkedArray):
        return np.asarray(rows.to_numpy()) if isinstance(rows, pa.ChunkedArray) else np.asarray(rows)
    return np.fromiter(rows, np.int64, len(rows))


def as_links(found: list[Row]) -> tuple[Numbers, pa.Array]:
    """The rows and keys of an answer."""
    rows, keys = zip(*found, strict=True) if found else ((), ())
    return np.array(rows, dtype=np.int64), pa.array(keys, pa.string())


def links(shelf: Shelf, extents: Sequence[Extent], alone: tuple[Numbers, pa.Array]) -> pa.Table:
    """All those links as a table, by row."""
    rows, keys = [pa.array(alone[0])], [alone[1]]
    for extent in extents:
        own_rows, own_keys = _links_between(shelf, extent, extent.first, extent.last)
        rows.append(pa.array(own_rows))
        keys.append(own_keys)
    table = pa.table({"row": pa.chunked_array(rows, pa.int64()), "key": pa.chunked_array(keys, pa.string())})
    numbers = table.column("row").to_numpy()
    if (numbers[1:] < numbers[:-1]).any():
        table = table.take(pa.array(np.argsort(numbers, kind="stable")))
    return table


def batches(
    database: Database, shelf: Shelf, mapping: str, members: Sequence[str]
) -> Iterator[tuple[pa.Array, dict[str, pa.Array]]]:
    """Every linked row with its keys at those members, by row."""
    first = -_LAST
    while first <= _LAST and members:
        with database.reading():
            extents = {member: shelf.links(mapping, member) for member in members}
            last = _end(extents, first)
            alone = {}
            for member in members:
                found = database.rows(_RANGE, mapping, member, first, last, PAGE_ROWS)
                alone[member] = as_links(found)
                if len(found) == PAGE_ROWS:
                    last = min(last, found[-1][0])
            parts = {member: _merged(shelf, extents[member], alone[member], (first, last)) for member in members}
        rows = np.unique(np.concatenate([own for own, _ in parts.values()]))
        if len(rows):
            yield pa.array(rows), {member: _aligned(rows, *parts[member]) for member in members}
        first = last + 1


def _end(extents: dict[str, tuple[Extent, ...]], first: int) -> int:
    """The last row of the range that begins at `first`: before the next segment begins, or where one ends."""
    every = [extent for some in extents.values() for extent in some]
    begins = [extent.first - 1 for extent in every if extent.first > first]
    ends = [extent.last for extent in every if extent.last >= first >= extent.first]
    return min([*begins, *ends, _LAST])


def _merged(
    shelf: Shelf, extents: Sequence[Extent], alone: tuple[Numbers, pa.Array], span: tuple[int, int]
) -> tuple[Numbers, pa.Array]:
    """The links of one member in a range of rows, in no order."""
    keep = alone[0] <= span[1]
    rows, keys = [alone[0][keep]], [alone[1].filter(pa.array(keep))]
    for extent in extents:
        if extent.first <= span[1] and extent.last >= span[0]:
            own_rows, own_keys = _links_between(shelf, extent, *span)
            rows.append(own_rows)
            keys.append(own_keys)
    return np.concatenate(rows), pa.concat_arrays(keys)


def _aligned(rows: Numbers, own: Numbers, keys: pa.Array) -> pa.Array:
    """The keys at the places of their rows."""
    at = np.zeros(len(rows), dtype=np.int64)
    absent = np.ones(len(rows), dtype=np.bool_)
    places = np.searchsorted(rows, own)
    at[places] = np.arange(len(own))
    absent[places] = False
    return pc.take(keys, pa.array(at, mask=absent))


def _links_between(shelf: Shelf, extent: Extent, first: int, last: int) -> tuple[Numbers, pa.Array]:
    """The links of a segment that count, in a range of rows."""
    rows = shelf.rows(extent)
    start, end = int(np.searchsorted(rows, first)), int(np.searchsorted(rows, last, "right"))
    keys = shelf.keys(extent)
    rows, values = rows[start:end], keys.values.slice(start, end - start)
    visible = shelf.visible(extent)
    keep = np.asarray(values.is_valid())
    if visible is not None:
        keep = keep & visible[start:end]
    if not keep.all():
        rows, values = rows[keep], values.filter(pa.array(keep))
    return rows, strings(values)


def count_rows(database: Database, shelf: Shelf, mapping: str, members: Sequence[str], *, keys_min: int) -> int:
    """How many rows have keys at so many members or more.

    What stands alone is counted by the database; then each range of rows that segments touch is put right. A segment
    that is alone in its range and whole was counted when it was put."""
    ((total,),) = database.rows(_COUNT_ALONE, mapping, keys_min)
    extents = {member: shelf.links(mapping, member) for member in members}
    whole = {number: counts[keys_min - 1] for number, *counts in database.rows(_WHOLE, mapping)}
    for group in _groups([extent for some in extents.values() for extent in some]):
        first, last = min(one.first for one in group), max(one.last for one in group)
        single = group[0].segment
        is_alone = single in whole and all(one.segment == single for one in group)
        if is_alone and not any(database.row(_BETWEEN, mapping, member, first, last) for member in members):
            total += whole[single]
            continue
        alone = [row for member in members for (row,) in database.rows(_ROWS_ALONE, mapping, member, first, last)]
        held = [_linked_rows(shelf, extent) for extent in group]
        total += _repeated(np.concatenate([np.array(alone, dtype=np.int64), *held]), keys_min)
        total -= _repeated(np.array(alone, dtype=np.int64), keys_min)
    return int(total)


def _groups(extents: list[Extent]) -> Iterator[list[Extent]]:
    """The segments whose ranges touch each other, together."""
    group: list[Extent] = []
    for extent in sorted(extents, key=lambda one: one.first):
        if group and extent.first > max(one.last for one in group):
            yield group
            group = []
        group.append(extent)
    if group:
        yield group


def _linked_rows(shelf: Shelf, extent: Extent) -> Numbers:
    keep = np.asarray(shelf.keys(extent).values.is_valid())
    visible = shelf.visible(extent)
    return shelf.rows(extent)[keep if visible is None else keep & visible]


def _repeated(rows: Numbers, times: int) -> int:
    """How many different numbers occur so often or more."""
    return int((np.unique(rows, return_counts=True)[1] >= times).sum())


def linked(keys: Sequence[Keys], times: int) -> int:
    """How many places have a key at so many members or more."""
    if not keys:
        return 0
    return int((np.sum([np.asarray(one.values.is_valid()) for one in keys], axis=0) >= times).sum())
