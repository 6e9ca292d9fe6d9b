"""The cross-reference: which key in one system is which key in another, one-to-one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.state import spans
from dovetail.state.database import Database, Keys, Rows
from dovetail.state.dialect import Load
from dovetail.state.faults import misused, not_one_to_one
from dovetail.state.keyset import KeySet, strings
from dovetail.state.lookups import Lookup, keys_in_segments, rows_in_segments
from dovetail.state.planes import Flags, Numbers
from dovetail.state.shelf import Shelf, among
from dovetail.state.spans import as_links, as_numbers

_LINK = Load(
    "crossref",
    (("mapping", "TEXT"), ("member", "TEXT"), ("row_id", "BIGINT"), ("row_key", "TEXT")),
    "ON CONFLICT DO NOTHING",
)
_ALL = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? ORDER BY row_id"
_BY_ROW = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? AND row_id IN BIGINTS(?)"
_BY_KEY = "SELECT row_id, row_key FROM crossref WHERE mapping = ? AND member = ? AND row_key IN TEXTS(?)"
_BETWEEN = """SELECT 1 FROM crossref WHERE mapping = ? AND member = ? AND row_id BETWEEN ? AND ? LIMIT 1"""
_UNLINK = "DELETE FROM crossref WHERE mapping = ? AND member = ? AND row_id IN BIGINTS(?)"
_COUNT = "SELECT count(*) FROM crossref WHERE mapping = ? AND member = ?"
_SOME = "SELECT count(*) FROM (SELECT 1 FROM crossref WHERE mapping = ? AND member = ? LIMIT ?) AS first_ones"
_MEMBERS = """WITH RECURSIVE found (member) AS (
    SELECT min(member) FROM crossref WHERE mapping = ?
    UNION ALL
    SELECT (SELECT min(member) FROM crossref WHERE mapping = ? AND member > found.member) FROM found
    WHERE found.member IS NOT NULL)
