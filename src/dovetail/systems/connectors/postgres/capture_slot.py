"""A feed that reads the log: a slot, and a publication of the same name that publishes nothing but keys.

What the feed covers stands in the publication's comment, with a digest of everything on which the log's telling
depends; so a feed that was changed behind our back, or that was never finished, is known as such. All statements can
be repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from sqlglot import exp

from dovetail.errors import Overdue, SystemFault
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.change import Feed
from dovetail.systems.connectors.postgres import capture_triggers as triggers
from dovetail.systems.connectors.postgres.capture_stream import EMIT, end_reader
from dovetail.systems.connectors.postgres.capture_tables import Table, look
from dovetail.systems.connectors.postgres.capture_verdict import SLOT as WAY
from dovetail.systems.connectors.postgres.capture_verdict import Account, account, is_published
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier

COLUMNS_SINCE = 150_000
"""The version of the server from which on a publication can be of some columns only."""

_PLUGIN = "pgoutput"
_WAIT_S = 0.02
_PUBLICATION = """
SELECT p.oid::int8, p.xmin::text, obj_description(p.oid, 'pg_publication'), (
         SELECT coalesce(jsonb_object_agg(r.prrelid::int8, jsonb_build_array(r.oid::int8, r.xmin::text)), '{}')
         FROM pg_publication_rel r WHERE r.prpubid = p.oid)
FROM pg_publication p WHERE p.pubname = $1
"""
_PUBLISHED = "SELECT prrelid::regclass::text FROM pg_publication_rel WHERE prpubid = $1"
_SLOT = """
SELECT plugin::text, database::text = current_database(), coalesce(wal_status, ''), safe_wal_size,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8, coalesce(confirmed_flush_lsn::text, ''),
       to_jsonb(s) ->> 'invalidation_reason'
