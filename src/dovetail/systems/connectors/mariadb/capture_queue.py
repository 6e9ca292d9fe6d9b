"""A feed that triggers fill: a queue in the database itself, of which exactly what was given is deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pymysql

from dovetail.errors import FeedLost
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Feed, Noticed
from dovetail.systems.connectors.mariadb import capture_memory as memories
from dovetail.systems.connectors.mariadb import capture_triggers as triggers
from dovetail.systems.connectors.mariadb.capture_keys import batch, unfolded
from dovetail.systems.connectors.mariadb.capture_memory import Memory, Names, Noted
from dovetail.systems.connectors.mariadb.capture_tables import Table, look
from dovetail.systems.connectors.mariadb.faults import number
from dovetail.systems.connectors.mariadb.pool import Sessions
from dovetail.systems.connectors.mariadb.session import Session

CHECK_S = 5.0
"""Seconds after which it is looked again whether a feed still tells everything."""

_PATIENCE_S = 1
_LOCKED = 1205
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.25
_IDLE_SHARE = 0.05
"""The share of the time without a change that is slept before the next look."""


@dataclass(slots=True)
class Reading:
    """What a reader knows of a feed."""

    memory: Memory
    tables: dict[str, Table]
    checked: float = field(default_factory=time.monotonic)
    given: list[int] = field(default_factory=list)
    changed: float = field(default_factory=time.monotonic)

    @property
    def by_place(self) -> dict[int, str]:
        """The datasets by their number in the queue."""
        return {one.place: name for name, one in self.memory.datasets.items()}


class Queues:
    """The feeds of one database that triggers fill."""

    def __init__(self, sessions: Sessions, *, truth: bool, changes_max: int = memories.CHANGES_MAX) -> None:
        self._sessions = sessions
        self._truth = truth
        self._changes_max = changes_max
        self._readings: dict[str, Reading] = {}
        self._lock = threading.RLock()

    def feed(self, session: Session, feed: str, of: Names, found: Memory, *, sees_numbers: bool) -> Feed:
        """How a feed stands."""
        lost = self.lost(session, of, found, sees_numbers=sees_numbers)
        waiting = memories.span(session, of) if not found.lost else 0
        left = memories.ROW_BYTES * max(self._changes_max - waiting, 0)
        return Feed(feed, found.way, tuple(found.datasets), memories.ROW_BYTES * waiting, left, lost)

    def lost(self, session: Session, of: Names, found: Memory, *, sees_numbers: bool) -> str:
        """Why changes may have gone unnoticed; empty while none can have."""
        if found.lost:
            return found.lost
        if memories.span(session, of) > self._changes_max:
            return f"more than {self._changes_max} changes were waiting"
        tables = look(session, _datasets(found), sees_numbers=sees_numbers)
        moved = memories.digests(found, tables, noting(session, of, tables))
        return f"{moved[0]} is no longer noted as it was, or was truncated" if moved else ""

    def make(self, session: Session, of: Names, tables: Mapping[str, Table], known: Memory | None) -> None:
        """Cover exactly those tables; of what was not noted until now, all rows may have changed.

        Each table is written down without a digest before its triggers are touched, so a making that breaks off
        anywhere goes on."""
        is_lost = known is not None and (bool(known.lost) or memories.span(session, of) > self._changes_max)
        if known is not None and known.lost:
            memories.drop(session, of)
        memories.make(session, of)
        if is_lost:
            memories.empty(session, of)
        owed = (
            set(tables)
            if is_lost or known is None or known.way != memories.TRIGGERS
            else self._owed(session, of, tables, known)
        )
        for name in sorted(owed):
            memories.cover(session, of, name, tables[name].key, "")
        memories.uncover(session, of, set(known.datasets if known else ()) - set(tables))
        standing = memories.recall(session, of)
        assert standing is not None
        places = {name: one.place for name, one in standing.datasets.items()}
        wanted = triggers.triggers(of.base, memories.names(of.base).filled(session, "{queue}"), tables, places)
        self._arm(session, of, wanted, {table for name in owed for table in touched(tables[name])})
        noted = noting(session, of, tables)
        for name in sorted(tables):
            digest = f"{tables[name].digest} {noted.get(name, '')}"
            with session.writing():
                if name in owed:
                    memories.owe(session, of, name, "it is noted from now on")
                if name in owed or standing.datasets[name].digest != digest:
                    memories.cover(session, of, name, tables[name].key, digest)
        memories.place(session, of, memories.TRIGGERS, "")

    def _owed(self, session: Session, of: Names, tables: Mapping[str, Table], known: Memory) -> set[str]:
        moved = set(memories.digests(known, tables, noting(session, of, tables)))
        return {name for name in tables if name not in known.datasets or name in moved}

    def _arm(self, session: Session, of: Names, wanted: Mapping[str, triggers.Trigger], on: set[str]) -> None:
        """Make the triggers that are missing, and those of tables that are not noted as they were; then drop the
        others."""
        standing = triggers.standing(session, of.base)
        for name, one in wanted.items():
            if name not in standing or one.table in on:
                patiently(session, partial(triggers.make, session, name, one))
        for name in set(standing) - set(wanted):
            patiently(session, partial(triggers.drop, session, name))

    def noticed(self, session: Session, feed: str, of: Names, rows: int, *, sees_numbers: bool) -> Noticed:
        """The oldest rows of the queue that are committed."""
        reading = self.reading(session, feed, of, sees_numbers=sees_numbers)
        try:
            found = memories.waiting(session, of, rows + 1)
        except pymysql.Error as error:
            raise (lost(of, "its queue is gone") if memories.is_missing(error) else error) from None
        given, more = found[:rows], len(found) > rows
        if any(one.place not in reading.by_place for one in given):  # somebody else may have extended the feed
            self._readings.pop(feed, None)
            reading = self.reading(session, feed, of, sees_numbers=sees_numbers)
        reading.given = [one.id for one in given]
        if not given:
            return Noticed({}, {}, None)
        keys, whole = gathered(reading, given, truth=self._truth)
        return Noticed(keys, whole, memories.spelled(reading.given), more)

    def acknowledge(self, session: Session, feed: str, of: Names, cursor: str) -> None:
        """Delete what was given, and nothing else."""
        memories.forget(session, of, memories.listed(cursor))
        reading = self._readings.get(feed)
        if reading is not None:
            reading.given = []

    def wait(self, feed: str, of: Names, timeout_s: float, *, sees_numbers: bool) -> bool:
        """Look again and again whether something was committed, the more rarely the longer nothing has come."""
        limit = time.monotonic() + timeout_s
        with self._sessions.lend(feed) as session:
            reading = self.reading(session, feed, of, sees_numbers=sees_numbers)
            while True:
                session.renew()
                if memories.has_other(session, of, reading.given):
                    reading.changed = time.monotonic()
                    return True
                now = time.monotonic()
                if now >= limit:
                    return False
                pause = min(max(_IDLE_SHARE * (now - reading.changed), _PAUSE_MIN_S), _PAUSE_MAX_S)
                time.sleep(min(pause, limit - now))

    def reading(self, session: Session, feed: str, of: Names, *, sees_numbers: bool) -> Reading:
        """What is known of the feed; now and then it is looked whether it is still so."""
        reading = self._readings.get(feed)
        if reading is None or time.monotonic() - reading.checked > CHECK_S:
            found = memories.recall(session, of)
            why = "it is not there" if found is None else self.lost(session, of, found, sees_numbers=sees_numbers)
            if found is None or why:
                raise lost(of, why)
            known, reading = reading, Reading(found, look(session, _datasets(found), sees_numbers=sees_numbers))
            if known is not None:
                reading.given, reading.changed = known.given, known.changed
            self._readings[feed] = reading
        return reading

    def close(self, feed: str | None = None) -> None:
        """Forget what is known of a feed, or of all."""
        for name in [name for name in self._readings if feed in (None, name)]:
            self._readings.pop(name, None)


def gathered(
    reading: Reading, given: Sequence[Noted], *, truth: bool
) -> tuple[dict[str, pa.RecordBatch], dict[str, str]]:
    """Keys and whole tables by dataset."""
    names, whole = reading.by_place, {}
    keys: dict[str, tuple[list[Sequence[bytes | None]], list[str | None]]] = {}
    for one in given:
        name = names.get(one.place)
        if name is None:
            continue
        if one.reason is not None or one.parts is None:
            whole[name] = str(one.reason)
        else:
            some, versions = keys.setdefault(name, ([], []))
            some.append(unfolded(one.parts, reading.tables[name].parts))
            versions.append(one.version)
    batches = {
        name: batch(reading.tables[name].parts, some, versions, truth=truth) for name, (some, versions) in keys.items()
    }
    return batches, whole


def lost(of: Names, why: str) -> FeedLost:
    """The feed cannot be relied on."""
    return FeedLost(f"the feed tells not everything: {why}", where=of.base, hint="dovetail capture --make")


def _datasets(found: Memory) -> list[Dataset]:
    return [Dataset(name, DatasetKind.TABLE, (), one.key) for name, one in found.datasets.items()]


def touched(of: Table) -> Iterator[str]:
    """The tables whose triggers note rows of this one."""
    yield of.name
    for path in of.paths:
        yield path[-1].parent


def noting(session: Session, of: Names, tables: Mapping[str, Table]) -> dict[str, str]:
    """By dataset, how the triggers that note it are now."""
    by_table: dict[str, list[str]] = {}
    for name, (on, digest) in sorted(triggers.standing(session, of.base).items()):
        by_table.setdefault(on, []).append(f"{name}={digest}")
    return {
        name: ";".join(",".join(by_table.get(table, [])) for table in sorted(set(touched(one))))
        for name, one in tables.items()
    }


def patiently(session: Session, work: Callable[[], object]) -> None:
    """Do what locks a table. Its writers are waited for a little at a time, for others wait behind us."""
    limit = time.monotonic() + session.timeout_s
    session.run(f"SET @dovetail_wait = @@lock_wait_timeout, SESSION lock_wait_timeout = {_PATIENCE_S}")
    try:
        while True:
            session.renew()
            try:
                work()
            except pymysql.Error as error:
                if number(error) != _LOCKED or time.monotonic() > limit:
                    raise
                time.sleep(_PATIENCE_S / 2)
            else:
                return
    finally:
        session.renew()
        session.run("SET SESSION lock_wait_timeout = @dovetail_wait")
