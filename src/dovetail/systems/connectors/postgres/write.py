"""Writing rows: each exactly as sent, refused with a reason, or missed because it is no longer as expected."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.connectors.postgres.amend import amend
from dovetail.systems.connectors.postgres.attempt import Attempt, begin
from dovetail.systems.connectors.postgres.insert import create
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.systems.connectors.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction that the caller holds."""

    session: Session
    reader: Reader

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        return self._carry_out(begin(self.session, self.reader, dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what stands there already as applied.

        Rows without a key of their own cannot be told from others: they are created once more."""
        attempt = begin(self.session, self.reader, dataset, change)
        todo = attempt.todo() if change.verb is Verb.CREATE else sorted({*attempt.todo(), *attempt.moved})
        if todo and dataset.key and all(part in attempt.columns for part in dataset.key):
            staged = attempt.staged()
            staged = type(staged)(staged.place, staged.stored, staged.key, staged.sets)
            standing = {at for (at,) in self.session.rows(staged.standing(), staged.parameters(todo))}
            attempt.done |= set(todo) - standing if change.verb is Verb.DELETE else standing
        return self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> Receipt:
        if attempt.change.verb is Verb.CREATE:
            return create(self.session, self.reader, attempt)
        return amend(self.session, self.reader, attempt)
