"""Updates that keep each other from unique values, in MariaDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import pyarrow as pa

from dovetail.model.change import Reject
from dovetail.systems.connectors.mariadb.attempt import Attempt
from dovetail.systems.connectors.mariadb.bind import bind_one
from dovetail.systems.connectors.mariadb.guarded import Guarded
from dovetail.systems.connectors.mariadb.rowwise import carry_out
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.untangle import parkings


class Updates:
    """The updates of one change. What is parked was as expected, and stays locked until the transaction ends; so it is
    written without asking again."""

    def __init__(self, session: Session, attempt: Attempt, guarded: Guarded) -> None:
        self._session = session
        self._attempt = attempt
        self._guarded = guarded

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows; answers those that are refused."""
        statement = replace(self._guarded, expected={}) if is_parked else self._guarded
        self._attempt.written -= set(positions)
        found, refused = self._carry_out(statement, positions)
        if not (is_parked and refused):
            self._attempt.written |= found
        return refused

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values."""
        attempt = self._attempt
        sets = {}
        for name, form in parkings(attempt.dataset, list(self._guarded.sets), choice):
            texts = [None if form is None else form.format(at) for at in range(attempt.size)]
            kind = known(attempt.dataset, name).type
            values, unfit = bind_one(pa.array(texts, pa.string()).cast(kind.arrow()), attempt.facts.columns[name], kind)
            if unfit:
                return False
            sets[name] = values
        if not sets:
            return False
        found, refused = self._carry_out(replace(self._guarded, sets=sets), positions)
        return not refused and found == set(positions)

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that an exception undoes by itself."""
        return self._session.savepoint()

    def _carry_out(self, guarded: Guarded, positions: Sequence[int]) -> tuple[set[int], Mapping[int, Reject]]:
        sql, columns = guarded.update()
        answered, refused = carry_out(self._session, sql, columns, positions, self._attempt.refusals)
        return {at for at, answer in answered.items() if answer.found}, refused
