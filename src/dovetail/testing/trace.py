"""Where a program was when it died: read from the file in which its failpoints count passages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dovetail.failpoints import SLOT, Point


class Place(StrEnum):
    """A stretch of a run's work, from its rarest to its widest."""

    CHUNK_COMMIT = "in COMMIT of a chunk"
    STATE_COMMIT = "in COMMIT of the state"
    OTHER_COMMIT = "in COMMIT of fence, keys or ledger"
    COPY = "in COPY or LOAD DATA"
    TRANSACTION = "elsewhere in the target's transaction"
    BETWEEN_COMMITS = "between the target's commit and the state's"
    TAKING_OVER = "taking over what a crash left"
    BETWEEN_STEPS = "between steps: reading, deciding"
    BEFORE = "before the first step"
    AFTER = "after the last step"


_COPIES = (
    (Point.POSTGRES_COPY_BEFORE, Point.POSTGRES_COPY_AFTER),
    (Point.MARIADB_LOAD_BEFORE, Point.MARIADB_LOAD_AFTER),
)
_COMMITS = (
    (Point.POSTGRES_COMMIT_BEFORE, Point.POSTGRES_COMMIT_AFTER),
    (Point.MARIADB_COMMIT_BEFORE, Point.MARIADB_COMMIT_AFTER),
    (Point.SQLITE_COMMIT_BEFORE, Point.SQLITE_COMMIT_AFTER),
    (Point.FILES_COMMIT_BEFORE, Point.FILES_SETTLED),
)


@dataclass(frozen=True, slots=True)
class Passages:
    """How often each point was passed, and in which order they were passed last; 0 where one never was."""

    counts: Mapping[Point, int]
    orders: Mapping[Point, int]

    def is_between(self, before: Point, *after: Point) -> bool:
        """Whether `before` was passed, and none of the others since."""
        return self.orders[before] > max(self.orders[point] for point in after)

    @property
    def place(self) -> Place:
        """Where the program is; of several places at once, the rarest."""
        writing = self.is_between(Point.BEGIN_BEFORE, Point.COMMITTED)
        committing = any(self.is_between(before, after) for before, after in _COMMITS)
        found = {
            Place.CHUNK_COMMIT: committing and writing,
            Place.STATE_COMMIT: self.is_between(Point.STATE_COMMIT_BEFORE, Point.STATE_COMMIT_AFTER),
            Place.OTHER_COMMIT: committing,
            Place.COPY: any(self.is_between(before, after) for before, after in _COPIES),
            Place.TRANSACTION: writing,
            Place.BETWEEN_COMMITS: self.is_between(Point.COMMITTED, Point.CONFIRM_AFTER, Point.CLOSE_AFTER),
            Place.TAKING_OVER: self.is_between(Point.EPOCH_BEFORE, Point.CLOSE_AFTER),
            Place.BEFORE: not self.counts[Point.RUN_START_AFTER],
            Place.AFTER: self.is_between(
                Point.RUN_FINISH_AFTER, *(at for at in Point if at is not Point.RUN_FINISH_AFTER)
            ),
        }
        return next((place for place, is_there in found.items() if is_there), Place.BETWEEN_STEPS)


def read_passages(trace: Path) -> Passages:
    """What a trace holds now; all zero where there is none yet."""
    content = trace.read_bytes() if trace.exists() else b""
    if len(content) < len(Point) * SLOT.size:
        content = bytes(len(Point) * SLOT.size)
    slots = dict(zip(Point, SLOT.iter_unpack(content), strict=True))
    return Passages(
        {point: count for point, (count, _) in slots.items()}, {point: order for point, (_, order) in slots.items()}
    )
