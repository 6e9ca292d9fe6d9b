"""Triggers that note the keys of changed rows: one function a table, and a trigger for each kind of statement.

The application's writes never fail because of them: the function has its owner's rights and a search path of its
own, and looks before it notes whether the table's columns, and the place where it notes, are still as they were when
it was made. Where they are not, it says that changes went unnoticed, and nothing else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import psycopg
from sqlglot import exp

from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.capture_tables import Table
from dovetail.systems.connectors.postgres.faults import LOCKED
from dovetail.systems.connectors.postgres.session import SETTINGS, Session
from dovetail.systems.connectors.postgres.stored import columns
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier, table

TRUNCATED, KEYLESS = "it was truncated", "its rows have no key, and some changed"

_PLAIN = (Kind.INTEGER, Kind.TEXT, Kind.UUID, Kind.BOOLEAN, Kind.JSON, Kind.DECIMAL)
"""Kinds whose texts no setting of a session changes."""

_SPELLING = ("datestyle", "intervalstyle", "timezone", "extra_float_digits", "bytea_output", "lc_monetary")
_PATIENCE_MS = 500
"""Less than the second after which the server looks for deadlocks."""

_DIGEST_BYTES = 8
_NEW, _OLD = "dovetail_new", "dovetail_old"
_FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp{settings} AS {body}
"""
_BODY = """
DECLARE noted bigint := 1;
BEGIN
  IF (SELECT count(*) FROM pg_attribute
      WHERE attrelid = TG_RELID AND NOT attisdropped AND attname = ANY ({parts})) <> {count}
     OR NOT ({ready}) THEN
    {missed}
  ELSIF TG_OP = 'TRUNCATE' THEN
    {truncated}
  ELSIF TG_OP = 'INSERT' THEN
    {inserted}
    GET DIAGNOSTICS noted = ROW_COUNT;
  ELSIF TG_OP = 'DELETE' THEN
    {deleted}
    GET DIAGNOSTICS noted = ROW_COUNT;
  ELSE
    {updated}
    GET DIAGNOSTICS noted = ROW_COUNT;
  END IF;
  {wake}
  RETURN NULL;
END
"""
_STANDING = """
SELECT t.tgrelid::int8, t.tgname::text, t.tgenabled::text, p.oid::int8, md5(pg_get_functiondef(p.oid)), p.proname::text
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND starts_with(t.tgname, $1) ORDER BY t.tgrelid, t.tgname
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text, p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND starts_with(p.proname, $2)
"""


@dataclass(frozen=True, slots=True)
class Note:
    """How a trigger notes: statements of PL/pgSQL, in which `{oid}` is the table's number, `{source}` the rows'
    keys."""

    rows: str
    whole: str
    """For all rows of the table, with the reason."""
    missed: str
    """Where it cannot be noted what changed."""
    ready: str = "true"
    wake: str = ""


def literal(words: str) -> str:
    """A text in SQL."""
    return POSTGRES.sql(exp.Literal.string(words))


def patiently(session: Session, work: Callable[[], object]) -> None:
    """Do in one transaction what locks a table. Its writers are waited for a little at a time: others wait behind us,
    and none of them must be taken for the cause of a deadlock."""
    limit = time.monotonic() + session.timeout_s
    while True:
        session.renew()
        try:
            with session.writing():
                session.set({"lock_timeout": f"{_PATIENCE_MS}ms"}, here=True)
                work()
        except psycopg.Error as error:
            if error.sqlstate != LOCKED or time.monotonic() > limit:
                raise
            session.rest()
            time.sleep(_PATIENCE_MS / 1000)
        else:
            return


def make(session: Session, base: str, of: Table, note: Note) -> None:
    """The function of a table and its triggers; those that stand there are made again. The caller is in a transaction,
    which locks the table against writes until its end."""
    name = f"{base}_{of.oid}"
    function = POSTGRES.sql(table(name, session.schema))
    stored = columns(session, of.place)
    spelled = [] if all(stored[part].stored.kind in _PLAIN for part in of.key) else list(_SPELLING)
    settings = "".join(f" SET {one} = {literal(SETTINGS[one])}" for one in spelled)
    body = literal(_body(of, note))
    session.rows(_filled(_FUNCTION, {"{function}": function, "{settings}": settings, "{body}": body}))
    for trigger, event, rows, place in _triggers(base, of):
        called = POSTGRES.sql(identifier(trigger))
        session.rows(f"CREATE OR REPLACE TRIGGER {called} AFTER {event} ON {place} {rows}EXECUTE FUNCTION {function}()")
        if of.is_owned:
            session.rows(f"ALTER TABLE {place} ENABLE ALWAYS TRIGGER {called}")


