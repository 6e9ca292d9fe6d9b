"""How the datasets of a mapping looked when they were last agreed with."""

from __future__ import annotations

from dovetail.state.database import Database

_PUT = """INSERT INTO shapes (mapping, member, seen_at, document) VALUES (?, ?, ?, ?)
ON CONFLICT (mapping, member) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document"""
_FORGET = "DELETE FROM shapes WHERE mapping = ?"
_GET = "SELECT document FROM shapes WHERE mapping = ? AND member = ?"


class Shapes:
    """One document for each member of a mapping."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, mapping: str, member: str, document: str) -> None:
        """Keep how the member's dataset looks now."""
        self._database.run(_PUT, mapping, member, self._database.now(), document)

    def forget(self, mapping: str) -> None:
        """Agree with nothing of a mapping any more."""
        self._database.run(_FORGET, mapping)

    def get(self, mapping: str, member: str) -> str | None:
        """How it looked when it was last kept, or `None`."""
        found = self._database.row(_GET, mapping, member)
        return str(found[0]) if found else None
