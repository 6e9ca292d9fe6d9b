"""How many different rows were changed within the last hour, counted by minute in bounded room."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

MINUTES = 60
"""Minutes of an hour that rolls."""
ROWS_MAX = 1_000_000
"""Rows that are known again at most; others count anew each time they change."""
_LOOSE_MAX = 4_096

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Hour:
    """The rows of one member that were changed in an hour that rolls: each counts once, as updated or as deleted.

    `counted` is what is known of the minutes before (minute: updated, deleted), without the rows."""

    def __init__(self, counted: Mapping[int, tuple[int, int]] | None = None) -> None:
        self._counted = {minute: [*counts] for minute, counts in (counted or {}).items()}
        self._loose: dict[int, int] = {}
        self._rows: Numbers = np.zeros(0, dtype=np.int64)
        self._minutes: Numbers = np.zeros(0, dtype=np.int64)

    def total(self, minute: int) -> tuple[int, int]:
        """The rows that were updated and deleted in the hour that ends with that minute.

        >>> hour = Hour({0: (5, 1), 59: (1, 0)})
        >>> hour.total(59), hour.total(60)
        ((6, 1), (1, 0))
        """
        for old in [one for one in self._counted if one <= minute - MINUTES]:
            del self._counted[old]
        counts = list(self._counted.values())
        return sum(updated for updated, _ in counts), sum(deleted for _, deleted in counts)

    def fresh(self, rows: Numbers, minute: int) -> Flags:
        """Which rows were not yet counted in the hour that ends with that minute."""
        since = minute - MINUTES
        known = np.array([self._loose.get(row, since) > since for row in rows.tolist()], dtype=np.bool_)
        if len(self._rows):
            at = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
            known |= (self._rows[at] == rows) & (self._minutes[at] > since)
        return ~known

    def add(self, rows: Numbers, minute: int, *, deleted: bool) -> int:
        """Count rows that are changed in that minute; how many were not yet counted.

        >>> hour = Hour()
        >>> hour.add(np.array([1, 2]), 0, deleted=False), hour.add(np.array([2, 3]), 5, deleted=False), hour.total(5)
        (2, 1, (3, 0))
        """
        fresh = np.unique(rows[self.fresh(rows, minute)])
        counts = self._counted.setdefault(minute, [0, 0])
        counts[1 if deleted else 0] += len(fresh)
        self._loose.update(dict.fromkeys(fresh.tolist(), minute))
        if len(self._loose) > _LOOSE_MAX:
            self._gather(minute)
        return len(fresh)

    def _gather(self, minute: int) -> None:
        """Lay the rows into sorted arrays, without those of more than an hour ago."""
        rows = np.concatenate([self._rows, np.array([*self._loose], dtype=np.int64)])
        minutes = np.concatenate([self._minutes, np.array([*self._loose.values()], dtype=np.int64)])
        keep = np.flatnonzero(minutes > minute - MINUTES)
        keep = keep[np.argsort(minutes[keep], kind="stable")][-ROWS_MAX:]
        order = keep[np.argsort(rows[keep], kind="stable")]
        self._rows, self._minutes, self._loose = rows[order], minutes[order], {}
