"""The last commit that target and state know of in common, for each partition."""

from __future__ import annotations

from dovetail.failpoints import Point, failpoint
from dovetail.state.database import Database
from dovetail.state.faults import misused

_GET = "SELECT chunk FROM sequence WHERE part = ?"
_SET = """INSERT INTO sequence (part, chunk) VALUES (?, ?)
ON CONFLICT (part) DO UPDATE SET chunk = excluded.chunk WHERE excluded.chunk >= sequence.chunk"""
_RESET = """INSERT INTO sequence (part, chunk) VALUES (?, ?)
ON CONFLICT (part) DO UPDATE SET chunk = excluded.chunk"""
_NEXT = """INSERT INTO sequence (part, chunk) VALUES (?, 1)
ON CONFLICT (part) DO UPDATE SET chunk = sequence.chunk + 1 RETURNING chunk"""
_LOCKED = "SELECT chunk FROM sequence WHERE part = ? FOR UPDATE"


class Sequence:
    """A number for each partition that only grows; a target that knows another one was restored from a backup, or we
    were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, partition: str) -> int:
        """The last common chunk; 0 where there is none."""
        found = self._database.row(_GET, partition)
        return int(found[0]) if found else 0

    def set(self, partition: str, chunk: int) -> None:
        """Move on to that chunk; going back is a `StateFault`."""
        failpoint(Point.SEQUENCE_BEFORE)
        if not self._database.run(_SET, partition, chunk):
            raise misused(self._database.place, f"the sequence of {partition} cannot go back to {chunk}")
        failpoint(Point.SEQUENCE_AFTER)

    def reset(self, name: str, number: int) -> None:
        """Take that number for the last one, also where it is lower."""
        self._database.run(_RESET, name, number)

    def advance(self, name: str) -> int:
        """The next number of that name; nobody else is given the same."""
        failpoint(Point.SEQUENCE_BEFORE)
        with self._database.transaction():
            ((number,),) = self._database.rows(_NEXT, name)
        failpoint(Point.SEQUENCE_AFTER)
        return int(number)

    def stands(self, name: str, number: int) -> bool:
        """Whether that is still the last number; it stays so until the transaction around this call ends."""
        found = self._database.row(_LOCKED, name)
        return found is not None and int(found[0]) == number
