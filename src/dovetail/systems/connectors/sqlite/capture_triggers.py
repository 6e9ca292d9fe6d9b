"""The triggers of a feed: they put the key of every row that changes into a queue, in the application's own
transaction.

SQLite removes the row in the way of `REPLACE` without a delete trigger (unless the application asks for it), so the
rows that hold a unique value are noted before it is taken. Beyond a number of waiting changes a trigger notes once
that the whole table may have changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.ledger import OURS
from dovetail.systems.sql.quote import identifier, table

CHANGES_MAX = 1_000_000
"""Changes that may wait in the queue; beyond, whole tables count as changed."""

HEAD = ("id", "dataset", "reason", "seen", "version")
"""The queue's columns besides the parts of keys."""

_DIGEST_BYTES = 4
_UNIQUES = """
SELECT i.name, i.partial, x.name, x.coll
FROM pragma_index_list(?1, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS x
WHERE i."unique" = 1 AND x.key = 1 ORDER BY i.seq, x.seqno
"""
_ROWID_KEY = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0"
_WIDTH = "SELECT count(*) FROM pragma_table_info(?1, 'main')"
_TRIGGERS = "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger' AND substr(name, 1, length(?1)) = ?1"
_NOTE = (
    "INSERT INTO {queue} (dataset, reason, {parts}) SELECT {dataset}, r, {values} "
    "FROM (SELECT CASE WHEN {span} >= {bound} THEN {reason} END AS r) WHERE r IS NULL OR NOT EXISTS ({noted});"
)
_TAKEN = "INSERT INTO {queue} (dataset, {parts}) SELECT {dataset}, {values} FROM {place} AS o WHERE {tests};"
_WHOLE = "INSERT INTO {queue} (dataset, reason) SELECT {dataset}, {reason} WHERE NOT EXISTS ({noted});"
_NOTED = "SELECT 1 FROM {queue} AS w WHERE w.dataset = {dataset} AND w.reason IS NOT NULL AND w.seen IS NULL"
_SPAN = "(SELECT max(id) FROM {queue}) - (SELECT min(id) FROM {queue})"


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns whose values stand once, each with the order by which they are compared."""

    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """The tables of a feed: what was noted, and what the feed covers."""

    name: str
    changes_max: int = CHANGES_MAX

    @property
    def covered(self) -> str:
        """The table that says what the feed covers."""
        return f"{self.name}_of"

    @property
    def prefix(self) -> str:
        """What the names of the feed's triggers begin with."""
        return f"{self.name}_on_"


def queue(feed: str, changes_max: int = CHANGES_MAX) -> Queue:
    """The queue of a feed, named as ours."""
    return Queue(feed if feed.startswith(OURS) else OURS + feed, changes_max)


def part(at: int) -> str:
    """The queue's column for one part of a key."""
    return f"k{at}"


def existing(connection: sqlite3.Connection, of: Queue) -> dict[str, str]:
    """The feed's triggers as they are, by name."""
    return dict(connection.execute(_TRIGGERS, (of.prefix,)).fetchall())


