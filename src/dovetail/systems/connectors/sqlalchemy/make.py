"""Making a table by SQLAlchemy's own DDL: only with types that give back what was put in."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.sqlalchemy.kinds import logical, made
from dovetail.systems.connectors.sqlalchemy.session import Session


def make(session: Session, dataset: Dataset, schema: str | None) -> None:
    """The table, if it is not there yet; where the dialect would carry a field otherwise, it is taken back again."""

    def work() -> str:
        inspector = sa.inspect(session.connection)
        if inspector.has_table(dataset.name, schema=schema):
            names = inspector.get_table_names(schema=schema)
            return "" if dataset.name in names else "a table of that name, spelled otherwise, is there"
        table = _created(session, dataset, schema)
        words = _otherwise(session, dataset, schema)
        if words:
            session.connection.execute(sa.schema.DropTable(table))
            session.connection.commit()
        return words

    words = session.call(work)
    if words:
        raise Refused(words, where=dataset.name)


def _otherwise(session: Session, dataset: Dataset, schema: str | None) -> str:
    """What is not as it was asked for."""
    try:
        columns = sa.inspect(session.connection).get_columns(dataset.name, schema=schema)
    except Exception as error:  # noqa: BLE001 - some dialects fail in many ways at names that they cannot read back
        session.connection.rollback()
        return f"the table cannot be described under this name ({type(error).__name__})"
    kept = {column["name"]: logical(column["type"]) for column in columns}
    for field in dataset.fields:
        if field.name not in kept:
            return "the database keeps another name for a field"
        if kept[field.name].arrow() != field.type.arrow():
            return f"this dialect has no type for {field.type} (it would be {kept[field.name]})"
    return ""


def _created(session: Session, dataset: Dataset, schema: str | None) -> sa.Table:
    """Make the table; where the database does not take short types for its keys, with the same types as elsewhere."""
    in_key = {name for group in (dataset.key, *dataset.uniques) for name in group}
    made_table = table(dataset, schema, session.engine.dialect, in_key)
    try:
        session.connection.execute(sa.schema.CreateTable(made_table))
    except exc.DBAPIError:
        session.connection.rollback()
        made_table = table(dataset, schema, session.engine.dialect, set())
        session.connection.execute(sa.schema.CreateTable(made_table))
    session.connection.commit()
    return made_table


def table(dataset: Dataset, schema: str | None, dialect: sa.Dialect, in_key: set[str]) -> sa.Table:
    """The table as SQLAlchemy has it; fields of `in_key` are of types that every database indexes."""
    columns: list[sa.schema.SchemaItem] = [
        sa.Column(
            field.name,
            made(field, dialect, in_key=field.name in in_key),
            primary_key=field.name in dataset.key,
            nullable=field.nullable and field.name not in dataset.key,
            autoincrement=field.drawn,
        )
        for field in dataset.fields
    ]
    columns += [sa.UniqueConstraint(*unique) for unique in dataset.uniques]
    return sa.Table(dataset.name, sa.MetaData(), *columns, schema=schema)
