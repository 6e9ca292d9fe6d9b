"""Looking up a few rows in one round trip, with what is known of their table."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pyarrow as pa
from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.postgres.bind import array_literal, texts
from dovetail.systems.connectors.postgres.carry import carry_texts
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.known import Facts, signature
from dovetail.systems.connectors.postgres.pipe import Statement, text
from dovetail.systems.connectors.postgres.pipe import texts as answered
from dovetail.systems.connectors.postgres.read import WANTED, Reader, known
from dovetail.systems.connectors.postgres.same import same_key
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import found, habits
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import column, identifier, table

ROWS_MAX = 1_000
"""Keys that are looked up in this way at most."""

_CHANGED = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.DatatypeMismatch,
)
"""How the server says that a table is not what a prepared statement was made for."""


def lookup(
    session: Session, reader: Reader, dataset: Dataset, fields: Sequence[str], keys: pa.RecordBatch
) -> pa.RecordBatch | None:
    """The rows of those keys, compared byte by byte; `None` where that is better done the long way.

    The rows are read first, which holds the table as it is until its signature is read."""
    if dataset.kind is not DatasetKind.TABLE or not dataset.key or not 0 < keys.num_rows <= ROWS_MAX:
        return None
    place = reader.place(dataset)
    facts = reader.known.of(place)
    if facts is None:
        facts = _learn(session, reader, dataset)
        reader.known.keep(place, facts)
    given = [array_literal(texts(keys.column(part), found(facts.columns, dataset, part))[0]) for part in dataset.key]
    try:
        rows, seen = session.send(Statement(_statement(reader, dataset, fields, facts), given), signature(place))
    except _CHANGED:
        reader.known.drop(place)
        return None
    if answered(seen) != [(facts.signature,)]:
        reader.known.drop(place)
        return None
    columns = [[text(rows.get_value(row, at)) for row in range(rows.ntuples)] for at in range(rows.nfields)]
    return carry_texts(columns, [known(dataset, name) for name in fields])


def _learn(session: Session, reader: Reader, dataset: Dataset) -> Facts:
    """The signature first: what is changed while the rest is read gives the table another one."""
    place = reader.place(dataset)
    (answer,) = session.send(signature(place))
    columns = reader.columns(session, dataset)  # says so where there is no such table
    return Facts(str(answered(answer)[0][0]), columns, habits(session, place))


def _statement(reader: Reader, dataset: Dataset, fields: Sequence[str], facts: Facts) -> str:
    shape = ("lookup", dataset.key, tuple(fields))
    if shape not in facts.statements:
        place, wanted = reader.place(dataset), table(WANTED)
        arrays = [
            cast(POSTGRES.parameter(at), found(facts.columns, dataset, part).source)
            for at, part in enumerate(dataset.key, start=1)
        ]
        tests = [
            test
            for part in dataset.key
            for test in same_key(facts.columns[part], column(part, place), column(part, wanted))
        ]
        parts = [identifier(part) for part in dataset.key]
        rows = exp.Anonymous(this="unnest", expressions=arrays)
        given = exp.Alias(this=rows, alias=exp.TableAlias(this=identifier("given"), columns=parts))
        once = exp.Select(expressions=[exp.Star()]).from_(given).distinct()
        tree = reader.select(dataset, fields)
        tree = tree.join(exp.Subquery(this=once, alias=exp.TableAlias(this=wanted.this)), join_type="CROSS")
        facts.statements[shape] = POSTGRES.sql(tree.where(*tests))
    return str(facts.statements[shape])
