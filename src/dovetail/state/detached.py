"""Shared rows with which a member has nothing to do any more, whether its own row stands or is gone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dovetail.state.database import Database, Rows
from dovetail.state.dialect import Load
from dovetail.state.spans import as_numbers

_ADD = Load(
    "detached",
    (("mapping", "TEXT"), ("member", "TEXT"), ("row_id", "BIGINT")),
    "ON CONFLICT (mapping, member, row_id) DO NOTHING",
)
_BACK = "DELETE FROM detached WHERE mapping = ? AND member = ? AND row_id IN BIGINTS(?)"
_FORGET = "DELETE FROM detached WHERE mapping = ? AND row_id IN BIGINTS(?)"
_ANY = "SELECT 1 FROM detached WHERE mapping = ? LIMIT 1"
_SOME = "SELECT member, row_id FROM detached WHERE mapping = ? AND row_id BETWEEN ? AND ?"
_COUNT = "SELECT count(*) FROM detached WHERE mapping = ?"


class Detached:
    """Which members stand apart from which shared rows: nothing is created, changed or deleted for the row there, and
    what its users do to it there is nothing to the others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, mapping: str, member: str, rows: Rows) -> None:
        """From now on the member stands apart from these rows."""
        self._database.load(_ADD, ((mapping, member, row) for row in as_numbers(rows).tolist()))

    def back(self, mapping: str, member: str, rows: Rows) -> int:
        """The member takes part in these rows again; of how many it stood apart."""
        return self._database.run(_BACK, mapping, member, as_numbers(rows).tolist())

    def forget(self, mapping: str, rows: Rows) -> int:
        """These rows are no more."""
        return self._database.run(_FORGET, mapping, as_numbers(rows).tolist())

    def among(self, mapping: str, members: Sequence[str], rows: Rows) -> npt.NDArray[np.bool_]:
        """Whether a member stands apart from a row: a line each member, row for row."""
        numbers = as_numbers(rows)
        found = np.zeros((len(members), len(numbers)), dtype=np.bool_)
        if not len(numbers) or self._database.row(_ANY, mapping) is None:
            return found
        apart: dict[str, list[int]] = {}
        for member, row in self._database.rows(_SOME, mapping, int(numbers.min()), int(numbers.max())):
            apart.setdefault(member, []).append(row)
        for at, member in enumerate(members):
            found[at] = np.isin(numbers, np.array(apart.get(member, []), dtype=np.int64))
        return found

    def count(self, mapping: str) -> int:
        """How often a member of the mapping stands apart from a row."""
        found = self._database.row(_COUNT, mapping)
        return int(found[0]) if found else 0
