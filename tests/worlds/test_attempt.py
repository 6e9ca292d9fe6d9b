"""Trying again: only what passes, with growing pauses, a bounded number of times and for a bounded time."""

import pytest

from dovetail.engine import attempt
from dovetail.engine.attempt import persist
from dovetail.engine.progress import Silent
from dovetail.errors import AccessDenied, DovetailError, Fenced, Full, Overdue, Refused, Throttled, Unreachable


class Clock:
    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


def tried(errors, *, each_s=0.0):
    """How often work is tried that fails with these errors first, the pauses, and what came of it."""
    clock, left = Clock(), list(errors)
    tries = []

    def work():
        tries.append(None)
        clock.now += each_s
        if left:
            raise left.pop(0)
        return "done"

    try:
        answer = persist(work, Silent(), sleep=clock.sleep, clock=lambda: clock.now)
    except DovetailError as error:
        answer = error.code
    return len(tries), clock.pauses, answer


def test_what_passes_is_tried_again_with_growing_pauses():
    assert tried([Unreachable("lost")] * 3) == (4, [0.25, 0.5, 1.0], "done")


def test_the_last_error_stands():
    tries, pauses, answer = tried([Unreachable("lost")] * 50)
    assert (tries, answer) == (attempt.TRIES_MAX, "DV-301")
    assert max(pauses) == attempt.PAUSE_MAX_S
    assert sum(pauses) < attempt.PATIENCE_S


@pytest.mark.parametrize(
    "error", [AccessDenied("no"), Full("full"), Fenced("over"), Refused("rows"), DovetailError("x")]
)
def test_what_does_not_pass_is_raised_at_once(error):
    assert tried([error]) == (1, [], error.code)


def test_a_deadline_that_was_long_is_not_waited_for_again():
    assert tried([Overdue("late")] * 9, each_s=60) == (1, [], "DV-303")
    assert tried([Overdue("late")] * 9, each_s=20)[0] == 3


def test_a_system_may_ask_for_patience_within_bounds():
    assert tried([Throttled("wait", retry_after_s=3)]) == (2, [3.0], "done")
    assert tried([Throttled("wait", retry_after_s=3600)]) == (2, [attempt.PAUSE_MAX_S], "done")
