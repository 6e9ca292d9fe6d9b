"""Updates that keep each other from unique values, in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.connectors.duckdb import phrase
from dovetail.systems.connectors.duckdb.journal import Journal, RowsRefused
from dovetail.systems.connectors.duckdb.read import given
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.untangle import parkings


@dataclass(frozen=True, slots=True)
class Updates:
    """The updates of one change: `names` are set by key in `rows`, and `run` writes some of them; it answers those
    that were refused."""

    journal: Journal
    dataset: Dataset
    names: Sequence[str]
    rows: pa.RecordBatch
    run: Callable[[Sequence[int]], Mapping[int, Reject]]

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows; answers those that are refused."""
        return self.run(positions)

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values."""
        chosen = dict(parkings(self.dataset, self.names, choice))
        if not chosen:
            return False
        arrays = []
        for name, form in chosen.items():
            kind = known(self.dataset, name).type
            texts = [None if form is None else form.format(at) for at in positions]
            arrays.append(pa.array([_value(text, kind.kind) for text in texts], kind.arrow()))
        some = self.rows.take(pa.array(positions))
        arrays += [some.column(part) for part in self.dataset.key]
        names = [*chosen, *self.dataset.key]
        parked = given(self.dataset, pa.RecordBatch.from_arrays(arrays, names), names)
        place = self.journal.session.source(self.dataset)
        try:
            self.journal.run(phrase.amendment(place, self.dataset, list(chosen)), given=parked)
        except RowsRefused:
            return False
        return True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that an exception undoes by itself."""
        kept = len(self.journal.steps)
        try:
            yield
        except BaseException:
            self.journal.undo(kept)
            raise


def _value(text: str | None, kind: Kind) -> object:
    if text is None or kind is Kind.TEXT:
        return text
    return Decimal(text) if kind is Kind.DECIMAL else int(text)
