"""What an operator must know about a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.duckdb.declared import is_known
from dovetail.systems.connectors.duckdb.read import check
from dovetail.systems.connectors.duckdb.session import Session
from dovetail.systems.sql.quote import table

Line = tuple[str, str, str]
"""Topic, verdict (`ok`, `warn` or `bad`), words."""

_VIEWS = "SELECT view_name FROM duckdb_views() WHERE schema_name = $1 AND NOT internal ORDER BY view_name"

_TRIGGERS = "SELECT count(*) FROM duckdb_triggers() WHERE schema_name = $1 AND table_name = $2"


def examine(session: Session, datasets: Sequence[Dataset]) -> Iterator[Line]:
    """Version, zone, locking, rights; then what is promised for each dataset."""
    ((version, zone, access),) = session.rows(
        "SELECT version(), current_setting('TimeZone'), current_setting('enable_external_access')"
    )
    yield "version", "ok", f"DuckDB {version}"
    yield "time zone", "ok" if zone == "UTC" else "bad", f"{zone}; instants are points in time all the same"
    yield (
        "external access",
        "bad" if access else "ok",
        "statements reach other files" if access else "off: no statement reaches other files or the network",
    )
    yield (
        "locking",
        "warn",
        "one program at a time can open the file: it is given back after each call, and a call waits for others",
    )
    yield _rights(session)
    yield "changes", "warn", "DuckDB notes no changes: they are found by reading"
    yield from _broken_views(session)
    for dataset in datasets:
        if dataset.kind is DatasetKind.TABLE:
            yield from _about(session, dataset)


def _rights(session: Session) -> Line:
    """Tried with a scratch table that is rolled back."""
    scratch = exp.Create(
        this=exp.Schema(
            this=table("dovetail_scratch", session.schema),
            expressions=[exp.ColumnDef(this=exp.to_identifier("x"), kind=exp.DataType.build("INT"))],
        ),
        kind="TABLE",
    )
    session.rows("BEGIN TRANSACTION")
    try:
        session.rows(scratch)
    except duckdb.Error as error:
        words = f"the file cannot be written ({type(error).__name__})"
        return "rights", "bad", f"{words}; give this account write access to {session.file.name} and its folder"
    finally:
        session.rows("ROLLBACK")
    return "rights", "ok", "the file can be written; fence and ledger can be made"


def _broken_views(session: Session) -> Iterator[Line]:
    for (name,) in session.rows(_VIEWS, [session.schema]):
        try:
            session.types_of(table(str(name), session.schema))
        except duckdb.Error as error:
            yield f"view {name}", "warn", f"cannot be read ({type(error).__name__})"


def _about(session: Session, dataset: Dataset) -> Iterator[Line]:
    try:
        check(session, dataset, dataset.names)
    except (SchemaDrift, duckdb.Error) as error:
        words = error.message if isinstance(error, SchemaDrift) else "the table is gone"
        yield dataset.name, "bad", f"no longer as described: {words}"
        return
    if not dataset.key:
        words = "no primary key: declare `key:` at the member, and its uniqueness is looked up at every create"
        yield dataset.name, "warn", words
    else:
        yield dataset.name, "ok", "readable"
    for field in dataset.fields:
        if not is_known(field.type.native):
            words = f"{field.type.native}: its values are neither read nor written"
            yield f"{dataset.name}.{field.name}", "warn", words
    ((count,),) = session.rows(_TRIGGERS, [session.schema, dataset.name])
    if count:
        yield dataset.name, "ok", "has triggers: what they change is read back after each write"
