"""What PostgreSQL's own output plugin `pgoutput` sends, as keys by transaction: nothing but keys is kept."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from struct import Struct
from typing import TypeAlias

KEYS_MAX = 500_000
"""Rows of one table that are named one by one in one transaction; where there are more, all its rows count as
changed."""

Key: TypeAlias = "bytes | tuple[bytes | None, ...] | None"
"""The parts of a key as the server writes them; of one part, the part itself."""

BODY = 25
"""Where a message begins in what the server sends: behind its kind, two places in the log and a time."""

_AT = BODY + 1
_NUMBER, _SHORT = Struct(">I"), Struct(">H")
_BEGIN, _COMMIT = Struct(">QqI"), Struct(">BQQq")
_UPDATE, _START, _END, _RELATION, _TRUNCATE, _MESSAGE = b"UBCRTM"
_ROWS = frozenset(b"IUD")
_NEW, _NULL, _SAME, _TEXT = b"Nnut"
_UNCHANGED = object()


@dataclass(slots=True)
class Told:
    """What one committed transaction changed: keys by table, and tables of which all rows may have changed, with the
    reason.

    `end` is the place in the log behind its commit; `version` the transaction's number."""

    end: int
    version: str
    keys: dict[int, list[Key]] = field(default_factory=dict)
    whole: dict[int, str] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """How many changes it counts as."""
        return len(self.whole) + sum(map(len, self.keys.values()))


class Decoder:
    """Takes messages in, and has whole transactions ready in `done`, the oldest first.

    `wanted` names the parts of each table's key; `prefix` is that of our own messages in the log."""

    def __init__(
        self, wanted: Mapping[int, tuple[str, ...]], prefix: str, ignored: AbstractSet[int] = frozenset()
    ) -> None:
        self.done: deque[Told] = deque()
        self.waiting = 0
        """What the transactions in `done` weigh."""
        self.is_within = False
        """Whether a transaction has come in part."""
        self.marks: set[str] = set()
        """The marks that we ourselves put into the log, and that have come."""
        self.unknown: set[int] = set()
        """Tables of which something came, and that are neither wanted nor among the `ignored`."""
        self._wanted = wanted
        self._ignored = ignored
        self._prefix = prefix
        self._places: dict[int, tuple[int, ...] | None] = {}
        self._now = Told(0, "")

    def take(self, message: bytes) -> None:
        """One message of the server, with its head."""
        kind = message[BODY]
        if kind in _ROWS:
            self._row(message)
        elif kind == _START:
            self._now = Told(0, str(_BEGIN.unpack_from(message, _AT)[2]))
            self.is_within = True
        elif kind == _END:
            self._commit(message)
        elif kind == _RELATION:
            self._relation(message)
        elif kind == _TRUNCATE:
            count = _NUMBER.unpack_from(message, _AT)[0]
            for at in range(_AT + 5, _AT + 5 + 4 * count, 4):
                self._all(_NUMBER.unpack_from(message, at)[0], "it was truncated")
        elif kind == _MESSAGE:
            self._own(message)

    def _commit(self, message: bytes) -> None:
        told = self._now
        told.end = _COMMIT.unpack_from(message, _AT)[2]
        self.is_within = False
        if told.keys or told.whole or self.unknown:
            self.done.append(told)
            self.waiting += told.weight

    def _row(self, message: bytes) -> None:
        relation = _NUMBER.unpack_from(message, _AT)[0]
        places = self._places.get(relation)
        if places is None:
            if relation in self._wanted:
                self._all(relation, "a part of its key is no longer published")
            return
        key, after = _key(message, _AT + 5, places)
        keys = self._now.keys.get(relation)
        if keys is None:
            keys = self._now.keys[relation] = []
        if message[_AT + 4] != _NEW and message[BODY] == _UPDATE:
            new, _ = _key(message, after + 1, places)
            new = _filled(new, key)
            if new != key:
                keys.append(key)
            key = new
        keys.append(key)
        if len(keys) > KEYS_MAX:
            self._all(relation, f"more than {KEYS_MAX} rows changed in one transaction")

    def _all(self, relation: int, reason: str) -> None:
        """All rows of a table may have changed."""
        if relation not in self._wanted:
            self._strange(relation)
            return
        self._now.whole[relation] = reason
        self._now.keys.pop(relation, None)

    def _relation(self, message: bytes) -> None:
        relation = _NUMBER.unpack_from(message, _AT)[0]
        parts = self._wanted.get(relation)
        if parts is None:
            self._strange(relation)
            return
        at = message.index(0, message.index(0, _AT + 4) + 1) + 2
        count = _SHORT.unpack_from(message, at)[0]
        at += 2
        names: list[str] = []
        for _ in range(count):
            end = message.index(0, at + 1)
            names.append(message[at + 1 : end].decode())
            at = end + 9
        is_whole = bool(parts) and set(parts) <= set(names)
        self._places[relation] = tuple(names.index(part) for part in parts) if is_whole else None

    def _strange(self, relation: int) -> None:
        """Somebody else may have extended the feed: nothing is let go until that was looked up."""
        if relation not in self._ignored:
            self.unknown.add(relation)

    def _own(self, message: bytes) -> None:
        """A message of ours: a mark, tables of which all rows may have changed, or the key of one row."""
        at = _AT + 9
        end = message.index(0, at)
        if message[at:end].decode() != self._prefix or not message[_AT]:
            return
        content = json.loads(message[end + 5 :])
        if isinstance(content, str):
            self.marks.add(content)
        elif isinstance(content, dict):
            for relation, reason in content.items():
                self._all(int(relation), str(reason))
        elif len(content) - 1 != len(self._wanted.get(content[0], ())):
            self._all(content[0], "it was noted by another key")
        else:
            parts = tuple(None if part is None else str(part).encode() for part in content[1:])
            self._now.keys.setdefault(content[0], []).append(parts[0] if len(parts) == 1 else parts)


def _key(message: bytes, at: int, places: tuple[int, ...]) -> tuple[Key, int]:
    """The key in the row that begins there, and where the row ends."""
    count = _SHORT.unpack_from(message, at)[0]
    at += 2
    if count == 1 and message[at] == _TEXT:
        end = at + 5 + _NUMBER.unpack_from(message, at + 1)[0]
        return message[at + 5 : end], end
    values: list[bytes | None] = []
    for _ in range(count):
        kind = message[at]
        at += 1
        if kind == _NULL:
            values.append(None)
        elif kind == _SAME:
            values.append(_UNCHANGED)  # type: ignore[arg-type]
        else:
            end = at + 4 + _NUMBER.unpack_from(message, at)[0]
            values.append(message[at + 4 : end])
            at = end
    return (values[places[0]] if len(places) == 1 else tuple([values[place] for place in places])), at


def _filled(new: Key, old: Key) -> Key:
    """The new key; long parts that stayed as they were are sent with the old one only."""
    if isinstance(new, tuple) and isinstance(old, tuple):
        return tuple(was if part is _UNCHANGED else part for part, was in zip(new, old, strict=True))
    return old if new is _UNCHANGED else new


def lsn(text: str) -> int:
    """A place in the log as a number.

    >>> lsn("16/B374D848") == 0x16_B374D848
    True
    """
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def lsn_text(number: int) -> str:
    """A place in the log as the server writes it.

    >>> lsn_text(0x16_B374D848)
    '16/B374D848'
    """
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"
