"""A feed that triggers fill: a queue in the database itself, of which exactly what was seen is deleted.

A transaction that commits late puts its rows below others that were read already; so it is remembered which
transactions a reading saw, and never only how far it went. Where the queue grows over its bound, or a trigger cannot
note what changed, a sequence is drawn from, which no rollback and no snapshot hides: the feed counts as lost.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.errors import FeedLost
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Feed, Noticed
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres import capture_triggers as triggers
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.capture_keys import batch
from dovetail.systems.connectors.postgres.capture_tables import Table, look
from dovetail.systems.connectors.postgres.capture_verdict import TRIGGERS as WAY
from dovetail.systems.connectors.postgres.carry import carry
from dovetail.systems.connectors.postgres.faults import translated
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Column, columns
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier, table

BYTES_MAX = 256 * 2**20
"""Bytes of the queue; beyond, all counts as changed."""

_CHECK_S = 5.0
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.25
_IDLE_SHARE = 0.05
"""The share of the time without a change that is slept before the next look."""

_MAKE = (
    (
        "CREATE TABLE IF NOT EXISTS {queue} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "version xid8 NOT NULL, place bigint NOT NULL, key text[], reason text)"
    ),
    "CREATE SEQUENCE IF NOT EXISTS {spilled}",
)
_CLEAR = ("TRUNCATE {queue}", "SELECT setval({spilled_text}, 1, false)")
_WHOLE = "INSERT INTO {queue} (version, place, reason) VALUES (pg_current_xact_id(), $1, $2)"
_OUTDATED = "DELETE FROM {queue} WHERE place = $1"
_STANDING = """
SELECT obj_description(c.oid, 'pg_class'), pg_relation_size(c.oid), to_regclass($2) IS NOT NULL
FROM pg_class c WHERE c.oid = to_regclass($1)
"""
_SPILLED = "SELECT is_called FROM {spilled}"
_READ = """
SELECT NULL::bigint AS id, NULL::bigint, is_called::text, pg_current_snapshot()::text{blanks} FROM {spilled} UNION ALL
(SELECT id, place, version::xid::text, reason{parts} FROM {queue} ORDER BY id LIMIT {rows})
"""
"""First whether changes were not noted, and which transactions are seen; then what was noted."""

_FORGET = "DELETE FROM {queue} WHERE id <= $1 AND pg_visible_in_snapshot(version, $2::pg_snapshot)"
_NEW = "SELECT EXISTS (SELECT FROM {queue} WHERE id > $1 OR NOT pg_visible_in_snapshot(version, $2::pg_snapshot))"
_IS_LISTENED = "SELECT current_setting('max_prepared_transactions') = '0'"
_WAKE = "IF current_setting('max_prepared_transactions') = '0' THEN PERFORM pg_notify({base}, ''); END IF;"
"""A transaction that notifies cannot be prepared: where some may be, we look for ourselves."""

_NOTHING = "1:1:"
_TEXT = Type(Kind.OPAQUE)
_BYTES_AT_ONCE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset of a feed, as it was when the feed was made."""

    oid: int
    key: tuple[str, ...]
    digest: str


@dataclass(slots=True)
class Standing:
    """How a queue stands."""

    base: str
    size: int = 0
    datasets: dict[str, Covered] = field(default_factory=dict)
    triggers: dict[int, str] = field(default_factory=dict)
    lost: str = ""
    is_spilled: bool = False
    """Whether changes were not noted."""


@dataclass(slots=True)
class _Reading:
    """What a reader knows of a feed."""

    datasets: dict[str, Covered]
    checked: float
    given: str = f"0 {_NOTHING}"
    changed: float = field(default_factory=time.monotonic)
    stored: dict[str, dict[str, Column]] = field(default_factory=dict)
    is_listened: bool | None = None


