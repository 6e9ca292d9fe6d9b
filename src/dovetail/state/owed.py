"""Which members are still to be written a field that was agreed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.state.database import Database, Rows, listed
from dovetail.state.dialect import Load

_ADD = Load(
    "owed",
    (("mapping", "TEXT"), ("row_id", "BIGINT"), ("field", "TEXT"), ("member", "TEXT"), ("agreement", "BIGINT")),
    """ON CONFLICT (mapping, row_id, field, member) DO UPDATE SET agreement = excluded.agreement
    WHERE excluded.agreement > owed.agreement""",
)
_SETTLE = "DELETE FROM owed WHERE mapping = ? AND row_id = ? AND field = ? AND member = ? AND agreement <= ?"
_FORGET = "DELETE FROM owed WHERE mapping = ? AND row_id IN BIGINTS(?)"
_ALL = "SELECT row_id, field, member, agreement FROM owed WHERE mapping = ? ORDER BY row_id, field, member"
_SOME = """SELECT row_id, field, member, agreement FROM owed WHERE mapping = ? AND row_id IN BIGINTS(?)
ORDER BY row_id, field, member"""
_COUNT = "SELECT count(*) FROM owed WHERE mapping = ?"


@dataclass(frozen=True, slots=True)
class Debt:
    """A member that must still be written one field of one row, to stand at that agreement number."""

    row: int
    field: str
    member: str
    agreement: int


class Owed:
    """Every field that was agreed on and is not yet written everywhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, mapping: str, debts: Sequence[Debt]) -> None:
        """Remember the debts; of two for the same field of the same row and member the later agreement stands."""
        latest: dict[tuple[int, str, str], int] = {}
        for debt in debts:
            place = (debt.row, debt.field, debt.member)
            latest[place] = max(debt.agreement, latest.get(place, debt.agreement))
        self._database.load(_ADD, ((mapping, *place, agreement) for place, agreement in latest.items()))

    def settle(self, mapping: str, debts: Sequence[Debt]) -> int:
        """Forget the debts that were paid up to their agreement number; a later one stays. The number of debts that
        are gone."""
        return self._database.many(
            _SETTLE, [(mapping, debt.row, debt.field, debt.member, debt.agreement) for debt in debts]
        )

    def forget(self, mapping: str, rows: Rows) -> int:
        """Forget every debt of those rows."""
        return self._database.run(_FORGET, mapping, listed(rows))

    def list(self, mapping: str, *, rows: Rows | None = None) -> tuple[Debt, ...]:
        """The debts of a mapping, or of some of its rows."""
        if rows is None:
            found = self._database.rows(_ALL, mapping)
        else:
            found = self._database.rows(_SOME, mapping, listed(rows))
        return tuple(Debt(*parts) for parts in found)

    def count(self, mapping: str) -> int:
        """How many debts a mapping has."""
        found = self._database.row(_COUNT, mapping)
        return int(found[0]) if found else 0
