"""Noting which rows of a SQLite file change: by triggers, into a queue that stands in the file itself."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pyarrow as pa

from dovetail.errors import FeedLost, SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Feed, Noticed, Visibility
from dovetail.systems.connectors.sqlite.capture_triggers import (
    CHANGES_MAX,
    Queue,
    drop,
    existing,
    make_tables,
    part,
    queue,
    triggers,
    uniques,
)
from dovetail.systems.connectors.sqlite.carry import carry
from dovetail.systems.connectors.sqlite.declared import logical
from dovetail.systems.connectors.sqlite.session import Session, Sessions
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import table

WAYS = ("auto", "triggers", "none")
"""What a system's setting `capture_by` may say."""

WAY = "triggers"

_ROW_BYTES = 40
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.1
_IDLE_SHARE = 0.05
"""The share of the time without a change that is slept before the next look."""

_COLUMNS = "SELECT name, type FROM pragma_table_xinfo(?1, 'main')"
_TABLE = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1"
_KIND = "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?1"


class Capture:
    """The feeds of one file. May be used from several threads."""

    def __init__(self, sessions: Sessions, setting: str, zone: ZoneInfo | None, changes_max: int = CHANGES_MAX) -> None:
        self._sessions = sessions
        self._setting = setting
        self._zone = zone
        self._changes_max = changes_max
        self._given: dict[str, int] = {}
        self._checked: dict[str, tuple[object, dict[str, tuple[str, ...]]]] = {}
        self._changed = time.monotonic()

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen."""
        with self._sessions.lend("visibility") as session:
            return [_visible(session.connection, one, self._setting) for one in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Make or mend queue and triggers, all in one transaction."""
        of = queue(feed, self._changes_max)
        with self._sessions.lend(feed) as session:
            for one in datasets:
                told = _visible(session.connection, one, self._setting)
                if told.way != WAY:
                    words = f"changes of {one.name} cannot be noted: {told.reason}"
                    raise SystemFault(words, where=one.name, code="DV-360")
            with session.writing() as connection:
                _make(connection, of, datasets)
            with session.reading() as connection:
                return _feed(connection, feed, of)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        of = queue(feed, self._changes_max)
        with self._sessions.lend(feed) as session, session.reading() as connection:
            is_there = _has(connection, of.name) or _has(connection, of.covered) or existing(connection, of)
            return _feed(connection, feed, of) if is_there else None

    def release(self, feed: str) -> None:
        """Drop queue and triggers."""
        of = queue(feed)
        with self._sessions.lend(feed) as session, session.writing() as connection:
            drop(connection, list(existing(connection, of)))
            for name in (of.name, of.covered):
                connection.execute(f"DROP TABLE IF EXISTS {_place(name)}")

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What stands in the queue, oldest first."""
        of = queue(feed, self._changes_max)
        with self._sessions.lend(feed) as session:
            with session.reading() as connection:
                covered = self._still(session, of, feed)
                found = _waiting(connection, of, rows + 1, max(map(len, covered.values()), default=0))
                given, more = found[:rows], len(found) > rows
                noticed = self._noticed(connection, covered, given)
            if any(reason is not None and not seen for _, _, reason, seen, *_ in given):
                with session.writing() as connection:
                    connection.execute(
                        f"UPDATE {_place(of.name)} SET seen = 1 WHERE reason IS NOT NULL AND id <= ?1", (given[-1][0],)
                    )
        if not given:
            return Noticed({}, {}, None)
        self._given[feed] = max(self._given.get(feed, 0), given[-1][0])
        return replace(noticed, cursor=str(given[-1][0]), more=more)

    def _still(self, session: Session, of: Queue, feed: str) -> dict[str, tuple[str, ...]]:
        """What the feed covers; it is looked at again where something in the file's schema has changed."""
        connection = session.connection
        version = session.inode, connection.execute("PRAGMA main.schema_version").fetchone()[0]
        known = self._checked.get(feed)
        if known is None or known[0] != version:
            lost = _lost(connection, of)
            if lost:
                raise FeedLost(f"the feed tells not everything: {lost}", where=feed, hint="dovetail capture --make")
            known = self._checked[feed] = (version, _covered(connection, of))
        return known[1]

    def _noticed(
        self, connection: sqlite3.Connection, covered: dict[str, tuple[str, ...]], given: Sequence[tuple[object, ...]]
    ) -> Noticed:
        keys: dict[str, list[tuple[object, ...]]] = {}
        whole: dict[str, str] = {}
        for _, name, reason, _, *parts in given:
            if reason is not None:
                whole[str(name)] = str(reason)
            elif name in covered:
                keys.setdefault(str(name), []).append(tuple(parts[: len(covered[str(name)])]))
        return Noticed(
            {name: _batch(connection, name, covered[name], found, self._zone) for name, found in keys.items()},
            whole,
            None,
        )

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget the queue up to there. Its last row stays, or another that marks the place: numbers never come again."""
        of = queue(feed)
        with self._sessions.lend(feed) as session, session.writing() as connection:
            place = _place(of.name)
            connection.execute(f"DELETE FROM {place} WHERE id <= ?1", (int(cursor),))
            connection.execute(
                f"INSERT INTO {place} (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM {place} WHERE id >= ?1)",
                (int(cursor),),
            )

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Look at the file's counter of commits by others, the more rarely the longer nothing has come."""
        of = queue(feed)
        limit = time.monotonic() + timeout_s
        with self._sessions.lend(feed) as session:
            known = -1
            while True:
                session.renew()
                version = session.connection.execute("PRAGMA data_version").fetchone()[0]
                if version != known and self._has_more(session.connection, of, feed):
                    self._changed = time.monotonic()
                    return True
                known = version
                now = time.monotonic()
                if now >= limit:
                    return False
                pause = min(max(_IDLE_SHARE * (now - self._changed), _PAUSE_MIN_S), _PAUSE_MAX_S)
                time.sleep(min(pause, limit - now))

    def _has_more(self, connection: sqlite3.Connection, of: Queue, feed: str) -> bool:
        last = connection.execute(f"SELECT max(id) FROM {_place(of.name)} WHERE dataset IS NOT NULL").fetchone()[0]
        return last is not None and last > self._given.get(feed, 0)