class Queues:
    """The feeds of one database that triggers fill."""

    def __init__(self, address: Address, names: Names, bytes_max: int = BYTES_MAX) -> None:
        self._address = address
        self._names = names
        self._bytes_max = bytes_max
        self._readings: dict[str, _Reading] = {}
        self._listeners: dict[str, Session] = {}
        self._lock = threading.RLock()

    def feed(self, session: Session, feed: str, base: str) -> Feed | None:
        """How a feed stands; `None` where nothing of it is there."""
        found = standing(session, self._names, base, self._bytes_max)
        if found is None:
            return None
        left = max(self._bytes_max - found.size, 0)
        return Feed(feed, WAY, tuple(found.datasets), found.size, left, found.lost)

    def make(self, session: Session, base: str, tables: Mapping[str, Table]) -> None:
        """Cover exactly those tables; of what was not noted until now, all rows may have changed.

        Each table's triggers are made in a transaction of their own, so that none holds one table and waits for
        another. What is not done yet stands in the comment without a digest: broken off at any place, the next call
        goes on."""
        known = standing(session, self._names, base, self._bytes_max) or Standing(base)
        is_lost = known.is_spilled
        owed = [name for name, of in tables.items() if is_lost or not _is_as_made(known, name, of)]
        covered = {name: one for name, one in known.datasets.items() if name in tables and name not in owed}
        covered |= {name: Covered(tables[name].oid, tables[name].key, "") for name in owed}

        def begin() -> None:
            for statement in (*_MAKE, *(_CLEAR[:1] if is_lost else ())):
                session.rows(_named(session, base, statement))
            _comment(session, base, covered)

        triggers.patiently(session, begin)
        if is_lost:
            session.rows(_named(session, base, _CLEAR[1]))
        triggers.drop(session, base, [one.oid for name, one in known.datasets.items() if name not in tables])
        for name in owed:
            reason = known.lost or "it is noted from now on"
            triggers.patiently(session, partial(self._cover, session, base, tables[name], covered, reason))

    def _cover(self, session: Session, base: str, of: Table, covered: dict[str, Covered], reason: str) -> None:
        """Note one table from now on."""
        triggers.make(session, base, of, _note(session, base, self._bytes_max))
        session.rows(_named(session, base, _OUTDATED), [of.oid])
        session.rows(_named(session, base, _WHOLE), [of.oid, reason])
        noted = triggers.standing(session, base)
        covered[of.name] = Covered(of.oid, of.key, f"{of.digest} {noted.get(of.oid, '')}")
        _comment(session, base, covered)

    def discard(self, session: Session, base: str) -> None:
        """Drop the queue, which no trigger fills any more."""
        with session.writing():
            for statement in ("DROP TABLE IF EXISTS {queue}", "DROP SEQUENCE IF EXISTS {spilled}"):
                session.rows(_named(session, base, statement))

    def noticed(self, session: Session, feed: str, base: str, rows: int) -> Noticed:
        """The oldest rows of the queue that this snapshot sees."""
        reading = self._reading(session, feed, base)
        width = max((len(one.key) for one in reading.datasets.values()), default=0)
        try:
            read = _read(session, base, rows, width)
        except psycopg.errors.UndefinedTable:
            raise _lost(base, "its queue is gone") from None
        is_first = pc.is_null(read.column("id"))
        first, read = read.filter(is_first), read.filter(pc.invert(is_first))
        if first.column("version")[0].as_py() == "true":
            raise _lost(base, "changes were not noted")
        if not read.num_rows:
            return Noticed({}, {}, None)
        last, snapshot = read.column("id")[-1].as_py(), first.column("reason")[0].as_py()
        places = set(map(int, pc.unique(read.column("place")).to_pylist()))
        if not places <= {one.oid for one in reading.datasets.values()}:  # somebody else may have extended the feed
            reading.checked = 0.0
            reading = self._reading(session, feed, base)
        keys, whole = self._gathered(session, reading, read)
        reading.given = f"{last} {snapshot}"
        return Noticed(keys, whole, reading.given, read.num_rows == rows)

    def _gathered(
        self, session: Session, reading: _Reading, read: pa.RecordBatch
    ) -> tuple[dict[str, pa.RecordBatch], dict[str, str]]:
        keys: dict[str, pa.RecordBatch] = {}
        whole: dict[str, str] = {}
        for name, covered in reading.datasets.items():
            mine = read.filter(pc.equal(read.column("place"), str(covered.oid)))
            told = mine.filter(pc.is_valid(mine.column("reason")))
            if told.num_rows:
                whole[name] = told.column("reason")[-1].as_py()
            mine = mine.filter(pc.is_null(mine.column("reason")))
            if mine.num_rows and covered.key:
                if name not in reading.stored:
                    reading.stored[name] = columns(session, self._names.table(name))
                parts = [mine.column(f"k{at}") for at in range(len(covered.key))]
                keys[name] = batch(covered.key, reading.stored[name], parts, mine.column("version"))
        return keys, whole

    def acknowledge(self, session: Session, base: str, cursor: str) -> None:
        """Delete what was seen, and nothing else."""
        last, _, snapshot = cursor.partition(" ")
        session.rows(_named(session, base, _FORGET), [int(last), snapshot])

    def waiting(self, session: Session, feed: str, base: str) -> Callable[[float], bool]:
        """Waits for the word of a trigger, or looks again and again; on a connection of its own."""
        reading = self._reading(session, feed, base)
        with self._lock:
            listener = self._listeners.get(feed)
            is_new = listener is None or listener.connection.closed
            if listener is None or is_new:
                listener = self._listeners[feed] = Session.open(self._address, session.timeout_s, session.schema)
                listener.rows(f"LISTEN {POSTGRES.sql(identifier(base))}")
        if reading.is_listened is None:
            reading.is_listened = bool(session.rows(_IS_LISTENED)[0][0])
        if not reading.is_listened:
            return partial(_looked, listener, reading, base)
        return (lambda _: True) if is_new and _has_new(session, reading, base) else partial(_listened, listener)

    def _reading(self, session: Session, feed: str, base: str) -> _Reading:
        """What is known of the feed; now and then it is looked whether it is still so."""
        reading = self._readings.get(feed)
        if reading is None or time.monotonic() - reading.checked > _CHECK_S:
            found = standing(session, self._names, base, self._bytes_max)
            if found is None or found.lost:
                raise _lost(base, "it is not there" if found is None else found.lost)
            known, reading = reading, _Reading(found.datasets, time.monotonic())
            if known is not None:
                reading.given, reading.changed = known.given, known.changed
            self._readings[feed] = reading
        return reading

    def close(self, feed: str | None = None) -> None:
        """End the listening for a feed, or for all."""
        with self._lock:
            ended = [self._listeners.pop(name) for name in list(self._listeners) if feed in (None, name)]
            for name in [name for name in self._readings if feed in (None, name)]:
                del self._readings[name]
        for listener in ended:
            listener.connection.close()


