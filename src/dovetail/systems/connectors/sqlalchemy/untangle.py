"""Updates that keep each other from unique values, by portable statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlalchemy.faults import is_of_row
from dovetail.systems.connectors.sqlalchemy.kinds import given
from dovetail.systems.connectors.sqlalchemy.read import Place
from dovetail.systems.connectors.sqlalchemy.session import Session
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.untangle import parkings


@dataclass(frozen=True, slots=True)
class Updates:
    """The updates of one change: `names` are set by key (`keys`, part by part), and `run` writes some of them; it
    answers those that were refused."""

    session: Session
    place: Place
    names: Sequence[str]
    keys: Sequence[Sequence[object]]
    run: Callable[[Sequence[int]], Mapping[int, Reject]]

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows; answers those that are refused."""
        return self.run(positions)

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values."""
        dataset = self.place.dataset
        chosen = dict(parkings(dataset, self.names, choice)) if self.session.has_savepoints else {}
        if not chosen:
            return False
        for at in positions:
            values = {
                self.place.column(name): sa.bindparam(
                    None,
                    None if form is None else _value(form.format(at), known(dataset, name).type.kind),
                    given(known(dataset, name).type),
                )
                for name, form in chosen.items()
            }
            tests = [
                self.place.column(part) == sa.bindparam(None, self.keys[number][at], given(known(dataset, part).type))
                for number, part in enumerate(dataset.key)
            ]
            try:
                self.session.execute(sa.update(self.place.table).values(values).where(*tests))
            except exc.SQLAlchemyError as error:
                if not is_of_row(error):
                    raise
                return False
        return True

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that an exception undoes by itself."""
        return self.session.savepoint()


def _value(text: str, kind: Kind) -> object:
    if kind is Kind.TEXT:
        return text
    return Decimal(text) if kind is Kind.DECIMAL else int(text)
