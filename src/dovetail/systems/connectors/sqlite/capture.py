"""Noting which rows of a SQLite file change: by triggers, into a queue that stands in the file itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pyarrow as pa

from dovetail.errors import FeedLost, SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import VERSION, Feed, Noticed, Visibility
from dovetail.systems.connectors.sqlite import capture_queue as queues
from dovetail.systems.connectors.sqlite.capture_queue import WAY
from dovetail.systems.connectors.sqlite.capture_triggers import CHANGES_MAX, Queue, queue, uniques
from dovetail.systems.connectors.sqlite.carry import carry
from dovetail.systems.connectors.sqlite.declared import logical
from dovetail.systems.connectors.sqlite.session import Session, Sessions

WAYS = ("auto", "triggers", "none")
"""What a system's setting `capture_by` may say."""

_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.1
_IDLE_SHARE = 0.05
"""The share of the time without a change that is slept before the next look."""

_COLUMNS = "SELECT name, type FROM pragma_table_xinfo(?1, 'main')"
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
                queues.make(connection, of, datasets)
                standing = queues.feed(connection, feed, of)
        assert standing is not None
        return standing

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        of = queue(feed, self._changes_max)
        with self._sessions.lend(feed) as session, session.reading() as connection:
            return queues.feed(connection, feed, of)

    def release(self, feed: str) -> None:
        """Drop queue and triggers."""
        with self._sessions.lend(feed) as session, session.writing() as connection:
            queues.release(connection, queue(feed))
        self._checked.pop(feed, None)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What stands in the queue, oldest first."""
        of = queue(feed, self._changes_max)
        with self._sessions.lend(feed) as session:
            with session.reading() as connection:
                covered = self._still(session, of, feed)
                width = max(map(len, covered.values()), default=0)
                found = queues.waiting(connection, of, rows + 1, width)
                given, more = found[:rows], len(found) > rows
                noticed = self._noticed(connection, covered, given)
            if not given:
                return Noticed({}, {}, None)
            last = int(str(given[-1][0]))
            if any(reason is not None and not is_seen for _, _, reason, is_seen, *_ in given):
                with session.writing() as connection:
                    queues.seen(connection, of, last)
        self._given[feed] = max(self._given.get(feed, 0), last)
        return replace(noticed, cursor=str(last), more=more)

    def _still(self, session: Session, of: Queue, feed: str) -> dict[str, tuple[str, ...]]:
        """What the feed covers; it is looked at again where something in the file's schema has changed."""
        connection = session.connection
        version = session.inode, connection.execute("PRAGMA main.schema_version").fetchone()[0]
        known = self._checked.get(feed)
        if known is None or known[0] != version:
            lost = queues.lost(connection, of)
            if lost:
                raise FeedLost(f"the feed tells not everything: {lost}", where=feed, hint="dovetail capture --make")
            known = self._checked[feed] = (version, queues.covered(connection, of))
        return known[1]

    def _noticed(
        self, connection: sqlite3.Connection, covered: dict[str, tuple[str, ...]], given: Sequence[tuple[object, ...]]
    ) -> Noticed:
        keys: dict[str, tuple[list[tuple[object, ...]], list[object]]] = {}
        whole: dict[str, str] = {}
        for _, name, reason, _, version, *parts in given:
            if reason is not None:
                whole[str(name)] = str(reason)
            elif name in covered:
                gathered, versions = keys.setdefault(str(name), ([], []))
                gathered.append(tuple(parts[: len(covered[str(name)])]))
                versions.append(version)
        batches = {}
        for name, (gathered, versions) in keys.items():
            batch = _batch(connection, name, covered[name], gathered, self._zone)
            batches[name] = batch.append_column(VERSION, pa.array(versions, pa.string()))
        return Noticed(batches, whole, None)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget the queue up to there."""
        with self._sessions.lend(feed) as session, session.writing() as connection:
            queues.forget(connection, queue(feed), int(cursor))

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Look at the file's counter of commits by others, the more rarely the longer nothing has come."""
        of = queue(feed)
        limit = time.monotonic() + timeout_s
        with self._sessions.lend(feed) as session:
            known = -1
            while True:
                session.renew()
                version = session.connection.execute("PRAGMA data_version").fetchone()[0]
                if version != known and queues.newest(session.connection, of) > self._given.get(feed, 0):
                    self._changed = time.monotonic()
                    return True
                known = version
                now = time.monotonic()
                if now >= limit:
                    return False
                pause = min(max(_IDLE_SHARE * (now - self._changed), _PAUSE_MIN_S), _PAUSE_MAX_S)
                time.sleep(min(pause, limit - now))


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
    is_odd = uniques(connection, dataset)[1]
    missed = "rows that REPLACE removes for a unique index of some rows or of an expression" if is_odd else ""
    cost = "one more row is written for each row that changes, in the application's transaction"
    return Visibility(dataset.name, WAY, missed=missed, cost=cost)
