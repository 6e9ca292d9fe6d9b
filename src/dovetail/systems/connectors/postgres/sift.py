"""Many rows in one statement, and where the system refuses it, the rows that it refuses, each by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import psycopg

from dovetail.model.change import Reject
from dovetail.systems.connectors.postgres.faults import DENIED, blames_row, named
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import Habits
from dovetail.systems.sql import refusal

Attempt = Callable[[Sequence[int]], None]
"""Writes the rows at those positions in one statement, or raises and leaves nothing behind."""

_LINE = re.compile(r"^COPY .*, line (\d+)", re.MULTILINE)
_WINDOW_LEAST = 4
_COLUMNS = """
SELECT ARRAY(SELECT a.attname::text FROM unnest(f.numbers) WITH ORDINALITY AS p (number, place)
             JOIN pg_attribute a ON a.attrelid = f.relation AND a.attnum = p.number ORDER BY p.place)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (
    SELECT k.conrelid, k.conkey FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = $3
  UNION ALL
    SELECT i.indrelid, i.indkey::int2[] FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND x.relname = $3) AS f (relation, numbers)
WHERE n.nspname = $1 AND c.relname = $2 LIMIT 1
"""
_CODES = {
    "23505": refusal.DOUBLE,
    "23502": refusal.MISSING,
    "23503": refusal.ORPHAN,
    "23001": refusal.ORPHAN,
    "428C9": refusal.UNWRITABLE,
}
_UNFIT, _RULED_OUT = ("22", "54"), ("23", "44", "P0", "38", "39", "2F", "0L", DENIED)


class Sieve:
    """Finds the refused rows of one change. `key` are the fields of the dataset's key, `fields` all that it has."""

    def __init__(self, session: Session, key: Sequence[str], fields: Sequence[str], habits: Habits) -> None:
        self._session = session
        self._habits = habits
        self._key = set(key)
        self._fields = set(fields)
        self._known: dict[tuple[str | None, ...], list[str]] = {}

    def sift(self, positions: Sequence[int], attempt: Attempt, *, retry_orphans: bool) -> dict[int, Reject]:
        """Write all rows that the system takes; the others by position.

        Where rows refer to each other, one that was refused as an orphan is tried again when its parent may stand
        there.
        """
        refused = self._sift(list(positions), attempt)
        while retry_orphans:
            orphans = [at for at, words in refused.items() if words.code == refusal.ORPHAN]
            if not orphans or len(orphans) == len(positions):
                break
            still = self._sift(orphans, attempt)
            refused = {at: words for at, words in refused.items() if words.code != refusal.ORPHAN} | still
            if len(still) == len(orphans):
                break
        return refused

    def _sift(self, positions: Sequence[int], attempt: Attempt) -> dict[int, Reject]:
        refused: dict[int, Reject] = {}
        window = max(len(positions), 1)
        todo = [list(positions)] if positions else []
        while todo:
            some = todo.pop()
            if len(some) > window:
                todo.append(some[window:])
                some = some[:window]
            try:
                attempt(some)
                window *= 2
            except psycopg.Error as error:
                if not self.blames_row(error):
                    raise
                if len(some) == 1:
                    refused[some[0]] = self.reject(some[0], error)
                    continue
                at = _line(error, len(some))
                if at is None:
                    todo += [some[len(some) // 2 :], some[: len(some) // 2]]
                    continue
                # Where refused rows stand close together, it does not pay to send many behind them.
                window = max(2 * at, _WINDOW_LEAST)
                todo += [part for part in (some[at + 1 :], some[at : at + 1], some[:at]) if part]
        return refused

    def blames_row(self, error: psycopg.Error) -> bool:
        """Whether the system refused a row, so that others may be written; row security denies rows like rights."""
        return blames_row(error) or (self._habits.denies_rows and error.sqlstate == DENIED)

    def reject(self, position: int, error: psycopg.Error) -> Reject:
        """The refusal of one row, by names of constraints and columns, never by values."""
        diagnosis, state = error.diag, error.sqlstate or ""
        code = _CODES.get(state)
        if code is None:
            unfit, ruled_out = state.startswith(_UNFIT), state.startswith(_RULED_OUT)
            code = refusal.UNFIT if unfit else refusal.RULED_OUT if ruled_out else refusal.OTHER
        blamed = [diagnosis.column_name] if diagnosis.column_name else self._blamed(error)
        if code == refusal.DOUBLE and blamed and set(blamed) == self._key:
            code = refusal.TAKEN
        own = [name for name in blamed if name in self._fields]
        detail = diagnosis.constraint_name or diagnosis.column_name or named(error)
        return refusal.reject(position, code, field=own[0] if own else "", detail=detail)

    def _blamed(self, error: psycopg.Error) -> list[str]:
        """The columns of the constraint that said no."""
        place = (error.diag.schema_name, error.diag.table_name, error.diag.constraint_name)
        if None in place:
            return []
        if place not in self._known:
            rows = self._session.rows(_COLUMNS, place)
            self._known[place] = rows[0][0] if rows else []
        return self._known[place]


def _line(error: psycopg.Error, count: int) -> int | None:
    """Which row it probably was, where `COPY` names the line; each row is tried by itself before it is refused."""
    found = _LINE.search(error.diag.context or "")
    line = int(found[1]) if found else 0
    return line - 1 if 0 < line <= count else None
