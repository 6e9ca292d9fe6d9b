"""What each row of a member looked like when it was last dealt with: a digest a row, and what was noted of them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dovetail.state.database import Database
from dovetail.state.faults import damaged
from dovetail.state.segment import checksum

DIGESTED = np.dtype([("key", "<u8"), ("digest", "<i8"), ("kind", "u1")])
"""One row: the hash of its key's text, the system's own digest of it, and what became of it in the engine's words."""

Digested: TypeAlias = "npt.NDArray[np.void]"

_NEXT = "SELECT coalesce(max(part), 0) + 1 FROM digests WHERE mapping = ?"
_ADD = "INSERT INTO digests (mapping, part, checksum, content) VALUES (?, ?, ?, ?)"
_LOAD = "SELECT part, checksum, content FROM digests WHERE mapping = ? ORDER BY part"
_FORGET = "DELETE FROM digests WHERE mapping = ?"
_NOTE = """INSERT INTO digest_notes (mapping, document) VALUES (?, ?)
ON CONFLICT (mapping) DO UPDATE SET document = excluded.document"""
_NOTED = "SELECT document FROM digest_notes WHERE mapping = ?"
_FORGET_NOTE = "DELETE FROM digest_notes WHERE mapping = ?"
_PART_ROWS = 500_000


class Digests:
    """The digests of a mapping's rows at the member that gives them. Without a note they mean nothing: it is written
    last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, mapping: str, rows: Digested) -> None:
        """Keep the digests of more rows."""
        with self._database.transaction():
            for start in range(0, len(rows), _PART_ROWS):
                content = np.ascontiguousarray(rows[start : start + _PART_ROWS]).tobytes()
                (part,) = self._database.row(_NEXT, mapping) or (1,)
                self._database.run(_ADD, mapping, part, checksum(content, f"digests {mapping} {part}"), content)

    def load(self, mapping: str) -> Digested:
        """Every row's digest, in the order in which they were added."""
        parts = []
        for part, kept, content in self._database.rows(_LOAD, mapping):
            if checksum(content, f"digests {mapping} {part}") != kept:
                raise damaged(self._database.place, f"part {part} of the digests of {mapping} was changed")
            parts.append(np.frombuffer(content, dtype=DIGESTED))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=DIGESTED)

    def note(self, mapping: str, document: Mapping[str, Any]) -> None:
        """Say what the digests are of, and that they are complete."""
        self._database.run(_NOTE, mapping, json.dumps(document))

    def noted(self, mapping: str) -> dict[str, Any] | None:
        """What was noted, `None` where the digests are not complete."""
        found = self._database.row(_NOTED, mapping)
        return json.loads(found[0]) if found else None

    def forget(self, mapping: str) -> None:
        """Forget the digests of a mapping, the note first."""
        with self._database.transaction():
            self._database.run(_FORGET_NOTE, mapping)
            self._database.run(_FORGET, mapping)
