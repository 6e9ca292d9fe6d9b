"""What an operator must know about a PostgreSQL database, and the statement that grants what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psycopg
from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql import ledger
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier, table

Line = tuple[str, str, str]
"""Topic, verdict (`ok`, `warn` or `bad`), words."""

OLDEST = 130_000
CLOCK_S = 2.0
"""Seconds by which two clocks may differ before `newest` wins is in doubt."""

_FACTS = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int,
       current_setting('server_encoding'),
       current_user, pg_is_in_recovery(),
       (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'), current_setting('transaction_read_only')
"""
_RIGHTS = """
SELECT has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),
       has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'),
       row_security_active(c.oid), c.relkind IN ('r', 'p')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
"""
_SEQUENCES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(s.relname)
FROM pg_class c JOIN pg_namespace m ON m.oid = c.relnamespace
JOIN pg_depend d ON d.refobjid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE m.nspname = $1 AND c.relname = $2
  AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END
"""
_CREATE = "SELECT has_schema_privilege($1, 'CREATE')"
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


def examine(session: Session, names: Names, datasets: Sequence[Dataset]) -> Iterator[Line]:
    """Version, encoding, clock, rights; then what is promised for each dataset."""
    version, number, encoding, account, is_replica, zone, read_only = session.rows(_FACTS)[0]
    old = "; Dovetail is tested with version 13 and later" if number < OLDEST else ""
    yield "version", "warn" if old else "ok", f"PostgreSQL {version}{old}"
    yield (
        "encoding",
        "ok" if encoding == "UTF8" else "warn",
        f"{encoding}{'' if encoding == 'UTF8' else ': texts it lacks are refused'}",
    )
    yield "time zone", "ok", f"{zone}; instants are carried in UTC whatever it is"
    yield _clock(session)
    if is_replica or read_only == "on":
        yield (
            "writing",
            "bad",
            "a replica, or set to read only: it can be a source, not a target; name the primary in the URL",
        )
    yield _ours(session, account)
    for dataset in datasets:
        if dataset.kind is not DatasetKind.QUERY:
            yield _about(session, names.table(dataset.name), dataset, account)


def seconds(session: Session) -> float:
    """The time by the server's clock, in seconds since 1970."""
    return float(session.rows(_CLOCK)[0][0])


def _clock(session: Session) -> Line:
    offset = seconds(session) - time.time()  # noqa: TID251 - two clocks are compared
    if abs(offset) <= CLOCK_S:
        return "clock", "ok", f"{offset:+.1f} s from ours"
    return "clock", "warn", f"{offset:+.1f} s from ours; set both by NTP before a policy says `newest`"


def _ours(session: Session, account: str) -> Line:
    there = [
        ours.name
        for ours in (ledger.FENCE, ledger.LEDGER)
        if session.rows("SELECT to_regclass($1)", [POSTGRES.sql(table(ours.name, session.schema))])[0][0]
    ]
    if len(there) == 2:
        return "ledger", "ok", "fence and ledger are there"
    if session.rows(_CREATE, [session.schema])[0][0]:
        return "ledger", "ok", "fence and ledger can be made"
    return (
        "ledger",
        "bad",
        f"fence and ledger cannot be made: {_grant('CREATE', f'SCHEMA {_name(session.schema)}', account)}",
    )


def _about(session: Session, place: exp.Table, dataset: Dataset, account: str) -> Line:
    rows = session.rows(_RIGHTS, [place.db, place.name])
    if not rows:
        return dataset.name, "bad", "no longer there; describe the system again"
    usage, select, insert, update, delete, secured, is_table = rows[0]
    if not usage:
        return dataset.name, "bad", _grant("USAGE", f"SCHEMA {_name(place.db)}", account)
    wanted = {"SELECT": select}
    if is_table:
        wanted |= {"INSERT": insert, "UPDATE": update, "DELETE": delete}
    missing = [right for right, granted in wanted.items() if not granted]
    if missing:
        verdict = "bad" if "SELECT" in missing else "warn"
        return dataset.name, verdict, _grant(", ".join(missing), POSTGRES.sql(place), account)
    locked = session.rows(_SEQUENCES, [place.db, place.name])
    if locked and is_table:
        words = "keys are drawn one row at a time; faster with: "
        return dataset.name, "warn", words + _grant("USAGE", f"SEQUENCE {locked[0][0]}", account)
    if secured:
        return dataset.name, "warn", "row security hides rows from this account; a hidden row looks like a deleted one"
    tried = _tried(session, place) if is_table else ""
    if tried:
        return dataset.name, "warn", f"a row cannot be changed: {tried}"
    if not dataset.key:
        return (
            dataset.name,
            "warn",
            "no primary key: declare `key:` at the member, and its uniqueness is looked up at every create",
        )
    return dataset.name, "ok", "readable and writable" if is_table else "readable"


def _tried(session: Session, place: exp.Table) -> str:
    """Why a statement that would lock and delete no row is refused all the same."""
    none = exp.Delete(this=place.copy(), where=exp.Where(this=exp.false()))
    try:
        with session.savepoint():
            session.rows(none)
    except psycopg.Error as error:
        return error.diag.message_primary or type(error).__name__
    return ""


def _grant(rights: str, on: str, account: str) -> str:
    return f"GRANT {rights} ON {on} TO {_name(account)};"


def _name(name: str) -> str:
    return POSTGRES.sql(identifier(name))
