"""The tables of a feed: the queue of what was noted, and what the feed covers and how far it was read.

A number of the queue is drawn when a row is written, not when it is committed: a row that is committed late stands
below others that were read long before. So a cursor names the very rows that were given, and exactly those are deleted.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pymysql

from dovetail.systems.connectors.mariadb.capture_tables import Table
from dovetail.systems.connectors.mariadb.faults import number
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.ledger import OURS
from dovetail.systems.sql.quote import table

CHANGES_MAX = 1_000_000
"""Changes that may wait in the queue; beyond, whole tables count as changed."""

ROW_BYTES = 60
"""About so many bytes has one row of the queue."""

TRIGGERS, BINLOG = "triggers", "binlog"
"""How a feed may see changes."""

_MISSING = frozenset({1146, 1054, 1932})
_QUEUE = (
    "CREATE TABLE IF NOT EXISTS {queue} (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, place int NOT NULL, "
    "version varchar(40) CHARACTER SET ascii, parts mediumtext CHARACTER SET ascii, reason varchar(200)) "
    "ENGINE=InnoDB AUTO_INCREMENT={first} DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
)
_OF = (
    "CREATE TABLE IF NOT EXISTS {covered} (place int AUTO_INCREMENT PRIMARY KEY, "
    "dataset varchar(64) NOT NULL UNIQUE, told text NOT NULL) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
)
_OWN = (
    "CREATE TABLE IF NOT EXISTS {own} (id bigint unsigned PRIMARY KEY, name varchar(40) CHARACTER SET ascii NOT NULL) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
)
_DROP = ("DROP TABLE IF EXISTS {queue}", "DROP TABLE IF EXISTS {own}", "DROP TABLE IF EXISTS {covered}")
_SHAPE = (
    "SELECT table_name FROM information_schema.columns WHERE table_schema = ?1 AND "
    "(table_name = ?2 AND column_name IN ('id', 'place', 'version', 'parts', 'reason') "
    "OR table_name = ?3 AND column_name IN ('place', 'dataset', 'told') "
    "OR table_name = ?4 AND column_name IN ('id', 'name'))"
)
_COLUMNS = (5, 3, 2)
_FIRST_BITS = 40
"""A queue that is made anew begins with a number of its own: a cursor of the one before it names none of its rows."""

_COVERED = "SELECT dataset, place, told FROM {covered} ORDER BY dataset"
_COVER = "INSERT INTO {covered} (dataset, told) VALUES (?1, ?2) ON DUPLICATE KEY UPDATE told = ?2"
_UNCOVER = "DELETE FROM {covered} WHERE dataset = ?1"
_WHOLE = "INSERT INTO {queue} (place, reason) SELECT place, ?2 FROM {covered} WHERE dataset = ?1"
_WAITING = "SELECT id, place, version, parts, reason FROM {queue} ORDER BY id LIMIT ?1"
_ENDS = "SELECT min(id), max(id) FROM {queue}"
_COUNT = "SELECT count(*), max(id) FROM (SELECT id FROM {queue} ORDER BY id LIMIT ?1) AS q"
_FORGET = (
    "DELETE q FROM json_table(?1, '$[*]' COLUMNS (id bigint unsigned PATH '$')) AS seen "
    "STRAIGHT_JOIN {queue} AS q ON q.id = seen.id"
)
"""Each row is gone to by its number: a search through the queue would wait for rows that are not committed."""

_AT_ONCE = 5_000
_FEED = ""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a feed's tables and triggers."""

    base: str

    @property
    def queue(self) -> str:
        """The table of what was noted."""
        return f"{self.base}_queue"

    @property
    def covered(self) -> str:
        """The table of what is covered."""
        return f"{self.base}_of"

    @property
    def own(self) -> str:
        """The table by which our own transactions name themselves in the log."""
        return f"{self.base}_own"

    def filled(self, session: Session, statement: str) -> str:
        """A statement with the names of the tables."""
        return _filled(self, session.schema, statement)


@lru_cache(maxsize=1000)
def _filled(of: Names, schema: str, statement: str) -> str:
    for mark, name in (("{queue}", of.queue), ("{covered}", of.covered), ("{own}", of.own)):
        statement = statement.replace(mark, MARIADB.sql(table(name, schema)))
    return statement


def names(feed: str) -> Names:
    """The names of a feed's tables, all known as ours."""
    return Names(feed if feed.startswith(OURS) else OURS + feed)


@dataclass(frozen=True, slots=True)
class Covered:
    """A dataset of a feed as it was when the feed was made: its number in the queue, its key, and a digest of all on
    which the telling depends (empty while it is not noted yet)."""

    place: int
    key: tuple[str, ...]
    digest: str


