"""Every value written, with what stood there before, why, and by which run."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.model.change import Verb
from dovetail.state import columnar, lossless
from dovetail.state.columnar import Changes
from dovetail.state.database import Database, Keys, Row, Rows, listed, moment, stamp
from dovetail.state.dialect import Load
from dovetail.state.faults import misused
from dovetail.state.seal import Seal
from dovetail.state.shelf import Shelf

ENTRIES_MAX = 200
"""Entries at most in one block."""

CREATED_MAX = 10_000
"""Rows at most in one block of a bulk create."""

SPARSE_MAX = 50
"""Changes that have one row in so many of their span are found by the span."""

_LEVEL = 6
_PACKED_MAX = 64 * 1024 * 1024
"""Bytes at most that a block may unpack to."""

_BLOCK = "INSERT INTO journal (block, run_id, written_at, content) VALUES (?, ?, ?, ?)"
_ROWS = Load("journal_rows", (("mark", "BYTES"), ("block", "BIGINT")), "ON CONFLICT DO NOTHING")
_SPAN = "INSERT INTO journal_spans (mapping, first_row, last_row, block) VALUES (?, ?, ?, ?)"
_HISTORY = """SELECT block, run_id, written_at, content FROM journal WHERE block IN (
    SELECT block FROM journal_rows WHERE mark = ?
    UNION
    SELECT block FROM journal_spans WHERE mapping = ? AND first_row <= ? AND last_row >= ?)
ORDER BY block DESC"""
_OF_RUN = "SELECT block, run_id, written_at, content FROM journal WHERE run_id = ? ORDER BY block DESC"
_SEGMENT = "SELECT segment_id, mapping, first_row, last_row FROM segments WHERE part = ? AND chunk = ?"
_PRUNE_ROWS = "DELETE FROM journal_rows WHERE block IN (SELECT block FROM journal WHERE written_at < ?)"
_PRUNE_SPANS = "DELETE FROM journal_spans WHERE block IN (SELECT block FROM journal WHERE written_at < ?)"
_PRUNE = "DELETE FROM journal WHERE written_at < ?"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One write to one row at one member.

    `before` holds what the fields held, `after` what they were given, `losing` the values of other members that lost,
    and `rule` what decided. `chunk` is given where a bulk create kept no values.
    """

    row: int
    member: str
    verb: Verb
    key: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    rule: str = ""
    losing: Mapping[str, object] | None = None
    chunk: int | None = None


@dataclass(frozen=True, slots=True)
class Journaled:
    """An entry with the run that wrote it, and when."""

    mapping: str
    entry: JournalEntry
    run: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Created:
    """Rows that one chunk of a bulk load created at one member."""

    member: str
    chunk: int
    rows: Rows
    keys: Keys


