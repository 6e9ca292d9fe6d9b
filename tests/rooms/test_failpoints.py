"""Failpoints: their words, their passages, and that each declared one stands somewhere in the code."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from dovetail import failpoints
from dovetail.errors import DeclarationError, DovetailError
from dovetail.failpoints import FAILPOINTS, TRACE, Action, Order, Point, Sabotaged, arm, failpoint, read_orders
from dovetail.testing.trace import Place, read_passages

HOUSE = Path(failpoints.__file__).parent


@pytest.fixture
def armed():
    """Gives orders for the length of a test."""
    yield arm
    arm({})


def used():
    """How often each name of `Point` is given to `failpoint(...)` in the code."""
    found = Counter()
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("failpoint"):
                found[ast.unparse(node.args[0])] += 1
    return found


def test_every_declared_point_stands_in_the_code_and_no_other_name_does():
    assert set(used()) == {f"Point.{point.name}" for point in Point}


def test_every_point_says_what_is_true_there():
    assert [point for point in Point if not point.words.endswith(".") or len(point.words) < 20] == []
    assert len({point.words for point in Point}) == len(Point)


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("", []),
        ("intent.after=kill", [Order(Point.INTENT_AFTER, Action.KILL)]),
        (" intent.after=raise@3 , ", [Order(Point.INTENT_AFTER, Action.RAISE, 3)]),
        ("run.start.before=delay(2)@*", [Order(Point.RUN_START_BEFORE, Action.DELAY, None, 2.0)]),
    ],
)
def test_orders_are_read(text, orders):
    assert read_orders(text) == orders
    assert read_orders(",".join(map(str, orders))) == orders


@pytest.mark.parametrize(
    "text",
    [
        "intent",
        "intent.after",
        "intent.after=stop",
        "nowhere=kill",
        "intent.after=kill@0",
        "intent.after=delay",
        "intent.after=kill(1)",
    ],
)
def test_a_mistake_is_said_with_the_place(text):
    with pytest.raises(DeclarationError) as caught:
        read_orders(text)
    assert (caught.value.code, caught.value.where) == ("DV-119", FAILPOINTS)


def test_only_the_ordered_passage_of_the_ordered_point_breaks(armed):
    armed({FAILPOINTS: "intent.after=raise@2"})
    failpoint(Point.INTENT_AFTER)
    failpoint(Point.INTENT_BEFORE)
    with pytest.raises(Sabotaged):
        failpoint(Point.INTENT_AFTER)
    failpoint(Point.INTENT_AFTER)


def test_a_star_means_every_passage(armed):
    armed({FAILPOINTS: "intent.after=raise@*"})
    for _ in range(3):
        with pytest.raises(Sabotaged):
            failpoint(Point.INTENT_AFTER)


def test_nothing_takes_a_sabotage_for_an_error_of_dovetail():
    assert not issubclass(Sabotaged, DovetailError)


def test_a_delay_holds_one_thread_up_and_no_other(armed):
    armed({FAILPOINTS: "intent.after=delay(0.5)"})
    began = time.monotonic()
    slow = threading.Thread(target=failpoint, args=(Point.INTENT_AFTER,))
    slow.start()
    time.sleep(0.05)
    failpoint(Point.INTENT_AFTER)
    assert time.monotonic() - began < 0.4
    slow.join()
    assert time.monotonic() - began >= 0.5


def test_a_point_costs_next_to_nothing_when_nothing_is_ordered():
    began = time.process_time()
    for _ in range(100_000):
        failpoint(Point.INTENT_AFTER)
    assert time.process_time() - began < 0.5


PROGRAM = """
from dovetail.failpoints import Point, failpoint
failpoint(Point.RUN_START_AFTER)
for _ in range(3):
    failpoint(Point.STATE_COMMIT_BEFORE)
    failpoint(Point.STATE_COMMIT_AFTER)
print("alive")
"""


def test_the_trace_outlives_a_kill(tmp_path):
    trace = tmp_path / "trace"
    variables = {FAILPOINTS: f"{Point.STATE_COMMIT_BEFORE}=kill@3", TRACE: str(trace), "PYTHONPATH": str(HOUSE.parent)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True)
    assert (done.returncode, done.stdout) == (-9, b"")
    passages = read_passages(trace)
    assert (passages.counts[Point.STATE_COMMIT_BEFORE], passages.counts[Point.STATE_COMMIT_AFTER]) == (3, 2)
    assert passages.place is Place.STATE_COMMIT


def test_a_trace_that_is_not_there_yet_is_empty(tmp_path):
    passages = read_passages(tmp_path / "trace")
    assert set(passages.counts.values()) == {0}
    assert passages.place is Place.BEFORE


START = [Point.RUN_START_AFTER]
WRITING = [*START, Point.BEGIN_BEFORE]
DONE = [*WRITING, Point.SQLITE_COMMIT_BEFORE, Point.SQLITE_COMMIT_AFTER, Point.COMMITTED]


@pytest.mark.parametrize(
    ("passed", "place"),
    [
        (START, Place.BETWEEN_STEPS),
        (WRITING, Place.TRANSACTION),
        ([*WRITING, Point.POSTGRES_COPY_BEFORE, Point.POSTGRES_COPY_SENT], Place.COPY),
        ([*WRITING, Point.SQLITE_COMMIT_BEFORE], Place.CHUNK_COMMIT),
        (DONE, Place.BETWEEN_COMMITS),
        ([*DONE, Point.STATE_COMMIT_BEFORE], Place.STATE_COMMIT),
        ([*DONE, Point.STATE_COMMIT_BEFORE, Point.STATE_COMMIT_AFTER, Point.CONFIRM_AFTER], Place.BETWEEN_STEPS),
        ([*START, Point.EPOCH_BEFORE], Place.TAKING_OVER),
        ([*START, Point.POSTGRES_COMMIT_BEFORE], Place.OTHER_COMMIT),
        ([*START, Point.RUN_FINISH_AFTER], Place.AFTER),
    ],
)
def test_a_trace_tells_where_the_program_was(armed, tmp_path, passed, place):
    armed({TRACE: str(tmp_path / "trace")})
    for point in passed:
        failpoint(point)
    assert read_passages(tmp_path / "trace").place is place
