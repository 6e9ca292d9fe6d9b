"""The quarantine: rows that were refused, each with its reason, until they pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dovetail.model.key import split
from dovetail.state import lossless
from dovetail.state.database import Database, Keys, Row, Rows, listed, stamp
from dovetail.state.dialect import Load
from dovetail.state.seal import Seal

_OPEN = "SELECT mark, reject_id FROM rejects WHERE mapping = ? AND status = 'open'"
_OPEN_KEYS = """SELECT mark, reject_id FROM rejects WHERE mapping = ? AND member = ? AND status = 'open'
AND row_key IN TEXTS(?)"""
_OPEN_ROWS = """SELECT mark, reject_id FROM rejects WHERE mapping = ? AND status = 'open' AND row_id IN BIGINTS(?)"""
_IS_ANY = "SELECT 1 FROM rejects WHERE mapping = ? AND status = 'open' LIMIT 1"
_NEW = Load(
    "rejects",
    (
        ("reject_id", "BIGINT"),
        ("mapping", "TEXT"),
        ("mark", "BYTES"),
        ("member", "TEXT"),
        ("row_key", "TEXT"),
        ("row_id", "BIGINT"),
        ("field", "TEXT"),
        ("check_name", "TEXT"),
        ("code", "TEXT"),
        ("reason", "TEXT"),
        ("status", "TEXT"),
        ("how", "TEXT"),
        ("first_run", "TEXT"),
        ("last_run", "TEXT"),
        ("times", "BIGINT"),
        ("opened_at", "TEXT"),
        ("waits_mapping", "TEXT"),
        ("waits_member", "TEXT"),
        ("waits_key", "TEXT"),
        ("content", "BYTES"),
    ),
)
_AGAIN = "UPDATE rejects SET last_run = ?, times = times + 1, row_id = ?, reason = ?, content = ? WHERE reject_id = ?"
_COLUMNS = """reject_id, mapping, mark, member, row_key, field, check_name, code, reason, row_id, waits_mapping,
waits_member,
waits_key, status, how, first_run, last_run, times, opened_at, content"""
_GET = f"SELECT {_COLUMNS} FROM rejects WHERE reject_id = ?"  # noqa: S608 - constants of this file
_LIST = f"SELECT {_COLUMNS} FROM rejects WHERE status = ? ORDER BY reject_id LIMIT ?"  # noqa: S608 - as above
_LIST_OF = f"SELECT {_COLUMNS} FROM rejects WHERE mapping = ? AND status = ? ORDER BY reject_id LIMIT ?"  # noqa: S608
_WAITING = f"""SELECT {_COLUMNS} FROM rejects WHERE status = 'open' AND waits_mapping = ? AND waits_member = ?
AND waits_key IN TEXTS(?) ORDER BY reject_id"""  # noqa: S608 - as above
_KEYS = """SELECT DISTINCT row_key FROM rejects WHERE mapping = ? AND member = ? AND status = 'open' ORDER BY row_key"""
_CLOSE = "UPDATE rejects SET status = 'closed', how = ?, closed_at = ? WHERE reject_id = ? AND status = 'open'"
_CLOSE_ABSENT = """UPDATE rejects SET status = 'closed', how = ?, closed_at = ?
WHERE mapping = ? AND status = 'open' AND last_run <> ?"""
_CLOSE_KEYS = """UPDATE rejects SET status = 'closed', how = ?, closed_at = ?
WHERE mapping = ? AND member = ? AND status = 'open' AND last_run <> ? AND row_key IN TEXTS(?)"""
_CLOSE_THESE = """UPDATE rejects SET status = 'closed', how = ?, closed_at = ?
WHERE reject_id IN BIGINTS(?) AND status = 'open'"""
_PRUNE = "DELETE FROM rejects WHERE status <> 'open' AND closed_at < ?"
_COUNT = "SELECT mapping, count(*) FROM rejects WHERE status = 'open' GROUP BY mapping ORDER BY mapping"

LISTED_MAX = 100_000
"""Rejects at most in one listing."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The row that a parked row refers to and that is not there yet."""

    mapping: str
    member: str
    key: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one row of a member was held back.

    The same member, key, field, check and code are the same reject, and where the key cannot be read the same reason.
    `reason` holds no values; `value` is what failed.
    `row` is the shared row, where the row has one; `waiting_for` the parent of a parked row.
    """

    member: str
    key: str
    code: str
    reason: str
    field: str = ""
    check: str = ""
    value: object = None
    row: int | None = None
    waiting_for: Parent | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A refusal as it is kept, under a short number. `status` is `open` or `closed`; `how` says what closed it."""

    id: int
    mapping: str
    refusal: Refusal
    status: str
    how: str
    first_run: str
    last_run: str
    times: int
    opened_at: str


@dataclass(frozen=True, slots=True)
class Looked:
    """Rows that were looked at: their numbers, and by member their keys."""

    rows: Rows
    keys: Mapping[str, Keys]


