"""Reading rows: in a stream of batches, or by key."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from dovetail.model.catalog import Dataset, Field
from dovetail.systems.connectors.sqlite.bind import bind, known
from dovetail.systems.connectors.sqlite.carry import carry
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import SQLITE

BATCH_BYTES = 32 * 2**20
"""Bytes that a batch is meant to have at most; the next batch is made smaller or larger accordingly."""

_FIRST_ROWS = 4_096
_LOOKUP_KEYS = 512
_UNDECODABLE = "Could not decode to UTF-8"


@dataclass(frozen=True, slots=True)
class Reader:
    """How rows become batches: `rows_max` in one batch at most, and the zone of stamps without one."""

    rows_max: int
    zone: ZoneInfo | None = None

    def stream(
        self, session: Session, sql: str, fields: Sequence[Field], parameters: Sequence[object] = ()
    ) -> Iterator[pa.RecordBatch]:
        """The answer to a statement. The caller holds the snapshot.

        Texts are decoded by the driver as long as all are UTF-8; at the first that is not, the same statement runs
        again in the same snapshot, and goes on where it was with a decoder that keeps wrong bytes apart.
        """
        done = 0
        try:
            for batch in self._fetch(session, sql, fields, parameters):
                yield batch
                done += batch.num_rows
        except sqlite3.OperationalError as error:
            if _UNDECODABLE not in str(error):
                raise
        else:
            return
        session.connection.text_factory = _decode
        try:
            yield from self._fetch(session, sql, fields, parameters, skip=done)
        finally:
            session.connection.text_factory = str

    def lookup(
        self, session: Session, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys. The caller holds the snapshot or the transaction."""
        parts = list(keys.schema.names)
        bound = bind(dataset, keys, parts)
        rows = list(zip(*bound.columns, strict=True))
        wanted = [row for at, row in enumerate(rows) if at not in bound.rejects and None not in row]
        described = [known(dataset, name) for name in fields]
        source = session.source(dataset)
        guards = statements.guards(dataset, parts)
        for at in range(0, len(wanted), _LOOKUP_KEYS):
            part = wanted[at : at + _LOOKUP_KEYS]
            size = 1 << (len(part) - 1).bit_length()
            part += part[-1:] * (size - len(part))
            sql = _by_keys(source, tuple(fields), guards, size)
            values = [value for row in part for value in row]
            yield from self.stream(session, sql, described, values)

    def _fetch(
        self, session: Session, sql: str, fields: Sequence[Field], parameters: Sequence[object], *, skip: int = 0
    ) -> Iterator[pa.RecordBatch]:
        session.renew()
        cursor = session.connection.execute(sql, parameters)
        try:
            while skip:
                skip -= len(cursor.fetchmany(min(skip, self.rows_max)))
            size = min(_FIRST_ROWS, self.rows_max)
            while rows := cursor.fetchmany(size):
                batch = carry(rows, fields, self.zone)
                yield batch
                size = max(1, min(self.rows_max, BATCH_BYTES * batch.num_rows // max(batch.nbytes, 1)))
                session.renew()
        finally:
            cursor.close()


def empty(fields: Sequence[Field]) -> pa.RecordBatch:
    """A batch without rows."""
    return carry([], fields)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=256)
def _by_keys(source: exp.Table, fields: tuple[str, ...], keys: tuple[statements.Guard, ...], rows: int) -> str:
    return SQLITE.sql(statements.select_by_keys(source, fields, keys, rows=rows, dialect=SQLITE))
