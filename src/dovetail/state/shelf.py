"""The live segments of the state: which there are, and what each holds, unpacked once and kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dovetail.state import segment as kept
from dovetail.state.database import Database, Row
from dovetail.state.dialect import Load
from dovetail.state.faults import damaged
from dovetail.state.planes import Cells, Numbers
from dovetail.state.segment import BASE, ROWS, Keys, Summary
from dovetail.state.sieve import Sieve

CACHE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes at most of unpacked parts that are kept in memory."""

GONE_LIST_MAX = 500
"""Rows at most that are asked for one by one, where the rows of a segment that are gone are looked up."""

_LINKS = """SELECT s.segment_id, s.first_row, s.last_row, s.row_count, k.gone, r.checksum, p.checksum, s.layout_id,
    k.link_count, k.lowest, k.highest, k.lowest_text, k.highest_text
FROM segment_links k JOIN segments s ON s.segment_id = k.segment_id
JOIN segment_parts r ON r.segment_id = s.segment_id AND r.name = 'rows'
JOIN segment_parts p ON p.segment_id = s.segment_id AND p.name = ?
WHERE k.mapping = ? AND k.member = ? AND s.is_live = 1 AND k.link_count > k.gone
ORDER BY s.first_row, s.segment_id"""
_BASES = """SELECT s.segment_id, s.first_row, s.last_row, s.row_count, s.base_gone, r.checksum, p.checksum, s.layout_id
FROM segments s
JOIN segment_parts r ON r.segment_id = s.segment_id AND r.name = 'rows'
JOIN segment_parts p ON p.segment_id = s.segment_id AND p.name = 'base'
WHERE s.mapping = ? AND s.is_live = 1 AND s.layout_id IS NOT NULL AND s.row_count > s.base_gone
ORDER BY s.first_row, s.segment_id"""
_PART = "SELECT checksum, content FROM segment_parts WHERE segment_id = ? AND name = ?"
_IS_THERE = "SELECT 1 FROM segment_parts WHERE segment_id = ? AND name = ?"
_GONE = "SELECT row_id FROM segment_gone WHERE segment_id = ? AND member = ? ORDER BY row_id"
_GONE_SOME = """SELECT row_id FROM segment_gone WHERE segment_id = ? AND member = ? AND row_id IN BIGINTS(?)
ORDER BY row_id"""
_GONE_ADD = Load("segment_gone", (("segment_id", "BIGINT"), ("member", "TEXT"), ("row_id", "BIGINT")))
_GONE_ALL = "DELETE FROM segment_gone WHERE segment_id = ? AND member = ?"
_LINKS_GONE = "UPDATE segment_links SET gone = gone + ? WHERE mapping = ? AND member = ? AND segment_id = ?"
_BASE_GONE = "UPDATE segments SET base_gone = base_gone + ? WHERE segment_id = ?"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Extent:
    """One live segment as a member's links or the base see it. `gone` is how many of its rows no longer count there.

    `member` is empty for the base. The checksums say which content of the parts is meant."""

    mapping: str
    member: str
    segment: int
    first: int
    last: int
    rows: int
    gone: int
    rows_sum: int
    part_sum: int
    layout: int | None
    summary: Summary

    @property
    def live(self) -> int:
        """How many rows count."""
        return self.summary.count - self.gone


