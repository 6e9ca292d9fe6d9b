"""A writing transaction that can go back to any place in it: DuckDB has no savepoints, so what came before is
repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from dovetail.errors import Overdue
from dovetail.failpoints import Point, failpoint
from dovetail.systems.connectors.duckdb.read import GIVEN
from dovetail.systems.connectors.duckdb.session import READ_ONLY, Session

_Step = tuple[str, Sequence[object], pa.RecordBatch | None]

REFUSALS = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidInputException,
    duckdb.TypeMismatchException,
)
"""What DuckDB raises where a row cannot be written."""


class RowsRefused(Exception):
    """A step was refused; the transaction stands where it stood before it."""

    def __init__(self, reason: duckdb.Error) -> None:
        super().__init__(type(reason).__name__)
        self.reason = reason


@dataclass(slots=True)
class Journal:
    """The steps of one transaction so far; any error ends DuckDB's transaction, and the next one repeats them."""

    session: Session
    steps: list[_Step] = field(default_factory=list)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back by an exception."""
        self.session.rows("BEGIN TRANSACTION")
        try:
            yield
            failpoint(Point.DUCKDB_COMMIT_BEFORE)
            self.session.rows("COMMIT")
            failpoint(Point.DUCKDB_COMMIT_AFTER)
        except BaseException:
            with suppress(duckdb.Error):
                self.session.rows("ROLLBACK")
            raise

    def run(self, sql: str, parameters: Sequence[object] = (), given: pa.RecordBatch | None = None) -> None:
        """Carry a step out. `RowsRefused` where its rows cannot be written: then nothing of it is."""
        step: _Step = (sql, parameters, given)
        try:
            self._carry_out(step)
        except REFUSALS as error:
            if READ_ONLY in str(error):
                raise
            self._repeat()
            raise RowsRefused(error) from error
        self.steps.append(step)

    def undo(self, kept: int) -> None:
        """Go back to where so many steps had been carried out."""
        if len(self.steps) > kept:
            del self.steps[kept:]
            self._repeat()

    def _repeat(self) -> None:
        with suppress(duckdb.Error):
            self.session.rows("ROLLBACK")
        self.session.rows("BEGIN TRANSACTION")
        try:
            for step in self.steps:
                self._carry_out(step)
        except REFUSALS as error:
            raise Overdue("another connection changed the same rows at the same time") from error

    def _carry_out(self, step: _Step) -> None:
        sql, parameters, given = step
        if given is None:
            self.session.rows(sql, parameters)
            return
        with self.session.given(**{GIVEN: given}):
            self.session.rows(sql, parameters)