def _make(connection: sqlite3.Connection, of: Queue, datasets: Sequence[Dataset]) -> None:
    """Cover exactly those datasets; of what was not noted until now, all rows may have changed."""
    before = _lost(connection, of) if _has(connection, of.covered) or _has(connection, of.name) else ""
    is_whole = _has(connection, of.name) and _has(connection, of.covered)
    covered = _covered(connection, of) if is_whole else {}
    make_tables(connection, of, max((len(one.key) for one in datasets), default=0))
    standing = existing(connection, of)
    wanted: dict[str, str] = {}
    for one in datasets:
        needed = triggers(connection, of, one)
        wanted |= needed
        if covered.get(one.name) != one.key or any(standing.get(name) != sql for name, sql in needed.items()):
            reason = before or "it is noted from now on"
            connection.execute(f"INSERT INTO {_place(of.name)} (dataset, reason) VALUES (?1, ?2)", (one.name, reason))
    drop(connection, [name for name, sql in standing.items() if wanted.get(name) != sql])
    for name, sql in wanted.items():
        if standing.get(name) != sql:
            connection.execute(sql)
    connection.execute(f"DELETE FROM {_place(of.covered)}")
    rows = [(one.name, json.dumps(one.key)) for one in datasets]
    connection.executemany(f"INSERT INTO {_place(of.covered)} (dataset, parts) VALUES (?1, ?2)", rows)


def _feed(connection: sqlite3.Connection, feed: str, of: Queue) -> Feed:
    lost = _lost(connection, of)
    if not (_has(connection, of.name) and _has(connection, of.covered)):
        return Feed(feed, WAY, (), lost=lost)
    place = _place(of.name)
    least, most = (connection.execute(f"SELECT {end}(id) FROM {place}").fetchone()[0] or 0 for end in ("min", "max"))
    left = max(of.changes_max - (most - least), 0)
    return Feed(feed, WAY, tuple(_covered(connection, of)), _ROW_BYTES * (most - least), _ROW_BYTES * left, lost)


def _lost(connection: sqlite3.Connection, of: Queue) -> str:
    """Why changes may have gone unnoticed; empty while none can have."""
    if not _has(connection, of.name) or not _has(connection, of.covered):
        return f"the table {of.name} is gone"
    standing = existing(connection, of)
    for name, key in _covered(connection, of).items():
        needed = triggers(connection, of, Dataset(name, DatasetKind.TABLE, (), key))
        if any(standing.get(trigger) != sql for trigger, sql in needed.items()):
            return f"triggers of {name} are gone, or no longer what they were"
    return ""


def _covered(connection: sqlite3.Connection, of: Queue) -> dict[str, tuple[str, ...]]:
    """The datasets that a feed covers, with their keys."""
    rows = connection.execute(f"SELECT dataset, parts FROM {_place(of.covered)} ORDER BY dataset").fetchall()
    return {name: tuple(json.loads(parts)) for name, parts in rows}


def _waiting(connection: sqlite3.Connection, of: Queue, rows: int, width: int) -> list[tuple[object, ...]]:
    """The oldest rows of the queue. Texts that are not UTF-8 come with their wrong bytes marked, as in reading."""
    parts = "".join(f", {part(at)}" for at in range(width))
    sql = f"SELECT id, dataset, reason, seen{parts} FROM {_place(of.name)} WHERE dataset IS NOT NULL ORDER BY id LIMIT ?1"
    try:
        return connection.execute(sql, (rows,)).fetchall()
    except sqlite3.OperationalError as error:
        if "UTF-8" not in str(error):
            raise
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return connection.execute(sql, (rows,)).fetchall()
    finally:
        connection.text_factory = str


def _batch(
    connection: sqlite3.Connection,
    name: str,
    key: Sequence[str],
    rows: Sequence[tuple[object, ...]],
    zone: ZoneInfo | None,
) -> pa.RecordBatch:
    """The keys as reading gives them."""
    types = dict(connection.execute(_COLUMNS, (name,)).fetchall())
    missing = [one for one in key if one not in types]
    if missing:
        raise SchemaDrift(f"{name} no longer has the column {missing[0]!r}", where=f"{name}.{missing[0]}")
    return carry(rows, [Field(one, logical(types[one])) for one in key], zone).select(list(key))


def _visible(connection: sqlite3.Connection, dataset: Dataset, setting: str) -> Visibility:
    row = connection.execute(_KIND, (dataset.name,)).fetchone() if dataset.kind is DatasetKind.TABLE else None
    if row is None or row[0] != "table":
        words = "it is a query; the tables that it watches are noted" if dataset.kind is DatasetKind.QUERY else ""
        return Visibility(dataset.name, "reading", reason=words or "only tables can have triggers that note changes")
    if setting == "none":
        return Visibility(dataset.name, "reading", reason="capture_by is none")
    missed = "changes made while triggers are taken away, as by a table that is built anew"
    if uniques(connection, dataset)[1]:
        missed += "; rows that REPLACE removes for a unique index of some rows or of an expression"
    cost = "one more row is written for each row that changes, in the application's transaction"
    return Visibility(dataset.name, WAY, missed=missed, cost=cost)


def _has(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute(_TABLE, (name,)).fetchone() is not None


def _place(name: str) -> str:
    return SQLITE.sql(table(name, "main"))
