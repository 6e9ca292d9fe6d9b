"""Updates that keep each other from unique values, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.systems.connectors.sqlite import phrase
from dovetail.systems.sql.untangle import parkings


@dataclass(frozen=True, slots=True)
class Updates:
    """The updates of one change: `names` are set by key (`keys`, part by part), and `run` writes some of them; it
    answers those that were refused. The transaction holds the file's write lock."""

    connection: sqlite3.Connection
    dataset: Dataset
    names: Sequence[str]
    keys: Sequence[Sequence[object]]
    run: Callable[[Sequence[int]], Mapping[int, Reject]]

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows; answers those that are refused."""
        return self.run(positions)

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values."""
        chosen = dict(parkings(self.dataset, self.names, choice))
        if not chosen:
            return False
        sql = phrase.amendment(self.dataset, list(chosen))
        try:
            for at in positions:
                values = [None if form is None else _value(form.format(at)) for form in chosen.values()]
                self.connection.execute(sql, [*values, *(part[at] for part in self.keys)])
        except (sqlite3.IntegrityError, sqlite3.DataError):
            return False
        return True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that an exception undoes by itself."""
        self.connection.execute("SAVEPOINT dovetail_parked")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO dovetail_parked")
                self.connection.execute("RELEASE dovetail_parked")
            raise
        self.connection.execute("RELEASE dovetail_parked")


def _value(text: str) -> object:
    return text if text.startswith("~") else int(text)
