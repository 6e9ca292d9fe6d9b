"""Updates that keep each other from unique values, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import psycopg
import pyarrow as pa

from dovetail.model.change import Reject
from dovetail.systems.connectors.postgres.attempt import Attempt
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.sift import Sieve
from dovetail.systems.connectors.postgres.staged import Staged
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.untangle import parkings

_SEVERAL = frozenset({"", "?"})


class Updates:
    """The updates of one change. What is parked was as expected, and stays locked until the transaction ends; so it is
    written without asking again."""

    def __init__(self, session: Session, attempt: Attempt, sieve: Sieve) -> None:
        self._session = session
        self._attempt = attempt
        self._sieve = sieve
        self._staged = attempt.staged()

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows; answers those that are refused."""
        staged = replace(self._staged, expected={}) if is_parked else self._staged
        found: set[int] = set()

        def write(some: Sequence[int]) -> None:
            with self._session.savepoint():
                found.update(self._hits(staged, some))

        self._attempt.written -= set(positions)
        refused = self._sieve.sift(positions, write, retry_orphans=False)
        if not (is_parked and refused):
            self._attempt.written |= found
            if found:  # by statements of their own: the rows carry several versions, and none is told
                self._attempt.statements += 2
                self._attempt.versions |= _SEVERAL
        return refused

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values."""
        sets = {}
        for name, form in parkings(self._attempt.dataset, list(self._staged.sets), choice):
            kind = self._staged.sets[name].type
            values = [None if form is None else form.format(at) for at in range(self._attempt.size)]
            sets[name] = pa.array(values, pa.string()).cast(kind)
        if not sets:
            return False
        try:
            with self._session.savepoint():
                return sorted(self._hits(replace(self._staged, sets=sets), positions)) == sorted(positions)
        except psycopg.Error as error:
            if not self._sieve.blames_row(error):
                raise
            return False

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that an exception undoes by itself."""
        return self._session.savepoint()

    def _hits(self, staged: Staged, positions: Sequence[int]) -> list[int]:
        sql = POSTGRES.sql(staged.update())
        return [at for (at,) in self._session.rows(sql, staged.parameters(positions))]
