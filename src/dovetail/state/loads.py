"""How far the load of a mapping is: one document, moved on in the transaction that confirms a chunk of it."""

from __future__ import annotations

import json
from typing import Any

from dovetail.state.database import Database

_GET = "SELECT document FROM loads WHERE mapping = ?"
_SET = """INSERT INTO loads (mapping, document, moved_at) VALUES (?, ?, ?)
ON CONFLICT (mapping) DO UPDATE SET document = excluded.document, moved_at = excluded.moved_at"""
_REMOVE = "DELETE FROM loads WHERE mapping = ?"


class Loads:
    """Loads that have begun and not ended, at most one a mapping; what a document says is the engine's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, mapping: str) -> dict[str, Any] | None:
        """How far the load is, `None` where none is open."""
        found = self._database.row(_GET, mapping)
        return json.loads(found[0]) if found else None

    def set(self, mapping: str, document: dict[str, object]) -> None:
        """Keep how far it is now."""
        self._database.run(_SET, mapping, json.dumps(document), self._database.now())

    def remove(self, mapping: str) -> None:
        """The load has ended, or is given up."""
        self._database.run(_REMOVE, mapping)