SELECT member FROM found WHERE member IS NOT NULL
UNION
SELECT k.member FROM segment_links k JOIN segments s ON s.segment_id = k.segment_id
WHERE k.mapping = ? AND s.is_live = 1 AND k.link_count > k.gone
ORDER BY member"""


class Crossref:
    """Numbers of shared rows, and the key of each at each member.

    A row has at most one key at a member, and a key belongs to at most one row of a mapping. A link stands in one
    place: alone, or in a live segment. The database itself holds the rule among those that stand alone; `link` and the
    segments hold it across.
    """

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database = database
        self._shelf = shelf

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
        numbers, texts = as_numbers(rows), strings(keys)
        with self._database.transaction():
            self._database.draw(order_of(mapping))
            if self._shelf.links(mapping, member) and len(numbers) == len(texts):
                new = ~self.standing(mapping, member, numbers, KeySet(texts))
                numbers, texts = numbers[new], texts.filter(pa.array(new))
            listing, spoken = numbers.tolist(), texts.to_pylist()
            links = [(mapping, member, row, key) for row, key in zip(listing, spoken, strict=False)]
            inserted = self._database.load(_LINK, links)
            if inserted < len(listing) or len(listing) != len(spoken):
                self._hold(mapping, member, list(zip(listing, spoken, strict=True)))

    def standing(self, mapping: str, member: str, rows: Numbers, keys: KeySet) -> Flags:
        """Which of the links stand already; a `StateFault` where another one stands in the way of any."""
        of_rows = self.keys(mapping, member, pa.array(rows))
        of_keys = self._rows(mapping, member, keys)
        wrong = np.zeros(len(rows), dtype=np.bool_)
        if of_rows.null_count < len(of_rows):
            wrong |= np.asarray(pc.fill_null(pc.not_equal(of_rows, keys.texts), False))
        if of_keys.null_count < len(of_keys):
            wrong |= np.asarray(pc.fill_null(pc.not_equal(of_keys, pa.array(rows)), False))
        if wrong.any():
            raise not_one_to_one(f"{mapping}.{member}", int(wrong.sum()))
        return np.asarray(of_keys.is_valid())

    def _hold(self, mapping: str, member: str, links: list[tuple[int, str]]) -> None:
        """Raise unless every link stands exactly as asked."""
        standing: dict[int, str] = dict(self._database.rows(_BY_ROW, mapping, member, [row for row, _ in links]))
        wrong = sum(standing.get(row) != key for row, key in links)
        if wrong:
            raise not_one_to_one(f"{mapping}.{member}", wrong)

    def unlink(self, mapping: str, rows: Rows, *, member: str | None = None) -> int:
        """Forget the keys of those rows, at one member or at all; the number of links that are gone."""
        numbers = np.unique(as_numbers(rows))
        with self._database.transaction():
            members = [member] if member is not None else self.members(mapping)
            gone = sum(self._unlink(mapping, name, numbers) for name in members)
            if gone:
                self._database.draw(_lost(mapping))
            return gone

    def losses(self, mapping: str) -> int:
        """A number that grows whenever links of a mapping are forgotten."""
        return self._database.draw(_lost(mapping), 0)

    def _unlink(self, mapping: str, member: str, rows: Numbers) -> int:
        gone = self.unlink_alone(mapping, member, rows)
        for extent in self._shelf.links(mapping, member):
            some = rows[np.searchsorted(rows, extent.first) : np.searchsorted(rows, extent.last, "right")]
            if len(some):
                held = np.asarray(self._shelf.keys(extent).values.is_valid())
                linked = self._shelf.rows(extent)[held]
                some = some[among(some, linked) & ~among(some, self._shelf.gone(extent, some))]
                self._shelf.bury(extent, some)
                gone += len(some)
        return gone

    def unlink_alone(self, mapping: str, member: str, rows: Numbers) -> int:
        """Forget those of the keys that stand alone."""
        if not self._is_between(mapping, member, rows):
            return 0
        return self._database.run(_UNLINK, mapping, member, rows.tolist())

    def load(self, mapping: str, member: str) -> pa.Table:
        """Every link of a member, by row: columns `row` (int64) and `key` (text)."""
        with self._database.reading():
            return spans.links(self._shelf, self._shelf.links(mapping, member), self._alone(mapping, member))

    def _alone(self, mapping: str, member: str) -> tuple[Numbers, pa.Array]:
        """The links of a member that stand alone, by row."""
        return as_links(self._database.rows(_ALL, mapping, member))

    def batches(self, mapping: str) -> Iterator[tuple[pa.Array, dict[str, pa.Array]]]:
        """Every linked row with its keys at every member (null: none there), by row, some ten thousand at a time.

        Each batch is of one moment; what is linked meanwhile behind it is not seen."""
        return spans.batches(self._database, self._shelf, mapping, self.members(mapping))

    def members(self, mapping: str) -> tuple[str, ...]:
        """The members that have links, in the order of their names."""
        return tuple(name for (name,) in self._database.rows(_MEMBERS, mapping, mapping, mapping))

    def members_of(self, mapping: str, row: int) -> dict[str, str]:
        """The key of one row at each member that has one."""
        with self._database.reading():
            keys = {name: self.keys(mapping, name, [row])[0].as_py() for name in self.members(mapping)}
        return {name: key for name, key in keys.items() if key is not None}

    def find(self, mapping: str, member: str, key: str) -> int | None:
        """The row of a key, or `None`."""
        return self.rows(mapping, member, [key])[0].as_py()  # type: ignore[no-any-return]

    def rows(self, mapping: str, member: str, keys: Keys) -> pa.Array:
        """The row of each key (int64), key for key; null where a key has none."""
        return self._rows(mapping, member, KeySet(keys))

    def _rows(self, mapping: str, member: str, asked: KeySet) -> pa.Array:
        with self._database.reading():
            answers = rows_in_segments(self._shelf, self._shelf.links(mapping, member), asked)
            self._rows_alone(mapping, member, asked, answers)
        return answers.array(pa.int64())

    def _rows_alone(self, mapping: str, member: str, keys: KeySet, answers: Lookup) -> None:
        still = int(answers.is_open.sum())
        ((some,),) = self._database.rows(_SOME, mapping, member, still + 1)
        if not some or not still:
            return
        places = np.flatnonzero(answers.is_open)
        asked = keys.texts.take(pa.array(places))
        if some > len(places):
            rows, found = as_links(self._database.rows(_BY_KEY, mapping, member, asked.drop_null().to_pylist()))
        else:
            rows, found = self._alone(mapping, member)
        at = pc.index_in(asked, value_set=found, skip_nulls=True)
        answers.answer(places[np.asarray(at.is_valid())], pc.take(pa.array(rows), at.drop_null()))

    def keys(self, mapping: str, member: str, rows: Rows) -> pa.Array:
        """The key of each row at that member (text), row for row; null where a row has none."""
        numbers = as_numbers(rows)
        with self._database.reading():
            answers = keys_in_segments(self._shelf, self._shelf.links(mapping, member), numbers)
            if answers.is_open.any() and self._is_between(mapping, member, numbers):
                places = np.flatnonzero(answers.is_open)
                asked = numbers[places]
                found, texts = as_links(self._database.rows(_BY_ROW, mapping, member, asked.tolist()))
                at = pc.index_in(pa.array(asked), value_set=pa.array(found))
                answers.answer(places[np.asarray(at.is_valid())], pc.take(texts, at.drop_null()))
        return answers.array(pa.string())

    def _is_between(self, mapping: str, member: str, rows: Numbers) -> bool:
        """Whether any link that stands alone may be of one of those rows."""
        if not len(rows):
            return False
        return self._database.row(_BETWEEN, mapping, member, int(rows.min()), int(rows.max())) is not None

    def count(self, mapping: str, *, member: str | None = None) -> int:
        """How many rows have a key, at one member or at any."""
        with self._database.reading():
            if member is None:
                return spans.count_rows(self._database, self._shelf, mapping, self.members(mapping), keys_min=1)
            found = self._database.row(_COUNT, mapping, member)
            alone = int(found[0]) if found else 0
            return alone + sum(extent.live for extent in self._shelf.links(mapping, member))

    def paired(self, mapping: str) -> int:
        """How many rows have a key at two members or more."""
        with self._database.reading():
            return spans.count_rows(self._database, self._shelf, mapping, self.members(mapping), keys_min=2)


def order_of(mapping: str) -> str:
    """The name of the counter that grows with every new link of a mapping: who draws from it, alone may link until its
    transaction ends, and who finds it unchanged knows that nothing was linked meanwhile."""
    return f"links {mapping}"


def _lost(mapping: str) -> str:
    return f"lost {mapping}"
