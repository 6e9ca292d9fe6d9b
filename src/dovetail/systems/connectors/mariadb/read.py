"""Reading: answers come as the bytes of the text protocol, and leave in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from sqlglot import exp

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.systems.connectors.mariadb import digest as digests
from dovetail.systems.connectors.mariadb import query as queries
from dovetail.systems.connectors.mariadb.declared import selected
from dovetail.systems.connectors.mariadb.gather import gather
from dovetail.systems.connectors.mariadb.order import after_key, by_keys, dense, terms
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import column, table

__all__ = ["Reader", "known"]

BATCH_BYTES = 8 * 2**20
"""Bytes of one batch at most, unless one row alone has more."""

LOOKUP_KEYS = 900
"""Keys of a look-up in one statement: of more, the server would make a table first."""

LOOKUP_BYTES = 200_000
"""Bytes of the keys in one statement at most, unless one alone has more: their digits must fit into a packet."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads datasets through a session that is in a transaction."""

    schema: str
    batch_rows: int
    queries: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    truth: bool = True

    def place(self, dataset: Dataset) -> exp.Table:
        """Where the dataset's rows are selected from."""
        return queries.place() if dataset.kind is DatasetKind.QUERY else table(dataset.name, self.schema)

    def select(self, dataset: Dataset, fields: Sequence[str], *, digest: bool = False) -> exp.Select:
        """All rows, those fields in that order; last their digest, where it is asked for."""
        place = self.place(dataset)
        chosen = [selected(known(dataset, name), column(name, place)) for name in fields]
        chosen += [digests.of_row(dataset, place, fields)] if digest else []
        return self._from(dataset, exp.Select(expressions=chosen or [exp.null()]))

    def _from(self, dataset: Dataset, tree: exp.Select) -> exp.Select:
        place = self.place(dataset)
        if dataset.kind is not DatasetKind.QUERY:
            return tree.from_(place)
        if dataset.name not in self.queries:
            raise SchemaDrift(f"no query is named {dataset.name!r}", where=dataset.name)
        return queries.around(self.queries[dataset.name][0], tree)

    def read(
        self, session: Session, dataset: Dataset, fields: Sequence[str], where: exp.Condition | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that pass a test; at least one batch, which may be empty.

        The server is given all the time it needs, as long as rows keep coming."""
        tree = self.select(dataset, fields)
        tree = tree.where(where) if where is not None else tree
        with session.unlimited():
            yield from self._rows(session, dataset, tree, _described(dataset, fields))

    def read_after(
        self,
        session: Session,
        dataset: Dataset,
        fields: Sequence[str],
        *,
        after: pa.RecordBatch | None,
        digest: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The rows that come after a key, in the order of the key."""
        if not dataset.key:
            raise Refused(f"{dataset.name} has no key by which it could be ordered", where=dataset.name)
        ordering = terms(session, dataset, self.place(dataset))
        tree = self.select(dataset, fields, digest=digest)
        tree = tree.order_by(*(exp.Ordered(this=term.held.copy(), nulls_first=True) for term in ordering))
        if after is not None:
            tree = tree.where(after_key(dataset, ordering, after))
        with session.unlimited():
            yield from self._rows(session, dataset, tree, _described(dataset, fields, digest=digest))

    def lookup(
        self,
        session: Session,
        dataset: Dataset,
        fields: Sequence[str],
        keys: pa.RecordBatch,
        *,
        digest: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, compared byte by byte; a key given twice counts once."""
        if not keys.num_rows or not dataset.key:
            return
        place = self.place(dataset)
        tree, described = self.select(dataset, fields, digest=digest), _described(dataset, fields, digest=digest)
        bounds = dense(dataset, keys) if dataset.key[0] in fields else None
        if bounds is not None:
            part = dataset.key[0]
            low, high = (exp.Literal.number(bound) for bound in bounds)
            tree = tree.where(exp.Between(this=column(part, place), low=low, high=high))
            for batch in self._rows(session, dataset, tree, described):
                yield batch.filter(pc.is_in(batch.column(part), keys.column(part).cast(batch.column(part).type)))
            return
        for portion in portions(keys):
            test = by_keys(dataset, place, portion)
            if test is not None:
                yield from self._rows(session, dataset, tree.where(test), described)

    def digest_total(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> tuple[int, int]:
        """The number of rows, and the exclusive-or of their digests."""
        tree = exp.Select(expressions=digests.total(dataset, self.place(dataset), fields))
        with session.unlimited():
            ((count, digest),) = session.rows(MARIADB.sql(self._from(dataset, tree)))
        return int(count), int(digest)

    def digest_rows(self, session: Session, dataset: Dataset, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The key and the digest of every row."""
        tree = self.select(dataset, dataset.key)
        chosen = tree.expressions if dataset.key else []
        tree.set("expressions", [*chosen, digests.of_row(dataset, self.place(dataset), fields)])
        with session.unlimited():
            yield from self._rows(session, dataset, tree, _described(dataset, dataset.key, digest=True))

    def query(self, session: Session, text: str) -> Iterator[pa.RecordBatch]:
        """The answer to one reading statement."""
        fields = queries.shape(session, text, "query", truth=self.truth)
        asked = Dataset("query", DatasetKind.QUERY, fields)
        reader = Reader(self.schema, self.batch_rows, {asked.name: (text, ())}, self.truth)
        yield from reader.read(session, asked, asked.names)

    def stream(self, session: Session, sql: str, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """The answer of a statement whose columns are those fields, in their order; at least one batch, which may be
        empty."""
        is_first = True
        width = max(1, len(fields))
        answer = session.answer(sql)
        for block in answer.blocks(rows_max=self.batch_rows, bytes_max=BATCH_BYTES):
            yield gather(block.columns(width)[: len(fields)], fields)
            is_first = False
            session.renew()
        if is_first:
            yield gather([pa.array([], pa.binary())] * len(fields), fields)

    def _rows(
        self, session: Session, dataset: Dataset, tree: exp.Select, described: Sequence[Field]
    ) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.stream(session, MARIADB.sql(tree), described)
        except pymysql.Error as error:
            refusal = queries.refused(error, dataset.name) if dataset.kind is DatasetKind.QUERY else None
            raise refusal or error from error


def portions(keys: pa.RecordBatch) -> list[pa.RecordBatch]:
    """The keys of one statement each."""
    if keys.num_rows > LOOKUP_KEYS:
        parts = [keys.slice(at, LOOKUP_KEYS) for at in range(0, keys.num_rows, LOOKUP_KEYS)]
    elif keys.nbytes > LOOKUP_BYTES and keys.num_rows > 1:
        half = keys.num_rows // 2
        parts = [keys.slice(0, half), keys.slice(half)]
    else:
        return [keys]
    return [portion for part in parts for portion in portions(part)]


def _described(dataset: Dataset, fields: Sequence[str], *, digest: bool = False) -> list[Field]:
    """The fields of an answer, in their order."""
    return [*(known(dataset, name) for name in fields), *([digests.FIELD] if digest else [])]
