"""What the members last agreed on: one packed row of fingerprints for each shared row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.merge.packed import CELL
from dovetail.state.database import Database, Row, Rows, listed
from dovetail.state.dialect import Load
from dovetail.state.planes import Cells, Flags, Numbers
from dovetail.state.shelf import Extent, Shelf, among
from dovetail.state.spans import as_numbers

_SAVE = Load(
    "agreed",
    (("mapping", "TEXT"), ("row_id", "BIGINT"), ("layout_id", "BIGINT"), ("packed", "BYTES")),
    "ON CONFLICT (mapping, row_id) DO UPDATE SET layout_id = excluded.layout_id, packed = excluded.packed",
)
_ALL = "SELECT row_id, layout_id, packed FROM agreed WHERE mapping = ? ORDER BY row_id"
_SOME = "SELECT row_id, layout_id, packed FROM agreed WHERE mapping = ? AND row_id IN BIGINTS(?) ORDER BY row_id"
_BETWEEN = "SELECT row_id FROM agreed WHERE mapping = ? AND row_id BETWEEN ? AND ? ORDER BY row_id"
_ANY = "SELECT 1 FROM agreed WHERE mapping = ? AND row_id BETWEEN ? AND ? LIMIT 1"
_COUNT = "SELECT count(*) FROM agreed WHERE mapping = ?"
_REMOVE = "DELETE FROM agreed WHERE mapping = ? AND row_id IN BIGINTS(?)"
_LAYOUT = "SELECT layout_id FROM layouts WHERE mapping = ? AND digest = ?"
_LAYOUT_NEW = "INSERT INTO layouts (layout_id, mapping, digest, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LAYOUTS = "SELECT layout_id, document FROM layouts WHERE mapping = ? ORDER BY layout_id"
_WORDS_SAVE = Load(
    "agreed_words",
    (("mapping", "TEXT"), ("row_id", "BIGINT"), ("member", "TEXT"), ("field", "TEXT"), ("words", "BYTES")),
    "ON CONFLICT (mapping, row_id, member, field) DO UPDATE SET words = excluded.words",
)
_WORDS = """SELECT row_id, member, field, words FROM agreed_words
WHERE mapping = ? AND row_id IN BIGINTS(?) ORDER BY row_id, member, field"""
_WORDS_REMOVE = "DELETE FROM agreed_words WHERE mapping = ? AND row_id IN BIGINTS(?)"


@dataclass(frozen=True, slots=True)
class Words:
    """The marks of the words that one member last held in a `union` field."""

    row: int
    member: str
    field: str
    marks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Held:
    """The base of some of the rows asked for, all of one layout: their places among those, and for each its cells one
    after the other, field by field and in a field member by member."""

    layout: int
    places: npt.NDArray[np.intp]
    cells: Cells


class Base:
    """One packed row for each shared row: for every member and field a fingerprint and an agreement number, as the
    engine lays them out.

    A *layout* is the document that says how the bytes stand: members, fields, and the digest of the cell that made
    each fingerprint. Rows of several layouts live side by side, so a changed mapping needs no rewriting. The base of a
    row stands in one place: alone, or in a live segment.
    """

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database = database
        self._shelf = shelf

    def layout(self, mapping: str, document: str) -> int:
        """The id of a layout; the same document always has the same one."""
        digest = hashlib.sha256(document.encode()).hexdigest()
        found = self._database.row(_LAYOUT, mapping, digest)
        if found is None:
            with self._database.transaction():
                self._database.run(_LAYOUT_NEW, self._database.draw("layout"), mapping, digest, document)
                found = self._database.row(_LAYOUT, mapping, digest)
        return int(found[0]) if found else 0

    def layouts(self, mapping: str) -> dict[int, str]:
        """Every layout that rows of a mapping may have, by id."""
        return dict(self._database.rows(_LAYOUTS, mapping))

    def save(self, mapping: str, layout: int, rows: Rows, packed: Sequence[bytes] | pa.Array | pa.ChunkedArray) -> None:
        """Keep the packed bytes of each row, in place of what was kept for it."""
        numbers, contents = listed(rows), listed(packed)
        latest = dict(zip(numbers, contents, strict=True))
        with self._database.transaction():
            self._bury(mapping, np.array(sorted(latest), dtype=np.int64))
            saved = zip(repeat(mapping), latest.keys(), repeat(layout), latest.values(), strict=False)
            self._database.load(_SAVE, saved)

    def load(self, mapping: str) -> pa.Table:
        """Every row of a mapping, by number: columns `row` (int64), `layout` (int32), `packed` (binary)."""
        with self._database.reading():
            alone = _table(self._database.rows(_ALL, mapping))
            parts = [_part(extent, *self._held(extent, None)) for extent in self._shelf.bases(mapping)]
        return _by_row([alone, *parts])

    def load_rows(self, mapping: str, rows: Rows) -> pa.Table:
        """As `load`, only those rows; a row that nothing is kept for is left out."""
        numbers = as_numbers(rows)
        if not (np.diff(numbers) > 0).all():
            numbers = np.unique(numbers)
        with self._database.reading():
            alone = _table(self._some(mapping, numbers))
            parts = [_part(extent, *self._held(extent, some)) for extent, some in self._touched(mapping, numbers)]
        return _by_row([alone, *parts])

    def held(self, mapping: str, rows: Rows) -> Iterator[Held]:
        """As `load_rows`, as arrays of cells: for each layout and segment the rows that it has. Each row is asked for
        once at most."""
        numbers = as_numbers(rows)
        order = np.argsort(numbers, kind="stable")
        with self._database.reading():
            found = [
                (extent.layout or 0, *self._held(extent, some))
                for extent, some in self._touched(mapping, numbers[order])
            ]
            alone = self._some(mapping, numbers)
        for layout in sorted({one for _, one, _ in alone}):
            own = [(row, packed) for row, one, packed in alone if one == layout]
            cells = np.frombuffer(b"".join(packed for _, packed in own), dtype=CELL).reshape(len(own), -1)
            found.append((layout, np.array([row for row, _ in own], dtype=np.int64), cells))
        for layout, own_rows, cells in found:
            if len(own_rows):
                yield Held(layout, order[np.searchsorted(numbers[order], own_rows)], cells)

    def _some(self, mapping: str, rows: Numbers) -> list[Row]:
        """Of those rows the ones whose base stands alone."""
        if not len(rows) or self._database.row(_ANY, mapping, int(rows.min()), int(rows.max())) is None:
            return []
        return self._database.rows(_SOME, mapping, rows.tolist())

    def _touched(self, mapping: str, rows: Numbers) -> Iterator[tuple[Extent, Numbers]]:
        """The segments that may have some of those rows, which ascend, and which."""
        for extent in self._shelf.bases(mapping):
            some = rows[np.searchsorted(rows, extent.first) : np.searchsorted(rows, extent.last, "right")]
            if len(some):
                yield extent, some

    def _held(self, extent: Extent, rows: Numbers | None) -> tuple[Numbers, Cells]:
        """The rows of a segment that count, of those asked for or of all, and the cells of each in one line."""
        own, visible = self._shelf.rows(extent), self._shelf.visible(extent)
        keep: Flags | None = visible
        if rows is not None:
            keep = among(own, rows) if visible is None else among(own, rows) & visible
        cells = self._shelf.cells(extent)
        cells = cells.reshape(len(own), cells.shape[1] * cells.shape[2])
        return (own, cells) if keep is None else (own[keep], cells[keep])

    def count(self, mapping: str) -> int:
        """How many rows something is kept for."""
        with self._database.reading():
            found = self._database.row(_COUNT, mapping)
            return int(found[0] if found else 0) + sum(extent.live for extent in self._shelf.bases(mapping))

    def remove(self, mapping: str, rows: Rows) -> None:
        """Forget those rows, their words too."""
        listing = listed(rows)
        with self._database.transaction():
            self._bury(mapping, np.unique(np.array(listing, dtype=np.int64)))
            self._database.run(_REMOVE, mapping, listing)
            self._database.run(_WORDS_REMOVE, mapping, listing)

    def replace(self, mapping: str, rows: Numbers) -> None:
        """Forget what was kept for those rows, which ascend, before a segment brings something newer."""
        if not len(rows):
            return
        with self._database.transaction():
            alone = [row for (row,) in self._database.rows(_BETWEEN, mapping, int(rows[0]), int(rows[-1]))]
            stale = np.array(alone, dtype=np.int64)
            stale = stale[among(stale, rows)]
            if len(stale):
                self._database.run(_REMOVE, mapping, stale.tolist())
            self._bury(mapping, rows)

    def _bury(self, mapping: str, rows: Numbers) -> None:
        """Let the segments' base of those rows no longer count."""
        for extent, some in self._touched(mapping, rows):
            own = self._shelf.rows(extent)
            self._shelf.bury(extent, some[among(some, own) & ~among(some, self._shelf.gone(extent, some))])

    def save_words(self, mapping: str, words: Sequence[Words]) -> None:
        """Keep which words members held in `union` fields."""
        latest = {(one.row, one.member, one.field): sorted(one.marks) for one in words}
        self._database.load(
            _WORDS_SAVE,
            ((mapping, *place, np.array(marks, dtype="<u8").tobytes()) for place, marks in latest.items()),
        )

    def words(self, mapping: str, rows: Rows) -> tuple[Words, ...]:
        """Which words members held in `union` fields of those rows."""
        found = self._database.rows(_WORDS, mapping, listed(rows))
        return tuple(
            Words(row, member, field, frozenset(np.frombuffer(marks, dtype="<u8").tolist()))
            for row, member, field, marks in found
        )


