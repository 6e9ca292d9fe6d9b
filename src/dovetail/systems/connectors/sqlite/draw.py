"""Keys that SQLite would give to new rows."""

from __future__ import annotations

import sqlite3

from sqlglot import exp, tokenize

from dovetail.model.catalog import Dataset
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import column, table

_SEQUENCE = "SELECT seq FROM main.sqlite_sequence WHERE lower(name) = lower(?1)"
_ADVANCE = "UPDATE main.sqlite_sequence SET seq = ?2 WHERE lower(name) = lower(?1)"
_START = (
    "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, ?2 FROM main.sqlite_master WHERE lower(name) = lower(?1)"
)
_HAS_SEQUENCES = "SELECT count(*) FROM main.sqlite_master WHERE name = 'sqlite_sequence'"
_DEFINITION = "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND lower(name) = lower(?1)"


def draws(dataset: Dataset) -> bool:
    """Whether SQLite gives a key to a row that comes without one."""
    return len(dataset.key) == 1 and any(field.drawn for field in dataset.fields if field.name == dataset.key[0])


def has_sequence(connection: sqlite3.Connection, dataset: Dataset) -> bool:
    """Whether the table is declared AUTOINCREMENT, so that a key once drawn is never given again."""
    if len(dataset.key) != 1 or not connection.execute(_HAS_SEQUENCES).fetchone()[0]:
        return False
    row = connection.execute(_DEFINITION, (dataset.name,)).fetchone()
    return row is not None and "AUTOINCREMENT" in _bare_words(row[0])


def next_rowid(connection: sqlite3.Connection, dataset: Dataset) -> int:
    """The key that SQLite would give to the next row. The caller holds the write lock."""
    target = table(dataset.name, "main")
    most = exp.Select(expressions=[exp.Max(this=column(dataset.key[0], target))]).from_(target)
    highest = connection.execute(SQLITE.sql(most)).fetchone()[0] or 0
    if has_sequence(connection, dataset):
        row = connection.execute(_SEQUENCE, (dataset.name,)).fetchone()
        highest = max(highest, row[0] if row else 0)
    return max(highest, 0) + 1


def advance(connection: sqlite3.Connection, dataset: Dataset, last: int) -> None:
    """Make `last` the highest key that was ever given. The caller holds the write lock."""
    if connection.execute(_ADVANCE, (dataset.name, last)).rowcount == 0:
        connection.execute(_START, (dataset.name, last))


def _bare_words(sql: str) -> set[str]:
    """The words of a definition that are neither quoted nor commented."""
    tokens = tokenize(sql, read=SQLITE.name)
    return {token.text.upper() for token in tokens if token.token_type.name not in ("IDENTIFIER", "STRING")}
