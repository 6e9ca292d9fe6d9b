"""How many rows that stood before were changed lately, counted by minute."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dovetail.state.database import Database

_ADD = """INSERT INTO changed (mapping, member, minute, updated, deleted) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (mapping, member, minute) DO UPDATE
SET updated = changed.updated + excluded.updated, deleted = changed.deleted + excluded.deleted"""
_BUCKETS = "SELECT member, minute, updated, deleted FROM changed WHERE mapping = ? AND minute > ? ORDER BY minute"
_PRUNE = "DELETE FROM changed WHERE mapping = ? AND minute <= ?"
_FORGET = "DELETE FROM changed WHERE mapping = ?"


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of one member that were updated and deleted."""

    updated: int = 0
    deleted: int = 0


class Changed:
    """Counts of updates and deletes of rows that existed, for each member of a mapping."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, mapping: str, member: str, count: Count, *, at: dt.datetime) -> None:
        """Add to the count of that minute."""
        self._database.run(_ADD, mapping, member, minute(at), count.updated, count.deleted)

    def buckets(self, mapping: str, moment: dt.datetime) -> dict[str, dict[int, tuple[int, int]]]:
        """What was updated and deleted after the minute of that moment, by member and minute."""
        found: dict[str, dict[int, tuple[int, int]]] = {}
        for member, at, updated, deleted in self._database.rows(_BUCKETS, mapping, minute(moment)):
            found.setdefault(member, {})[int(at)] = (int(updated), int(deleted))
        return found

    def prune(self, mapping: str, moment: dt.datetime) -> None:
        """Forget what was changed until the minute of that moment."""
        self._database.run(_PRUNE, mapping, minute(moment))

    def forget(self, mapping: str) -> None:
        """Begin to count anew."""
        self._database.run(_FORGET, mapping)


def minute(moment: dt.datetime) -> int:
    """The minutes since 1970, in UTC.

    >>> minute(dt.datetime(1970, 1, 1, 1, 0, 59, tzinfo=dt.UTC))
    60
    """
    return int(moment.timestamp() // 60)
