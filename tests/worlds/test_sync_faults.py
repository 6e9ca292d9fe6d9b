"""Faults of the worker itself while people type on both sides: killed at every step, stopped, starved of memory, doubled."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import time

import faulty
import pytest

from dovetail.failpoints import Action, Order, Point
from dovetail.testing.trace import read_passages

pytestmark = [pytest.mark.timeout(900)]
DRAIN_S = 10.0
NAMES = ("DV-307", "DV-502")
"""What a worker says that another one has overtaken."""


@pytest.fixture
def trial(world, tmp_path):
    """Makes a trial between a file and a server."""

    def make(left="sqlite", right="postgres", *, state="sqlite", timeout_s=10, **how):
        return faulty.trial(world(left, right, state=state, timeout_s=timeout_s), tmp_path / "trial", **how)

    return make


def test_f03_a_signal_drains_within_ten_seconds(trial, fault, edits):
    made = trial()
    made.begin()
    made.wait_for(edits // 2)
    ended, seconds = made.keeper.stop()
    assert ended.is_done, ended
    assert seconds <= DRAIN_S
    assert ended.writes
    made.keepers.clear()
    words = faulty.judged(made.finish(), made)
    fault("F03 SIGTERM", f"drained in {seconds:.1f} s, exit {ended.code}; {words}", seconds)


@pytest.mark.slow
def test_f02_kill_at_every_failpoint(trial, fault, edits):
    """Every point that a running sync passes, one after the other, in one world."""
    made = trial()
    made.begin()
    longest = made.recovery()
    made.wait_for(edits // 4)
    counts = read_passages(made.folder / "trace1").counts
    struck = []
    recovering = {Point.CHUNK_BEFORE, Point.CHUNK_AFTER}
    for point in [point for point in Point if counts[point] or point in recovering]:
        passage = made.dice.randint(1, 3)
        made.keeper.orders = str(Order(point, Action.KILL, 1 if point in recovering or counts[point] < 9 else passage))
        kills = made.keeper.toll.kills
        if point in recovering:  # they are passed only by who finds an entry that another left behind
            made.keeper.orders = f"{Point.COMMITTED}=kill,{point}=kill"
            kills += 1
        made.keeper.interrupt()
        limit = time.monotonic() + 20
        while made.keeper.toll.kills < kills + 2 and time.monotonic() < limit:
            time.sleep(0.01)
        struck += [point] if made.keeper.toll.kills >= kills + 2 else []
        made.keeper.orders = ""
        longest = max(longest, made.recovery())
    words = faulty.judged(made.finish(), made)
    assert len(struck) >= 25, struck
    fault("F02 kill at every failpoint", f"{len(struck)} points; {words}", longest)


@pytest.mark.slow
def test_f04_a_stopped_worker_is_replaced_and_fenced(trial, fault, edits):
    """It is stopped in the middle of a chunk's transaction, another one takes over, and then it wakes up."""
    made = trial(left="postgres", timeout_s=5, workers=2)
    second = made.keepers.pop()
    made.begin()
    made.wait_for(edits // 2)
    first = made.keeper.running
    made.keeper.orders = ""
    first.send(signal.SIGSTOP)
    stopped = time.monotonic()
    second.start()
    seconds = made.recovery()
    made.wait_for(edits // 2)
    time.sleep(max(0.0, 5 - (time.monotonic() - stopped)))
    first.send(signal.SIGCONT)
    made.keepers.append(second)
    made.wait_for(edits // 2)
    words = faulty.judged(made.finish(), made)
    fault("F04 SIGSTOP worker, a second one takes over", words, seconds)


@pytest.mark.slow
def test_f05_a_worker_that_runs_out_of_memory(trial, fault, edits):
    made = trial()

    def starve():
        for _ in range(3):
            faulty.wait_until(lambda: made.keeper.running is not None and made.keeper.running.is_alive)
            running, runs = made.keeper.running, made.keeper.toll.runs
            time.sleep(1.5)
            resource.prlimit(running.pid, resource.RLIMIT_AS, (40_000_000, 40_000_000))
            limit = time.monotonic() + 20
            while running.is_alive and time.monotonic() < limit:
                time.sleep(0.02)
            running.kill()  # where it got by with what it had
            faulty.wait_until(lambda: made.keeper.toll.runs > runs)  # noqa: B023 - called at once
        made.keeper.toll.tracebacks.clear()

    words, seconds = faulty.survive(made, starve, edits=edits)
    fault("F05 out of memory, 3 times", words, seconds)


def test_f06_two_workers_at_once(trial, fault, edits):
    made = trial(left="postgres", workers=2)
    words, seconds = faulty.survive(made, lambda: None, edits=edits)
    said = sum((keeper.toll.errors for keeper in made.keepers[1:]), made.keepers[0].toll.errors)
    assert set(said) <= set(NAMES), said
    fault("F06 two workers at once", f"{words}; told: {dict(said)}", seconds)


@pytest.mark.slow
def test_f07_a_state_of_a_newer_version_is_refused(trial, fault, edits):
    made = trial()
    made.begin()
    made.wait_for(edits // 4)
    made.keeper.interrupt()
    made.keepers.pop().stop()
    with sqlite3.connect(made.program.folder / ".dovetail" / "state.db") as lite:
        lite.execute("INSERT INTO migrations SELECT 9999, name, applied_at FROM migrations LIMIT 1")
    refused = made.program.run("sync", "--once")
    assert (refused.code, refused.errors) == (4, ["DV-501"])
    with sqlite3.connect(made.program.folder / ".dovetail" / "state.db") as lite:
        lite.execute("DELETE FROM migrations WHERE number = 9999")
    words = faulty.judged(made.finish(), made)
    fault("F07 state of a newer version", f"refused with {refused.errors}; {words}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_f08_a_power_cut_of_the_state_at_the_nth_write(trial, fault, edits):
    """The process dies inside its own n-th `pwrite64`, which the state's file is written with."""
    made = trial(left="postgres")
    made.begin()
    struck = 0
    for number in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
        runs = made.keeper.toll.runs
        made.keeper.under = ("strace", "-f", "-o", "/dev/null", "-e", f"inject=pwrite64:signal=SIGKILL:when={number}")
        made.keeper.interrupt()
        faulty.wait_until(lambda: made.keeper.toll.runs > runs)  # noqa: B023 - called at once
        cut, limit = made.keeper.running, time.monotonic() + 20
        while cut is not None and cut.is_alive and time.monotonic() < limit:
            time.sleep(0.02)
        struck += cut is None or not cut.is_alive
        made.keeper.under = ()
    seconds = made.recovery()
    made.wait_for(edits // 4)
    words = faulty.judged(made.finish(), made)
    assert struck >= 8
    fault(f"F08 the state's power is cut at {struck} writes", words, seconds)
