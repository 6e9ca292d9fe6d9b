"""Named places on both sides of every durable step, where a test can end, break or hold up the program.

`DOVETAIL_FAILPOINTS` says where and how: `target.ledger.after=kill@3,confirm.before=delay(0.5)`. One entry is the name
of a point, an action (`kill`, `raise` or `delay(seconds)`) and the passage that is meant: `@3` the third, `@*` every
one, nothing the first. `DOVETAIL_FAILPOINT_TRACE` names a file that keeps, for each point, how often and when it was
last passed; it can be read after a kill. Without these variables a point does nothing.
"""

from __future__ import annotations

import mmap
import os
import re
import signal
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from dovetail.errors import DeclarationError

FAILPOINTS = "DOVETAIL_FAILPOINTS"
"""The environment variable that says what goes wrong where."""

TRACE = "DOVETAIL_FAILPOINT_TRACE"
"""The environment variable that names the file in which passages are counted."""

SLOT = struct.Struct("<QQ")
"""What the trace keeps for each point, in the order of `Point`: passages, and the number of the last passage among
those of all points, counted from 1."""


class Point(StrEnum):
    """Every point, with what is true when the program is there."""

    words: str

    def __new__(cls, name: str, words: str) -> Self:
        point = str.__new__(cls, name)
        point._value_ = name
        point.words = words
        return point

    RUN_START_BEFORE = "run.start.before", "Nothing of this run is in the state yet."
    RUN_START_AFTER = "run.start.after", "The state knows that the run began."
    EPOCH_BEFORE = "recover.epoch.before", "The partition still belongs to whoever wrote last."
    EPOCH_AFTER = "recover.epoch.after", "The partition's epoch was raised: no earlier worker can write there any more."
    LEDGER_BEFORE = "recover.ledger.before", "The target's ledger is about to be read."
    LEDGER_AFTER = "recover.ledger.after", "What the target committed is known, the state does not have it yet."
    CHUNK_BEFORE = "recover.chunk.before", "A chunk that only the target's ledger knew is about to enter the state."
    CHUNK_AFTER = "recover.chunk.after", "The state has that chunk; the ledger still holds it."
    CLOSE_BEFORE = "recover.close.before", "All chunks are in the state; intents of the interrupted run are still open."
    CLOSE_AFTER = "recover.close.after", "No intent of the partition is open; its ledger is not emptied yet."
    RESERVE_BEFORE = "reserve.before", "Keys are about to be drawn from the target."
    RESERVE_AFTER = "reserve.after", "Keys were drawn; nobody else is given them, and no row has them yet."
    INTENT_BEFORE = "intent.before", "A chunk was decided; nothing of it is durable."
    INTENT_AFTER = "intent.after", "Intent and journal are durable; the target was not spoken to."
    BEGIN_BEFORE = "target.begin.before", "The target's transaction is about to begin."
    BEGIN_AFTER = "target.begin.after", "The target's transaction is open."
    FENCE_AFTER = "target.fence.after", "The fence was found to be ours, and is locked."
    APPLY_AFTER = "target.apply.after", "The rows are written inside the target's transaction."
    LEDGER_WRITTEN = "target.ledger.after", "Rows and ledger entry are written inside the target's transaction."
    COMMITTED = "target.commit.after", "The target committed; only its ledger knows."
    POSTGRES_COPY_BEFORE = "postgres.copy.before", "PostgreSQL is about to be given rows by COPY."
    POSTGRES_COPY_SENT = "postgres.copy.sent", "Rows were sent in COPY, its end was not."
    POSTGRES_COPY_AFTER = "postgres.copy.after", "PostgreSQL took the rows of a COPY."
    POSTGRES_COMMIT_BEFORE = "postgres.commit.before", "COMMIT is about to be sent to PostgreSQL."
    POSTGRES_COMMIT_AFTER = "postgres.commit.after", "PostgreSQL answered the COMMIT."
    SQLITE_COMMIT_BEFORE = "sqlite.commit.before", "A transaction of a SQLite system is about to be committed."
    SQLITE_COMMIT_AFTER = "sqlite.commit.after", "A transaction of a SQLite system was committed."
    DUCKDB_COMMIT_BEFORE = "duckdb.commit.before", "A transaction of a DuckDB file is about to be committed."
    DUCKDB_COMMIT_AFTER = "duckdb.commit.after", "A transaction of a DuckDB file was committed."
    SQLALCHEMY_COMMIT_BEFORE = "sqlalchemy.commit.before", "A commit is about to be asked of SQLAlchemy's driver."
    SQLALCHEMY_COMMIT_AFTER = "sqlalchemy.commit.after", "SQLAlchemy's driver answered the commit."
    MARIADB_LOAD_BEFORE = "mariadb.load.before", "MariaDB is about to be given rows by LOAD DATA."
    MARIADB_LOAD_SENT = "mariadb.load.sent", "Rows were sent in LOAD DATA, its end was not."
    MARIADB_LOAD_AFTER = "mariadb.load.after", "MariaDB took the rows of a LOAD DATA."
    MARIADB_COMMIT_BEFORE = "mariadb.commit.before", "COMMIT is about to be sent to MariaDB."
    MARIADB_COMMIT_AFTER = "mariadb.commit.after", "MariaDB answered the COMMIT."
    FILES_COMMIT_BEFORE = "files.commit.before", "New files are whole, under provisional names; none counts yet."
    FILES_COMMIT_AFTER = "files.commit.after", "The new manifest counts; the files do not have their names yet."
    FILES_EXCHANGED = "files.exchanged", "A committed file and the one that it replaces have changed places."
    FILES_SETTLED = "files.settled", "Committed files have their names."
    CONFIRM_BEFORE = "confirm.before", "The target committed a chunk; the state is about to take it in."
    CONFIRM_AFTER = "confirm.after", "The state has the chunk; the target's ledger still holds it."
    FORGET_BEFORE = "forget.before", "A ledger entry that the state has is about to be removed."
    FORGET_AFTER = "forget.after", "The ledger entry is gone."
    SEQUENCE_BEFORE = "sequence.before", "A partition's sequence is about to move on."
    SEQUENCE_AFTER = "sequence.after", "A partition's sequence moved on, perhaps in a transaction still open."
    STATE_COMMIT_BEFORE = "state.commit.before", "A transaction of the state is about to be committed."
    STATE_COMMIT_AFTER = "state.commit.after", "A transaction of the state was committed."
    LOAD_BEGIN_BEFORE = "load.begin.before", "A bulk load is about to be opened in the state."
    LOAD_BEGIN_AFTER = "load.begin.after", "The state knows that a bulk load is open, and how far it is."
    LOAD_NOTED = "load.noted", "How far a load is was noted, in a transaction of the state that is still open."
    LOAD_CLOSE_BEFORE = "load.close.before", "Everything is loaded; the load is still open."
    LOAD_CLOSE_AFTER = "load.close.after", "A load was closed, in a transaction of the state that may still be open."
    QUARANTINE_BEFORE = "quarantine.before", "Held rows and conflicts of a mapping are about to be recorded."
    QUARANTINE_AFTER = "quarantine.after", "Held rows and conflicts of a mapping are recorded."
    PLAN_BEFORE = "plan.before", "A plan file is about to be written under a provisional name."
    PLAN_WRITTEN = "plan.written", "The plan file is whole, under its provisional name."
    PLAN_AFTER = "plan.after", "The plan file has its name."
    RUN_FINISH_BEFORE = "run.finish.before", "All work of the run is done, or it failed; the state does not know yet."
    RUN_FINISH_AFTER = "run.finish.after", "The state knows how the run ended."


