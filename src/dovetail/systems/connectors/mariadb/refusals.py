"""The refusal of one row, by names of indexes and columns, never by values."""

from __future__ import annotations

from dataclasses import dataclass

import pymysql

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.systems.connectors.mariadb import faults
from dovetail.systems.connectors.mariadb.stored import Facts
from dovetail.systems.sql import refusal

_CODES = {
    refusal.DOUBLE: faults.DOUBLE,
    refusal.ORPHAN: faults.ORPHAN,
    refusal.MISSING: faults.MISSING,
    refusal.RULED_OUT: faults.RULED_OUT,
    refusal.UNFIT: faults.UNFIT,
    refusal.UNWRITABLE: faults.UNWRITABLE,
}


@dataclass(frozen=True, slots=True)
class Refusals:
    """Why the server refuses rows of a table; `is_delete` where what keeps a row from going stands in other rows."""

    dataset: Dataset
    facts: Facts
    is_delete: bool = False

    def __call__(self, position: int, error: pymysql.Error) -> Reject:
        """The reject for an error that blames a row."""
        number = faults.number(error)
        code = next((code for code, numbers in _CODES.items() if number in numbers), refusal.OTHER)
        named = faults.place(error)
        blamed = self._columns(named) if code == refusal.DOUBLE else (named, named.rpartition(".")[2])
        if code == refusal.DOUBLE and blamed and frozenset(blamed) == frozenset(self.dataset.key):
            code = refusal.TAKEN
        own = [] if self.is_delete else [name for name in blamed if name in self.facts.columns]
        return refusal.reject(position, code, field=own[0] if own else "", detail=named or str(number))

    def _columns(self, index: str) -> tuple[str, ...]:
        """The columns of a unique index; MySQL says the table's name before it."""
        return self.facts.uniques.get(index) or self.facts.uniques.get(index.rpartition(".")[2], ())
