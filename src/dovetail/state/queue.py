"""The keys that may have changed, and how far each feed was read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dovetail.state.database import Database, Keys, listed
from dovetail.state.dialect import Load

KEYS_MAX = 2_000_000
"""Keys at most for one member of a mapping; beyond that its whole dataset is marked instead."""

_COUNT_EVERY = 10_000
"""After so many pushed keys the queue's length is looked at."""

_PUSH = Load(
    "queue",
    (
        ("mapping", "TEXT"),
        ("member", "TEXT"),
        ("row_key", "TEXT"),
        ("place", "BIGINT"),
        ("ticket", "BIGINT"),
        ("since", "TEXT"),
    ),
    "ON CONFLICT (mapping, member, row_key) DO UPDATE SET ticket = excluded.ticket",
)
_PEEK = """SELECT row_key, ticket FROM queue WHERE mapping = ? AND member = ? ORDER BY place, row_key LIMIT ?"""
_DONE = "DELETE FROM queue WHERE mapping = ? AND member = ? AND row_key = ? AND ticket = ?"
_CLEAR = "DELETE FROM queue WHERE mapping = ? AND member = ? AND ticket <= ?"
_COUNT = "SELECT count(*), min(since) FROM queue WHERE mapping = ? AND member = ?"
_COUNT_OF = "SELECT count(*) FROM queue WHERE mapping = ?"
_ANY = "SELECT 1 WHERE EXISTS (SELECT 1 FROM queue) OR EXISTS (SELECT 1 FROM queue_all)"
_MARK = """INSERT INTO queue_all (mapping, member, ticket, reason, since) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (mapping, member) DO UPDATE SET ticket = excluded.ticket, reason = excluded.reason"""
_MARKED = "SELECT ticket, reason, since FROM queue_all WHERE mapping = ? AND member = ?"
_MARK_DONE = "DELETE FROM queue_all WHERE mapping = ? AND member = ? AND ticket <= ?"
_CURSOR_SET = """INSERT INTO cursors (feed, value, moved_at) VALUES (?, ?, ?)
ON CONFLICT (feed) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at"""
_CURSOR_GET = "SELECT value FROM cursors WHERE feed = ?"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a feed was read; the value is the connector's own text."""

    feed: str
    value: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A key in the queue. A key that is pushed again gets another ticket, so work on the old one does not remove it."""

    key: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The whole dataset may have changed, since that time and for that reason."""

    ticket: int
    reason: str
    since: str


class Queue:
    """For each member of a mapping the keys to be looked at, each once; the first pushed come first."""

    def __init__(self, database: Database, *, keys_max: int = KEYS_MAX) -> None:
        self._database = database
        self._keys_max = keys_max
        self._uncounted: dict[tuple[str, str], int] = {}

    def push(self, mapping: str, member: str, keys: Keys, *, cursors: Iterable[Cursor] = ()) -> None:
        """Queue the keys, and move the feeds they came from, in one transaction."""
        texts = dict.fromkeys(listed(keys))
        with self._database.transaction():
            if texts:
                ticket, now = self._ticket(), self._database.now()
                self._database.load(_PUSH, ((mapping, member, key, ticket, ticket, now) for key in texts))
                self._bound(mapping, member, len(texts))
            for cursor in cursors:
                self.move(cursor)

    def _bound(self, mapping: str, member: str, pushed: int) -> None:
        place = (mapping, member)
        self._uncounted[place] = self._uncounted.get(place, _COUNT_EVERY) + pushed
        if self._uncounted[place] < min(_COUNT_EVERY, self._keys_max):
            return
        self._uncounted[place] = 0
        if self.count(mapping, member) > self._keys_max:
            self.mark_all(mapping, member, f"more than {self._keys_max} keys were waiting")

    def peek(self, mapping: str, member: str, count: int) -> tuple[Waiting, ...]:
        """The first keys that wait; they stay in the queue."""
        return tuple(Waiting(*parts) for parts in self._database.rows(_PEEK, mapping, member, count))

    def done(self, mapping: str, member: str, waiting: Iterable[Waiting]) -> int:
        """Remove keys that were peeked, but for those pushed again since. The number of keys removed."""
        return self._database.many(_DONE, [(mapping, member, one.key, one.ticket) for one in waiting])

    def count(self, mapping: str, member: str) -> int:
        """How many keys wait."""
        return int(self._database.rows(_COUNT, mapping, member)[0][0])

    def count_of(self, mapping: str) -> int:
        """How many keys of a mapping wait."""
        return int(self._database.rows(_COUNT_OF, mapping)[0][0])

    @property
    def is_empty(self) -> bool:
        """Whether no key waits, and no dataset is marked."""
        return self._database.row(_ANY) is None

    def oldest(self, mapping: str, member: str) -> str | None:
        """Since when the oldest key waits."""
        return self._database.rows(_COUNT, mapping, member)[0][1]  # type: ignore[no-any-return]

    def mark_all(self, mapping: str, member: str, reason: str) -> None:
        """Say that the whole dataset may have changed; the single keys are no longer needed."""
        with self._database.transaction():
            ticket = self._ticket()
            self._database.run(_MARK, mapping, member, ticket, reason, self._database.now())
            self._database.run(_CLEAR, mapping, member, ticket)

    def marked(self, mapping: str, member: str) -> Mark | None:
        """The mark that the whole dataset may have changed, or `None`."""
        found = self._database.row(_MARKED, mapping, member)
        return Mark(*found) if found else None

    def done_all(self, mapping: str, member: str, mark: Mark) -> None:
        """Take the mark away, but for one that was set again since."""
        self._database.run(_MARK_DONE, mapping, member, mark.ticket)

    def move(self, cursor: Cursor) -> None:
        """Remember how far a feed was read."""
        self._database.run(_CURSOR_SET, cursor.feed, cursor.value, self._database.now())

    def cursor(self, feed: str) -> str | None:
        """How far a feed was read, or `None` where it never was."""
        found = self._database.row(_CURSOR_GET, feed)
        return str(found[0]) if found else None

    def _ticket(self) -> int:
        return self._database.draw("ticket")