FROM pg_replication_slots s WHERE slot_name = $1
"""
_CREATE = "SELECT pg_create_logical_replication_slot($1, 'pgoutput')"
_DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
_ADVANCE = "SELECT pg_replication_slot_advance($1, $2::pg_lsn)"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(1685024354)"
_WRITERS = """
SELECT DISTINCT l.virtualtransaction FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY($1::oid[]) AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset of a feed, as it was when the feed was made."""

    oid: int
    key: tuple[str, ...]
    digest: str


@dataclass(slots=True)
class Standing:
    """How slot and publication stand."""

    name: str
    publication: int | None = None
    print: str = ""
    """Of the publication as it is now."""
    known: str = ""
    """Of the publication as we left it."""
    relations: dict[int, str] = field(default_factory=dict)
    datasets: dict[str, Covered] = field(default_factory=dict)
    owed: dict[str, str] = field(default_factory=dict)
    """Datasets of which it still must be said that all their rows may have changed."""
    is_slot: bool = False
    broken: str = ""
    """What is wrong with the slot."""
    kept: int = 0
    headroom: int | None = None
    is_ours: bool = True
    triggers: dict[int, str] = field(default_factory=dict)

    def digest(self, table: Table) -> str:
        """Of everything on which the telling about a table depends."""
        return f"{table.digest} {self.relations.get(table.oid, '')} {self.triggers.get(table.oid, '')}"


def standing(session: Session, name: str) -> Standing | None:
    """How a feed stands; `None` where neither its slot nor its publication is there."""
    found = Standing(name, triggers=triggers.standing(session, name))
    for oid, version, comment, relations in session.rows(_PUBLICATION, [name]):
        found.publication, found.print = oid, f"{oid} {version}"
        found.relations = {int(relation): f"{row} {xmin}" for relation, (row, xmin) in relations.items()}
        _read_comment(found, comment)
    for plugin, is_here, status, safe, kept, _, reason in session.rows(_SLOT, [name]):
        found.is_slot, found.kept, found.headroom = True, int(kept), None if safe is None else max(int(safe), 0)
        if plugin != _PLUGIN or not is_here:
            found.broken = f"the slot {name} belongs to another plugin or another database"
        elif status == "lost" or reason:
            why = reason or "it kept more of the log than max_slot_wal_keep_size allows"
            found.broken = f"the server gave the slot {name} up: {why}"
    return found if found.is_slot or found.publication is not None else None


def _read_comment(found: Standing, comment: str | None) -> None:
    try:
        told = json.loads(comment or "")
        found.known = told["print"]
        found.owed = dict(told["owed"])
        found.datasets = {
            name: Covered(oid, tuple(key), digest) for name, (oid, key, digest) in told["datasets"].items()
        }
    except (ValueError, TypeError, KeyError):
        found.is_ours = False


def lost(session: Session, names: Names, found: Standing) -> str:
    """Why changes may have gone unnoticed; empty while none can have."""
    if found.publication is None:
        return f"the publication {found.name} was dropped"
    if not found.is_slot:
        return f"the slot {found.name} is gone"
    if found.broken:
        return found.broken
    if found.print != found.known:
        return f"the publication {found.name} was changed by somebody else"
    if found.owed:
        return "the feed was not finished when it was made"
    tables = _tables(session, names, found)
    moved = _moved(found, tables)
    failing = [name for name in moved if name in tables and _makes_fail(session, found, tables[name])]
    if failing:
        words = "the log names its rows otherwise now, and the application's own updates may fail"
        return f"{failing[0]} is no longer told of as it was: {words} until the feed is made again"
    return f"{moved[0]} is no longer told of as it was" if moved else ""


def _makes_fail(session: Session, found: Standing, table: Table) -> bool:
    """Whether the table is still published, and perhaps not by the columns that name its rows now."""
    is_named = not set(table.key) <= set(table.columns) or not table.unpublished(
        session.connection.pgconn.server_version
    )
    return table.oid in found.relations and not is_named


def _tables(session: Session, names: Names, found: Standing) -> dict[str, Table]:
    """The tables that a feed covers, as they are now."""
    datasets = [Dataset(name, DatasetKind.TABLE, (), one.key) for name, one in found.datasets.items()]
    return look(session, names, datasets)


def _moved(found: Standing, tables: Mapping[str, Table]) -> list[str]:
    """The datasets about which the log tells otherwise than when the feed was made."""
    return [
        name for name, one in found.datasets.items() if name not in tables or found.digest(tables[name]) != one.digest
    ]


def feed(session: Session, names: Names, feed: str, found: Standing) -> Feed:
    """The same in the words of the protocol."""
    return Feed(feed, WAY, tuple(found.datasets), found.kept, found.headroom, lost(session, names, found))


def make(session: Session, names: Names, name: str, tables: Mapping[str, Table]) -> None:
    """Make or mend slot and publication so that they cover exactly those tables.

    First the publication says what is owed, then triggers and slot are there, then the log itself says, once, of which
    tables all rows may have changed. Broken off at any place, the next call goes on."""
    found = standing(session, name) or Standing(name)
    if not found.is_ours:
        words = f"a publication {name} is there, and is not ours"
        raise SystemFault(words, code="DV-360", hint=f"DROP PUBLICATION {POSTGRES.sql(identifier(name))};")
    owed = _owed(session, names, found, tables)
    if not owed and found.datasets.keys() == tables.keys():
        return
    is_new = not found.is_slot or bool(found.broken) or found.publication is None
    may = account(session)
    published = {name: of for name, of in tables.items() if is_published(of, may)}
    with session.writing():
        session.rows(_ONE_AT_A_TIME)
        _publish(session, found, published)
        _check(session, names, published, may)
        _comment(session, name, tables, owed)
    noted = {of.oid: of for dataset, of in tables.items() if dataset not in published}
    triggers.drop(session, name, [of for of in found.triggers if of not in noted])
    for of in noted.values():
        if owed.get(of.name):
            triggers.patiently(session, partial(triggers.make, session, name, of, _note(name)))
    if is_new:
        drop_slot(session, name)
        session.renew()
        session.rows(_CREATE, [name])
    else:
        added = [table for dataset, table in published.items() if dataset in owed]
        _wait_for_writers(session, [store.oid for table in added for store in table.stores])
    with session.writing():
        _comment(session, name, tables, {})
        if owed:
            told = {str(tables[dataset].oid): reason for dataset, reason in owed.items()}
            session.rows(EMIT, [name, json.dumps(told)])


def _check(session: Session, names: Names, tables: Mapping[str, Table], may: Account) -> None:
    """Now that they are published nobody can change how the log names their rows: it must be as it was found."""
    now = look(session, names, [Dataset(name, DatasetKind.TABLE, (), of.key) for name, of in tables.items()])
    for name, of in tables.items():
        if name not in now or now[name].unpublished(may.version) or now[name].identity != of.identity:
            raise Overdue(f"{name} was changed meanwhile", where=name)


def _note(name: str) -> triggers.Note:
    """How a trigger writes into the log."""
    emit = f"PERFORM pg_logical_emit_message(true, {triggers.literal(name)}, "
    whole = emit + "jsonb_build_object('{oid}', {reason})::text);"
    return triggers.Note(
        rows=emit + "(jsonb_build_array({oid}) || to_jsonb(g.key))::text) FROM ({source}) AS g;",
        whole=whole,
        missed=whole.replace("{reason}", triggers.literal("its columns changed")),
    )


def _owed(session: Session, names: Names, found: Standing, tables: Mapping[str, Table]) -> dict[str, str]:
    """The datasets of which all rows may have changed, with the reason."""
    reason = "" if found.publication is None and not found.is_slot else lost(session, names, found)
    is_all = reason and (found.publication is None or not found.is_slot or bool(found.broken))
    owed: dict[str, str] = {}
    for name, table in tables.items():
        known = found.datasets.get(name)
        if is_all or name in found.owed:
            owed[name] = reason if is_all else found.owed[name]
        elif known is None:
            owed[name] = "it is noted from now on"
        elif found.digest(table) != known.digest or known.key != table.key or found.print != found.known:
            owed[name] = reason or "it is told of otherwise from now on"
    return owed


def _publish(session: Session, found: Standing, tables: Mapping[str, Table]) -> None:
    """A publication of those tables' keys and nothing else."""
    name = POSTGRES.sql(identifier(found.name))
    listed = ", ".join(_published(session, table) for _, table in sorted(tables.items()))
    published = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"
    if found.publication is None:
        session.rows(f"CREATE PUBLICATION {name}{f' FOR TABLE {listed}' if listed else ''} WITH ({published})")
        return
    session.rows(f"ALTER PUBLICATION {name} SET ({published})")
    if listed:
        session.rows(f"ALTER PUBLICATION {name} SET TABLE {listed}")
        return
    for (place,) in session.rows(_PUBLISHED, [found.publication]):
        session.rows(f"ALTER PUBLICATION {name} DROP TABLE {place}")


