"""Keeps a command of Dovetail running, as a supervisor of services does, and ends it as nobody should."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.failpoints import Point
from dovetail.testing.program import Ended, Program, Running
from dovetail.testing.trace import Place, read_passages

KILLED = -signal.SIGKILL
"""The code of a process that `kill -9` ended."""

RESTART_S = 1.0
"""Seconds until a command that failed is started again."""

AIM_S = 8.0
"""Seconds in which an aimed kill waits for its place; then it strikes anyway."""

_POLL_S = 0.0005
_DONE = (0, 1)


@dataclass(slots=True)
class Toll:
    """What became of the command: runs, kills, where they landed, and how runs ended that nobody killed.

    `chunks` were committed by targets; `recovered` are those that a later run found in a ledger."""

    runs: int = 0
    kills: int = 0
    places: Counter[Place] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    chunks: int = 0
    recovered: int = 0
    written: int = 0
    tracebacks: list[str] = field(default_factory=list)


class Keeper:
    """One command, started again whenever it ends, from `start` to `stop`.

    Every start gets the present `orders` of failpoints, and happens `under` another program where one is named; `trace`
    is the file in which passages of failpoints are counted."""

    def __init__(self, program: Program, command: Sequence[str], trace: Path, *, orders: str = "") -> None:
        self.program = program
        self.toll = Toll()
        self.orders = orders
        self.under: tuple[str, ...] = ()
        self._command = tuple(command)
        self._trace = trace
        self._lock = threading.RLock()
        self._running: Running | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._due_s = 0.0

    @property
    def running(self) -> Running | None:
        """The command on its way, `None` between two runs."""
        with self._lock:
            return self._running

    def start(self) -> None:
        """Start the command, and see to it from now on."""
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> tuple[Ended | None, float]:
        """Ask it to end, and start it no more: how it ended, and the seconds that it took."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            if self._running is None:
                return None, 0.0
            began = time.monotonic()
            self._running.send(signal.SIGTERM)
            try:
                ended = self._running.wait(timeout_s)
            except TimeoutError:
                ended = Ended(KILLED, {}, f"did not end within {timeout_s:g} s")
            self._note(ended)
            self._running = None
            return ended, time.monotonic() - began

    def interrupt(self) -> None:
        """End the run at hand by `kill -9`, wherever it is; the next one begins by itself."""
        with self._lock:
            if self._running is not None:
                self._running.kill()

    def end(self) -> None:
        """End it at once, and start it no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            if self._running is not None:
                self._running.kill()
                self._running.wait()
                self._running = None

    def kill(self, dice: random.Random, *, within_s: float, aims: Sequence[Place] = ()) -> bool:
        """`kill -9` at a random moment, or as soon as the command is at one of these places; says whether it struck.

        Where it landed is read from the trace of its failpoints."""
        running = self._caught()
        if running is None:
            return False
        _doze(running, dice.uniform(0, within_s))
        limit = time.monotonic() + AIM_S
        aim = dice.choice(aims) if aims else None
        while aim is not None and running.is_alive and time.monotonic() < limit:
            if read_passages(self._trace).place is aim:
                break
            time.sleep(_POLL_S)
        with self._lock:
            if self._running is not running:
                return False
            running.kill()
            ended = running.wait()
            self._note(ended)
            self._begin()
            return ended.code == KILLED

    # -------------------------------------------------------------------------------------------------------- within

    def _caught(self) -> Running | None:
        """The command, once it has passed the first point."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit and not self._stop.is_set():
            running = self.running
            if running is not None and running.is_alive and any(read_passages(self._trace).counts.values()):
                return running
            time.sleep(_POLL_S * 10)
        return None

    def _keep(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                running = self._running
                if running is not None and not running.is_alive:
                    ended = running.wait()
                    self._note(ended)
                    self._running = None
                    self._due_s = time.monotonic() + (0 if ended.code in (*_DONE, KILLED) else RESTART_S)
                if self._running is None and time.monotonic() >= self._due_s:
                    self._begin()
            self._stop.wait(0.02)

    def _begin(self) -> None:
        self._trace.unlink(missing_ok=True)
        self.toll.runs += 1
        command, *options = self._command
        orders, under = self.orders, self.under
        self._running = self.program.start(command, *options, orders=orders, trace=self._trace, under=under)

    def _note(self, ended: Ended) -> None:
        toll = self.toll
        passages = read_passages(self._trace)
        toll.recovered += passages.counts[Point.CHUNK_AFTER]
        toll.chunks += passages.counts[Point.COMMITTED]
        if ended.code == KILLED:
            toll.kills += 1
            toll.places[passages.place] += 1
            return
        toll.codes[ended.code] += 1
        toll.errors.update(ended.errors)
        toll.written += ended.writes
        if "Traceback" in ended.words:
            toll.tracebacks.append(ended.words[-2000:])


def _doze(running: Running, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while running.is_alive and (left := limit - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