class Action(StrEnum):
    """What happens at a point."""

    KILL = "kill"
    """The process ends at once, as by `kill -9`."""
    RAISE = "raise"
    """A `Sabotaged` is raised, which no code expects."""
    DELAY = "delay"
    """The thread that came by sleeps, then goes on."""


class Sabotaged(Exception):
    """Raised at a failpoint. It is none of Dovetail's own errors, so nobody tries again or translates it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to happen at a point, at its `passage` counted from 1; at every one where that is `None`."""

    point: Point
    action: Action
    passage: int | None = 1
    delay_s: float = 0.0

    def __str__(self) -> str:
        what = f"delay({self.delay_s:g})" if self.action is Action.DELAY else str(self.action)
        return f"{self.point}={what}@{'*' if self.passage is None else self.passage}"


_NAMED = {str(point): point for point in Point}
_ENTRY = re.compile(r"([a-z.]+)=(?:(kill|raise)|delay\((\d+(?:\.\d+)?)\))(?:@([1-9]\d*|\*))?")


def read_orders(text: str) -> list[Order]:
    """The orders in the words of `DOVETAIL_FAILPOINTS`; a mistake is a `DeclarationError`.

    >>> [str(order) for order in read_orders("intent.after=kill, confirm.before=delay(0.5)@*")]
    ['intent.after=kill@1', 'confirm.before=delay(0.5)@*']
    """
    return [_order(entry.strip()) for entry in text.split(",") if entry.strip()]


