"""SQL constants of the state, turned into what SQLite and PostgreSQL each understand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_WORDS_SQLITE = {"BYTES": "BLOB", "CLUSTERED": "WITHOUT ROWID"}
_WORDS_POSTGRES = {"BYTES": "BYTEA", "CLUSTERED": "", "REAL": "DOUBLE PRECISION", "TEXT": 'TEXT COLLATE "C"'}
_LIST = re.compile(r"\b(BIGINT|TEXT)S\(\?\)")
_ARRAYS = {"BYTES": "bytea[]", "TEXT": "text[]", "BIGINT": "bigint[]", "REAL": "float8[]"}


@dataclass(frozen=True, slots=True)
class Load:
    """An insert of many rows: the table, its columns with their types, and what happens to rows that stand there
    already."""

    table: str
    columns: tuple[tuple[str, str], ...]
    conflict: str = ""


def _replaced(sql: str, words: dict[str, str]) -> str:
    return re.sub(r"\b(" + "|".join(words) + r")\b", lambda found: words[found.group()], sql)


@cache
def sqlite_sql(sql: str) -> str:
    """A statement for SQLite. `IN BIGINTS(?)` and `IN TEXTS(?)` take a whole list as one value, here as JSON.

    >>> sqlite_sql("SELECT 1 FROM owed WHERE row_id IN BIGINTS(?)")
    'SELECT 1 FROM owed WHERE row_id IN (SELECT value FROM json_each(?))'
    """
    return _LIST.sub("(SELECT value FROM json_each(?))", sql).replace(" FOR UPDATE", "")


@cache
def postgres_sql(sql: str) -> str:
    """A statement for psycopg; a list goes as an array.

    >>> postgres_sql("SELECT 1 FROM owed WHERE mapping = ? AND row_id IN BIGINTS(?)")
    'SELECT 1 FROM owed WHERE mapping = %s AND row_id IN (SELECT unnest(%s::bigint[]))'
    """
    sql = _LIST.sub(lambda found: f"(SELECT unnest(?::{_ARRAYS[found.group(1)]}))", sql)
    return sql.replace("%", "%%").replace("?", "%s")


def sqlite_table(statement: str) -> str:
    """A statement of the schema for SQLite."""
    return _replaced(statement, _WORDS_SQLITE)


def postgres_table(statement: str) -> str:
    """A statement of the schema for PostgreSQL; texts compare by their bytes, as in SQLite."""
    return _replaced(statement, _WORDS_POSTGRES)


@cache
def sqlite_load(load: Load) -> str:
    """The insert of one row.

    >>> sqlite_load(Load("sequence", (("part", "TEXT"), ("chunk", "BIGINT"))))
    'INSERT INTO sequence (part, chunk) VALUES (?, ?)'
    """
    names = ", ".join(name for name, _ in load.columns)
    marks = ", ".join("?" for _ in load.columns)
    # The parts are constants of this room.
    return f"INSERT INTO {load.table} ({names}) VALUES ({marks}) {load.conflict}".rstrip()  # noqa: S608


@cache
def postgres_load(load: Load) -> str:
    """The insert of many rows, given as one array a column.

    >>> postgres_load(Load("sequence", (("part", "TEXT"), ("chunk", "BIGINT"))))
    'INSERT INTO sequence (part, chunk) SELECT * FROM unnest(%s::text[], %s::bigint[])'
    """
    names = ", ".join(name for name, _ in load.columns)
    arrays = ", ".join(f"%s::{_ARRAYS[kind]}" for _, kind in load.columns)
    # As above.
    return f"INSERT INTO {load.table} ({names}) SELECT * FROM unnest({arrays}) {load.conflict}".rstrip()  # noqa: S608