class Rejects:
    """Numbered rejects; one that is met again by a later run keeps its number."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def record(self, run: str, mapping: str, refusals: Sequence[Refusal]) -> None:
        """Open a reject for each refusal, or bring the open one about the same thing up to date."""
        with self._database.transaction():
            self._record(run, mapping, refusals, self.standing(mapping, None))

    def settle(self, run: str, mapping: str, refusals: Sequence[Refusal], *, looked: Looked | None) -> int:
        """As `record`, and close the others about the rows that were looked at (`None`: all of the mapping). The number
        closed."""
        with self._database.transaction():
            left = self._record(run, mapping, refusals, self.standing(mapping, looked))
            return self._database.run(_CLOSE_THESE, f"passed in run {run}", self._database.now(), left) if left else 0

    def standing(self, mapping: str, looked: Looked | None) -> dict[bytes, int]:
        """The open rejects about these rows, or about any: marks and numbers."""
        if looked is None:
            return {bytes(mark): number for mark, number in self._database.rows(_OPEN, mapping)}
        if self._database.row(_IS_ANY, mapping) is None:
            return {}
        found = self._database.rows(_OPEN_ROWS, mapping, listed(looked.rows))
        for member, keys in looked.keys.items():
            found += self._database.rows(_OPEN_KEYS, mapping, member, listed(keys))
        return {bytes(mark): number for mark, number in found}

    def _record(self, run: str, mapping: str, refusals: Sequence[Refusal], standing: Mapping[bytes, int]) -> list[int]:
        """Open rejects, or bring those that stand up to date; the numbers of those that were not met."""
        with self._database.transaction():
            latest = {self._mark(mapping, refusal): refusal for refusal in refusals}
            again = [
                (run, refusal.row, refusal.reason, self._sealed(mark, refusal), standing[mark])
                for mark, refusal in latest.items()
                if mark in standing
            ]
            self._database.many(_AGAIN, again)
            fresh = [(mark, refusal) for mark, refusal in latest.items() if mark not in standing]
            if fresh:
                self._open(run, mapping, fresh)
            return [number for mark, number in standing.items() if mark not in latest]

    def _open(self, run: str, mapping: str, fresh: Sequence[tuple[bytes, Refusal]]) -> None:
        first, now = self._database.draw("reject", len(fresh)), self._database.now()
        rows = [
            (number, mapping, mark, *_parts(refusal), "open", "", run, run, 1, now, *_waits(refusal), sealed)
            for number, (mark, refusal) in enumerate(fresh, first)
            for sealed in [self._sealed(mark, refusal)]
        ]
        self._database.load(_NEW, rows)

    def list(self, mapping: str | None = None, *, status: str = "open", count: int = LISTED_MAX) -> tuple[Reject, ...]:
        """The rejects of that status, of one mapping or of all, by number."""
        if mapping is None:
            found = self._database.rows(_LIST, status, count)
        else:
            found = self._database.rows(_LIST_OF, mapping, status, count)
        return tuple(self._reject(row) for row in found)

    def counts(self) -> dict[str, int]:
        """How many rejects of each mapping are open."""
        return dict(self._database.rows(_COUNT))

    def get(self, number: int) -> Reject | None:
        """The reject of that number, or `None`."""
        found = self._database.row(_GET, number)
        return self._reject(found) if found else None

    def keys(self, mapping: str, member: str) -> tuple[str, ...]:
        """The keys of a member's rows that are in quarantine."""
        return tuple(key for (key,) in self._database.rows(_KEYS, mapping, member))

    def waiting(self, mapping: str, member: str, keys: Keys) -> tuple[Reject, ...]:
        """The parked rows that wait for one of these parents."""
        return tuple(self._reject(row) for row in self._database.rows(_WAITING, mapping, member, listed(keys)))

    def close(self, number: int, how: str) -> bool:
        """Close a reject; false when it is not open."""
        return self._database.run(_CLOSE, how, self._database.now(), number) > 0

    def close_absent(self, run: str, mapping: str) -> int:
        """Close what this run, which looked at every row of the mapping, did not meet again. The number closed."""
        return self._database.run(_CLOSE_ABSENT, f"passed in run {run}", self._database.now(), mapping, run)

    def close_keys(self, run: str, mapping: str, *, member: str, keys: Keys) -> int:
        """Close what this run, which looked at these keys, did not meet again. The number closed."""
        how, now = f"passed in run {run}", self._database.now()
        return self._database.run(_CLOSE_KEYS, how, now, mapping, member, run, listed(keys))

    def prune(self, before: dt.datetime) -> int:
        """Forget rejects that ended before that time; how many."""
        return self._database.run(_PRUNE, stamp(before))

    def _mark(self, mapping: str, refusal: Refusal) -> bytes:
        """What makes a reject the same one; rows whose key cannot be read are told apart by the reason, which names
        their place."""
        parts = [refusal.member, refusal.key, refusal.field, refusal.check, refusal.code]
        if None in split(refusal.key):
            parts.append(refusal.reason)
        return self._seal.mark("reject", mapping, *parts)

    def _sealed(self, mark: bytes, refusal: Refusal) -> bytes:
        return self._seal.close(lossless.written(refusal.value).encode(), _about(mark))

    def _reject(self, row: Row) -> Reject:
        number, mapping, mark, member, key, field, check, code, reason, row_id, *waits, status, how = row[:15]
        first_run, last_run, times, opened_at, content = row[15:]
        refusal = Refusal(
            member=member,
            key=key,
            code=code,
            reason=reason,
            field=field,
            check=check,
            value=lossless.read(self._seal.open(content, _about(mark)).decode()),
            row=row_id,
            waiting_for=Parent(*waits) if waits[0] is not None else None,
        )
        return Reject(number, mapping, refusal, status, how, first_run, last_run, times, opened_at)


def _parts(refusal: Refusal) -> Row:
    return (refusal.member, refusal.key, refusal.row, refusal.field, refusal.check, refusal.code, refusal.reason)


def _waits(refusal: Refusal) -> tuple[str | None, str | None, str | None]:
    parent = refusal.waiting_for
    return (parent.mapping, parent.member, parent.key) if parent else (None, None, None)


def _about(mark: bytes) -> str:
    return f"reject {mark.hex()}"
