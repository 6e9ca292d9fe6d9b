"""Every value written, with what stood there before, why, and by which run."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.model.change import Verb
from dovetail.state import columnar, lossless
from dovetail.state.columnar import Changed, Changes
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

PRUNED_MAX = 1_000
"""Blocks at most that are forgotten in one transaction."""

_LEVEL = 6
_PACKED_MAX = 64 * 1024 * 1024
"""Bytes at most that a block may unpack to."""

_BLOCK = "INSERT INTO journal (block, run_id, written_at, content) VALUES (?, ?, ?, ?)"
_ROWS = Load("journal_rows", (("mark", "BYTES"), ("block", "BIGINT")), "ON CONFLICT DO NOTHING")
_SPAN = "INSERT INTO journal_spans (mapping, first_row, last_row, block) VALUES (?, ?, ?, ?)"
_KEYS = Load("journal_keys", (("mark", "BYTES"), ("row_id", "BIGINT"), ("block", "BIGINT")), "ON CONFLICT DO NOTHING")
_ROW_OF_KEY = "SELECT row_id FROM journal_keys WHERE mark = ? ORDER BY block DESC LIMIT 1"
_OPEN = "INSERT INTO journal_open (part, chunk, block, entries) VALUES (?, ?, ?, ?)"
_OPEN_OF = "SELECT block, entries FROM journal_open WHERE part = ? AND chunk = ?"
_SURE = "DELETE FROM journal_open WHERE part = ? AND chunk = ?"
_AGAIN = "UPDATE journal_open SET chunk = ? WHERE part = ? AND chunk = ?"
_BROKEN = "SELECT block FROM journal_open WHERE part = ?"
_VOID = Load("journal_void", (("block", "BIGINT"), ("row_id", "BIGINT")), "ON CONFLICT DO NOTHING")
_CONTENT = "SELECT run_id, content FROM journal WHERE block = ?"
_FORGET = tuple(
    f"DELETE FROM {table} WHERE block IN BIGINTS(?)"  # noqa: S608 - constants of this file
    for table in ("journal_rows", "journal_spans", "journal_keys", "journal_void", "journal_open", "journal")
)
_HISTORY = """SELECT block, run_id, written_at, content,
    EXISTS (SELECT 1 FROM journal_open o WHERE o.block = journal.block)
FROM journal WHERE block IN (
    SELECT block FROM journal_rows WHERE mark = ?
    UNION
    SELECT block FROM journal_spans WHERE mapping = ? AND first_row <= ? AND last_row >= ?)
AND NOT EXISTS (SELECT 1 FROM journal_void v WHERE v.block = journal.block AND v.row_id = ?)
ORDER BY block DESC"""
_OF_RUN = """SELECT block, run_id, written_at, content,
    EXISTS (SELECT 1 FROM journal_open o WHERE o.block = journal.block)
FROM journal WHERE run_id = ? ORDER BY block DESC"""
_VOIDS = """SELECT v.block, v.row_id FROM journal_void v JOIN journal j ON j.block = v.block WHERE j.run_id = ?"""
_SEGMENT = "SELECT segment_id, mapping, first_row, last_row FROM segments WHERE part = ? AND chunk = ?"
_OLD = "SELECT block FROM journal WHERE written_at < ? LIMIT ?"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One write to one row at one member.

    `before` holds what the fields held, `after` what they were given. `rules` says by shared field what decided (under
    an empty name: about the row as a whole), `losing` by shared field and member the values that lost. `chunk` is given
    where a bulk create kept no values."""

    row: int
    member: str
    verb: Verb
    key: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    rules: Mapping[str, str] | None = None
    losing: Mapping[str, Mapping[str, object]] | None = None
    chunk: int | None = None


