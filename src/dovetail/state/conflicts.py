"""What no policy could settle, until a person or the systems themselves do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dovetail.state import lossless
from dovetail.state.database import Database, Row, Rows, listed, stamp
from dovetail.state.dialect import Load
from dovetail.state.seal import Seal

_OPEN = "SELECT mark, conflict_id FROM conflicts WHERE mapping = ? AND status = 'open'"
_OPEN_OF = """SELECT mark, conflict_id FROM conflicts WHERE mapping = ? AND status = 'open'
AND row_id IN BIGINTS(?)"""
_IS_ANY = "SELECT 1 FROM conflicts WHERE mapping = ? AND status = 'open' LIMIT 1"
_NEW = Load(
    "conflicts",
    (
        ("conflict_id", "BIGINT"),
        ("mapping", "TEXT"),
        ("mark", "BYTES"),
        ("row_id", "BIGINT"),
        ("field", "TEXT"),
        ("code", "TEXT"),
        ("reason", "TEXT"),
        ("status", "TEXT"),
        ("how", "TEXT"),
        ("first_run", "TEXT"),
        ("last_run", "TEXT"),
        ("times", "BIGINT"),
        ("opened_at", "TEXT"),
        ("content", "BYTES"),
    ),
)
_AGAIN = """UPDATE conflicts SET last_run = ?, times = times + 1, reason = ?, content = ? WHERE conflict_id = ?"""
_COLUMNS = """conflict_id, mapping, mark, row_id, field, code, reason, status, how, first_run, last_run, times,
opened_at, content"""
_GET = f"SELECT {_COLUMNS} FROM conflicts WHERE conflict_id = ?"  # noqa: S608 - constants of this file
_LIST = f"SELECT {_COLUMNS} FROM conflicts WHERE status = ? ORDER BY conflict_id LIMIT ?"  # noqa: S608 - as above
_LIST_OF = f"""SELECT {_COLUMNS} FROM conflicts WHERE mapping = ? AND status = ?
ORDER BY conflict_id LIMIT ?"""  # noqa: S608 - as above
_OF_ROW = f"""SELECT {_COLUMNS} FROM conflicts WHERE mapping = ? AND row_id = ?
ORDER BY conflict_id"""  # noqa: S608 - as above
_FOUND = f"""SELECT {_COLUMNS} FROM conflicts WHERE status = 'open' AND (? = '' OR mapping = ?)
AND (? = '' OR field = ?) AND (? = '' OR code = ?) AND opened_at <= ? ORDER BY conflict_id"""  # noqa: S608 - as above
_CLOSE = "UPDATE conflicts SET status = 'resolved', how = ?, closed_at = ? WHERE conflict_id = ? AND status = 'open'"
_CLOSE_ABSENT = """UPDATE conflicts SET status = 'gone', how = ?, closed_at = ?
WHERE mapping = ? AND status = 'open' AND last_run <> ?"""
_GONE = """UPDATE conflicts SET status = 'gone', how = ?, closed_at = ?
WHERE conflict_id IN BIGINTS(?) AND status = 'open'"""
_PRUNE = "DELETE FROM conflicts WHERE status <> 'open' AND closed_at < ?"
_COUNT = "SELECT mapping, count(*) FROM conflicts WHERE status = 'open' GROUP BY mapping ORDER BY mapping"

LISTED_MAX = 100_000
"""Conflicts at most in one listing."""

_ALWAYS = "9999"


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a run could not settle: a field of a shared row (`field` empty: the row itself, for instance its pairing).

    `keys` holds the key at each member concerned, `sides` what each member holds, `base` what was last agreed on. The
    same row, field, code and keys are the same conflict. `reason` holds no values.
    """

    row: int | None
    field: str
    code: str
    reason: str
    keys: Mapping[str, str]
    base: object = None
    sides: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A dispute as it is kept. `status` is `open`, `resolved` (somebody decided) or `gone` (it no longer exists)."""

    id: int
    mapping: str
    dispute: Dispute
    status: str
    how: str
    first_run: str
    last_run: str
    times: int
    opened_at: str


@dataclass(frozen=True, slots=True)
class Sought:
    """Which open conflicts are meant; what is empty does not matter. `before` is when they were opened at the
    latest."""

    mapping: str = ""
    member: str = ""
    field: str = ""
    code: str = ""
    before: dt.datetime | None = None


class Conflicts:
    """Numbered conflicts; one that is met again by a later run keeps its number."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def record(self, run: str, mapping: str, disputes: Sequence[Dispute]) -> None:
        """Open a conflict for each dispute, or bring the open one about the same thing up to date."""
        if disputes:
            rows = [dispute.row for dispute in disputes if dispute.row is not None]
            self._record(run, mapping, disputes, rows=rows if len(rows) == len(disputes) else None)

    def settle(
        self,
        run: str,
        mapping: str,
        disputes: Sequence[Dispute],
        *,
        rows: Rows | None,
        pending: Collection[int] = (),
    ) -> int:
        """As `record`, and close the others about these rows (`None`: about any row of the mapping), which were all
        looked at; but not those that are `pending`. The number closed."""
        with self._database.transaction():
            left = [number for number in self._record(run, mapping, disputes, rows=rows) if number not in pending]
            how = f"not met by run {run}"
            return self._database.run(_GONE, how, self._database.now(), left) if left else 0

    def is_any(self, mapping: str, rows: Rows) -> bool:
        """Whether a conflict about one of these rows is open."""
        return self._database.row(_IS_ANY, mapping) is not None and bool(self._standing(mapping, rows))

    def _standing(self, mapping: str, rows: Rows | None) -> dict[bytes, int]:
        """The open conflicts about these rows, or about any."""
        if rows is None:
            found = self._database.rows(_OPEN, mapping)
        else:
            found = self._database.rows(_OPEN_OF, mapping, listed(rows))
        return {bytes(mark): number for mark, number in found}

    def _record(self, run: str, mapping: str, disputes: Sequence[Dispute], *, rows: Rows | None) -> list[int]:
        """Open conflicts, or bring them up to date; the numbers of the open ones about these rows that were not
        met."""
        with self._database.transaction():
            standing = self._standing(mapping, rows)
            latest = {self._mark(mapping, dispute): dispute for dispute in disputes}
            again = [
                (run, dispute.reason, self._sealed(mark, dispute), standing[mark])
                for mark, dispute in latest.items()
                if mark in standing
            ]
            self._database.many(_AGAIN, again)
            fresh = [(mark, dispute) for mark, dispute in latest.items() if mark not in standing]
            if fresh:
                self._open(run, mapping, fresh)
            return [number for mark, number in standing.items() if mark not in latest]

    def _open(self, run: str, mapping: str, fresh: Sequence[tuple[bytes, Dispute]]) -> None:
        first, now = self._database.draw("conflict", len(fresh)), self._database.now()
        self._database.load(
            _NEW,
            (
                (
                    number,
                    mapping,
                    mark,
                    dispute.row,
                    dispute.field,
                    dispute.code,
                    dispute.reason,
                    "open",
                    "",
                    run,
                    run,
                    1,
                    now,
                    self._sealed(mark, dispute),
                )
                for number, (mark, dispute) in enumerate(fresh, first)
            ),
        )

    def list(
        self, mapping: str | None = None, *, status: str = "open", count: int = LISTED_MAX
    ) -> tuple[Conflict, ...]:
        """The conflicts of that status, of one mapping or of all, by number."""
        if mapping is None:
            found = self._database.rows(_LIST, status, count)
        else:
            found = self._database.rows(_LIST_OF, mapping, status, count)
        return tuple(self._conflict(row) for row in found)

    def find(self, sought: Sought) -> Iterable[Conflict]:
        """The open conflicts that are meant, by number, however many there are."""
        before = _ALWAYS if sought.before is None else stamp(sought.before)
        words = (sought.mapping, sought.mapping, sought.field, sought.field, sought.code, sought.code)
        for row in self._database.rows(_FOUND, *words, before):
            conflict = self._conflict(row)
            if not sought.member or sought.member in conflict.dispute.keys:
                yield conflict

    def of_row(self, mapping: str, row: int) -> tuple[Conflict, ...]:
        """Every conflict about one shared row, whatever became of it, by number."""
        return tuple(self._conflict(found) for found in self._database.rows(_OF_ROW, mapping, row))

    def counts(self) -> dict[str, int]:
        """How many conflicts of each mapping are open."""
        return dict(self._database.rows(_COUNT))

    def get(self, number: int) -> Conflict | None:
        """The conflict of that number, or `None`."""
        found = self._database.row(_GET, number)
        return self._conflict(found) if found else None

    def resolve(self, number: int, how: str) -> bool:
        """Close a conflict that somebody decided; false when it is not open."""
        return self._database.run(_CLOSE, how, self._database.now(), number) > 0

    def close_absent(self, run: str, mapping: str) -> int:
        """Close what this run, which looked at every row of the mapping, did not meet again. The number closed."""
        return self._database.run(_CLOSE_ABSENT, f"not met by run {run}", self._database.now(), mapping, run)

    def prune(self, before: dt.datetime) -> int:
        """Forget conflicts that ended before that time; how many."""
        return self._database.run(_PRUNE, stamp(before))

    def _mark(self, mapping: str, dispute: Dispute) -> bytes:
        keys = [part for link in sorted(dispute.keys.items()) for part in link]
        row = "" if dispute.row is None else str(dispute.row)
        return self._seal.mark("conflict", mapping, row, dispute.field, dispute.code, *keys)

    def _sealed(self, mark: bytes, dispute: Dispute) -> bytes:
        document = {"keys": dispute.keys, "base": dispute.base, "sides": dispute.sides}
        return self._seal.close(lossless.written(document).encode(), _about(mark))

    def _conflict(self, row: Row) -> Conflict:
        number, mapping, mark, row_id, field, code, reason, status, how, *rest, content = row
        first_run, last_run, times, opened_at = rest
        document = lossless.read(self._seal.open(content, _about(mark)).decode())
        dispute = Dispute(row_id, field, code, reason, **document)
        return Conflict(number, mapping, dispute, status, how, first_run, last_run, times, opened_at)


def _about(mark: bytes) -> str:
    return f"conflict {mark.hex()}"
