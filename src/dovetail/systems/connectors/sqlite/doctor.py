"""What an operator must know about a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.sqlite.declared import Affinity, affinity
from dovetail.systems.connectors.sqlite.draw import draws, has_sequence
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import column, table

Line = tuple[str, str, str]
"""Topic, verdict (`ok`, `warn` or `bad`), words."""

_VIEWS = "SELECT name FROM main.sqlite_master WHERE type = 'view' ORDER BY name"


def examine(session: Session, path: Path, datasets: Sequence[Dataset]) -> Iterator[Line]:
    """Version, encoding, damage, locking, rights; then what is promised for each dataset."""
    connection = session.connection
    encoding = connection.execute("PRAGMA encoding").fetchone()[0]
    yield "version", "ok", f"SQLite {sqlite3.sqlite_version}"
    yield "encoding", "ok", encoding
    yield _damage(connection)
    yield _journal(connection)
    yield _rights(session, path)
    yield from _broken_views(connection)
    for dataset in datasets:
        if dataset.kind is DatasetKind.TABLE:
            yield from _about(session, dataset)


def _damage(connection: sqlite3.Connection) -> Line:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found == "ok":
        return "integrity", "ok", "no damage found"
    return "integrity", "bad", "the file is damaged; restore it from a backup, or try `.recover`"


def _journal(connection: sqlite3.Connection) -> Line:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode == "wal":
        return "locking", "ok", "WAL: readers and one writer do not wait for each other"
    return (
        "locking",
        "warn",
        f"journal mode {mode}: a long read holds up every writer; PRAGMA journal_mode = WAL avoids it",
    )


def _rights(session: Session, path: Path) -> Line:
    """Tried with a scratch table that is rolled back."""
    try:
        session.connection.execute("BEGIN IMMEDIATE")
        session.connection.execute("CREATE TABLE main.dovetail_scratch (x)")
    except sqlite3.OperationalError as error:
        return (
            "rights",
            "bad",
            f"the file cannot be written ({error}); give this account write access to {path.name} and its folder",
        )
    finally:
        session.rollback()
    return "rights", "ok", "the file can be written; fence and ledger can be made"


def _broken_views(connection: sqlite3.Connection) -> Iterator[Line]:
    for (name,) in connection.execute(_VIEWS).fetchall():
        try:
            connection.execute(SQLITE.sql(exp.Select(expressions=[exp.Star()]).from_(table(name, "main")).limit(0)))
        except sqlite3.OperationalError as error:
            yield f"view {name}", "warn", f"cannot be read: {error}"


def _about(session: Session, dataset: Dataset) -> Iterator[Line]:
    connection = session.connection
    target = table(dataset.name, "main")
    try:
        names = [column(field.name, target) for field in dataset.fields]
        connection.execute(SQLITE.sql(exp.Select(expressions=names).from_(target.copy()).limit(0)))
    except sqlite3.OperationalError as error:
        yield dataset.name, "bad", f"no longer as described: {error}"
        return
    if not dataset.key:
        yield (
            dataset.name,
            "warn",
            "no primary key: declare `key:` at the member, and its uniqueness is looked up at every create",
        )
    elif draws(dataset) and not has_sequence(connection, dataset):
        yield dataset.name, "ok", "keys are drawn inside the writing transaction, and come back in its receipt"
    else:
        yield dataset.name, "ok", "readable"
    for field in dataset.fields:
        if affinity(field.type.native) is Affinity.NUMERIC and field.type.native.upper().startswith("STRING"):
            words = "declared STRING, which SQLite stores as a number where it looks like one; such texts are refused"
            yield f"{dataset.name}.{field.name}", "warn", words
