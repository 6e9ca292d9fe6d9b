"""A declared query: read as a part of a statement that can only read, its types taken from its first rows."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.sqlalchemy.carry import carry
from dovetail.systems.connectors.sqlalchemy.session import Rows, Session
from dovetail.systems.sql.attempt import exactly
from dovetail.systems.sql.fields import known

_SAMPLE_ROWS = 1_000
_KINDS: dict[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    Decimal: Kind.DECIMAL,
    str: Kind.TEXT,
    bytes: Kind.BYTES,
    memoryview: Kind.BYTES,
    dt.date: Kind.DATE,
    dt.time: Kind.TIME,
    uuid.UUID: Kind.UUID,
}


@dataclass(frozen=True, slots=True)
class Query:
    """One statement, in the database's own SQL, and the fields of its key."""

    sql: str
    key: tuple[str, ...] = ()

    def dataset(self, session: Session, name: str) -> Dataset:
        """What it gives."""
        names, rows = self._head(session, name)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        fields = tuple(Field(part, _seen(values), computed=True) for part, values in zip(names, columns, strict=True))
        missing = [part for part in self.key if part not in names]
        if missing:
            words = f"the query {name!r} gives no field {missing[0]!r}, which its key names"
            raise DeclarationError(words, where=name, code="DV-322")
        return Dataset(name, DatasetKind.QUERY, fields, key=tuple(self.key))

    def batches(self, session: Session, fields: Sequence[Field], rows_max: int) -> Iterator[pa.RecordBatch]:
        """All rows, those fields of them; at least one batch."""
        names, _ = self._head(session, "query")
        places = [names.index(field.name) for field in fields]
        is_empty = True
        for rows in session.stream(self._whole(), step=lambda: rows_max):
            is_empty = False
            yield carry([[row[place] for row in rows] for place in places], fields, {})
        if is_empty:
            yield carry([()] * len(fields), fields, {})

    def found(
        self, session: Session, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch
    ) -> Iterator[pa.RecordBatch]:
        """The rows of those keys, out of all."""
        parts = list(keys.schema.names)
        asked = list(dict.fromkeys([*fields, *parts]))
        wanted = set(exactly(dataset, keys, parts))
        described = [known(dataset, name) for name in asked]
        for batch in self.batches(session, described, _SAMPLE_ROWS):
            kept = [at for at, key in enumerate(exactly(dataset, batch, parts)) if key in wanted]
            if kept:
                part = batch.take(pa.array(kept))
                yield part.select([*fields, *part.schema.names[len(asked) :]])

    def _head(self, session: Session, name: str) -> tuple[list[str], Rows]:
        def look() -> tuple[list[str], Rows]:
            result = session.connection.execute(self._whole())
            names = list(result.keys())
            found = [tuple(row) for row in result.fetchmany(_SAMPLE_ROWS)]
            result.close()
            return names, found

        try:
            return session.call(look)
        except exc.SQLAlchemyError as error:
            session.rollback()
            words = "not one reading statement, or it cannot be read"
            if name == "query":
                raise Refused(words, where=name) from error
            raise DeclarationError(f"the query {name!r} is {words}", where=name, code="DV-321") from error

    def _whole(self) -> sa.Executable:
        """The query inside another, where nothing that writes can stand; what it does is never committed either."""
        inner = self.sql.strip().rstrip(";")
        whole = f"SELECT * FROM ({inner}\n) dovetail_query"  # noqa: S608 - the operator's own SQL
        return sa.text(whole.replace(":", "\\:"))


def _seen(values: Sequence[object]) -> Type:
    """A type, where all values of the first rows agree on one."""
    classes = set(map(type, values)) - {type(None)}
    if classes == {dt.datetime}:
        zoned = {value.tzinfo is not None for value in values if isinstance(value, dt.datetime)}
        return Type(Kind.INSTANT if zoned == {True} else Kind.TIMESTAMP)
    return Type(_KINDS.get(classes.pop(), Kind.OPAQUE)) if len(classes) == 1 else Type(Kind.OPAQUE)
