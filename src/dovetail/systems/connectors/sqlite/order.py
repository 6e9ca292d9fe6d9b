"""Reading in the order of the key: which rows come after a place, and where a page of them ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlite.bind import bind
from dovetail.systems.connectors.sqlite.declared import Affinity, affinity
from dovetail.systems.connectors.sqlite.read import Reader, empty
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import column

_PLAIN = (Kind.INTEGER, Kind.BYTES)
_TEXTS = (Kind.TEXT, Kind.UUID, Kind.JSON, Kind.OPAQUE)
_Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A dataset in the order of its key: numbers by size, texts byte by byte. Keys with an empty part come first, and
    come after no place."""

    session: Session
    reader: Reader
    dataset: Dataset
    fields: Sequence[str]

    def read(self, after: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        """The rows after a key; at least one batch, which may be empty.

        A file in WAL mode is read in one snapshot. In the other modes a snapshot would hold up every writer, this
        connector's own too: there each batch has a snapshot of its own, and no lock is held between them."""
        if not self.dataset.key:
            raise Refused(f"{self.dataset.name} has no key by which it could be ordered", where=self.dataset.name)
        is_empty = True
        for batch in self._whole(after) if _is_logged(self.session) else self._paged(after):
            is_empty = False
            yield batch
        if is_empty:
            yield empty([known(self.dataset, name) for name in self.fields])

    def _whole(self, after: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        with self.session.reading():
            yield from self._rows(self._place(after), None)

    def _paged(self, after: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        size, place, is_first = self.reader.rows_max, None, True
        while True:
            with self.session.reading():
                place, is_first = (self._place(after) if is_first else place), False
                end = self._end(place, size)
                batches = list(self._rows(place, end))
            yield from batches
            if end is None:
                return
            place = end
            size = min(
                [size, *(batch.num_rows for batch in batches[:1])]
            )  # rows that take much room come in small pages

    def _rows(self, after: _Place | None, until: _Place | None) -> Iterator[pa.RecordBatch]:
        tree = self._bounded(statements.select(self._source(), self.fields), after, until)
        values = [*(after or ()), *(until or ())]
        described = [known(self.dataset, name) for name in self.fields]
        yield from self.reader.stream(self.session, SQLITE.sql(tree.order_by(*self._order())), described, values)

    def _end(self, after: _Place | None, size: int) -> _Place | None:
        """The key of the last row of a page; `None` where the rest is no longer than that."""
        tree = self._bounded(statements.select(self._source(), self.dataset.key), after, None)
        tree = tree.order_by(*self._order()).limit(1).offset(size - 1)
        self.session.renew()
        found: _Place | None = self.session.connection.execute(SQLITE.sql(tree), after or ()).fetchone()
        return None if found is None or None in found else found

    def _bounded(self, tree: exp.Select, after: _Place | None, until: _Place | None) -> exp.Select:
        """With the tests; that of the first part alone says nothing new, but is what an index of texts serves."""
        terms = self._terms()
        given = 0
        for place, test, alone in ((after, exp.GT, exp.GTE), (until, exp.LTE, exp.LTE)):
            if place is None:
                continue
            marks = [SQLITE.parameter(given + at) for at in range(1, len(terms) + 1)]
            given += len(terms)
            if len(terms) == 1:
                tree = tree.where(test(this=terms[0].copy(), expression=marks[0]))
                continue
            tree = tree.where(
                alone(this=terms[0].copy(), expression=marks[0].copy()),
                test(
                    this=exp.Tuple(expressions=[one.copy() for one in terms]), expression=exp.Tuple(expressions=marks)
                ),
            )
        return tree

    def _terms(self) -> list[exp.Expression]:
        source = self._source()
        held = [(known(self.dataset, part).type.kind, column(part, source)) for part in self.dataset.key]
        return [SQLITE.exact(value) if kind in _TEXTS else value for kind, value in held]

    def _order(self) -> list[exp.Expression]:
        return [exp.Ordered(this=term, nulls_first=True) for term in self._terms()]

    def _source(self) -> exp.Table:
        return self.session.source(self.dataset)

    def _place(self, after: pa.RecordBatch | None) -> _Place | None:
        """The key as SQLite stores it. Where one value may be stored in several spellings, its row must be there."""
        if after is None:
            return None
        key = list(self.dataset.key)
        bound = bind(self.dataset, after, key)
        place = tuple(values[0] for values in bound.columns)
        if bound.rejects or None in place:
            raise Refused("a key with an empty or unfit part marks no place", where=self.dataset.name)
        if any(not _has_one_spelling(self.dataset, part) for part in key) and not self._stands(place):
            raise Refused("the row that marks the place is gone, or spelled otherwise", where=self.dataset.name)
        return place

    def _stands(self, place: _Place) -> bool:
        source = self._source()
        tests = [
            exp.EQ(this=column(part, source), expression=SQLITE.parameter(at))
            for at, part in enumerate(self.dataset.key, start=1)
        ]
        tree = exp.Select(expressions=[exp.Literal.number(1)]).from_(source).where(*tests).limit(1)
        return self.session.connection.execute(SQLITE.sql(tree), place).fetchone() is not None


def _is_logged(session: Session) -> bool:
    return str(session.connection.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"


def _has_one_spelling(dataset: Dataset, part: str) -> bool:
    kind = known(dataset, part).type
    is_text = kind.kind in (Kind.TEXT, Kind.UUID) and affinity(kind.native) in (Affinity.TEXT, Affinity.BLOB)
    return kind.kind in _PLAIN or is_text