class Journal:
    """Encrypted blocks that are only added, found by a keyed hash of the row; the state shows neither values nor whose
    they are."""

    def __init__(self, database: Database, seal: Seal, shelf: Shelf) -> None:
        self._database = database
        self._seal = seal
        self._shelf = shelf

    def append(self, run: str, mapping: str, entries: Sequence[JournalEntry]) -> None:
        """Add entries; they are durable when this returns, or when the surrounding transaction commits."""
        with self._database.transaction():
            for start in range(0, len(entries), ENTRIES_MAX):
                some = entries[start : start + ENTRIES_MAX]
                block = self._add(run, {"mapping": mapping, "entries": [_document(entry) for entry in some]})
                marks = {self._mark(mapping, entry.row) for entry in some}
                self._database.load(_ROWS, ((mark, block) for mark in marks))

    def append_changes(self, run: str, mapping: str, changes: Changes) -> None:
        """Add many changes of one shape as one block. Where their rows lie close together they are found by their span,
        else each by its own mark."""
        with self._database.transaction():
            block = self._keep(run, columnar.pack(mapping, changes))
            first, last = int(changes.rows.min()), int(changes.rows.max())
            if last - first < SPARSE_MAX * len(changes.rows):
                self._database.run(_SPAN, mapping, first, last, block)
            else:
                marks = {self._mark(mapping, row) for row in changes.rows.tolist()}
                self._database.load(_ROWS, ((mark, block) for mark in marks))

    def append_created(self, run: str, mapping: str, created: Created) -> None:
        """Add a bulk create: keys and chunk, no values. Cheap where row numbers follow each other."""
        links = sorted(zip(listed(created.rows), listed(created.keys), strict=True))
        with self._database.transaction():
            for start in range(0, len(links), CREATED_MAX):
                some = links[start : start + CREATED_MAX]
                document = {"mapping": mapping, "member": created.member, "chunk": created.chunk, "created": some}
                self._database.run(_SPAN, mapping, some[0][0], some[-1][0], self._add(run, document))

    def append_segment(self, run: str, partition: str, chunk: int, *, member: str) -> None:
        """Add a bulk create at one member whose rows and keys a segment holds: whoever asks is answered from there. The
        rows of a segment that was dropped were never written, and nothing is told of them."""
        with self._database.transaction():
            found = self._database.row(_SEGMENT, partition, chunk)
            if found is None:
                raise misused(self._database.place, f"no segment {chunk} of {partition} to journal")
            number, mapping, first, last = found
            document = {"mapping": mapping, "member": member, "chunk": chunk, "segment": number}
            self._database.run(_SPAN, mapping, first, last, self._add(run, document))

    def _add(self, run: str, document: Mapping[str, object]) -> int:
        return self._keep(run, zlib.compress(lossless.written(document).encode(), _LEVEL))

    def _keep(self, run: str, packed: bytes) -> int:
        block = self._database.draw("block")
        self._database.run(_BLOCK, block, run, self._database.now(), self._seal.close(packed, f"journal {block} {run}"))
        return block

    def history(self, mapping: str, row: int) -> tuple[Journaled, ...]:
        """Every entry about one shared row, newest first."""
        found = self._database.rows(_HISTORY, self._mark(mapping, row), mapping, row, row)
        return tuple(self._opened(found, row))

    def of_run(self, run: str) -> tuple[Journaled, ...]:
        """Every entry of one run, newest first."""
        return tuple(self._opened(self._database.rows(_OF_RUN, run), None))

    def prune(self, before: dt.datetime) -> int:
        """Forget the blocks written before that time; the number of blocks that are gone."""
        limit = stamp(before)
        with self._database.transaction():
            self._database.run(_PRUNE_ROWS, limit)
            self._database.run(_PRUNE_SPANS, limit)
            return self._database.run(_PRUNE, limit)

    def _mark(self, mapping: str, row: int) -> bytes:
        return self._seal.mark("journal", mapping, str(row))

    def _opened(self, blocks: Sequence[Row], row: int | None) -> list[Journaled]:
        """The entries of those blocks, about that row or about any; the last of a block first."""
        opened: list[Journaled] = []
        for block, run, at, content in blocks:
            packed = self._seal.open(content, f"journal {block} {run}")
            if packed.startswith(columnar.MARK):
                said = columnar.about(packed)
                entries = [
                    JournalEntry(
                        one.row, said["member"], Verb(said["verb"]), one.key, one.before, one.after, chunk=said["chunk"]
                    )
                    for one in columnar.unpack(packed, row)
                ]
                opened += [Journaled(said["mapping"], entry, run, moment(at)) for entry in reversed(entries)]
                continue
            document = lossless.read(zlib.decompressobj().decompress(packed, _PACKED_MAX).decode())
            entries = self._in_segment(document, row) if "segment" in document else _entries(document, row)
            opened += [Journaled(document["mapping"], entry, run, moment(at)) for entry in reversed(entries)]
        return opened

    def _in_segment(self, document: Mapping[str, Any], row: int | None) -> list[JournalEntry]:
        found = self._shelf.created(document["segment"], document["member"], row)
        return [
            JournalEntry(number, document["member"], Verb.CREATE, key, chunk=document["chunk"]) for number, key in found
        ]


def _document(entry: JournalEntry) -> list[object]:
    return [
        entry.row,
        entry.member,
        entry.verb,
        entry.key,
        entry.before,
        entry.after,
        entry.rule,
        entry.losing,
        entry.chunk,
    ]


def _entries(document: Mapping[str, Any], row: int | None) -> list[JournalEntry]:
    if "created" in document:
        member, chunk = document["member"], document["chunk"]
        return [
            JournalEntry(number, member, Verb.CREATE, key, chunk=chunk)
            for number, key in document["created"]
            if row in (None, number)
        ]
    return [
        JournalEntry(number, member, Verb(verb), *rest)
        for number, member, verb, *rest in document["entries"]
        if row in (None, number)
    ]
