"""What the server's binary log says, as keys by transaction: nothing but keys is kept."""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct

from dovetail.systems.connectors.mariadb.capture_values import Part, Read, Width, reader, widths

KEYS_MAX = 500_000
"""Rows of one table that are named one by one in one transaction; where there are more, all its rows count as
changed."""

Key = tuple[bytes | None, ...]
"""The parts of a key as the server sends them as text."""

_Readers = list[tuple[int, Read]]

HEAD = Struct("<IBIIIH")
"""Before each event: when, its kind, the server, its length, where the next one begins, flags."""

_QUERY, _ROTATE, _FORMAT, _XID, _LOAD, _MAP, _INCIDENT, _HEARTBEAT = 2, 4, 15, 16, 18, 19, 26, 27
_XA_PREPARE, _GTID = 38, 162
_INSERTS, _UPDATES, _DELETES = (
    frozenset(kinds) for kinds in ((23, 30, 166, 169), (24, 31, 167, 170), (25, 32, 168, 171))
)
_ROWS = _INSERTS | _UPDATES | _DELETES
_SECOND = frozenset({30, 31, 32, 169, 170, 171})
_PRESSED_ROWS = frozenset(range(166, 172))
_PRESSED_QUERY = 165
_SILENT = frozenset({3, 5, 13, 14, 17, 27, 28, 29, 33, 34, 35, 160, 161, 163, 164})
"""Kinds of events that say nothing about rows."""

_SUM_BYTES, _SUMMED = 4, 1
"""A sum stands behind each event where the log's head says so."""

_QUERY_HEAD = Struct("<IIBHH")
_STANDALONE = 1
_ENDS = re.compile(rb"\s*(COMMIT|ROLLBACK)\s*$", re.IGNORECASE)
_TAMED = re.compile(
    rb"\s*(BEGIN|START\s|SAVEPOINT|ROLLBACK|RELEASE|XA\s+(START|END|PREPARE|ROLLBACK)|GRANT|REVOKE|FLUSH|ANALYZE|SET\s|"
    rb"CREATE\s+(OR\s+REPLACE\s+)?(DEFINER\s*=\s*\S+\s+)?(AGGREGATE\s+)?(TRIGGER|USER|ROLE|EVENT|FUNCTION|PROCEDURE)|"
    rb"DROP\s+(TRIGGER|USER|ROLE|EVENT|FUNCTION|PROCEDURE)|ALTER\s+(USER|EVENT|FUNCTION|PROCEDURE)|#)",
    re.IGNORECASE,
)
"""Statements that change no row and no table."""

