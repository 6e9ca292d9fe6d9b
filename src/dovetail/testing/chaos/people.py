"""People at one member: they type without pause, on their own and on each other's rows, and every edit is recorded."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.testing.chaos.place import Place, Session
from dovetail.testing.chaos.scene import Kind
from dovetail.testing.chaos.typed import Deed, Record, Typed

HOT_SHARE = 0.5
"""The share of edits that go to the hottest rows, so that people meet."""

FIRST_MAX = 500
"""Rows of a kind that people type at most before the first pass."""

HOT_ROWS = 0.05
"""The share of rows that are hot."""

LOOK_S = 0.5
"""Seconds after which people look at the list of rows again."""

GONE_S = 0.2
"""Seconds until people try again to reach a system that is away."""

ANSWER_S = 120.0
"""Seconds in which a system that was away must tell what became of a commit."""

PROBE = " probe "
"""Stands in the names of rows that are typed to see when they arrive; nobody deletes them."""

_LOST = (None, "57P01", "57P02", "57P03")


@dataclass(slots=True)
class _Plan:
    """What somebody is about to do to one row."""

    kind: Kind
    deed: Deed
    key: Any
    row: str


class People:
    """Edits at one place, `rate` transactions a second at most; a thread of its own from `start` to `stop`.

    Everything is typed by one thread, so the order in which edits are recorded is the order of their commits."""

    def __init__(self, place: Place, kinds: Sequence[Kind], record: Record, *, seed: int, rate: float = 200.0) -> None:
        self.place = place
        self.record = record
        self.rate = rate
        self.refused: Counter[str] = Counter()
        self.unanswered = 0
        self._kinds = [kind for kind in kinds if place.member in kind.tables]
        self._dice = random.Random(f"{seed} {place.member}")  # noqa: S311 - dice, not secrets
        self._rows: dict[str, list[tuple[Any, str]]] = {}
        self._called: dict[str, dict[str, str]] = {kind.name: {} for kind in self._kinds}
        self._looked_s = -LOOK_S
        self._names = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.failure: BaseException | None = None

    # --------------------------------------------------------------------------------------------------------- steps

    def prepare(self) -> None:
        """Make the table of marks, and type the first rows: half of what there shall be, or those others refer to."""
        with self.place.session() as session:
            session.make_marks()
            for kind in self._kinds:
                for _ in range(min(kind.rows // 2, FIRST_MAX) // len(kind.tables) + 1):
                    self._transact(session, [_Plan(kind, Deed.INSERT, None, self._name(kind))])
                self._look(session, kind)

    def start(self) -> None:
        """Begin to type."""
        self._thread.start()

    def leave(self) -> None:
        """Finish the edit at hand, and type no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def stop(self) -> None:
        """Leave; raises what went wrong unexpectedly."""
        self.leave()
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        session: Session | None = None
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    session = session or self.place.open()
                    self._turn(session)
                except _drivers() as error:
                    self.refused[type(error).__name__] += 1
                    if session is not None and _is_lost(error):
                        session.close()
                        session = None
                    self._stop.wait(GONE_S if session is None else 0)
                self._stop.wait(max(0.0, 1 / self.rate - (time.monotonic() - began)))
        except BaseException as error:  # noqa: BLE001 - told by `stop`, in the thread that can do something about it
            self.failure = error
        finally:
            if session is not None:
                session.close()

    def _turn(self, session: Session) -> None:
        if time.monotonic() - self._looked_s > LOOK_S:
            for kind in self._kinds:
                self._look(session, kind)
            self._looked_s = time.monotonic()
        kind = self._dice.choice(self._kinds)
        self._transact(session, self._choose(kind))

    def _look(self, session: Session, kind: Kind) -> None:
        here = kind.tables[self.place.member]
        self._rows[kind.name] = [(key, str(values[kind.known_by])) for key, values in session.rows(here)]
        self._called[kind.name].update((str(key), row) for key, row in self._rows[kind.name])

    # -------------------------------------------------------------------------------------------------------- choice

    def _choose(self, kind: Kind) -> list[_Plan]:
        """One to three edits of a kind, for one transaction."""
        words = dict(kind.deeds)
        rows = self._rows[kind.name]
        if len(rows) >= kind.rows:
            words["insert"] = words.get("insert", 0) / 20
        if len(rows) < kind.rows // 2:
            words["delete"] = words["again"] = 0
        word = self._dice.choices(list(words), list(words.values()))[0]
        if word == "insert" or not rows:
            return [_Plan(kind, Deed.INSERT, None, self._name(kind))]
        key, row = self._pick(rows)
        if PROBE in row:
            return [_Plan(kind, Deed.EDIT, key, row)]
        if word == "delete":
            return [_Plan(kind, Deed.DELETE, key, row)]
        if word == "again":
            name = row if kind.is_natural else self._name(kind)
            return [_Plan(kind, Deed.DELETE, key, row), _Plan(kind, Deed.INSERT, None, name)]
        more = [self._pick(rows) for _ in range(self._dice.choice((0, 0, 1, 2)))]
        picked = sorted({(key, row), *more}, key=str)
        return [_Plan(kind, Deed.EDIT, key, row) for key, row in picked]

    def _pick(self, rows: list[tuple[Any, str]]) -> tuple[Any, str]:
        few = max(1, int(len(rows) * HOT_ROWS))
        return rows[
            -self._dice.randrange(few) - 1 if self._dice.random() < HOT_SHARE else self._dice.randrange(len(rows))
        ]

    def _name(self, kind: Kind) -> str:
        """The name of a new row; where names are natural keys, people elsewhere come to the same ones."""
        self._names += 1
        return f"{kind.name} {self._names}" if kind.is_natural else f"{kind.name} {self.place.member} {self._names}"

    # -------------------------------------------------------------------------------------------------------- typing

    def _transact(self, session: Session, plans: Sequence[_Plan]) -> None:
        """Carry the edits out in one transaction, and record them when it is committed."""
        number = self.record.next_number()
        done: list[Typed] = []
        try:
            with session.transaction():
                for plan in plans:
                    done += self._type(session, plan, number)
                session.mark(number)
        except _drivers() as error:
            if not _is_lost(error) or not done or not self._has_happened(number):
                raise
        for typed in done:
            self.record.add(typed)

    def _has_happened(self, number: int) -> bool:
        """Whether a transaction was committed whose commit was not answered."""
        self.unanswered += 1
        limit = time.monotonic() + ANSWER_S
        while True:
            try:
                with self.place.session() as session:
                    return session.is_marked(number)
            except _drivers():
                if time.monotonic() > limit or self._stop.is_set():
                    raise
                time.sleep(GONE_S)

    def _type(self, session: Session, plan: _Plan, number: int) -> list[Typed]:
        here = plan.kind.tables[self.place.member]
        before: Mapping[str, str | None] = {}
        if plan.deed is not Deed.INSERT:
            found = session.lock(here, plan.key)
            if found is None or found[plan.kind.known_by] != plan.row:
                return []
            before = self._as_called(plan.kind, found)
        values = self._values(plan, number)
        if plan.deed is Deed.INSERT:
            session.insert(here, values)
        elif plan.deed is Deed.DELETE:
            session.delete(here, plan.key)
        elif values:
            added = {
                name: int(before[name] or 0) + _whole(value) for name, value in values.items() if _sums(plan, name)
            }
            session.edit(here, plan.key, values | added)
        fields = {name: plan.kind.fields[name] for name in values}
        after = self._as_called(plan.kind, {name: str(values[name]) for name, one in fields.items() if not one.is_sum})
        sums = {name: _whole(values[name]) for name, one in fields.items() if one.is_sum}
        place, stamp = self.place.member, self.record.next_number()
        return [Typed(stamp, place, plan.kind.name, plan.row, plan.deed, before, after, time.monotonic(), sums)]

    def _as_called(self, kind: Kind, values: Mapping[str, str | None]) -> dict[str, str | None]:
        """The same values, a reference told by what the row that it names is called everywhere."""
        columns = kind.tables[self.place.member].columns
        told = {name: kind.fields[name].told(value) for name, value in values.items()}
        for name, value in values.items():
            if columns[name].refers and value is not None:
                told[name] = self._called[columns[name].refers].get(value, f"key {value}")
        return told

    def _values(self, plan: _Plan, number: int) -> dict[str, object]:
        """New values: of an insert for every field, of an edit for some that people edit here."""
        if plan.deed is Deed.DELETE:
            return {}
        kind, here = plan.kind, plan.kind.tables[self.place.member]
        names = [name for name in kind.fields if name in here.columns and name != kind.known_by]
        if plan.deed is Deed.EDIT:
            mine = [name for name in names if self.place.member in kind.fields[name].edited_by]
            names = self._dice.sample(mine, min(len(mine), self._dice.choice((1, 1, 2))))
        values = {name: self._value(kind, name, number) for name in names}
        return {kind.known_by: plan.row, **values} if plan.deed is Deed.INSERT else values

    def _value(self, kind: Kind, name: str, number: int) -> object:
        declared, here = kind.fields[name], kind.tables[self.place.member]
        if here.columns[name].refers:
            rows = self._rows[here.columns[name].refers]
            return self._dice.choice(rows)[0]
        if declared.is_sum:
            return self._dice.randint(1, 9)
        return number * 10 + self._dice.randrange(10) if declared.is_number else f"{self.place.member} {number}"


def _sums(plan: _Plan, name: str) -> bool:
    return plan.kind.fields[name].is_sum


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _drivers() -> tuple[type[Exception], ...]:
    """The errors by which a system says no."""
    import psycopg
    import pymysql

    return (psycopg.Error, pymysql.Error, sqlite3.Error)


def _is_lost(error: Exception) -> bool:
    """Whether the connection is gone, so that nobody knows what became of a commit."""
    import psycopg
    import pymysql

    from dovetail.testing.chaos import maria

    if isinstance(error, sqlite3.Error):
        return False
    if isinstance(error, pymysql.Error):
        return maria.is_lost(error)
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and error.sqlstate in _LOST