def triggers(connection: sqlite3.Connection, of: Queue, dataset: Dataset) -> dict[str, str]:
    """The triggers that a dataset needs, by name."""
    base = of.prefix + blake2b(dataset.name.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    place = _sql(identifier(dataset.name))
    found: dict[str, str] = {}
    for number, (event, when, note) in enumerate(_notes(connection, of, dataset)):
        name = _sql(identifier(f"{base}_{number}"))
        condition = f" WHEN {when}" if when else ""
        found[f"{base}_{number}"] = f"CREATE TRIGGER {name} {event} ON {place}{condition} BEGIN {note} END"
    return found


def _notes(connection: sqlite3.Connection, of: Queue, dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """What is noted: at which event, on which condition, by which statement."""
    if not dataset.key:
        reason = _text("its rows have no key, and some changed")
        for event in ("INSERT", "UPDATE", "DELETE"):
            yield f"AFTER {event}", "", _fill(_WHOLE, of, dataset, reason=reason)
        return
    new, old = _row("NEW", dataset.key), _row("OLD", dataset.key)
    yield "AFTER INSERT", "", _note(of, dataset, new)
    yield "AFTER DELETE", "", _note(of, dataset, old)
    yield "AFTER UPDATE", "", _note(of, dataset, new)
    yield "AFTER UPDATE", _differs(dataset.key), _note(of, dataset, old)
    for unique in uniques(connection, dataset)[0]:
        yield "BEFORE INSERT", "", _taken(of, dataset, unique)
        yield "BEFORE UPDATE", _differs([name for name, _ in unique.columns]), _taken(of, dataset, unique)


def _differs(columns: Sequence[str]) -> str:
    """That an update changes one of these columns."""
    return " OR ".join(
        f"{was} IS NOT {now}" for was, now in zip(_row("OLD", columns), _row("NEW", columns), strict=True)
    )


def uniques(connection: sqlite3.Connection, dataset: Dataset) -> tuple[list[Unique], bool]:
    """The unique constraints besides the key itself; and whether there are others, over expressions or part of the
    rows."""
    found: dict[str, list[tuple[str, str]] | None] = {}
    for index, is_partial, column, collation in connection.execute(_UNIQUES, (dataset.name,)):
        parts = found.setdefault(index, [])
        if is_partial or column is None:
            found[index] = None
        elif parts is not None:
            parts.append((column, collation))
    keys = [name for (name,) in connection.execute(_ROWID_KEY, (dataset.name,))]
    plain = [Unique(tuple(parts)) for parts in found.values() if parts is not None]
    if len(keys) == 1 and not any(unique.columns[0][0] == keys[0] for unique in plain if len(unique.columns) == 1):
        plain.append(Unique(((keys[0], "BINARY"),)))
    others = [one for one in plain if {name for name, _ in one.columns} != set(dataset.key)]
    return list(dict.fromkeys(others)), None in found.values()


def make_tables(connection: sqlite3.Connection, of: Queue, width: int) -> None:
    """The two tables where they are missing, wide enough for keys of so many parts."""
    name, covered = _place(of.name), _place(of.covered)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name} "
        "(id INTEGER PRIMARY KEY, dataset TEXT, reason TEXT, seen INTEGER, version TEXT)"
    )
    connection.execute(f"CREATE TABLE IF NOT EXISTS {covered} (dataset TEXT PRIMARY KEY, parts TEXT NOT NULL)")
    index = _sql(identifier(f"{of.name}_whole"))
    only = f"ON {_sql(identifier(of.name))} (dataset) WHERE reason IS NOT NULL"
    connection.execute(f"CREATE INDEX IF NOT EXISTS main.{index} {only}")
    held = connection.execute(_WIDTH, (of.name,)).fetchone()[0] - len(HEAD)
    for at in range(held, width):
        connection.execute(f"ALTER TABLE {name} ADD COLUMN {part(at)}")


def drop(connection: sqlite3.Connection, names: Iterator[str] | Sequence[str]) -> None:
    """Drop triggers."""
    for name in names:
        connection.execute(f"DROP TRIGGER IF EXISTS main.{_sql(identifier(name))}")


def _note(of: Queue, dataset: Dataset, values: Sequence[str]) -> str:
    """Note one row; where too many wait already, once that all may have changed."""
    words = _text(f"more than {of.changes_max} changes were waiting")
    return _fill(_NOTE, of, dataset, values=", ".join(values), reason=words)


def _taken(of: Queue, dataset: Dataset, unique: Unique) -> str:
    """Note the row that stands where a unique value is to be."""
    tests = []
    for name, collation in unique.columns:
        column = _sql(identifier(name))
        tests.append(f"o.{column} COLLATE {_sql(identifier(collation))} = NEW.{column}")
    place = _sql(identifier(dataset.name))
    values = ", ".join(_row("o", dataset.key))
    return _fill(_TAKEN, of, dataset, values=values, place=place, tests=" AND ".join(tests))


def _fill(template: str, of: Queue, dataset: Dataset, **others: str) -> str:
    """The statement with its names and constants in place."""
    name = _sql(identifier(of.name))
    given = {
        "parts": ", ".join(part(at) for at in range(len(dataset.key))),
        "dataset": _text(dataset.name),
        "span": _SPAN.format(queue=name),
        "noted": _NOTED.format(queue=name, dataset=_text(dataset.name)),
        "bound": str(of.changes_max),
        "queue": name,
        **others,
    }
    return template.format(**given)


def _row(of: str, key: Sequence[str]) -> list[str]:
    return [f"{of}.{_sql(identifier(name))}" for name in key]


def _place(name: str) -> str:
    return _sql(table(name, "main"))


def _text(words: str) -> str:
    return _sql(exp.Literal.string(words))


def _sql(tree: exp.Expression) -> str:
    return SQLITE.sql(tree)
