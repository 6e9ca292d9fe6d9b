"""The triggers of a feed: they put the key of every row that changes into a queue, in the application's own
transaction.

The application's writes never fail because of them: what goes wrong inside is caught, even where the queue is gone. No
trigger reads the queue, and none inserts what it selects: either would take locks that others wait for. Foreign keys
that delete or change rows do so without a trigger; so the tables above note the rows below, under the very lock that
the server takes a moment later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from dovetail.systems.connectors.mariadb.capture_tables import Link, Table
from dovetail.systems.connectors.mariadb.capture_values import Part
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import identifier, table

OWN = "@dovetail_transaction"
"""The variable by which our own transactions name themselves; the application's sessions have none."""

MISSING = "-"
"""A part of a key that is null; the others are written in hexadecimal digits."""

KEYLESS, UNNOTED = "its rows have no key, and some changed", "a change could not be noted row by row"
CARRIED = "rows above it changed, and may have taken rows of it with them"

_KINDS = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime", "time", "year", "uuid"}
    | {"inet4", "inet6", "enum", "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "timestamp", "bit"}
    | {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
)
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_DIGEST_BYTES = 8
_STANDING = """
SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement, definer
FROM information_schema.triggers WHERE trigger_schema = ?1 AND left(trigger_name, char_length(?2)) = ?2
"""
_NOTE = "INSERT INTO {queue} (place, version, parts) VALUES ({place}, {own}, {parts});"
_WHOLE = "INSERT INTO {queue} (place, version, reason) VALUES ({place}, {own}, '{reason}');"
_GUARD = "DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; {whole} END;"
_BELOW = (
    "BEGIN DECLARE is_over int DEFAULT 0; DECLARE noted mediumtext CHARACTER SET ascii; "
    "DECLARE below CURSOR FOR SELECT {parts} FROM {joined} WHERE {tests} FOR UPDATE; "
    "DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_over = 1; "
    "OPEN below; every: LOOP FETCH below INTO noted; IF is_over THEN LEAVE every; END IF; {note} END LOOP; "
    "CLOSE below; "
    "END;"
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The table on which a trigger is, and what follows `CREATE TRIGGER name`."""

    table: str
    text: str


def triggers(base: str, queue: str, tables: Mapping[str, Table], places: Mapping[str, int]) -> dict[str, Trigger]:
    """All triggers that those tables need, by name; `places` numbers the tables in the queue. Another text has another
    name, so that a trigger is made before the one that it replaces is dropped."""
    bodies: dict[tuple[str, str], list[str]] = {}
    guards: dict[tuple[str, str], str] = {}
    for of in tables.values():
        place = places[of.name]
        for on, event, note in (*_own(queue, of, place), *_below(queue, of, place)):
            bodies.setdefault((on, event), []).append(note)
            guards[on, event] = guards.get((on, event), "") + _whole(queue, place, UNNOTED)
    found = {}
    for (on, event), notes in bodies.items():
        guard = _GUARD.replace("{whole}", guards[on, event])
        text = f"{event} ON {quoted(on)} FOR EACH ROW BEGIN {guard} {' '.join(notes)} END"
        found[f"{base}_on_{blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"] = Trigger(on, text)
    return found


def is_keyed(of: Table) -> bool:
    """Whether changed rows can be named one by one."""
    return bool(of.parts) and all(part.base in _KINDS for part in of.parts)


def is_within(of: Table) -> bool:
    """Whether all tables whose rows take rows of this one with them stand in this database."""
    return all(link.is_here for path in of.paths for link in path)


def _own(queue: str, of: Table, place: int) -> Iterator[tuple[str, str, str]]:
    """What is noted when the table's own rows are written."""
    if not is_keyed(of):
        for event in ("AFTER INSERT", "AFTER UPDATE", "AFTER DELETE"):
            yield of.name, event, _whole(queue, place, KEYLESS)
        return
    new, old = _note(queue, place, _written("NEW", of.parts)), _note(queue, place, _written("OLD", of.parts))
    differs = " OR ".join(_differs(quoted(part.name)) for part in of.parts)
    yield of.name, "AFTER INSERT", new
    yield of.name, "AFTER UPDATE", f"{new} IF {differs} THEN {old} END IF;"
    yield of.name, "AFTER DELETE", old


def _below(queue: str, of: Table, place: int) -> Iterator[tuple[str, str, str]]:
    """What is noted of the table when rows above it are deleted, or get another value that it refers to."""
    for path in of.paths:
        top = path[-1]
        if not top.is_here:
            continue
        is_ring = top.parent in {link.child for link in path}
        changed = " OR ".join(_differs(quoted(parent)) for _, parent in top.fields)
        old = (
            _whole(queue, place, CARRIED) if is_ring or not is_keyed(of) else _rows_below(queue, of, place, path, "OLD")
        )
        new = (
            _whole(queue, place, CARRIED) if is_ring or not is_keyed(of) else _rows_below(queue, of, place, path, "NEW")
        )
        if top.on_delete:
            yield top.parent, "BEFORE DELETE", old
        if top.on_update:
            yield top.parent, "BEFORE UPDATE", f"IF {changed} THEN {old} END IF;"
            if not is_ring and is_keyed(of) and {name for name, _ in path[0].fields} & set(of.key):
                yield top.parent, "AFTER UPDATE", f"IF {changed} THEN {new} END IF;"


def _rows_below(queue: str, of: Table, place: int, path: Sequence[Link], row: str) -> str:
    """Note the rows that hang below a row, by way of the tables between."""
    joined = f"{quoted(of.name)} AS d0"
    for at, link in enumerate(path[:-1]):
        tests = " AND ".join(f"d{at + 1}.{quoted(parent)} = d{at}.{quoted(child)}" for child, parent in link.fields)
        joined += f" JOIN {quoted(link.parent)} AS d{at + 1} ON {tests}"
    last = len(path) - 1
    tests = " AND ".join(f"d{last}.{quoted(child)} = {row}.{quoted(parent)}" for child, parent in path[-1].fields)
    note = _note(queue, place, "noted")
    parts = _written("d0", of.parts)
    return _BELOW.format(parts=parts, joined=joined, tests=tests, note=note)


def _differs(column: str) -> str:
    """Byte by byte: what a collation calls equal may be another key to others."""
    return f"NOT (BINARY NEW.{column} <=> BINARY OLD.{column})"


def _written(row: str, parts: Sequence[Part]) -> str:
    """The key of a row as one text."""
    found = [f"ifnull({_hex(f'{row}.{quoted(part.name)}', part)}, '{MISSING}')" for part in parts]
    return f"concat_ws(',', {', '.join(found)})"


def _hex(value: str, part: Part) -> str:
    """A value as the server would send it as text, in hexadecimal digits; whatever the session is set to."""
    if part.base in _BYTES:
        return f"hex({value})"
    if part.base == "bit":
        return f"hex(convert({value} + 0 USING utf8mb4))"
    if part.base == "timestamp":
        return f"hex(convert(unix_timestamp({value}) USING utf8mb4))"
    return f"hex(convert({value} USING utf8mb4))"


def _note(queue: str, place: int, parts: str) -> str:
    return _NOTE.format(queue=queue, place=place, own=OWN, parts=parts)


def _whole(queue: str, place: int, reason: str) -> str:
    return _WHOLE.format(queue=queue, place=place, own=OWN, reason=reason)


def quoted(name: str) -> str:
    """A name in SQL."""
    return MARIADB.sql(identifier(name))


def make(session: Session, name: str, of: Trigger) -> None:
    """Make a trigger, or make it anew."""
    drop(session, name)
    session.run(f"CREATE TRIGGER {place(session, name)} {of.text}")


def drop(session: Session, name: str) -> None:
    """Drop a trigger."""
    session.run(f"DROP TRIGGER IF EXISTS {place(session, name)}")


def standing(session: Session, base: str) -> dict[str, tuple[str, str]]:
    """The feed's triggers as they are: by name the table, and a digest of the rest."""
    found = {}
    for name, on, *rest in session.rows(_STANDING, [session.schema, f"{base}_on_"]):
        told = "\0".join(map(str, rest)).encode()
        found[str(name)] = (str(on), blake2b(told, digest_size=_DIGEST_BYTES).hexdigest())
    return found


def place(session: Session, name: str) -> str:
    """A name in this database."""
    return MARIADB.sql(table(name, session.schema))