class Shelf:
    """Parts of live segments. What a part holds never changes, so what was unpacked stays right however many processes
    write; which segments are live is asked each time."""

    def __init__(self, database: Database, *, cache_bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._database = database
        self._bytes_max = cache_bytes_max
        self._cache: OrderedDict[tuple[int, str, int], tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._sieves: dict[tuple[str, str], Sieve] = {}

    def links(self, mapping: str, member: str) -> tuple[Extent, ...]:
        """The segments that hold links of a member, by their first row."""
        found = self._database.rows(_LINKS, part_of(member), mapping, member)
        return tuple(_extent((mapping, member, *row[:8], Summary(*row[8:]))) for row in found)

    def bases(self, mapping: str) -> tuple[Extent, ...]:
        """The segments that hold a base, by their first row."""
        found = self._database.rows(_BASES, mapping)
        return tuple(_extent((mapping, "", *row, Summary(row[3]))) for row in found)

    def rows(self, extent: Extent) -> Numbers:
        """The row numbers, ascending."""
        return self._part(extent.segment, ROWS, extent.rows_sum, kept.read_rows)

    def keys(self, extent: Extent) -> Keys:
        """The keys, row by row."""
        name = part_of(extent.member)
        return self._part(extent.segment, name, extent.part_sum, lambda content: kept.read_keys(content, extent.rows))

    def hashes(self, extent: Extent) -> kept.KeyHashes:
        """The hashes of the keys, ascending; only of a segment whose keys are texts."""
        return self._part(extent.segment, f"hashes {extent.member}", extent.part_sum, kept.read_hashes)

    def sieve(self, extents: Sequence[Extent]) -> Sieve:
        """What is known at once of the keys of all those segments, which are one member's."""
        sieve = self._sieves.setdefault((extents[0].mapping, extents[0].member), Sieve())
        by_part = {(extent.segment, extent.part_sum): extent for extent in extents}
        for part in sieve.missing(by_part):
            sieve.tell(part, self.hashes(by_part[part]).heads)
        return sieve

    def cells(self, extent: Extent) -> Cells:
        """The base, row by row."""
        return self._part(extent.segment, BASE, extent.part_sum, kept.read_cells)

    def gone(self, extent: Extent, rows: Numbers | None = None) -> Numbers:
        """The rows that no longer count, at least those of the ones asked for."""
        if not extent.gone:
            return np.zeros(0, dtype=np.int64)
        if rows is not None and len(rows) <= GONE_LIST_MAX:
            found = self._database.rows(_GONE_SOME, extent.segment, extent.member, rows.tolist())
        else:
            found = self._database.rows(_GONE, extent.segment, extent.member)
        return np.fromiter((row for (row,) in found), np.int64, len(found))

    def visible(self, extent: Extent) -> npt.NDArray[np.bool_] | None:
        """Which places count; `None` where all do."""
        gone = self.gone(extent)
        return ~among(self.rows(extent), gone) if len(gone) else None

    def bury(self, extent: Extent, rows: Numbers) -> None:
        """Let those rows no longer count; each counts until now. Where none is left, the number of those gone says it
        all."""
        if not len(rows):
            return
        with self._database.transaction():
            if len(rows) == extent.live:
                self._database.run(_GONE_ALL, extent.segment, extent.member)
            else:
                marks = ((extent.segment, extent.member, row) for row in rows.tolist())
                self._database.load(_GONE_ADD, marks)
            if extent.member:
                self._database.run(_LINKS_GONE, len(rows), extent.mapping, extent.member, extent.segment)
            else:
                self._database.run(_BASE_GONE, len(rows), extent.segment)

    def created(self, segment: int, member: str, row: int | None) -> list[tuple[int, str]]:
        """The rows with a key at a member that a segment was put with, that one or all; nothing where the segment was
        dropped."""
        if self._database.row(_IS_THERE, segment, part_of(member)) is None:
            return []
        rows = self.opened(segment, ROWS, kept.read_rows)
        keys = self.opened(segment, part_of(member), lambda content: kept.read_keys(content, len(rows)))
        at = np.flatnonzero(rows == row) if row is not None else np.arange(len(rows))
        links = zip(rows[at].tolist(), keys.taken(at).to_pylist(), strict=True)
        return [(number, key) for number, key in links if key is not None]

    def content(self, segment: int, name: str) -> bytes:
        """The bytes of a part; a `StateFault` where they are not what was put."""
        found = self._database.row(_PART, segment, name)
        if found is None:
            raise damaged(self._database.place, f"part {name} of segment {segment} is missing")
        if kept.checksum(found[1], f"{segment} {name}") != found[0]:
            raise damaged(self._database.place, f"part {name} of segment {segment} was changed")
        return bytes(found[1])

    def opened(self, segment: int, name: str, read: Callable[[bytes], T]) -> T:
        """A part unpacked; a `StateFault` where it cannot be."""
        content = self.content(segment, name)
        try:
            return read(content)
        except (ValueError, KeyError, IndexError, TypeError, OSError) as error:
            raise damaged(self._database.place, f"part {name} of segment {segment} cannot be read") from error

    def _part(self, segment: int, name: str, total: int, read: Callable[[bytes], T]) -> T:
        place = (segment, name, total)
        if place in self._cache:
            self._cache.move_to_end(place)
            return self._cache[place][0]  # type: ignore[no-any-return]
        found = self.opened(segment, name, read)
        self._keep(place, found)
        return found

    def _keep(self, place: tuple[int, str, int], found: Any) -> None:
        size = int(found.nbytes)
        if size > self._bytes_max:
            return
        self._cache[place] = (found, size)
        self._bytes += size
        while self._bytes > self._bytes_max:
            _, (_, freed) = self._cache.popitem(last=False)
            self._bytes -= freed


def _extent(parts: Row) -> Extent:
    return Extent(*parts)


def part_of(member: str) -> str:
    """The name of the part with a member's keys."""
    return f"keys {member}"


def among(values: Numbers, some: Numbers) -> npt.NDArray[np.bool_]:
    """Which of the values are among some others; `some` ascends."""
    if not len(some):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(some, values), len(some) - 1)
    return np.asarray(some[at] == values)