_XA_COMMIT = re.compile(rb"\s*XA\s+COMMIT", re.IGNORECASE)
_WORDS = re.compile(rb"/\*.*?\*/", re.DOTALL)
_TRUNCATE = re.compile(rb"\s*TRUNCATE", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Watched:
    """A table whose keys are wanted: the columns of its key, where each stands, and how many columns there are."""

    parts: tuple[Part, ...]
    places: tuple[int, ...]
    columns: int


@dataclass(slots=True)
class Told:
    """What one committed transaction changed: keys by table, and tables of which all rows may have changed, with the
    reason. `place` is the file and position behind its end, `begun` when
    that file was; `version` what our own transactions call themselves."""

    place: tuple[str, int] = ("", 0)
    begun: int = 0
    version: str | None = None
    keys: dict[str, list[Key]] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """How many changes it counts as."""
        return len(self.whole) + sum(map(len, self.keys.values()))


@dataclass(frozen=True, slots=True)
class Above:
    """A table whose rows, when they are deleted or get other values in these columns, take rows of others with them,
    which the log does not tell."""

    columns: Watched
    on_delete: frozenset[str]
    on_update: frozenset[str]


@dataclass(slots=True)
class _Map:
    """What the log says of a table before its rows; how its key is read, and what tables below refer to."""

    name: str
    widths: list[Width]
    key: _Readers
    above: _Readers


class Decoder:
    """Takes events in, and has whole transactions ready in `done`, the oldest first.

    `watched` names the tables of the `database`; `own` is the table by which our own transactions name themselves."""

    def __init__(self, database: str, watched: Mapping[str, Watched], own: str, above: Mapping[str, Above]) -> None:
        self.done: deque[Told] = deque()
        self.waiting = 0
        """What the transactions in `done` weigh."""
        self.place = ("", 0)
        """How far the log was taken in."""
        self.begun = 0
        """When the file was begun that is being read."""
        self.first_begun = 0
        """When the file was begun that was read first."""
        self.moved: set[str] = set()
        """Tables that are no longer as they were known."""
        self.lost = ""
        """Why something may have gone unnoticed."""
        self.watched = dict(watched)
        self._database = database.encode()
        self._own = own
        self.above = dict(above)
        self._maps: dict[int, _Map | None] = {}
        self._now = Told()
        self._has_sums = False
        self._is_alone = False
        self._is_open = False

    @property
    def is_within(self) -> bool:
        """Whether a transaction has come in part."""
        return self._is_open

    def take(self, event: bytes) -> None:
        """One event, with its head."""
        when, kind, _, _, end, _ = HEAD.unpack_from(event)
        if _is_summed(event) if kind == _ROTATE else self._has_sums and kind != _FORMAT:
            event = event[:-_SUM_BYTES]
        if kind == _ROTATE:
            self.place = (event[27:].decode(), int.from_bytes(event[19:27], "little"))
            return
        if kind == _HEARTBEAT:
            self.place = (event[19:].decode(errors="replace") or self.place[0], end or self.place[1])
            return
        if end:
            self.place = (self.place[0], end)
        if kind in _ROWS:
            self._rows(kind, event)
        elif kind == _MAP:
            self._map(event)
        elif kind == _GTID:
            self._now, self._is_open = Told(), True
            self._is_alone = bool(event[31] & _STANDALONE)
        elif kind == _XID:
            self._end()
        else:
            self._other(kind, event, when)

    def _other(self, kind: int, event: bytes, when: int) -> None:
        if kind in (_QUERY, _PRESSED_QUERY, _LOAD):
            self._query(_statement(kind, event))
        elif kind == _FORMAT:
            self._has_sums = event[-_SUM_BYTES - 1] == _SUMMED
            self.begun = when or self.begun
            self.first_begun = self.first_begun or self.begun
            self._maps.clear()
        elif kind == _XA_PREPARE:
            is_one_phase = bool(event[19])
            if not is_one_phase:  # its rows are seen with XA COMMIT, and come no more
                self._now = Told()
            self._end()
        elif kind == _INCIDENT:
            self.lost = "the server's log says that changes are missing from it"
        elif kind not in _SILENT:
            self.lost = f"the server's log holds events of a kind that is not known ({kind})"

    def _end(self) -> None:
        told = self._now
        told.place, told.begun = self.place, self.begun
        self._now, self._is_open = Told(), False
        if told.keys or told.whole:
            self.done.append(told)
            self.waiting += told.weight

    def _query(self, statement: bytes) -> None:
        if _ENDS.match(statement):
            self._end()
            return
        if _XA_COMMIT.match(statement):
            for name in self.watched:
                self._all(name, "a transaction was committed in two phases")
        elif not _TAMED.match(statement):
            self._changed(statement)
        if self._is_alone:
            self._end()

    def _changed(self, statement: bytes) -> None:
        """A statement that changes tables, or rows without naming them one by one."""
        text = _WORDS.sub(b" ", statement).lower()
        reason = "it was truncated" if _TRUNCATE.match(statement) else "a statement changed it as a whole"
        for name in self.watched:
            spelled = name.lower().encode()
            if spelled in text or spelled.replace(b"`", b"``") in text or text.lstrip().startswith(b"drop database"):
                self._all(name, reason)
                self.moved.add(name)

    def _all(self, name: str, reason: str) -> None:
        self._now.whole[name] = reason
        self._now.keys.pop(name, None)

    # ---------------------------------------------------------------------------------------------------------- rows

    def _map(self, event: bytes) -> None:
        number = int.from_bytes(event[19:25], "little")
        at = 27
        database, at = _text(event, at)
        table, at = _text(event, at)
        name = table.decode(errors="replace")
        if database != self._database or not (name in self.watched or name == self._own or name in self.above):
            self._maps[number] = None
            return
        count, at = _length(event, at)
        codes = event[at : at + count]
        size, at = _length(event, at + count)
        wide = widths(codes, event[at : at + size])
        above = self.above.get(name)
        self._maps[number] = _Map(
            name, wide, self._key_readers(name, wide), _readers(above.columns, wide) if above is not None else []
        )

    def _key_readers(self, name: str, wide: list[Width]) -> _Readers:
        if name == self._own:
            return [(1, lambda held: held)]
        watched = self.watched.get(name)
        return [] if watched is None else _readers(watched, wide)

    def _rows(self, kind: int, event: bytes) -> None:
        of = self._maps.get(int.from_bytes(event[19:25], "little"))
        if of is None:
            return
        if of.name in self.above:
            self._above(kind, event, of)
        if of.name == self._own:
            *_, (*_, (name,)) = _pairs(kind, event, of.widths, of.key)
            self._now.version = (name or b"").decode()
        elif of.name in self.watched and of.name not in self._now.whole:
            self._watch(kind, event, of)

    def _watch(self, kind: int, event: bytes, of: _Map) -> None:
        """The keys of all rows of one event."""
        if not of.key:
            parts = self.watched[of.name].parts
            self._all(of.name, "its columns changed" if parts else "its rows have no key, and some changed")
            if parts:
                self.moved.add(of.name)
            return
        keys = self._now.keys.setdefault(of.name, [])
        for pair in _pairs(kind, event, of.widths, of.key):
            for key in dict.fromkeys(pair):
                if None in key:
                    self._all(of.name, "a part of its key is missing in the log")
                    return
                keys.append(key)
        if len(keys) > KEYS_MAX:
            self._all(of.name, f"more than {KEYS_MAX} rows changed in one transaction")

    def _above(self, kind: int, event: bytes, of: _Map) -> None:
        """Rows that others hang below were deleted, or others hang below them now."""
        above = self.above[of.name]
        below = above.on_delete if kind in _DELETES else above.on_update if kind in _UPDATES else frozenset()
        if kind in _UPDATES and below and of.above:
            is_moved = any(before != after for before, after in _pairs(kind, event, of.widths, of.above))
            below = below if is_moved else frozenset()
        for name in below & set(self.watched):
            self._all(name, f"rows of {of.name} changed, and may have taken rows of it with them")


def _readers(watched: Watched, wide: list[Width]) -> _Readers:
    """How those columns are read; none where the table is not as it is known."""
    if watched.columns != len(wide):
        return []
    found = []
    for part, place in zip(watched.parts, watched.places, strict=True):
        read = reader(part, wide[place]) if part.is_known() else None
        if read is None:
            return []
        found.append((place, read))
    return found


def _pairs(kind: int, event: bytes, wide: list[Width], readers: _Readers) -> Iterator[tuple[Key, ...]]:
    """Of every row of an event the key; of an update the one before, and the one after."""
    at = 27
    if kind in _SECOND:
        at += int.from_bytes(event[27:29], "little")
    count, at = _length(event, at)
    size = (count + 7) // 8
    shapes = []
    for _ in range(2 if kind in _UPDATES else 1):
        mask = int.from_bytes(event[at : at + size], "little")
        shapes.append([place for place in range(count) if mask >> place & 1])
        at += size
    content = _unpressed(event[at:]) if kind in _PRESSED_ROWS else event[at:]
    at, end = 0, len(content)
    wanted = dict(readers)
    while at < end:
        found: list[Key] = []
        for present in shapes:
            held, at = _held(content, at, present, wide, wanted)
            key = tuple(held.get(place) for place, _ in readers)
            if found:  # what an update leaves as it is may be left out behind it
                key = tuple(
                    was if place not in present else now
                    for (place, _), was, now in zip(readers, found[0], key, strict=True)
                )
            found.append(key)
        yield tuple(found)


def _held(
    content: bytes, at: int, present: Sequence[int], wide: Sequence[Width], wanted: Mapping[int, Read]
) -> tuple[dict[int, bytes | None], int]:
    """The wanted values of the row that begins there, and where the row ends."""
    size = (len(present) + 7) // 8
    nulls = int.from_bytes(content[at : at + size], "little")
    at += size
    held: dict[int, bytes | None] = {}
    for bit, place in enumerate(present):
        if nulls >> bit & 1:
            continue
        width = wide[place]
        length = width.size
        if width.prefix:
            length = int.from_bytes(content[at : at + width.prefix], "little")
            at += width.prefix
        if place in wanted:
            held[place] = wanted[place](content[at : at + length])
        at += length
    return held, at


def _is_summed(event: bytes) -> bool:
    """Whether the last bytes of an event are the sum of the others."""
    return zlib.crc32(event[:-_SUM_BYTES]) == int.from_bytes(event[-_SUM_BYTES:], "little")


def _statement(kind: int, event: bytes) -> bytes:
    _, _, name, _, variables = _QUERY_HEAD.unpack_from(event, HEAD.size)
    at = HEAD.size + _QUERY_HEAD.size + (13 if kind == _LOAD else 0) + variables + name + 1
    return _unpressed(event[at:]) if kind == _PRESSED_QUERY else event[at:]


def _unpressed(content: bytes) -> bytes:
    """What the server has pressed together: behind the length of the length, and the length."""
    return zlib.decompress(content[1 + (content[0] & 7) :])


def _text(event: bytes, at: int) -> tuple[bytes, int]:
    """A name with its length before it and a zero behind."""
    end = at + 1 + event[at]
    return event[at + 1 : end], end + 1


def _length(event: bytes, at: int) -> tuple[int, int]:
    """A number written in as few bytes as it needs."""
    first = event[at]
    size = {252: 2, 253: 3, 254: 8}.get(first, 0)
    return (int.from_bytes(event[at + 1 : at + 1 + size], "little") if size else first), at + 1 + size
