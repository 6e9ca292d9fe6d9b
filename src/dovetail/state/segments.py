"""Segments: whole chunks of a bulk load, put before the target commits and live once it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dovetail.errors import StateFault
from dovetail.state import segment as kept
from dovetail.state.base import Base
from dovetail.state.crossref import Crossref, order_of
from dovetail.state.database import Database
from dovetail.state.faults import damaged, misused, not_one_to_one
from dovetail.state.keyset import KeySet, strings
from dovetail.state.planes import Numbers
from dovetail.state.segment import BASE, ROWS, Keys, Segment
from dovetail.state.shelf import Shelf, part_of
from dovetail.state.spans import as_numbers, linked

_PUT = """INSERT INTO segments (segment_id, mapping, part, chunk, is_live, first_row, last_row, row_count, linked,
    paired, layout_id, base_gone, turn, place, counts, put_at)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"""
_TURN = "SELECT turn FROM segments WHERE segment_id = ?"
_PART = "INSERT INTO segment_parts (segment_id, name, checksum, content) VALUES (?, ?, ?, ?)"
_LINKS = """INSERT INTO segment_links (mapping, member, segment_id, link_count, gone, lowest, highest, lowest_text,
    highest_text) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)"""
_FIND = "SELECT segment_id, mapping, is_live FROM segments WHERE part = ? AND chunk = ?"
_READ = "SELECT mapping, row_count, layout_id, place, counts FROM segments WHERE segment_id = ?"
_NAMES = "SELECT name FROM segment_parts WHERE segment_id = ? ORDER BY name"
_LIVE = "UPDATE segments SET is_live = 1 WHERE segment_id = ?"
_PENDING = "SELECT chunk FROM segments WHERE part = ? AND is_live = 0 ORDER BY chunk"
_LAST = """SELECT chunk, place, counts FROM segments WHERE part = ? AND is_live = 1 ORDER BY chunk DESC LIMIT 1"""
_DROP = (
    "DELETE FROM segment_parts WHERE segment_id = ?",
    "DELETE FROM segment_links WHERE segment_id = ?",
    "DELETE FROM segment_gone WHERE segment_id = ?",
    "DELETE FROM segments WHERE segment_id = ?",
)
_SAID = """SELECT link_count, lowest, highest, lowest_text, highest_text FROM segment_links
WHERE segment_id = ? AND member = ?"""
_EVERY = "SELECT segment_id FROM segments ORDER BY segment_id"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a load of a partition has come: its last live chunk, and what that chunk said of place and counts."""

    chunk: int
    place: bytes
    counts: dict[str, int]


