"""What one command costs: wall clock, processor seconds and memory of the processes that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 3600.0
"""Seconds after which a command is ended, and counts as failed."""

_PAUSE_S = 0.02
_TICKS = 1024


class CommandFailed(Exception):
    """A command ended with another exit code than 0, or took too long; the message is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments, as it is measured."""

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, processor seconds of the client's processes, and the most memory: of one process, and of all together."""

    seconds: float
    cpu_s: float
    peak_mb: float
    tree_mb: float


class _Watch(threading.Thread):
    """Looks at the memory of a process and all under it, many times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._done = threading.Event()
        self.peak_kb = 0
        self.tree_kb = 0

    def run(self) -> None:
        while not self._done.wait(_PAUSE_S):
            sizes = [_memory(pid) for pid in _family(self._pid)]
            self.peak_kb = max([self.peak_kb, *(peak for peak, _ in sizes)])
            self.tree_kb = max(self.tree_kb, sum(now for _, now in sizes))

    def stop(self) -> None:
        self._done.set()
        self.join()


def measured(commands: Sequence[Command], log: Path) -> Cost:
    """What the commands cost one after the other; what they say goes into the log."""
    costs = [_one(command, log) for command in commands]
    return Cost(
        sum(cost.seconds for cost in costs),
        sum(cost.cpu_s for cost in costs),
        max(cost.peak_mb for cost in costs),
        max(cost.tree_mb for cost in costs),
    )


def _one(command: Command, log: Path) -> Cost:
    with log.open("wb") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(command.words),
            cwd=command.folder,
            env=os.environ | dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        watch.start()
        limit = threading.Timer(LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            limit.cancel()
            watch.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        end = log.read_text(errors="replace").strip()[-1500:]
        raise CommandFailed(f"{Path(command.words[0]).name} ended with {process.returncode}: {end}")
    return Cost(
        seconds, used.ru_utime + used.ru_stime, watch.peak_kb / _TICKS, max(watch.peak_kb, watch.tree_kb) / _TICKS
    )


def _family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            for thread in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def _memory(pid: int) -> tuple[int, int]:
    """The most that a process held since it was started, and what it holds now, in kB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return tuple(int(sizes.get(name, "0").split()[0]) for name in ("VmHWM", "VmRSS"))  # type: ignore[return-value]
