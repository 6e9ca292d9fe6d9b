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
from dovetail.systems.connectors.sqlite.bind import bind
from dovetail.systems.connectors.sqlite.carry import carry
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.fields import known

BATCH_BYTES = 32 * 2**20
"""A batch ends when it has this many bytes, however few its rows."""

_SLICE_ROWS, _LARGE_SLICE_ROWS = 1_024, 8_192
"""Rows that are fetched before their bytes are counted; more where those before them were small."""

_SLICE_BYTES = 2**20
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
            slices: list[pa.RecordBatch] = []
            space, size, step = self.rows_max, 0, _SLICE_ROWS
            while rows := cursor.fetchmany(min(step, space)):
                slices.append(carry(rows, fields, self.zone))
                space -= len(rows)
                size += slices[-1].nbytes
                step = _SLICE_ROWS if slices[-1].nbytes > _SLICE_BYTES else _LARGE_SLICE_ROWS
                if not space or size >= BATCH_BYTES:
                    yield _joined(slices)
                    slices, space, size = [], self.rows_max, 0
                    session.renew()
            if slices:
                yield _joined(slices)
        finally:
            cursor.close()


def empty(fields: Sequence[Field]) -> pa.RecordBatch:
    """A batch without rows."""
    return carry([], fields)


def _joined(slices: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch; it says why values are unreadable if any slice does."""
    schema = max((part.schema for part in slices), key=len)
    whole = [part if part.schema == schema else _unmarked(part, schema) for part in slices]
    return whole[0] if len(whole) == 1 else pa.Table.from_batches(whole).combine_chunks().to_batches()[0]


def _unmarked(part: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*part.columns, pa.nulls(part.num_rows, pa.string())], schema=schema)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=256)
def _by_keys(source: exp.Table, fields: tuple[str, ...], keys: tuple[statements.Guard, ...], rows: int) -> str:
    return SQLITE.sql(statements.select_by_keys(source, fields, keys, rows=rows, dialect=SQLITE))
