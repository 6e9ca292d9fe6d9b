"""Keys that DuckDB draws: its own defaults are asked for ahead of the rows, so that they are known and can be
repeated."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.duckdb.declared import reading
from dovetail.systems.connectors.duckdb.session import Session
from dovetail.systems.sql.dialect import DUCKDB
from dovetail.systems.sql.fields import conform, known
from dovetail.systems.sql.quote import identifier

_DEFAULT = """
SELECT column_default FROM duckdb_columns() WHERE database_name = current_database()
AND schema_name = $1 AND table_name = $2 AND column_name = $3
"""


def reserve(session: Session, dataset: Dataset, count: int) -> pa.RecordBatch:
    """`count` new keys; `Refused` where not every part of the key is drawn by the system."""
    parts = [known(dataset, part) for part in dataset.key]
    if not parts or not all(part.drawn for part in parts):
        raise Refused(f"keys of {dataset.name} are not drawn by the system", where=dataset.name)
    return pa.RecordBatch.from_arrays([_drawn(session, dataset, part, count) for part in parts], list(dataset.key))


def filled(session: Session, dataset: Dataset, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with the keys that the system draws where they have none."""
    for part in dataset.key:
        field = known(dataset, part)
        if not field.drawn:
            continue
        if part not in rows.schema.names:
            rows = rows.append_column(part, _drawn(session, dataset, field, rows.num_rows))
        elif empty := rows.column(part).null_count:
            drawn = iter(_drawn(session, dataset, field, empty).to_pylist())
            values = [next(drawn) if value is None else value for value in rows.column(part).to_pylist()]
            rows = rows.set_column(rows.schema.names.index(part), part, pa.array(values, field.type.arrow()))
    return rows


def sequences(schema: str, dataset: Dataset, create: exp.Create) -> Sequence[str]:
    """Let a table that is to be made draw its keys; the statements that must come before."""
    before = []
    for defined in create.find_all(exp.ColumnDef):
        field = dataset.field(defined.name)
        if field is None or not field.drawn:
            continue
        if field.type.kind is Kind.INTEGER:
            name = exp.Table(this=identifier(f"{dataset.name}_{field.name}_seq"), db=identifier(schema))
            before.append(f"CREATE SEQUENCE IF NOT EXISTS {DUCKDB.sql(name)}")
            value = exp.Anonymous(this="nextval", expressions=[exp.Literal.string(DUCKDB.sql(name))])
        elif field.type.kind is Kind.UUID:
            value = exp.Anonymous(this="gen_random_uuid", expressions=[])
        else:
            continue
        defined.append("constraints", exp.ColumnConstraint(kind=exp.DefaultColumnConstraint(this=value)))
    return before


def _drawn(session: Session, dataset: Dataset, field: Field, count: int) -> pa.Array:
    """That many values of the column's own default."""
    ((default,),) = session.rows(_DEFAULT, [session.schema, dataset.name, field.name])
    stored = exp.Cast(
        this=exp.Paren(this=exp.Var(this=str(default))),
        to=exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=field.type.native),
    )
    value = reading(field, stored).value
    rows = exp.Anonymous(this="range", expressions=[exp.Literal.number(count)])
    found = session.answer(exp.Select(expressions=[exp.Alias(this=value, alias=identifier("v"))]).from_(rows))
    chunks = found.column("v").chunks
    return conform(pa.concat_arrays(chunks), field) if chunks else pa.array([], field.type.arrow())
