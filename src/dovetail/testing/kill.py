"""Kills the shipped command again and again, at random and at every failpoint, and judges what came of it.

```python
campaign = Campaign(scene, folder)
campaign.at_random(200)
campaign.aimed(50)
campaign.at_every_point()
print(campaign.table())
```
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.failpoints import Action, Order, Point
from dovetail.testing.oracle import Scene, Verdict, counts, judge
from dovetail.testing.program import Ended, Running
from dovetail.testing.trace import Place, read_passages

KILLED = -9
"""The code of a process that `kill -9` ended."""

FAILED = 4
"""The code of a command that an error ended which it does not know."""

RUNS_MAX = 5
"""Runs at most until a load that nobody disturbs any more must have gone through."""

DELAY_S = 0.2
"""Seconds that a delay at a failpoint lasts."""

SPREAD = 4
"""A random kill strikes within this part of an undisturbed run, so that several are needed to get through."""

_POLL_S = 0.0002
_RECOVERING = (Point.CHUNK_BEFORE, Point.CHUNK_AFTER)
_PLANNING = (Point.PLAN_BEFORE, Point.PLAN_WRITTEN, Point.PLAN_AFTER)
AIMS = (Place.CHUNK_COMMIT, Place.STATE_COMMIT, Place.BETWEEN_COMMITS, Place.COPY, Place.TRANSACTION)
"""Where aimed kills are to land."""


@dataclass(slots=True)
class Tally:
    """What came of one kind of strikes."""

    strikes: int = 0
    rounds: int = 0
    places: Counter[Place] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0

    def add(self, found: Verdict, words: str) -> None:
        """Take in the verdict over one load that went through in the end."""
        self.rounds += 1
        total = self.verdict
        total.rows += found.rows
        total.lost += found.lost
        total.doubled += found.doubled
        total.foreign += found.foreign
        total.wrong += [f"{words}: {wrong}" for wrong in found.wrong]


class Campaign:
    """Strikes against one scene. `folder` keeps the trace; the same `seed` throws the same dice again."""

    def __init__(self, scene: Scene, folder: Path, *, seed: int | None = None) -> None:
        self.scene = scene
        self.seed = random.SystemRandom().randrange(10**6) if seed is None else seed
        self.tallies: dict[str, Tally] = {}
        self.passed: set[Point] = set()
        self._dice = random.Random(self.seed)  # noqa: S311 - dice, not secrets
        self._trace = folder / "trace"

    @property
    def is_clean(self) -> bool:
        """Whether no strike did any harm."""
        return all(tally.verdict.is_clean for tally in self.tallies.values())

    # ------------------------------------------------------------------------------------------------------- strikes

    def undisturbed(self) -> float:
        """The seconds of a load, from its first step to its end, that nobody disturbs; it is judged too."""
        self.scene.reset()
        before = counts(self.scene)
        running = self._start("migrate")
        began = time.monotonic()
        ended = running.wait(self.scene.program.timeout_s)
        seconds = time.monotonic() - began
        self._note_passages()
        self._judge("undisturbed", ended, before, "undisturbed")
        return seconds

    def at_random(self, kills: int, *, span_s: float | None = None) -> Tally:
        """Kill at random moments, so many times, loads that each go on after a kill until they are through."""
        span = self.undisturbed() / SPREAD if span_s is None else span_s
        return self._strike("kill -9 at random", kills, lambda running: _doze(running, self._dice.uniform(0, span)))

    def aimed(self, kills: int, aims: Sequence[Place] = AIMS, *, span_s: float = 0.5) -> Tally:
        """Kill as soon as the program is at one of these places, after a random wait; it may have moved on by then."""

        def wait(running: Running) -> None:
            aim = self._dice.choice(aims)
            _doze(running, self._dice.uniform(0, span_s))
            limit = time.monotonic() + 2 * span_s
            while running.is_alive and read_passages(self._trace).place is not aim and time.monotonic() < limit:
                time.sleep(_POLL_S)

        return self._strike("kill -9, aimed", kills, wait)

    def at_every_point(self, actions: Sequence[Action] = tuple(Action)) -> None:
        """Every point that this scene passes, with every action, each at a passage that the dice choose."""
        self.undisturbed()
        usual = read_passages(self._trace).counts
        for point in Point:
            passages = max(usual[point], int(point in (*_RECOVERING, *_PLANNING)))
            for action in actions if passages else ():
                self.at_point(Order(point, action, self._dice.randint(1, passages), DELAY_S))

    def at_point(self, order: Order) -> Verdict:
        """One strike at a failpoint, into an empty target; then the load goes on until it is through, and is judged."""
        scene, name = self.scene, f"every failpoint x {order.action}"
        scene.reset()
        if order.point in _RECOVERING:
            scene.program.run("migrate", orders=f"{Point.COMMITTED}={Action.KILL}")
        before = counts(scene)
        struck = self._start("plan" if order.point in _PLANNING else "migrate", orders=str(order)).wait()
        is_passed = order.point in self._note_passages()
        tally = self._tally(name)
        tally.strikes += 1
        tally.verdict.wrong += [f"{order}: {words}" for words in _unexpected(order, struck, is_passed=is_passed)]
        if order.point in _PLANNING:
            tally.verdict.check(f"{order}: no plan afterwards", holds=scene.program.run("plan").is_done)
        elif struck.is_done:
            return self._judge(name, struck, before, str(order))
        last, before = self._go_on()
        return self._judge(name, last, before, str(order))

    def _strike(self, name: str, kills: int, wait: Callable[[Running], None]) -> Tally:
        tally, began = self._tally(name), time.monotonic()
        wanted = tally.strikes + kills
        self.scene.reset()
        while tally.strikes < wanted:
            before = counts(self.scene)
            running = self._start("migrate")
            while running.is_alive and not read_passages(self._trace).counts[Point.RUN_START_AFTER]:
                time.sleep(_POLL_S)
            wait(running)
            running.kill()
            ended = running.wait()
            passages = read_passages(self._trace)
            if ended.code == KILLED:
                tally.strikes += 1
                tally.places[passages.place] += 1
                continue
            self._judge(name, ended, before, f"after {tally.strikes} kills")
            self.scene.reset()
        last, before = self._go_on()
        self._judge(name, last, before, f"after {tally.strikes} kills")
        tally.seconds += time.monotonic() - began
        return tally

    # -------------------------------------------------------------------------------------------------------- within

    def _start(self, command: str, *, orders: str = "") -> Running:
        self._trace.unlink(missing_ok=True)
        return self.scene.program.start(command, orders=orders, trace=self._trace)

    def _note_passages(self) -> set[Point]:
        """The points that the last run passed."""
        passed = {point for point, count in read_passages(self._trace).counts.items() if count}
        self.passed |= passed
        return passed

    def _go_on(self) -> tuple[Ended, dict[str, int]]:
        """Run until a load goes through; its end, and the counts just before it."""
        for _ in range(RUNS_MAX):
            before = counts(self.scene)
            ended = self.scene.program.run("migrate")
            if ended.is_done:
                break
        return ended, before

    def _tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())

    def _judge(self, name: str, last: Ended, before: Mapping[str, int], words: str) -> Verdict:
        found = judge(self.scene, last, before)
        found.check(f"the load ended with {last.code} {last.errors} {last.words[-300:]}", holds=last.is_done)
        self._tally(name).add(found, words)
        return found

    # -------------------------------------------------------------------------------------------------------- telling

    def table(self) -> str:
        """The strikes, where they landed, and what came of them, in lines."""
        head = ("strikes", "how many", "loads", "rows judged", "lost", "doubled", "foreign", "wrong", "seconds")
        lines = [
            (
                name, tally.strikes, tally.rounds, tally.verdict.rows, tally.verdict.lost, tally.verdict.doubled,
                tally.verdict.foreign, len(tally.verdict.wrong), round(tally.seconds),
            )
            for name, tally in self.tallies.items()
        ]  # fmt: skip
        landed: Counter[Place] = sum((tally.places for tally in self.tallies.values()), Counter())
        places = [f"  {landed[place]:>6}  {place}" for place in Place if landed[place]]
        wrong = [f"  {words}" for tally in self.tallies.values() for words in tally.verdict.wrong]
        parts = [_columns([head, *lines]), *(["kills landed", *places] if places else []), *wrong]
        return "\n".join([f"seed {self.seed}", *parts])


def _doze(running: Running, seconds: float) -> None:
    """Sleep, but not on after the program has ended."""
    limit = time.monotonic() + seconds
    while running.is_alive and (left := limit - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))


def _unexpected(order: Order, struck: Ended, *, is_passed: bool) -> list[str]:
    """What a strike did not bring about, or did besides."""
    wrong = [] if is_passed else ["was not passed"]
    as_ordered = {
        Action.KILL: struck.code == KILLED,
        Action.RAISE: struck.code == FAILED,
        Action.DELAY: struck.is_done,
    }
    if is_passed and not as_ordered[order.action]:
        wrong.append(f"ended with {struck.code} {struck.errors} {struck.words[-300:]}")
    return wrong


def _columns(lines: Sequence[Sequence[object]]) -> str:
    """Lines of a table: the first column to the left, the others to the right."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line] for line in lines]
    first, *widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    rows = ((line[0].ljust(first), *map(str.rjust, line[1:], widths)) for line in texts)
    return "\n".join("  ".join(row).rstrip() for row in rows)
