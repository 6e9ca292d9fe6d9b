"""What the members last agreed on: one packed row of fingerprints for each shared row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat

import pyarrow as pa

from dovetail.state.database import Database, Row, Rows, listed
from dovetail.state.dialect import Load

_SAVE = Load(
    "agreed",
    (("mapping", "TEXT"), ("row_id", "BIGINT"), ("layout_id", "BIGINT"), ("packed", "BYTES")),
    "ON CONFLICT (mapping, row_id) DO UPDATE SET layout_id = excluded.layout_id, packed = excluded.packed",
)
_ALL = "SELECT row_id, layout_id, packed FROM agreed WHERE mapping = ? ORDER BY row_id"
_SOME = "SELECT row_id, layout_id, packed FROM agreed WHERE mapping = ? AND row_id IN BIGINTS(?) ORDER BY row_id"
_COUNT = "SELECT count(*) FROM agreed WHERE mapping = ?"
_REMOVE = "DELETE FROM agreed WHERE mapping = ? AND row_id IN BIGINTS(?)"
_LAYOUT = "SELECT layout_id FROM layouts WHERE mapping = ? AND digest = ?"
_LAYOUT_NEW = "INSERT INTO layouts (layout_id, mapping, digest, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LAYOUTS = "SELECT layout_id, document FROM layouts WHERE mapping = ? ORDER BY layout_id"
_NUMBERS_SAVE = Load(
    "agreed_numbers",
    (("mapping", "TEXT"), ("row_id", "BIGINT"), ("member", "TEXT"), ("field", "TEXT"), ("number", "TEXT")),
    "ON CONFLICT (mapping, row_id, member, field) DO UPDATE SET number = excluded.number",
)
_NUMBERS = "SELECT row_id, member, field, number FROM agreed_numbers WHERE mapping = ? ORDER BY row_id, member, field"
_NUMBERS_SOME = """SELECT row_id, member, field, number FROM agreed_numbers
WHERE mapping = ? AND row_id IN BIGINTS(?) ORDER BY row_id, member, field"""
_NUMBERS_REMOVE = "DELETE FROM agreed_numbers WHERE mapping = ? AND row_id IN BIGINTS(?)"


@dataclass(frozen=True, slots=True)
class Number:
    """The number that one member last held in a `delta` field."""

    row: int
    member: str
    field: str
    value: Decimal


class Base:
    """One packed row for each shared row: for every member and field a fingerprint and an agreement number, as the
    engine lays them out.

    A *layout* is the document that says how the bytes stand: members, fields, and the digest of the cell that made
    each fingerprint. Rows of several layouts live side by side, so a changed mapping needs no rewriting.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def layout(self, mapping: str, document: str) -> int:
        """The id of a layout; the same document always has the same one."""
        digest = hashlib.sha256(document.encode()).hexdigest()
        found = self._database.row(_LAYOUT, mapping, digest)
        if found is None:
            with self._database.transaction():
                self._database.run(_LAYOUT_NEW, self._database.draw("layout"), mapping, digest, document)
                found = self._database.row(_LAYOUT, mapping, digest)
        return int(found[0]) if found else 0

    def layouts(self, mapping: str) -> dict[int, str]:
        """Every layout that rows of a mapping may have, by id."""
        return dict(self._database.rows(_LAYOUTS, mapping))

    def save(self, mapping: str, layout: int, rows: Rows, packed: Sequence[bytes] | pa.Array | pa.ChunkedArray) -> None:
        """Keep the packed bytes of each row, in place of what was kept for it."""
        numbers, contents = listed(rows), listed(packed)
        latest = dict(zip(numbers, contents, strict=True))
        self._database.load(_SAVE, zip(repeat(mapping), latest.keys(), repeat(layout), latest.values(), strict=False))

    def load(self, mapping: str) -> pa.Table:
        """Every row of a mapping, by number: columns `row` (int64), `layout` (int32), `packed` (binary)."""
        return _table(self._database.rows(_ALL, mapping))

    def load_rows(self, mapping: str, rows: Rows) -> pa.Table:
        """As `load`, only those rows; a row that nothing is kept for is left out."""
        return _table(self._database.rows(_SOME, mapping, listed(rows)))

    def count(self, mapping: str) -> int:
        """How many rows something is kept for."""
        found = self._database.row(_COUNT, mapping)
        return int(found[0]) if found else 0

    def remove(self, mapping: str, rows: Rows) -> None:
        """Forget those rows, their numbers too."""
        listing = listed(rows)
        with self._database.transaction():
            self._database.run(_REMOVE, mapping, listing)
            self._database.run(_NUMBERS_REMOVE, mapping, listing)

    def save_numbers(self, mapping: str, numbers: Sequence[Number]) -> None:
        """Keep what members held in `delta` fields."""
        latest = {(number.row, number.member, number.field): str(number.value) for number in numbers}
        self._database.load(_NUMBERS_SAVE, ((mapping, *place, value) for place, value in latest.items()))

    def numbers(self, mapping: str, *, rows: Rows | None = None) -> tuple[Number, ...]:
        """What members held in `delta` fields, of those rows or of all."""
        if rows is None:
            found = self._database.rows(_NUMBERS, mapping)
        else:
            found = self._database.rows(_NUMBERS_SOME, mapping, listed(rows))
        return tuple(Number(row, member, field, Decimal(value)) for row, member, field, value in found)


def _table(found: list[Row]) -> pa.Table:
    rows, layouts, packed = zip(*found, strict=True) if found else ((), (), ())
    columns = {"row": pa.array(rows, pa.int64()), "layout": pa.array(layouts, pa.int32())}
    return pa.table({**columns, "packed": pa.array(packed, pa.binary())})
