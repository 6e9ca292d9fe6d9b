"""The cross-reference: which key in one system is which key in another, one-to-one."""

from __future__ import annotations

from itertools import repeat

import pyarrow as pa

from dovetail.state.database import Database, Keys, Row, Rows, listed
from dovetail.state.dialect import Load
from dovetail.state.faults import misused, not_one_to_one

_LINK = Load(
    "crossref",
    (("mapping", "TEXT"), ("member", "TEXT"), ("row_id", "BIGINT"), ("row_key", "TEXT")),
    "ON CONFLICT DO NOTHING",
)
_ALL = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? ORDER BY row_id"
_BY_ROW = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? AND row_id IN BIGINTS(?)"
_BY_KEY = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? AND row_key IN TEXTS(?)"
_UNLINK = "DELETE FROM crossref WHERE mapping = ? AND member = ? AND row_id IN BIGINTS(?)"
_COUNT = "SELECT count(*) FROM crossref WHERE mapping = ? AND member = ?"
_MEMBERS = """WITH RECURSIVE found (member) AS (
    SELECT min(member) FROM crossref WHERE mapping = ?
    UNION ALL
    SELECT (SELECT min(member) FROM crossref WHERE mapping = ? AND member > found.member) FROM found
    WHERE found.member IS NOT NULL)
SELECT member FROM found WHERE member IS NOT NULL"""
_ROWS = "SELECT count(*) FROM (SELECT DISTINCT row_id FROM crossref WHERE mapping = ?) AS linked"
_PAIRED = """SELECT count(*) FROM
(SELECT row_id FROM crossref WHERE mapping = ? GROUP BY row_id HAVING count(*) > 1) AS paired"""


class Crossref:
    """Numbers of shared rows, and the key of each at each member.

    A row has at most one key at a member, and a key belongs to at most one row of a mapping; the database itself holds
    both.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def allocate(self, mapping: str, count: int) -> int:
        """The first of `count` new row numbers, which follow each other; a number is never given twice.

        Inside a transaction the numbers are safe once it is committed.
        """
        if count < 1:
            raise misused(self._database.place, f"{count} row numbers cannot be allocated")
        return self._database.draw(f"row {mapping}", count)

    def link(self, mapping: str, member: str, rows: Rows, keys: Keys) -> None:
        """Give each row its key at that member. A link that stands already is left; anything that is not one-to-one is
        a `StateFault`."""
        numbers, texts = listed(rows), listed(keys)
        with self._database.transaction():
            links = zip(repeat(mapping), repeat(member), numbers, texts, strict=False)
            inserted = self._database.load(_LINK, links)
            if inserted < len(numbers) or len(numbers) != len(texts):
                self._hold(mapping, member, list(zip(numbers, texts, strict=True)))

    def _hold(self, mapping: str, member: str, links: list[tuple[int, str]]) -> None:
        """Raise unless every link stands exactly as asked."""
        standing: dict[int, str] = dict(self._database.rows(_BY_ROW, mapping, member, [row for row, _ in links]))
        wrong = sum(standing.get(row) != key for row, key in links)
        if wrong:
            raise not_one_to_one(f"{mapping}.{member}", wrong)

    def unlink(self, mapping: str, rows: Rows, *, member: str | None = None) -> int:
        """Forget the keys of those rows, at one member or at all; the number of links that are gone."""
        numbers = listed(rows)
        with self._database.transaction():
            members = [member] if member is not None else self.members(mapping)
            return sum(self._database.run(_UNLINK, mapping, name, numbers) for name in members)

    def load(self, mapping: str, member: str) -> pa.Table:
        """Every link of a member, by row: columns `row` (int64) and `key` (text)."""
        return _table(self._database.rows(_ALL, mapping, member))

    def members(self, mapping: str) -> tuple[str, ...]:
        """The members that have links, in the order of their names."""
        return tuple(name for (name,) in self._database.rows(_MEMBERS, mapping, mapping))

    def members_of(self, mapping: str, row: int) -> dict[str, str]:
        """The key of one row at each member that has one."""
        keys = {name: self.keys(mapping, name, [row])[0].as_py() for name in self.members(mapping)}
        return {name: key for name, key in keys.items() if key is not None}

    def find(self, mapping: str, member: str, key: str) -> int | None:
        """The row of a key, or `None`."""
        return self.rows(mapping, member, [key])[0].as_py()  # type: ignore[no-any-return]

    def rows(self, mapping: str, member: str, keys: Keys) -> pa.Array:
        """The row of each key (int64), key for key; null where a key has none."""
        texts = listed(keys)
        found = {key: row for row, key in self._database.rows(_BY_KEY, mapping, member, texts)}
        return pa.array([found.get(key) for key in texts], pa.int64())

    def keys(self, mapping: str, member: str, rows: Rows) -> pa.Array:
        """The key of each row at that member (text), row for row; null where a row has none."""
        numbers = listed(rows)
        found: dict[int, str] = dict(self._database.rows(_BY_ROW, mapping, member, numbers))
        return pa.array([found.get(row) for row in numbers], pa.string())

    def count(self, mapping: str, *, member: str | None = None) -> int:
        """How many rows have a key, at one member or at any."""
        found = self._database.row(_ROWS, mapping) if member is None else self._database.row(_COUNT, mapping, member)
        return int(found[0]) if found else 0

    def paired(self, mapping: str) -> int:
        """How many rows have a key at two members or more."""
        found = self._database.row(_PAIRED, mapping)
        return int(found[0]) if found else 0


def _table(links: list[Row]) -> pa.Table:
    rows, keys = zip(*links, strict=True) if links else ((), ())
    return pa.table({"row": pa.array(rows, pa.int64()), "key": pa.array(keys, pa.string())})
