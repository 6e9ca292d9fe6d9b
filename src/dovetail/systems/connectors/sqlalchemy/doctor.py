"""What an operator must know about a database, as far as SQLAlchemy tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlalchemy.describe import is_there
from dovetail.systems.connectors.sqlalchemy.faults import state
from dovetail.systems.connectors.sqlalchemy.session import Session

Line = tuple[str, str, str]
"""Topic, verdict (`ok`, `warn` or `bad`), words."""


def examine(session: Session, schema: str | None, datasets: Sequence[Dataset], *, locks: bool) -> Iterator[Line]:
    """Version, transactions, rights; then what is promised for each dataset."""
    dialect = session.engine.dialect
    version = ".".join(map(str, dialect.server_version_info or ())) or "of unknown version"
    yield "version", "ok", f"{dialect.name} {version} by {dialect.driver}, SQLAlchemy {sa.__version__}"
    level = session.call(lambda: _level(session.connection))
    if locks:
        yield "locking", "ok", f"rows are locked while they are compared; level {level}"
    elif level == "SERIALIZABLE":
        yield "locking", "ok", "transactions are SERIALIZABLE, for rows cannot be locked while they are read"
    else:
        yield "locking", "warn", f"rows cannot be locked while they are compared, and the level is {level}"
    yield _savepoints(session)
    yield "changes", "warn", "nothing notes changes here: they are found by reading"
    yield "speed", "ok", "portable statements, and every row that is written is read again"
    for dataset in datasets:
        if dataset.kind is DatasetKind.TABLE:
            yield from _about(session, schema, dataset)


def _level(connection: sa.Connection) -> str:
    try:
        return str(connection.get_isolation_level())
    except (exc.SQLAlchemyError, NotImplementedError):
        return "unknown"


def _savepoints(session: Session) -> Line:
    try:
        with session.savepoint():
            pass
    except exc.SQLAlchemyError:
        session.has_savepoints = False
    session.rollback()
    if session.has_savepoints:
        return "savepoints", "ok", "a refused row is undone alone"
    return "savepoints", "warn", "there are none: rows are written one by one"


def _about(session: Session, schema: str | None, dataset: Dataset) -> Iterator[Line]:
    try:
        stands = is_there(session, schema, dataset, dataset.names)
    except exc.SQLAlchemyError as error:
        yield dataset.name, "bad", f"cannot be looked at ({type(error).__name__} {state(error)})"
        return
    if not stands:
        yield dataset.name, "bad", "no longer as described"
    elif not dataset.key:
        words = "no primary key: declare `key:` at the member, and its uniqueness is looked up at every create"
        yield dataset.name, "warn", words
    else:
        yield dataset.name, "ok", "readable"
    for field in dataset.fields:
        if field.type.kind is Kind.OPAQUE:
            words = f"{field.type.native}: carried as the database's own text"
            yield f"{dataset.name}.{field.name}", "warn", words
