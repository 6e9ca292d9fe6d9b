"""Why mappings wait: what a running sync would say of itself, for whoever asks its state."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dovetail.state.database import Database, Row, moment, stamp

_PUT = """INSERT INTO holds (mapping, kind, reason, hint, since, until) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (mapping, kind) DO UPDATE SET reason = excluded.reason, hint = excluded.hint, until = excluded.until"""
_LIFT = "DELETE FROM holds WHERE mapping = ? AND kind = ?"
_LIFT_ALL = "DELETE FROM holds WHERE mapping = ? AND kind IN TEXTS(?)"
_GET = "SELECT mapping, kind, reason, hint, since, until FROM holds WHERE mapping = ? AND kind = ?"
_LIST = "SELECT mapping, kind, reason, hint, since, until FROM holds ORDER BY mapping, kind"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a mapping waits: a word for the kind of reason, the reason in words that hold no values, what a person can
    do, since when, and until when where that is known."""

    mapping: str
    kind: str
    reason: str
    hint: str
    since: dt.datetime
    until: dt.datetime | None


class Holds:
    """One reason of each kind for each mapping."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, mapping: str, kind: str, reason: str, *, hint: str = "", until: dt.datetime | None = None) -> None:
        """Say why a mapping waits; one of the same kind keeps its `since`."""
        ends = stamp(until) if until is not None else None
        self._database.run(_PUT, mapping, kind, reason, hint, self._database.now(), ends)

    def lift(self, mapping: str, *kinds: str) -> None:
        """Forget reasons of these kinds."""
        if len(kinds) == 1:
            self._database.run(_LIFT, mapping, kinds[0])
        else:
            self._database.run(_LIFT_ALL, mapping, [*kinds])

    def get(self, mapping: str, kind: str) -> Hold | None:
        """The reason of that kind, or `None`."""
        found = self._database.row(_GET, mapping, kind)
        return _hold(found) if found else None

    def list(self) -> tuple[Hold, ...]:
        """Every reason, by mapping."""
        return tuple(_hold(row) for row in self._database.rows(_LIST))


def _hold(row: Row) -> Hold:
    mapping, kind, reason, hint, since, until = row
    return Hold(mapping, kind, reason, hint, moment(since), moment(until) if until else None)