def standing(session: Session, names: Names, base: str, bytes_max: int) -> Standing | None:
    """How a queue stands; `None` where neither it nor a trigger is there."""
    found = Standing(base, triggers=triggers.standing(session, base))
    places = [_quoted(session, base, "queue"), _quoted(session, base, "spilled")]
    rows = session.rows(_STANDING, places)
    if not rows:
        found.lost, found.is_spilled = f"the queue {base}_queue was dropped", True
        return found if found.triggers else None
    comment, found.size, is_spillable = rows[0]
    try:
        told = json.loads(comment or "")["datasets"]
        found.datasets = {name: Covered(oid, tuple(key), digest) for name, (oid, key, digest) in told.items()}
    except (ValueError, TypeError, KeyError):
        found.lost = f"the comment of {base}_queue, which says what the feed covers, is gone"
        return found
    if not is_spillable or _is_spilled(session, base, found.size, bytes_max):
        found.lost = "the queue grew over its bound, or a table's columns changed: changes were not noted"
        found.is_spilled = True
        return found
    datasets = [Dataset(name, DatasetKind.TABLE, (), one.key) for name, one in found.datasets.items()]
    tables = look(session, names, datasets)
    moved = [name for name in found.datasets if name not in tables or not _is_as_made(found, name, tables[name])]
    found.lost = f"{moved[0]} is no longer noted as it was" if moved else ""
    return found


def _comment(session: Session, base: str, covered: Mapping[str, Covered]) -> None:
    """Write down what the feed covers."""
    told = {name: (one.oid, one.key, one.digest) for name, one in covered.items()}
    words = triggers.literal(json.dumps({"dovetail": 1, "datasets": told}))
    session.rows(_named(session, base, "COMMENT ON TABLE {queue} IS ") + words)


