"""What an operator must know about a MariaDB or MySQL database, and the statement that grants what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import pymysql
from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb import faults
from dovetail.systems.connectors.mariadb.declared import EXACT_CHARSETS, declared
from dovetail.systems.connectors.mariadb.session import STRICT, Session
from dovetail.systems.sql import ledger
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import column, identifier, table

Line = tuple[str, str, str]
"""Topic, verdict (`ok`, `warn` or `bad`), words."""

CLOCK_S = 2.0
"""Seconds by which two clocks may differ before `newest` wins is in doubt."""

_FACTS = """
SELECT @@version, @@character_set_database, @@collation_database, @@global.time_zone, @@system_time_zone,
       @@global.sql_mode, @@global.read_only, current_user()
"""
_LOG = "SELECT @@log_bin, @@global.binlog_format, @@global.binlog_row_image"
_ENGINES = """
SELECT t.table_name, t.engine, coalesce(e.transactions, 'NO') = 'YES'
FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = ?1
"""
_CREATES = """
SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'CREATE' AND grantee IN (?2, ?3)
UNION ALL SELECT 1 FROM information_schema.schema_privileges
WHERE privilege_type = 'CREATE' AND grantee IN (?2, ?3) AND ?1 LIKE table_schema LIMIT 1
"""
_VIEWS = "SELECT table_name FROM information_schema.views WHERE table_schema = ?1 ORDER BY table_name"
_ROLE = "SELECT coalesce(current_role(), '')"
_OURS = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ?1 AND table_name IN (?2, ?3)"


def examine(session: Session, datasets: Sequence[Dataset]) -> Iterator[Line]:
    """Version, mode, texts, clock, log, rights; then what is promised for each dataset."""
    version, charset, collation, zone, system_zone, mode, read_only, account = session.rows(_FACTS)[0]
    yield "version", "ok", f"{'MariaDB' if session.is_maria else 'MySQL'} {version}"
    yield _mode(session, str(mode))
    unicode = "" if str(charset) in EXACT_CHARSETS else ": letters it lacks are refused"
    yield "encoding", "warn" if unicode else "ok", f"{charset}, compared by {collation}{unicode}"
    named = system_zone if zone == "SYSTEM" else zone
    yield "time zone", "ok", f"{named}; TIMESTAMP is carried in UTC whatever it is, DATETIME as it stands"
    yield _clock(session)
    if read_only not in (0, "OFF"):
        words = "a replica, or set to read only: it can be a source, not a target; name the primary in the URL"
        yield "writing", "bad", words
    yield _log(session)
    yield _ours(session, account)
    yield from _broken_views(session)
    engines = {name: (engine, bool(safe)) for name, engine, safe in session.rows(_ENGINES, [session.schema])}
    for dataset in datasets:
        if dataset.kind is not DatasetKind.QUERY:
            yield _about(session, dataset, engines, account)
            yield from _equal_keys(dataset)


def _mode(session: Session, server: str) -> Line:
    """What our sessions are set to, as the server confirms it."""
    kept = set(str(session.rows("SELECT @@sql_mode")[0][0]).split(","))
    missing = [word for word in STRICT if word not in kept]
    if missing:
        return "sql_mode", "bad", f"the server does not keep {', '.join(missing)} for our sessions"
    if "STRICT_" in server:
        return "sql_mode", "ok", "strict in every session of ours, verified"
    words = "the application's own is not: it may have stored what it was not given"
    return "sql_mode", "warn", f"strict in every session of ours, verified; {words}"


def _clock(session: Session) -> Line:
    offset = session.now().timestamp() - time.time()  # noqa: TID251 - two clocks are compared
    if abs(offset) <= CLOCK_S:
        return "clock", "ok", f"{offset:+.1f} s from ours"
    return "clock", "warn", f"{offset:+.1f} s from ours; set both by NTP before a policy says `newest`"


def _log(session: Session) -> Line:
    is_on, form, image = session.rows(_LOG)[0]
    if not is_on:
        return "binlog", "ok", "off; changes can be noted by triggers"
    if form == "STATEMENT":
        words = "binlog_format is STATEMENT, which refuses our transactions: SET GLOBAL binlog_format = ROW;"
        return "binlog", "bad", words
    fit = form == "ROW" and image == "FULL"
    return "binlog", "ok", f"{form}, row image {image}{'' if fit else '; changes can be noted by triggers'}"


def _ours(session: Session, account: str) -> Line:
    names = [session.schema, ledger.FENCE.name, ledger.LEDGER.name]
    if session.rows(_OURS, names)[0][0] == len(names) - 1:
        return "ledger", "ok", "fence and ledger are there"
    role = session.rows(_ROLE)[0][0] if session.is_maria else ""
    if session.rows(_CREATES, [session.schema, _grantee(account), role]):
        return "ledger", "ok", "fence and ledger can be made"
    grant = _grant("CREATE, SELECT, INSERT, UPDATE, DELETE", f"{_name(session.schema)}.*", account)
    return "ledger", "bad", f"fence and ledger cannot be made: {grant}"


def _broken_views(session: Session) -> Iterator[Line]:
    for (name,) in session.rows(_VIEWS, [session.schema]):
        place = table(name, session.schema)
        try:
            session.rows(MARIADB.sql(exp.Select(expressions=[exp.Star()]).from_(place).limit(0)))
        except pymysql.Error as error:
            if not faults.is_denied(error):
                yield f"view {name}", "warn", f"cannot be read: {faults.named(error)}"


def _about(session: Session, dataset: Dataset, engines: Mapping[str, tuple[str | None, bool]], account: str) -> Line:
    place = table(dataset.name, session.schema)
    is_table = dataset.kind is DatasetKind.TABLE
    try:
        missing = _missing(session, dataset, place)
    except pymysql.Error as error:
        return dataset.name, "bad", f"cannot be used: {faults.named(error)}; describe the system again"
    if missing:
        verdict = "bad" if "SELECT" in missing else "warn"
        return dataset.name, verdict, _grant(", ".join(missing), MARIADB.sql(place), account)
    engine, is_safe = engines.get(dataset.name, (None, True))
    if is_table and not is_safe:
        words = f"kept by {engine or 'no engine'}, without transactions: a source only, and read without a snapshot"
        return dataset.name, "warn", f"{words}; ALTER TABLE {MARIADB.sql(place)} ENGINE=InnoDB;"
    if is_table and not dataset.key:
        words = "no primary key: declare `key:` at the member, and its uniqueness is looked up at every create"
        return dataset.name, "warn", words
    return dataset.name, "ok", "readable and writable" if is_table else "readable"


def _missing(session: Session, dataset: Dataset, place: exp.Table) -> list[str]:
    """The rights that this account lacks: each is tried with a statement that touches no row, and is rolled back."""
    held = [column(one.name, place) for one in dataset.fields]
    own = [one.name for one in dataset.fields if not one.computed]
    none = exp.Where(this=exp.false())
    tried: dict[str, exp.Expression] = {"SELECT": exp.Select(expressions=held or [exp.null()]).from_(place).limit(0)}
    if dataset.kind is DatasetKind.TABLE and own:
        into = exp.Schema(this=place.copy(), expressions=[identifier(name) for name in own])
        nothing = exp.Select(expressions=[exp.null() for _ in own]).where(exp.false())
        same = exp.EQ(this=exp.Column(this=identifier(own[0])), expression=exp.null())
        tried["INSERT"] = exp.Insert(this=into, expression=nothing)
        tried["UPDATE"] = exp.Update(this=place.copy(), expressions=[same], where=none)
        tried["DELETE"] = exp.Delete(this=place.copy(), where=none.copy())
    missing = []
    for right, tree in tried.items():
        try:
            with session.trying():
                session.rows(MARIADB.sql(tree))
        except pymysql.Error as error:
            if not faults.is_denied(error):
                raise
            missing.append(right)
    return missing


def _equal_keys(dataset: Dataset) -> Iterator[Line]:
    """Texts that must be unique, of which the server calls different ones equal."""
    for part in dict.fromkeys([*dataset.key, *(name for unique in dataset.uniques for name in unique)]):
        field = dataset.field(part)
        collation = declared(field.type.native).collation if field is not None else ""
        if field is None or field.type.kind is not Kind.TEXT or not collation or field.labels:
            continue
        if collation.endswith(("_nopad_bin", "_0900_bin")) or collation == "binary":
            continue
        alike = "blanks at their ends" if collation.endswith("_bin") else "case, accents or blanks at their ends"
        words = f"unique by {collation}: of texts that differ only in {alike} one is taken, the others are rejects"
        yield f"{dataset.name}.{part}", "ok" if collation.endswith("_bin") else "warn", words


def _grant(rights: str, on: str, account: str) -> str:
    return f"GRANT {rights} ON {on} TO {_grantee(account)};"


def _grantee(account: str) -> str:
    user, _, host = account.rpartition("@")
    return f"'{user}'@'{host}'"


def _name(name: str) -> str:
    return MARIADB.sql(identifier(name))