def _table(found: list[Row]) -> pa.Table:
    rows, layouts, packed = zip(*found, strict=True) if found else ((), (), ())
    columns = {"row": pa.array(rows, pa.int64()), "layout": pa.array(layouts, pa.int32())}
    return pa.table({**columns, "packed": pa.array(packed, pa.binary())})


def _part(extent: Extent, rows: Numbers, cells: Cells) -> pa.Table:
    """The base of one segment as a table."""
    width = cells.shape[1] * CELL.itemsize
    offsets = pa.py_buffer((np.arange(len(rows) + 1, dtype=np.int64) * width).astype(np.int32))
    content = pa.py_buffer(np.ascontiguousarray(cells).tobytes())
    packed = pa.Array.from_buffers(pa.binary(), len(rows), [None, offsets, content])
    layouts = pa.array(np.full(len(rows), extent.layout, dtype=np.int32))
    return pa.table({"row": pa.array(rows), "layout": layouts, "packed": packed})


def _by_row(parts: Sequence[pa.Table]) -> pa.Table:
    """All parts together, by row."""
    table = pa.concat_tables(parts)
    rows = table.column("row").to_numpy()
    return table.take(pa.array(np.argsort(rows, kind="stable"))) if (rows[1:] < rows[:-1]).any() else table