def _is_as_made(found: Standing, name: str, of: Table) -> bool:
    known = found.datasets.get(name)
    digest = f"{of.digest} {found.triggers.get(of.oid, '')}"
    return known is not None and (known.oid, known.key, known.digest) == (of.oid, of.key, digest)


def _is_spilled(session: Session, base: str, size: int, bytes_max: int) -> bool:
    """Whether a change was not noted; the sequence tells it whatever the snapshot."""
    if size > bytes_max or not session.rows("SELECT to_regclass($1)", [_quoted(session, base, "spilled")])[0][0]:
        return True
    return bool(session.rows(_named(session, base, _SPILLED))[0][0])


def _note(session: Session, base: str, bytes_max: int) -> triggers.Note:
    """How a trigger notes into the queue."""
    queue, spilled = (triggers.literal(_quoted(session, base, one)) for one in ("queue", "spilled"))
    into = _named(session, base, "INSERT INTO {queue} (version, place, ") + "{what}) SELECT pg_current_xact_id(), "
    return triggers.Note(
        rows=into.replace("{what}", "key") + "{oid}, g.key FROM ({source}) AS g;",
        whole=into.replace("{what}", "reason") + "{oid}, {reason};",
        missed=f"IF to_regclass({spilled}) IS NOT NULL THEN PERFORM nextval({spilled}::regclass); END IF;",
        ready=f"coalesce(pg_relation_size(to_regclass({queue})) <= {bytes_max}, false)",
        wake=_WAKE.replace("{base}", triggers.literal(base)),
    )


def _read(session: Session, base: str, rows: int, width: int) -> pa.RecordBatch:
    """The oldest rows of the queue, all columns as texts."""
    names = ["id", "place", "version", "reason", *(f"k{at}" for at in range(width))]
    sql = _named(session, base, _READ).replace("{rows}", str(int(rows)))
    sql = sql.replace("{blanks}", ", NULL" * width).replace(
        "{parts}", "".join(f", key[{at + 1}]" for at in range(width))
    )
    fields = [Field(name, _TEXT) for name in names]
    parts = session.copy_out(f"COPY ({sql}) TO STDOUT (FORMAT csv)", rows_max=rows + 2, bytes_max=_BYTES_AT_ONCE)
    batches = [carry(part, fields) for part in parts] or [carry(b"", fields)]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0] if batches[0].num_rows else batches[0]


def _listened(listener: Session, timeout_s: float) -> bool:
    """Whether a word came in that time."""
    with translated("capture", timeout_s):
        wire = listener.connection.pgconn
        peer = select.poll()
        peer.register(wire.socket, select.POLLIN)
        if wire.notifies() is None:
            if not peer.poll(1000 * timeout_s):
                return False
            wire.consume_input()
        is_told = False
        while wire.notifies() is not None:
            is_told = True
        return is_told


def _looked(listener: Session, reading: _Reading, base: str, timeout_s: float) -> bool:
    """Whether something new came in that time; the longer nothing has come, the more rarely it is looked."""
    with translated("capture", timeout_s):
        limit = time.monotonic() + timeout_s
        while True:
            listener.renew()
            if _has_new(listener, reading, base):
                reading.changed = time.monotonic()
                return True
            now = time.monotonic()
            if now >= limit:
                return False
            pause = min(max(_IDLE_SHARE * (now - reading.changed), _PAUSE_MIN_S), _PAUSE_MAX_S)
            time.sleep(min(pause, limit - now))


def _has_new(session: Session, reading: _Reading, base: str) -> bool:
    last, _, snapshot = reading.given.partition(" ")
    return bool(session.rows(_named(session, base, _NEW), [int(last), snapshot])[0][0])


def _quoted(session: Session, base: str, what: str) -> str:
    return POSTGRES.sql(table(f"{base}_{what}", session.schema))


def _named(session: Session, base: str, statement: str) -> str:
    """The statement with the names of queue and sequence."""
    statement = statement.replace("{queue}", _quoted(session, base, "queue"))
    spilled = _quoted(session, base, "spilled")
    return statement.replace("{spilled_text}", triggers.literal(spilled)).replace("{spilled}", spilled)


def _lost(base: str, why: str) -> FeedLost:
    return FeedLost(f"the feed tells not everything: {why}", where=base, hint="dovetail capture --make")