def _order(entry: str) -> Order:
    found = _ENTRY.fullmatch(entry)
    point = _NAMED.get(found[1]) if found else None
    if found is None or point is None:
        raise DeclarationError(
            f"{entry!r} is no failpoint",
            where=FAILPOINTS,
            hint="write name=kill, name=raise@3 or name=delay(0.5)@*; docs/reference/failpoints.md has the names",
            code="DV-119",
        )
    action = Action(found[2] or "delay")
    passage = None if found[4] == "*" else int(found[4] or 1)
    return Order(point, action, passage, float(found[3] or 0))


class _Watch:
    """Counts passages, keeps them in the trace, and carries orders out."""

    def __init__(self, orders: Sequence[Order], trace: Path | None) -> None:
        self._orders = orders
        self._counts = dict.fromkeys(Point, 0)
        self._places = {point: at * SLOT.size for at, point in enumerate(Point)}
        self._total = 0
        self._lock = threading.Lock()
        self._trace = _mapped(trace) if trace is not None else None

    def passed(self, point: Point) -> None:
        with self._lock:
            self._total += 1
            self._counts[point] = count = self._counts[point] + 1
            if self._trace is not None:
                SLOT.pack_into(self._trace, self._places[point], count, self._total)
        for order in self._orders:
            if order.point is point and order.passage in (None, count):
                _carry_out(order)


def _mapped(path: Path) -> mmap.mmap:
    """The trace in memory that the operating system keeps when the process dies."""
    with path.open("w+b") as file:
        file.truncate(len(Point) * SLOT.size)
        return mmap.mmap(file.fileno(), 0)


def _carry_out(order: Order) -> None:
    match order.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.RAISE:
            raise Sabotaged(f"at the failpoint {order.point}")
        case Action.DELAY:
            time.sleep(order.delay_s)


class Watcher(Protocol):
    """Somebody who is told of every passage."""

    def passed(self, point: Point) -> None:
        """The program is at this point; whatever is raised here is raised there."""
        ...


_watch: Watcher | None = None


def watch(watcher: Watcher | None) -> Watcher | None:
    """Let `watcher` see every passage in place of whoever saw them before, who is the answer; `None`: nobody."""
    global _watch
    former, _watch = _watch, watcher
    return former


def failpoint(point: Point) -> None:
    """The program is at this point. Nothing happens but for what was ordered."""
    if _watch is not None:
        _watch.passed(point)


def arm(environment: Mapping[str, str]) -> None:
    """Take orders from these variables, in place of all earlier ones; without any, every point does nothing again."""
    global _watch  # noqa: PLW0603 - one process, one set of orders
    text, trace = environment.get(FAILPOINTS, ""), environment.get(TRACE, "")
    _watch = _Watch(read_orders(text), Path(trace) if trace else None) if text or trace else None


arm(os.environ)
