"""Writing rows: each exactly as sent, refused with a reason, or missed because it is no longer as expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa

from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.model.key import encode
from dovetail.systems.connectors.mariadb.amend import amend, lock
from dovetail.systems.connectors.mariadb.attempt import Attempt, begin
from dovetail.systems.connectors.mariadb.insert import create
from dovetail.systems.connectors.mariadb.read import Reader
from dovetail.systems.connectors.mariadb.session import Session


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes inside the transaction that the caller holds."""

    session: Session
    reader: Reader
    name: str | None = None
    """What feeds call the transaction."""

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out; a row that is not as asked is missed, and a `CREATE` of a taken key is a reject."""
        return self._carry_out(begin(self.session, dataset, change))

    def apply_again(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry the change out, counting what stands there already as applied.

        Rows without a key of their own cannot be told from others: they are created once more."""
        attempt = begin(self.session, dataset, change)
        if dataset.key and all(part in attempt.columns for part in dataset.key):
            self._skip_done(attempt)
        return self._carry_out(attempt)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Until the transaction ends, nobody else changes the rows of these keys."""
        lock(self.session, begin(self.session, dataset, Change(Verb.DELETE, keys)))

    def _carry_out(self, attempt: Attempt) -> Receipt:
        write = create if attempt.change.verb is Verb.CREATE else amend
        receipt = write(self.session, self.reader, attempt)
        # a row whose other fields the server may have changed must be looked at again
        return receipt if attempt.may_move else replace(receipt, transaction=self.name)

    def _skip_done(self, attempt: Attempt) -> None:
        """Note the rows that stand there as they should, or are gone as they should."""
        key, names = list(attempt.dataset.key), attempt.names
        is_delete = attempt.change.verb is Verb.DELETE
        looked = sorted({*attempt.todo(), *(attempt.moved if attempt.change.verb is not Verb.CREATE else ())})
        if not looked:
            return
        rows = pa.array(looked, pa.int64())
        asked = pa.RecordBatch.from_arrays([attempt.keys[part].take(rows) for part in key], key)
        wanted = _texts([attempt.columns[name].carried.take(rows) for name in names], len(looked))
        there: dict[str, str | None] = {}
        for batch in self.reader.lookup(self.session, attempt.dataset, [*key, *names], asked):
            marks = batch.column(UNREADABLE).is_valid().to_pylist() if UNREADABLE in batch.schema.names else None
            held = _texts([batch.column(name) for name in names], batch.num_rows)
            for at, text in enumerate(_texts(batch.select(key).columns, batch.num_rows)):
                there[text] = None if marks is not None and marks[at] else held[at]
        for at, text, value in zip(looked, _texts(asked.columns, len(looked)), wanted, strict=True):
            is_done = text not in there if is_delete else text in there and there[text] == value
            if is_done:
                attempt.done.add(at)


def _texts(columns: Iterable[pa.Array], rows: int) -> list[str]:
    """One text for each row, equal exactly where the values are."""
    arrays = list(columns)
    texts: list[str] = encode(arrays).to_pylist() if arrays else [""] * rows
    return texts