@dataclass(slots=True)
class Memory:
    """What stands written down of a feed."""

    way: str = TRIGGERS
    datasets: dict[str, Covered] = field(default_factory=dict)
    position: str = ""
    """How far the binary log was dealt with."""
    lost: str = ""


def recall(session: Session, of: Names) -> Memory | None:
    """What stands written down; `None` where no table of the feed is there."""
    wanted = (of.queue, of.covered, of.own)
    there = Counter(name for (name,) in session.rows(_SHAPE, [session.schema, *wanted]))
    if not there:
        return None
    found = Memory()
    gone = [name for name, count in zip(wanted, _COLUMNS, strict=True) if there[name] != count]
    if of.covered not in gone:
        for dataset, place, told in session.rows(of.filled(session, _COVERED)):
            content = json.loads(told)
            if dataset == _FEED:
                found.way, found.position = content["way"], content["position"]
            else:
                found.datasets[dataset] = Covered(place, tuple(content["key"]), content["digest"])
    if gone:
        found.lost = f"the table {gone[0]} is gone, or no longer what it was"
    return found


def make(session: Session, of: Names) -> None:
    """The tables, where they are missing."""
    for statement in (_QUEUE, _OF, _OWN):
        session.run(of.filled(session, statement).replace("{first}", str(1 + secrets.randbits(_FIRST_BITS))))


def drop(session: Session, of: Names) -> None:
    """Drop the tables."""
    for statement in _DROP:
        session.run(of.filled(session, statement))


def cover(session: Session, of: Names, name: str, key: Sequence[str], digest: str) -> None:
    """Write down how a dataset is covered."""
    told = json.dumps({"key": list(key), "digest": digest})
    session.run(of.filled(session, _COVER), [name, told])


def uncover(session: Session, of: Names, gone: Iterable[str]) -> None:
    """These are covered no more."""
    for name in gone:
        session.run(of.filled(session, _UNCOVER), [name])


def place(session: Session, of: Names, way: str, position: str) -> None:
    """Write down in which way changes are seen, and how far the log was dealt with."""
    session.run(of.filled(session, _COVER), [_FEED, json.dumps({"way": way, "position": position})])


def owe(session: Session, of: Names, name: str, reason: str) -> None:
    """It is to be told that all rows of a dataset may have changed."""
    session.run(of.filled(session, _WHOLE), [name, reason])


@dataclass(frozen=True, slots=True)
class Noted:
    """One row of the queue."""

    id: int
    place: int
    version: str | None
    parts: str | None
    reason: str | None


def waiting(session: Session, of: Names, rows: int) -> list[Noted]:
    """The oldest rows of the queue that are committed."""
    return [Noted(*row) for row in session.rows(of.filled(session, _WAITING), [rows])]


def span(session: Session, of: Names) -> int:
    """How many numbers lie between the queue's ends."""
    ((least, most),) = session.rows(of.filled(session, _ENDS))
    return 0 if most is None else int(most) - int(least) + 1


def has_other(session: Session, of: Names, given: Sequence[int]) -> bool:
    """Whether the queue's oldest rows are others than those."""
    ((count, last),) = session.rows(of.filled(session, _COUNT), [len(given) + 1])
    return bool(count) and (int(count) != len(given) or int(last) != given[-1])


def forget(session: Session, of: Names, ids: Iterable[int]) -> None:
    """Delete exactly those rows."""
    some: list[int] = []
    for one in ids:
        some.append(one)
        if len(some) == _AT_ONCE:
            _delete(session, of, some)
            some = []
    if some:
        _delete(session, of, some)


def empty(session: Session, of: Names) -> None:
    """Delete all that is noted; the numbers never come again."""
    while True:
        some = [one.id for one in waiting(session, of, _AT_ONCE)]
        if not some:
            return
        _delete(session, of, some)


def _delete(session: Session, of: Names, some: Sequence[int]) -> None:
    session.renew()
    session.run(of.filled(session, _FORGET), [json.dumps(list(some))])


def is_missing(error: pymysql.Error) -> bool:
    """Whether a table of ours is gone."""
    return number(error) in _MISSING


def spelled(ids: Sequence[int]) -> str:
    """Numbers as ranges.

    >>> spelled([1, 2, 3, 7, 9, 10])
    '1-3,7,9-10'
    """
    ranges: list[list[int]] = []
    for one in sorted(ids):
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def listed(text: str) -> Iterator[int]:
    """The numbers in ranges.

    >>> list(listed("1-3,7"))
    [1, 2, 3, 7]
    """
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def digests(memory: Memory | None, tables: Mapping[str, Table], triggers: Mapping[str, str]) -> list[str]:
    """The datasets that are not noted as they were."""
    known = memory.datasets if memory else {}
    found = []
    for name, one in known.items():
        now = tables.get(name)
        if now is None or one.digest != f"{now.digest} {triggers.get(name, '')}" or one.key != now.key:
            found.append(name)
    return found