def _published(session: Session, table: Table) -> str:
    """The table with the columns by which the log names its rows."""
    place = POSTGRES.sql(table.place)
    only = "" if table.is_partitioned else "ONLY "
    if session.connection.pgconn.server_version < COLUMNS_SINCE:
        return f"{only}{place}"
    return f"{only}{place} ({', '.join(POSTGRES.sql(identifier(part)) for part in table.identity)})"


def _comment(session: Session, name: str, tables: Mapping[str, Table], owed: Mapping[str, str]) -> None:
    """Write down what the feed covers, and how the publication looks now."""
    now = standing(session, name)
    assert now is not None
    datasets = {one: (table.oid, table.key, now.digest(table)) for one, table in tables.items()}
    told: dict[str, Any] = {"dovetail": 1, "print": now.print, "datasets": datasets, "owed": dict(owed)}
    text = POSTGRES.sql(exp.Literal.string(json.dumps(told)))
    session.rows(f"COMMENT ON PUBLICATION {POSTGRES.sql(identifier(name))} IS {text}")


def _wait_for_writers(session: Session, relations: Sequence[int]) -> None:
    """Wait for the transactions that wrote those tables before they were published: their changes are not told."""
    ahead = {one for (one,) in session.rows(_WRITERS, [list(relations)])}
    limit = time.monotonic() + session.timeout_s
    while ahead:
        if time.monotonic() > limit:
            raise Overdue(f"a transaction that writes the tables stayed open for {session.timeout_s:g} s")
        time.sleep(_WAIT_S)
        session.renew()
        ahead &= {one for (one,) in session.rows(_WRITERS, [list(relations)])}


def advance(session: Session, name: str, cursor: str) -> None:
    """Let the server forget everything up to a place, without a reader."""
    rows = session.rows(_SLOT, [name])
    if rows and rows[0][5] and _number(rows[0][5]) < _number(cursor):
        session.rows(_ADVANCE, [name, cursor])


def _number(place: str) -> tuple[int, int]:
    high, _, low = place.partition("/")
    return int(high, 16), int(low, 16)


def drop_slot(session: Session, name: str) -> None:
    """Drop the slot, whoever reads it."""
    limit = time.monotonic() + session.timeout_s / 2
    while True:
        end_reader(session, name)
        try:
            session.rows(_DROP, [name])
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > limit:
                raise
            time.sleep(_WAIT_S)
        else:
            return


def release(session: Session, name: str) -> None:
    """Drop slot and publication."""
    drop_slot(session, name)
    session.rows(f"DROP PUBLICATION IF EXISTS {POSTGRES.sql(identifier(name))}")
