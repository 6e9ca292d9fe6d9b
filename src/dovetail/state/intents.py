"""What is about to be written to a target, durable before the target commits."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.state.database import Database
from dovetail.state.seal import Seal

_PUT = """INSERT INTO intents (part, chunk, run_id, put_at, content) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (part, chunk) DO UPDATE SET run_id = excluded.run_id, put_at = excluded.put_at, content =
excluded.content"""
_LIST = "SELECT chunk, run_id, put_at, content FROM intents WHERE part = ? ORDER BY chunk"
_PARTS = "SELECT DISTINCT part FROM intents ORDER BY part"
_DONE = "DELETE FROM intents WHERE part = ? AND chunk <= ?"


@dataclass(frozen=True, slots=True)
class Intent:
    """One chunk of writes of a partition, as the engine described it."""

    partition: str
    chunk: int
    run: str
    put_at: str
    content: bytes


class Intents:
    """Chunks whose writing may have begun and is not yet known to have ended; what they hold is encrypted."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def put(self, partition: str, chunk: int, *, run: str, content: bytes) -> None:
        """Keep an intent; one of the same number is replaced."""
        sealed = self._seal.close(content, _about(partition, chunk))
        self._database.run(_PUT, partition, chunk, run, self._database.now(), sealed)

    def list(self, partition: str) -> tuple[Intent, ...]:
        """The intents of a partition, by chunk."""
        return tuple(
            Intent(partition, chunk, run, put_at, self._seal.open(content, _about(partition, chunk)))
            for chunk, run, put_at, content in self._database.rows(_LIST, partition)
        )

    def partitions(self) -> tuple[str, ...]:
        """The partitions that have intents."""
        return tuple(part for (part,) in self._database.rows(_PARTS))

    def done(self, partition: str, chunk: int) -> None:
        """Forget the intents up to and with that chunk."""
        self._database.run(_DONE, partition, chunk)


def _about(partition: str, chunk: int) -> str:
    return f"intent {chunk} {partition}"