class Segments:
    """Chunks of bulk loads. A pending one is the intent of its chunk, and nobody sees it; a live one is read by
    cross-reference, base and journal as if its rows had been written one by one."""

    def __init__(self, database: Database, shelf: Shelf, crossref: Crossref, base: Base) -> None:
        self._database = database
        self._shelf = shelf
        self._crossref = crossref
        self._base = base

    def put(self, partition: str, chunk: int, segment: Segment) -> None:
        """Keep what is about to be written; a pending one of the same number is replaced.

        A `StateFault` where rows or keys repeat, or where a link that stands already is in the way."""
        with self._database.transaction():
            self._make_room(partition, chunk)
            self._write(self._database.draw("segment"), partition, chunk, segment)

    def _write(self, number: int, partition: str, chunk: int, segment: Segment) -> None:
        rows = self._sound(segment)
        turn: int | None = self._database.draw(order_of(segment.mapping), 0)
        layout = None if segment.layout is None else self._base.layout(segment.mapping, segment.layout)
        parts = {ROWS: kept.rows_part(rows)}
        every = {member: kept.keys_of(given) for member, given in segment.keys.items()}
        for member, keys in every.items():
            present = kept.asked(keys)
            if len(self._standing(segment.mapping, member, rows, (keys, present))):
                turn = None
            parts |= self._link(segment.mapping, member, number, keys=keys, present=present)
        if layout is not None:
            parts[BASE] = kept.cells_part(segment.marks)
        parts |= {f"digests {member}": kept.digests_part(own) for member, own in segment.digests.items()}
        for name, part in parts.items():
            self._database.run(_PART, number, name, kept.checksum(part, f"{number} {name}"), part)
        span = (int(rows[0]), int(rows[-1])) if len(rows) else (0, 0)
        counted = (len(rows), linked(list(every.values()), 1), linked(list(every.values()), 2))
        told = (segment.place, json.dumps(dict(segment.counts)), self._database.now())
        self._database.run(_PUT, number, segment.mapping, partition, chunk, *span, *counted, layout, turn, *told)

    def _link(self, mapping: str, member: str, number: int, *, keys: Keys, present: KeySet) -> dict[str, bytes]:
        """Note the links of one member, and give back its parts; a `StateFault` where a key stands twice."""
        said, found = kept.summary(keys, present)
        if said.repeated:
            raise not_one_to_one(f"{mapping}.{member}", said.repeated)
        ends = (said.lowest, said.highest, said.lowest_text, said.highest_text)
        self._database.run(_LINKS, mapping, member, number, said.count, *ends)
        parts = {part_of(member): kept.keys_part(keys)}
        if found is not None:
            parts[f"hashes {member}"] = kept.hashes_part(found)
        return parts

    def _sound(self, segment: Segment) -> Numbers:
        """The row numbers; raises unless they ascend and everything has as many places."""
        rows = as_numbers(segment.rows)
        lengths = {len(own) for own in (*segment.keys.values(), *segment.digests.values())}
        if segment.layout is not None:
            lengths.add(len(segment.marks))
        if not lengths <= {len(rows)} or not (rows[1:] > rows[:-1]).all():
            raise misused(self._database.place, "the rows of a segment do not ascend, or its columns are not as long")
        return rows

    def _make_room(self, partition: str, chunk: int) -> None:
        found = self._database.row(_FIND, partition, chunk)
        if found is not None and found[2]:
            raise misused(self._database.place, f"chunk {chunk} of {partition} is live and cannot be put again")
        if found is not None:
            self._forget(found[0])

    def _standing(self, mapping: str, member: str, rows: Numbers, keys: tuple[Keys, KeySet]) -> Numbers:
        """The rows whose link stands already; a `StateFault` where another link is in the way."""
        own = rows[np.asarray(keys[0].values.is_valid())]
        return np.asarray(own[self._crossref.standing(mapping, member, own, keys[1])])

    def confirm(self, partition: str, chunk: int, *, without: Sequence[int] = ()) -> bool:
        """Let a segment live, without the rows at those positions; `False` where there is none. Doing it twice equals
        once."""
        with self._database.transaction():
            found = self._database.row(_FIND, partition, chunk)
            if found is None or found[2]:
                return found is not None
            number, mapping, _ = found
            if len(without):
                rest = self._read(number).without(np.array(without, dtype=np.int64))
                self._forget(number)
                self._write(number, partition, chunk, rest)
            self._settle(number, mapping, self._database.draw(order_of(mapping)))
            self._database.run(_LIVE, number)
        return True

    def _settle(self, number: int, mapping: str, turn: int) -> None:
        """Give what stands alone or in other segments up to this one, so that everything stands in one place.

        Nothing stands in its way where nothing was linked since it was put."""
        rows = self._shelf.opened(number, ROWS, kept.read_rows)
        names = [name for (name,) in self._database.rows(_NAMES, number)]
        if self._database.row(_TURN, number) != (turn,):
            for member in [name.removeprefix(part_of("")) for name in names if name.startswith(part_of(""))]:
                own = self._shelf.opened(number, part_of(member), lambda part: kept.read_keys(part, len(rows)))
                standing = self._standing(mapping, member, rows, (own, kept.asked(own)))
                if len(standing):
                    self._crossref.unlink(mapping, pa.array(standing), member=member)
        if BASE in names:
            self._base.replace(mapping, rows)

    def drop(self, partition: str, chunk: int) -> None:
        """Forget a pending segment, which the target never committed."""
        with self._database.transaction():
            self._make_room(partition, chunk)

    def _forget(self, number: int) -> None:
        for statement in _DROP:
            self._database.run(statement, number)

    def pending(self, partition: str) -> tuple[int, ...]:
        """The chunks that are put and neither confirmed nor dropped."""
        return tuple(chunk for (chunk,) in self._database.rows(_PENDING, partition))

    def last(self, partition: str) -> Standing | None:
        """The last live chunk of a partition, `None` where there is none."""
        found = self._database.row(_LAST, partition)
        return None if found is None else Standing(int(found[0]), bytes(found[1]), json.loads(found[2]))

    def get(self, partition: str, chunk: int) -> Segment | None:
        """A segment as it was put, pending or live; what was unlinked since is still in it."""
        with self._database.reading():
            found = self._database.row(_FIND, partition, chunk)
            return None if found is None else self._read(found[0])

    def _read(self, number: int) -> Segment:
        found = self._database.row(_READ, number)
        assert found is not None
        mapping, count, layout, place, counts = found
        names = [name for (name,) in self._database.rows(_NAMES, number)]
        keys, digests = {}, {}
        for name in names:
            kind, _, member = name.partition(" ")
            if kind == "keys":
                own = self._shelf.opened(number, name, lambda part: kept.read_keys(part, count))
                keys[member] = strings(own.values)
            elif kind == "digests":
                digests[member] = self._shelf.opened(number, name, lambda part: kept.read_digests(part, count))
        return Segment(
            mapping=mapping,
            rows=pa.array(self._shelf.opened(number, ROWS, kept.read_rows)),
            keys=keys,
            layout=None if layout is None else self._base.layouts(mapping)[layout],
            marks=self._shelf.opened(number, BASE, kept.read_cells) if layout is not None else kept.NOTHING,
            digests=digests,
            place=bytes(place),
            counts=json.loads(counts),
        )

    def examine(self) -> str:
        """What is wrong with any segment; empty when nothing is. Reads all of them."""
        for (number,) in self._database.rows(_EVERY):
            try:
                segment = self._read(number)
                self._sound(segment)
                for member, keys in segment.keys.items():
                    self._describes(number, member, kept.keys_of(keys))
            except StateFault as fault:
                return str(fault)
        return ""

    def _describes(self, number: int, member: str, keys: Keys) -> None:
        """Raise unless what is said of a member's keys is true of them."""
        said, found = kept.summary(keys, kept.asked(keys))
        row = self._database.row(_SAID, number, member)
        is_true = row == (said.count, said.lowest, said.highest, said.lowest_text, said.highest_text)
        if found is not None:
            hashes = self._shelf.opened(number, f"hashes {member}", kept.read_hashes)
            is_true = is_true and bool(hashes.among(found).all())
        if not is_true:
            raise damaged(self._database.place, f"segment {number} is not what is said of its keys")
