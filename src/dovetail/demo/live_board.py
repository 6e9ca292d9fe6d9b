"""What is known of the edits of a live demo: which have arrived, how late, and which are still on their way."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dovetail.demo.folder import Place
from dovetail.demo.live_edits import SHOP, Edit, Sign, Statement
from dovetail.demo.schema import kind_of, mariadb

RECENT_MAX = 200
"""Edits that are remembered to be shown."""
LAGS_MAX = 10_000
_NOW_EDITS = 10


@dataclass(slots=True)
class Trace:
    """One edit and its fate: when it was made and when it was seen to have arrived."""

    edit: Edit
    made_s: float
    arrived_s: float | None = None

    @property
    def lag_s(self) -> float | None:
        """Seconds from one to the other."""
        return None if self.arrived_s is None else self.arrived_s - self.made_s


@dataclass(slots=True)
class Board:
    """All figures of a live demo; several threads write and read them, each of its own kind."""

    started_s: float = field(default_factory=time.monotonic)
    made: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    conflicts: int = 0
    """Open conflicts that have come since it began."""
    recent: deque[Trace] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    pending: list[Trace] = field(default_factory=list)
    lags: deque[float] = field(default_factory=lambda: deque(maxlen=LAGS_MAX))
    divergence: list[int] = field(default_factory=list)
    """Edits on their way, moment after moment."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.started_s

    @property
    def total(self) -> int:
        """Edits made."""
        return sum(self.made.values())

    @property
    def is_settled(self) -> bool:
        """Whether every edit has arrived, and every dispute was told to a person."""
        return not self.pending and self.conflicts >= self.made["dispute"]

    @property
    def lag_now_s(self) -> float | None:
        """The middle of the last few lags."""
        return _part(list(self.lags)[-_NOW_EDITS:], 0.5)

    def lag_s(self, share: float) -> float | None:
        """The lag that this share of the edits kept below."""
        return _part(list(self.lags), share)

    def note(self, edit: Edit) -> None:
        """An edit was made."""
        trace = Trace(edit, time.monotonic())
        with self.lock:
            self.made[edit.kind] += 1
            self.recent.append(trace)
            if edit.signs:
                self.pending.append(trace)

    def look(self, desk: Desk) -> None:
        """See which edits have arrived by now."""
        with self.lock:
            waiting = list(self.pending)
        found = [trace for trace in waiting if desk.has_arrived(trace.edit)]
        now = time.monotonic()
        with self.lock:
            for trace in found:
                trace.arrived_s = now
                self.lags.append(now - trace.made_s)
                self.pending.remove(trace)
            self.arrived += len(found)

    def sample(self) -> None:
        """Remember how many edits are on their way."""
        self.divergence.append(len(self.pending))


def _part(lags: Sequence[float], share: float) -> float | None:
    ordered = sorted(lags)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class Desk:
    """A person's own connections to both systems."""

    def __init__(self, place: Place) -> None:
        self._marks = {}
        self._connections: dict[str, Any] = {}
        for side, where in ((SHOP, place.shop), ("warehouse", place.warehouse)):
            self._connections[side], self._marks[side] = _connected(where)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for connection in self._connections.values():
            connection.close()

    def do(self, edit: Edit) -> None:
        """Make an edit: one transaction a side."""
        for side in edit.sides:
            connection = self._connections[side]
            connection.execute("BEGIN IMMEDIATE" if self._marks[side] == "?" else "BEGIN")
            for write in edit.writes:
                if write.side == side:
                    self._run(write)
            connection.execute("COMMIT")

    def has_arrived(self, edit: Edit) -> bool:
        """Whether both sides hold what must come of it."""
        return all(self._shows(sign) for sign in edit.signs)

    def _shows(self, sign: Sign) -> bool:
        answers = [plain(self._run(one).fetchone()) for one in sign.asked]
        return answers.count(plain((sign.expected(),)) if sign.expected else answers[0]) == len(answers)

    def _run(self, statement: Statement) -> Any:
        mark = self._marks[statement.side]
        values = [_spelled(value) if mark == "?" else value for value in statement.values]
        return self._connections[statement.side].execute(statement.sql.replace("?", mark), values)


class _MariaDB:
    """A connection that carries statements out as those of the other two databases do."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Carry a statement out; the answer gives its rows."""
        cursor = self._connection.cursor()
        cursor.execute(statement, values)
        return cursor

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _connected(where: Path | str) -> tuple[Any, str]:
    if isinstance(where, Path):
        import sqlite3

        return sqlite3.connect(where, isolation_level=None, timeout=30.0), "?"
    if kind_of(where) == "mariadb":
        return _MariaDB(mariadb(where, autocommit=True)), "%s"
    import psycopg

    return psycopg.connect(where, autocommit=True, connect_timeout=10), "%s"


def _spelled(value: object) -> object:
    return value.isoformat(sep=" ") if hasattr(value, "isoformat") else value


def plain(row: tuple[object, ...] | None) -> object:
    """The one value of a row, numbers as exact ones; `None` where there is no row."""
    value = row[0] if row else None
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else value
