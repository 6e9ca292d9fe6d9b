"""The queue of a feed in a SQLite file: what was noted, what the feed covers, and whether it is still as it was
made."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Feed
from dovetail.systems.connectors.sqlite.capture_triggers import (
    HEAD,
    Queue,
    drop,
    existing,
    make_tables,
    part,
    triggers,
)
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import table

WAY = "triggers"
"""How a SQLite file notes changes."""

_ROW_BYTES = 40
"""About so many bytes has one row of the queue."""

_TABLE = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1"
_QUEUES = """
SELECT substr(name, 1, length(name) - 3) FROM main.sqlite_master
WHERE type = 'table' AND name LIKE 'dovetail\\_%\\_of' ESCAPE '\\'
"""
_WHOLE = "INSERT INTO {queue} (dataset, reason) VALUES (?1, ?2)"
_OUTDATED = "DELETE FROM {queue} WHERE dataset = ?1 AND id < (SELECT max(id) FROM {queue})"
_UNCOVER = "DELETE FROM {covered}"
_COVER = "INSERT INTO {covered} (dataset, parts) VALUES (?1, ?2)"
_COVERED = "SELECT dataset, parts FROM {covered} ORDER BY dataset"
_ENDS = "SELECT (SELECT min(id) FROM {queue}), (SELECT max(id) FROM {queue})"
_WAITING = "SELECT {head}{parts} FROM {queue} WHERE dataset IS NOT NULL ORDER BY id LIMIT ?1"
_NEWEST = "SELECT max(id) FROM {queue} WHERE dataset IS NOT NULL"
_SEEN = "UPDATE {queue} SET seen = 1 WHERE reason IS NOT NULL AND id <= ?1"
_FORGET = "DELETE FROM {queue} WHERE id <= ?1"
_PLACE = "INSERT INTO {queue} (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM {queue} WHERE id >= ?1)"
_SIGN = "UPDATE {queue} SET version = ?1 WHERE id > ?2"
_UNDECODABLE = "UTF-8"


def make(connection: sqlite3.Connection, of: Queue, datasets: Sequence[Dataset]) -> None:
    """Cover exactly those datasets; of what was not noted until now, all rows may have changed."""
    is_there = _has(connection, of.name), _has(connection, of.covered)
    before = lost(connection, of) if any(is_there) else ""
    known = covered(connection, of) if all(is_there) else {}
    make_tables(connection, of, max((len(one.key) for one in datasets), default=0))
    standing = existing(connection, of)
    wanted: dict[str, str] = {}
    for one in datasets:
        needed = triggers(connection, of, one)
        wanted |= needed
        if known.get(one.name) != one.key or any(standing.get(name) != sql for name, sql in needed.items()):
            connection.execute(_named(_WHOLE, of), (one.name, before or "it is noted from now on"))
            connection.execute(_named(_OUTDATED, of), (one.name,))
    drop(connection, [name for name, sql in standing.items() if wanted.get(name) != sql])
    for name, sql in wanted.items():
        if standing.get(name) != sql:
            connection.execute(sql)
    connection.execute(_named(_UNCOVER, of))
    connection.executemany(_named(_COVER, of), [(one.name, json.dumps(one.key)) for one in datasets])


def release(connection: sqlite3.Connection, of: Queue) -> None:
    """Drop triggers and tables."""
    drop(connection, list(existing(connection, of)))
    for name in (of.name, of.covered):
        connection.execute(f"DROP TABLE IF EXISTS {_place(name)}")


def feed(connection: sqlite3.Connection, name: str, of: Queue) -> Feed | None:
    """How the feed stands; `None` where nothing of it is there."""
    is_there = _has(connection, of.name), _has(connection, of.covered)
    if not any(is_there) and not existing(connection, of):
        return None
    if not all(is_there):
        return Feed(name, WAY, (), lost=lost(connection, of))
    least, most = connection.execute(_named(_ENDS, of)).fetchone()
    waiting = (most or 0) - (least or 0)
    left = _ROW_BYTES * max(of.changes_max - waiting, 0)
    return Feed(name, WAY, tuple(covered(connection, of)), _ROW_BYTES * waiting, left, lost(connection, of))


def lost(connection: sqlite3.Connection, of: Queue) -> str:
    """Why changes may have gone unnoticed; empty while none can have."""
    for name in (of.name, of.covered):
        if not _has(connection, name):
            return f"the table {name} is gone"
    standing = existing(connection, of)
    for name, key in covered(connection, of).items():
        needed = triggers(connection, of, Dataset(name, DatasetKind.TABLE, (), key))
        if any(standing.get(trigger) != sql for trigger, sql in needed.items()):
            return f"triggers of {name} are gone, or no longer what they were"
    return ""


def covered(connection: sqlite3.Connection, of: Queue) -> dict[str, tuple[str, ...]]:
    """The datasets that a feed covers, with their keys."""
    return {name: tuple(json.loads(parts)) for name, parts in connection.execute(_named(_COVERED, of)).fetchall()}


def waiting(connection: sqlite3.Connection, of: Queue, rows: int, width: int) -> list[tuple[object, ...]]:
    """The oldest rows of the queue. Texts that are not UTF-8 come with their wrong bytes marked, as in reading."""
    sql = _named(_WAITING, of).replace("{head}", ", ".join(HEAD))
    sql = sql.replace("{parts}", "".join(f", {part(at)}" for at in range(width)))
    try:
        return connection.execute(sql, (rows,)).fetchall()
    except sqlite3.OperationalError as error:
        if _UNDECODABLE not in str(error):
            raise
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return connection.execute(sql, (rows,)).fetchall()
    finally:
        connection.text_factory = str


def newest(connection: sqlite3.Connection, of: Queue) -> int:
    """The number of the newest row."""
    return int(connection.execute(_named(_NEWEST, of)).fetchone()[0] or 0)


def seen(connection: sqlite3.Connection, of: Queue, last: int) -> None:
    """Whole tables that were told take no further changes in: those are noted anew."""
    connection.execute(_named(_SEEN, of), (last,))


def forget(connection: sqlite3.Connection, of: Queue, last: int) -> None:
    """Delete the rows up to there. One that marks the place stays where none is left: numbers never come again."""
    connection.execute(_named(_FORGET, of), (last,))
    connection.execute(_named(_PLACE, of), (last,))


@dataclass(frozen=True, slots=True)
class Own:
    """What one of our own transactions notes: it has a name, by which a feed tells it. `last` are the newest rows of
    the queues before it."""

    name: str
    last: dict[Queue, int]

    def sign(self, connection: sqlite3.Connection) -> None:
        """Give what it noted its name, before it commits."""
        for of, last in self.last.items():
            connection.execute(_named(_SIGN, of), (self.name, last))


def own(connection: sqlite3.Connection) -> Own | None:
    """A name for the transaction that has just begun; `None` where no feed is."""
    queues = [Queue(name) for (name,) in connection.execute(_QUEUES).fetchall() if _has(connection, name)]
    if not queues:
        return None
    return Own(secrets.token_hex(8), {of: connection.execute(_named(_ENDS, of)).fetchone()[1] or 0 for of in queues})


def _has(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute(_TABLE, (name,)).fetchone() is not None


def _named(statement: str, of: Queue) -> str:
    return statement.replace("{queue}", _place(of.name)).replace("{covered}", _place(of.covered))


def _place(name: str) -> str:
    return SQLITE.sql(table(name, "main"))
