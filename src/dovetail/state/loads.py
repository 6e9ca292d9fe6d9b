"""Bulk loads that were begun: how far each has come, so that one that broke off goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dovetail.failpoints import Point, failpoint
from dovetail.state.database import Database
from dovetail.state.faults import misused

_GET = """SELECT load_id, status, opened_at, closed_at, document FROM loads
WHERE mapping = ? AND member = ? ORDER BY load_id DESC LIMIT 1"""
_OPEN = """INSERT INTO loads (mapping, member, load_id, status, opened_at, closed_at, document)
VALUES (?, ?, ?, 'open', ?, NULL, ?)
ON CONFLICT (mapping, member) DO UPDATE SET load_id = excluded.load_id, status = 'open',
opened_at = excluded.opened_at, closed_at = NULL, document = excluded.document"""
_NOTE = "UPDATE loads SET document = ? WHERE mapping = ? AND member = ? AND status = 'open'"
_CLOSE = "UPDATE loads SET status = 'done', closed_at = ? WHERE mapping = ? AND member = ? AND status = 'open'"


@dataclass(frozen=True, slots=True)
class Progressed:
    """A load of a mapping into a member, and the engine's own words about how far it has come."""

    mapping: str
    member: str
    number: int
    is_open: bool
    opened_at: str
    closed_at: str | None
    document: dict[str, Any]


class Loads:
    """The last load of each mapping into each member. What is noted in the transaction that confirms a chunk is as
    true as the chunk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, mapping: str, member: str) -> Progressed | None:
        """The last load, open or done; `None` where there was none."""
        found = self._database.row(_GET, mapping, member)
        if found is None:
            return None
        number, status, opened_at, closed_at, document = found
        return Progressed(mapping, member, number, status == "open", opened_at, closed_at, json.loads(document))

    def begin(self, mapping: str, member: str, document: Mapping[str, Any]) -> Progressed:
        """The load that is open with what was noted of it, or else a new one with that document."""
        failpoint(Point.LOAD_BEGIN_BEFORE)
        with self._database.transaction():
            found = self.get(mapping, member)
            if found is None or not found.is_open:
                number = self._database.draw("load")
                self._database.run(_OPEN, mapping, member, number, self._database.now(), json.dumps(document))
                found = self.get(mapping, member)
            assert found is not None
        failpoint(Point.LOAD_BEGIN_AFTER)
        return found

    def note(self, mapping: str, member: str, document: Mapping[str, Any]) -> None:
        """Keep how far the open load has come."""
        if not self._database.run(_NOTE, json.dumps(document), mapping, member):
            raise misused(self._database.place, f"no load of {mapping} into {member} is open")
        failpoint(Point.LOAD_NOTED)

    def close(self, mapping: str, member: str) -> None:
        """The load has ended; the next one begins anew."""
        failpoint(Point.LOAD_CLOSE_BEFORE)
        self._database.run(_CLOSE, self._database.now(), mapping, member)
        failpoint(Point.LOAD_CLOSE_AFTER)