@dataclass(frozen=True, slots=True)
class Journaled:
    """An entry with the run that wrote it, and when. `is_sure` is false where nobody knows yet whether the target took
    it."""

    mapping: str
    entry: JournalEntry
    run: str
    at: dt.datetime
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Chunked:
    """The chunk of a partition that carries what is journaled: as long as it is not confirmed, nothing of it is sure,
    and when it is dropped, nothing of it is told."""

    partition: str
    chunk: int


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

    def append(
        self, run: str, mapping: str, entries: Sequence[JournalEntry], *, carried: Chunked | None = None
    ) -> None:
        """Add entries; they are durable when this returns, or when the surrounding transaction commits."""
        with self._database.transaction():
            for start in range(0, len(entries), ENTRIES_MAX):
                some = entries[start : start + ENTRIES_MAX]
                block = self._add(run, {"mapping": mapping, "entries": [_document(entry) for entry in some]})
                marks = {self._mark(mapping, entry.row) for entry in some}
                self._database.load(_ROWS, ((mark, block) for mark in marks))
                self._carry(block, len({entry.row for entry in some}), carried)

    def append_changes(self, run: str, mapping: str, changes: Changes, *, carried: Chunked | None = None) -> None:
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
            self._carry(block, len(changes.rows), carried)

    def append_created(self, run: str, mapping: str, created: Created, *, carried: Chunked | None = None) -> None:
        """Add a bulk create: keys and chunk, no values. Cheap where row numbers follow each other."""
        links = sorted(zip(listed(created.rows), listed(created.keys), strict=True))
        with self._database.transaction():
            for start in range(0, len(links), CREATED_MAX):
                some = links[start : start + CREATED_MAX]
                document = {"mapping": mapping, "member": created.member, "chunk": created.chunk, "created": some}
                block = self._add(run, document)
                self._database.run(_SPAN, mapping, some[0][0], some[-1][0], block)
                self._carry(block, len(some), carried)

    def remember_keys(self, mapping: str, member: str, links: Iterable[tuple[int, str]], *, carried: Chunked) -> None:
        """Let rows that are about to lose their links be found by the keys that they had."""
        found = self._database.row(_OPEN_OF, carried.partition, carried.chunk)
        if found is not None:
            block = found[0]
            self._database.load(_KEYS, ((self._key_mark(mapping, member, key), row, block) for row, key in links))

    def _carry(self, block: int, entries: int, carried: Chunked | None) -> None:
        if carried is not None:
            self._database.run(_OPEN, carried.partition, carried.chunk, block, entries)

    def confirm(self, carried: Chunked, rows: Collection[int]) -> None:
        """The target holds what this chunk wrote of these rows; nothing was written of its other rows."""
        with self._database.transaction():
            blocks = self._database.rows(_OPEN_OF, carried.partition, carried.chunk)
            if not blocks:
                return
            if sum(entries for _, entries in blocks) != len(rows):
                for block, _ in blocks:
                    run, content = self._database.rows(_CONTENT, block)[0]
                    found = self._opened([(block, run, self._database.now(), content, 0)], None)
                    others = {one.entry.row for one in found} - set(rows)
                    self._database.load(_VOID, ((block, row) for row in others))
            self._database.run(_SURE, carried.partition, carried.chunk)

    def carry_again(self, carried: Chunked, chunk: int) -> None:
        """What a chunk was to write is tried again as another one."""
        self._database.run(_AGAIN, chunk, carried.partition, carried.chunk)

    def drop(self, partition: str) -> None:
        """Forget what chunks of a partition were to write that are not confirmed: the target never took them."""
        with self._database.transaction():
            self._forget([block for (block,) in self._database.rows(_BROKEN, partition)])

    def _forget(self, blocks: Sequence[int]) -> None:
        if blocks:
            for statement in _FORGET:
                self._database.run(statement, blocks)

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
        found = self._database.rows(_HISTORY, self._mark(mapping, row), mapping, row, row, row)
        return tuple(self._opened(found, row))

    def of_run(self, run: str) -> tuple[Journaled, ...]:
        """Every entry of one run, newest first."""
        voids = set(self._database.rows(_VOIDS, run))
        found = self._database.rows(_OF_RUN, run)
        return tuple(
            one
            for block in found
            for one in self._opened([block], None)
            if not voids or (block[0], one.entry.row) not in voids
        )

    def row_of_key(self, mapping: str, member: str, key: str) -> int | None:
        """The shared row that had this key when it was last deleted, `None` where none had."""
        found = self._database.row(_ROW_OF_KEY, self._key_mark(mapping, member, key))
        return int(found[0]) if found else None

    def prune(self, before: dt.datetime) -> int:
        """Forget the blocks written before that time; the number of blocks that are gone."""
        gone = 0
        while True:
            with self._database.transaction():
                blocks = [block for (block,) in self._database.rows(_OLD, stamp(before), PRUNED_MAX)]
                self._forget(blocks)
            gone += len(blocks)
            if len(blocks) < PRUNED_MAX:
                return gone

    def _mark(self, mapping: str, row: int) -> bytes:
        return self._seal.mark("journal", mapping, str(row))

    def _key_mark(self, mapping: str, member: str, key: str) -> bytes:
        return self._seal.mark("journal key", mapping, member, key)

    def _opened(self, blocks: Sequence[Row], row: int | None) -> list[Journaled]:
        """The entries of those blocks, about that row or about any; the last of a block first."""
        opened: list[Journaled] = []
        for block, run, at, content, is_open in blocks:
            packed = self._seal.open(content, f"journal {block} {run}")
            if packed.startswith(columnar.MARK):
                said = columnar.about(packed)
                name, entries = said["mapping"], _changes(said, columnar.unpack(packed, row))
            else:
                document = lossless.read(zlib.decompressobj().decompress(packed, _PACKED_MAX).decode())
                name = document["mapping"]
                entries = self._in_segment(document, row) if "segment" in document else _entries(document, row)
            opened += [Journaled(name, entry, run, moment(at), not is_open) for entry in reversed(entries)]
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
        entry.rules,
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
        JournalEntry(number, member, Verb(verb), key, before, after, rules or None, losing or None, chunk)
        for number, member, verb, key, before, after, rules, losing, chunk in document["entries"]
        if row in (None, number)
    ]


def _changes(said: Mapping[str, Any], changes: Sequence[Changed]) -> list[JournalEntry]:
    return [
        JournalEntry(
            row=one.row,
            member=said["member"],
            verb=Verb(said["verb"]),
            key=one.key,
            before=one.before,
            after=one.after,
            rules=one.rules,
            losing=one.losing,
            chunk=said["chunk"],
        )
        for one in changes
    ]
