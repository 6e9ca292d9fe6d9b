"""What a person ordered about single rows and fields, until all members hold it or one of them moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dovetail.state import lossless
from dovetail.state.database import Database, Row, Rows, listed, moment, stamp
from dovetail.state.dialect import Load
from dovetail.state.seal import Seal

_NEW = Load(
    "decrees",
    (
        ("decree_id", "BIGINT"),
        ("mapping", "TEXT"),
        ("row_id", "BIGINT"),
        ("field", "TEXT"),
        ("at_member", "TEXT"),
        ("kind", "TEXT"),
        ("conflict_id", "BIGINT"),
        ("run_id", "TEXT"),
        ("status", "TEXT"),
        ("how", "TEXT"),
        ("issued_at", "TEXT"),
        ("content", "BYTES"),
    ),
)
_COLUMNS = """decree_id, mapping, row_id, field, at_member, kind, conflict_id, run_id, status, how, issued_at,
content"""
_OPEN = f"SELECT {_COLUMNS} FROM decrees WHERE mapping = ? AND status = 'open' ORDER BY decree_id"  # noqa: S608 - ours
_OPEN_OF = f"""SELECT {_COLUMNS} FROM decrees WHERE mapping = ? AND status = 'open' AND row_id IN BIGINTS(?)
ORDER BY decree_id"""  # noqa: S608 - constants of this file
_OF_ROW = f"SELECT {_COLUMNS} FROM decrees WHERE mapping = ? AND row_id = ? ORDER BY decree_id"  # noqa: S608 - as above
_OF_CONFLICT = f"SELECT {_COLUMNS} FROM decrees WHERE conflict_id = ? ORDER BY decree_id"  # noqa: S608 - as above
_IS_ANY = "SELECT 1 FROM decrees WHERE mapping = ? AND status = 'open' LIMIT 1"
_COUNT = "SELECT mapping, count(*) FROM decrees WHERE status = 'open' GROUP BY mapping ORDER BY mapping"
_STANDING = """SELECT row_id, field, at_member, decree_id FROM decrees
WHERE mapping = ? AND status = 'open' AND row_id IN BIGINTS(?)"""
_CLOSE = "UPDATE decrees SET status = ?, how = ?, closed_at = ? WHERE decree_id = ? AND status = 'open'"
_PRUNE = "DELETE FROM decrees WHERE status <> 'open' AND closed_at < ?"


class Kind(StrEnum):
    """What a decree orders."""

    TAKE = "take"
    """The field shall be what one member holds."""
    VALUE = "value"
    """The field shall be this value."""
    GONE = "gone"
    """The row shall be gone: everywhere, or (`at`) at one member only."""
    THERE = "there"
    """The row shall be there again."""


class Status(StrEnum):
    """What became of a decree."""

    OPEN = "open"
    DONE = "done"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Ruling:
    """One order about a shared row, or about one `field` of it.

    `member` is the one whose value is taken, `value` the value itself; for a row that shall be there again, `value`
    holds what it held, by column. `at` names the one member that is meant, empty where all are. `seen` is what the
    person saw at each member (`None` for a member that did not hold the row): where a member holds something else by
    then, the order lapses. `conflict` is the conflict that it settles, `run` the run that it takes back, `by` who
    ordered it."""

    row: int
    field: str
    kind: Kind
    seen: Mapping[str, object]
    member: str = ""
    value: object = None
    at: str = ""
    conflict: int | None = None
    run: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Decree:
    """A ruling as it is kept, under a number; `how` says what became of it."""

    id: int
    mapping: str
    ruling: Ruling
    status: Status
    how: str
    issued: dt.datetime

    @property
    def words(self) -> str:
        """Why a value was written, as the journal tells it."""
        ruling = self.ruling
        what = f"undo of {ruling.run}" if ruling.run else f"conflict {ruling.conflict} resolved"
        return f"{what} by {ruling.by}" if ruling.by else what


class Decrees:
    """Numbered decrees; at most one is open about one thing. Values and names of people are encrypted."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def issue(self, mapping: str, rulings: Sequence[Ruling]) -> range:
        """Keep these rulings; an open decree about the same thing lapses. Their numbers."""
        latest = {(ruling.row, ruling.field, ruling.at): ruling for ruling in rulings}
        if not latest:
            return range(0)
        with self._database.transaction():
            first, now = self._database.draw("decree", len(latest)), self._database.now()
            standing = self._database.rows(_STANDING, mapping, sorted({row for row, _, _ in latest}))
            replaced = [
                (Status.LAPSED, "replaced by a later one", now, number)
                for *place, number in standing
                if tuple(place) in latest
            ]
            self._database.many(_CLOSE, replaced)
            numbers = range(first, first + len(latest))
            self._database.load(
                _NEW,
                (
                    self._row(number, mapping, ruling, now)
                    for number, ruling in zip(numbers, latest.values(), strict=True)
                ),
            )
        return numbers

    def _row(self, number: int, mapping: str, ruling: Ruling, now: str) -> Row:
        document = {"seen": ruling.seen, "member": ruling.member, "value": ruling.value, "by": ruling.by}
        sealed = self._seal.close(lossless.written(document).encode(), _about(number, mapping))
        place = (ruling.row, ruling.field, ruling.at, ruling.kind)
        return (number, mapping, *place, ruling.conflict, ruling.run, Status.OPEN, "", now, sealed)

    def is_any(self, mapping: str) -> bool:
        """Whether any decree about the mapping is open."""
        return self._database.row(_IS_ANY, mapping) is not None

    def counts(self) -> dict[str, int]:
        """How many decrees of each mapping are open."""
        return dict(self._database.rows(_COUNT))

    def open(self, mapping: str, rows: Rows | None = None) -> tuple[Decree, ...]:
        """The open decrees of a mapping, about those rows or about any, by number."""
        if rows is None:
            found = self._database.rows(_OPEN, mapping)
        else:
            found = self._database.rows(_OPEN_OF, mapping, listed(rows))
        return tuple(self._decree(row) for row in found)

    def of_row(self, mapping: str, row: int) -> tuple[Decree, ...]:
        """Every decree about one shared row, whatever became of it, by number."""
        return tuple(self._decree(found) for found in self._database.rows(_OF_ROW, mapping, row))

    def of_conflict(self, conflict: int) -> tuple[Decree, ...]:
        """Every decree that was to settle a conflict, by number."""
        return tuple(self._decree(found) for found in self._database.rows(_OF_CONFLICT, conflict))

    def close(self, ends: Iterable[tuple[int, Status, str]]) -> int:
        """Note what became of open decrees: number, status, words. How many were open."""
        now = self._database.now()
        return self._database.many(_CLOSE, [(status, how, now, number) for number, status, how in ends])

    def prune(self, before: dt.datetime) -> int:
        """Forget decrees that ended before that time; how many."""
        return self._database.run(_PRUNE, stamp(before))

    def _decree(self, row: Row) -> Decree:
        number, mapping, row_id, field, at, kind, conflict, run, status, how, issued, content = row
        document: dict[str, Any] = lossless.read(self._seal.open(content, _about(number, mapping)).decode())
        ruling = Ruling(row=row_id, field=field, kind=Kind(kind), at=at, conflict=conflict, run=run, **document)
        return Decree(number, mapping, ruling, Status(status), how, moment(issued))


def _about(number: int, mapping: str) -> str:
    return f"decree {number} {mapping}"
