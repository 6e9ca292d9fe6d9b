"""Writing rows: each exactly as sent, refused with a reason, or missed because it is no longer as expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.connectors.postgres.amend import amend
from dovetail.systems.connectors.postgres.attempt import Attempt, begin
from dovetail.systems.connectors.postgres.insert import create
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.sift import Sieve
from dovetail.systems.connectors.postgres.versions import written
from dovetail.systems.sql.dialect import POSTGRES


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction that the caller holds."""

    session: Session
    reader: Reader
    name: str | None = None
    """What feeds call the transaction."""

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        return self._carry_out(begin(self.session, self.reader, dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what stands there already as applied.

        Rows without a key of their own cannot be told from others: they are created once more."""
        attempt = begin(self.session, self.reader, dataset, change)
        if dataset.key and all(part in attempt.columns for part in dataset.key):
            is_create = change.verb is Verb.CREATE
            self._skip_done(attempt, attempt.todo() if is_create else sorted({*attempt.todo(), *attempt.moved}))
        return self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> Receipt:
        if attempt.change.verb is Verb.DELETE:
            return replace(amend(self.session, self.reader, attempt), transaction=self.name)
        if attempt.change.verb is Verb.CREATE:
            receipt, is_plain = create(self.session, self.reader, attempt), not attempt.habits.has_insert_triggers
        else:
            receipt, is_plain = amend(self.session, self.reader, attempt), not attempt.habits.has_update_triggers
        if not is_plain:  # a trigger may have changed other fields: what the feed tells of it must be looked at
            return receipt
        return replace(receipt, version=written(self.session, attempt), transaction=self.name)

    def _skip_done(self, attempt: Attempt, positions: Sequence[int]) -> None:
        """Note the rows that stand there as they should, or are gone as they should."""
        staged = replace(attempt.staged(), expected={})
        sql = POSTGRES.sql(staged.standing())
        standing: set[int] = set()

        def look(some: Sequence[int]) -> None:
            with self.session.savepoint():
                standing.update(at for (at,) in self.session.rows(sql, staged.parameters(some)))

        sieve = Sieve(self.session, attempt.dataset.key, attempt.dataset.names, attempt.habits)
        unfit = sieve.sift(positions, look, retry_orphans=False)
        is_delete = attempt.change.verb is Verb.DELETE
        attempt.done |= set(positions) - standing - unfit.keys() if is_delete else standing
