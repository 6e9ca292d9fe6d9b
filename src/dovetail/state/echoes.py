"""What was lately written where, kept as one bounded content for each mapping."""

from __future__ import annotations

from dovetail.state.database import Database

_PUT = """INSERT INTO echoes (mapping, kept_at, content) VALUES (?, ?, ?)
ON CONFLICT (mapping) DO UPDATE SET kept_at = excluded.kept_at, content = excluded.content"""
_GET = "SELECT content FROM echoes WHERE mapping = ?"
_FORGET = "DELETE FROM echoes WHERE mapping = ?"


class Echoes:
    """One content for each mapping; it holds fingerprints, and no values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, mapping: str, content: bytes) -> None:
        """Keep the content in place of what was kept."""
        self._database.run(_PUT, mapping, self._database.now(), content)

    def get(self, mapping: str) -> bytes | None:
        """What was kept, or `None`."""
        found = self._database.row(_GET, mapping)
        return bytes(found[0]) if found else None

    def forget(self, mapping: str) -> None:
        """Keep nothing any more."""
        self._database.run(_FORGET, mapping)