def _triggers(base: str, of: Table) -> Iterator[tuple[str, str, str, str]]:
    """Name, event, rows and table of each trigger. Of a partitioned table, partitions have its row triggers too."""
    place = POSTGRES.sql(of.place)
    if of.is_partitioned:
        yield f"{base}_row", "INSERT OR UPDATE OR DELETE", "FOR EACH ROW ", place
    else:
        for event, tables in (
            ("INSERT", f"NEW TABLE AS {_NEW}"),
            ("UPDATE", f"OLD TABLE AS {_OLD} NEW TABLE AS {_NEW}"),
            ("DELETE", f"OLD TABLE AS {_OLD}"),
        ):
            yield f"{base}_{event.lower()}", event, f"REFERENCING {tables} FOR EACH STATEMENT ", place
    for store in of.partitions or (place,):
        yield f"{base}_truncate", "TRUNCATE", "FOR EACH STATEMENT ", store


def _body(of: Table, note: Note) -> str:
    """What the function does: at each event, note the rows that it touched."""
    new, old = _source("NEW", _NEW, of), _source("OLD", _OLD, of)
    whole = note.whole.replace("{oid}", str(of.oid))
    keyless = whole.replace("{reason}", literal(KEYLESS)).removesuffix(";")
    emit = (
        note.rows.replace("{oid}", str(of.oid))
        if of.key
        else f"{keyless} WHERE EXISTS (SELECT FROM ({{source}}) AS g);"
    )
    given = {
        "{parts}": f"ARRAY[{', '.join(literal(part) for part in of.key)}]::name[]",
        "{count}": str(len(of.key)),
        "{ready}": note.ready,
        "{missed}": note.missed.replace("{oid}", str(of.oid)),
        "{truncated}": whole.replace("{reason}", literal(TRUNCATED)),
        "{inserted}": emit.replace("{source}", new),
        "{deleted}": emit.replace("{source}", old),
        "{updated}": emit.replace("{source}", f"{new} UNION {old}"),
        "{wake}": f"IF noted > 0 THEN {note.wake} END IF;" if note.wake else "",
    }
    return _filled(_BODY, given)


def _source(row: str, rows: str, of: Table) -> str:
    """The keys of the rows that were touched, as arrays of texts."""
    columns = [f"{row if of.is_partitioned else 'r'}.{POSTGRES.sql(identifier(part))}::text" for part in of.key]
    keys = f"SELECT ARRAY[{', '.join(columns)}]::text[] AS key"
    return keys if of.is_partitioned else f"{keys} FROM {rows} AS r"


def _filled(template: str, given: Mapping[str, str]) -> str:
    """The template with its marks replaced, each once: what is put in is not looked at again."""
    pattern = re.compile("|".join(re.escape(mark) for mark in given))
    return pattern.sub(lambda found: given[found.group()], template)


def drop(session: Session, base: str, of: Sequence[int] | None = None) -> None:
    """Drop the functions of a feed, and with each its triggers, which only the table's owner could drop by themselves;
    of the tables of those numbers, or of all."""
    chosen = None if of is None else {f"{base}_{oid}" for oid in of}
    for function, name in session.rows(_FUNCTIONS, [session.schema, f"{base}_"]):
        if chosen is None or name in chosen:
            patiently(session, partial(session.rows, f"DROP FUNCTION IF EXISTS {function} CASCADE"))


def standing(session: Session, base: str) -> dict[int, str]:
    """By the number of the table that is noted, how its triggers and their function are now."""
    found: dict[int, list[str]] = {}
    for relation, trigger, enabled, function, text, name in session.rows(_STANDING, [f"{base}_"]):
        of = name.removeprefix(f"{base}_")
        if of.isdigit():
            found.setdefault(int(of), []).append(f"{relation} {trigger} {enabled} {function} {text}")
    return {of: blake2b("\n".join(told).encode(), digest_size=_DIGEST_BYTES).hexdigest() for of, told in found.items()}
