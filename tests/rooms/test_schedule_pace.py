"""Buckets, pauses, breakers and agendas, by a clock that a test moves."""

from __future__ import annotations

import datetime as dt

import pytest

from dovetail.errors import Overdue, Unreachable
from dovetail.model.calendar import Calendar, Window
from dovetail.schedule.agenda import EVERY_S, Agenda, Timetable
from dovetail.schedule.breaker import Breaker, Circuit, Patience
from dovetail.schedule.circuits import Circuits
from dovetail.schedule.clock import Time
from dovetail.schedule.pace import Bucket, pause_s


class Seconds:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


def test_a_bucket_lets_no_more_through_than_its_rate(seconds):
    bucket = Bucket(10, clock=seconds)
    written = 0
    for _ in range(600):
        rows = bucket.rows
        bucket.take(rows)
        written += rows
        seconds.now += 0.1
    assert 600 <= written <= 610


def test_more_rows_at_once_are_made_up_for(seconds):
    bucket = Bucket(10, clock=seconds)
    bucket.take(30)
    assert (bucket.rows, round(bucket.wait_s(), 3)) == (0, 2.1)
    seconds.now += 2.1
    assert (bucket.rows, bucket.wait_s()) == (1, 0)


def test_a_rest_is_no_stock_for_later(seconds):
    bucket = Bucket(10, clock=seconds)
    seconds.now += 3600
    assert bucket.rows == 10


def test_a_clock_that_goes_back_gives_nothing(seconds):
    bucket = Bucket(10, clock=seconds)
    bucket.take(10)
    seconds.now -= 100
    assert bucket.rows == 0


def test_less_than_one_row_a_second(seconds):
    bucket = Bucket(0.5, clock=seconds)
    bucket.take(1)
    assert (bucket.rows, bucket.wait_s()) == (0, 2.0)


def test_pauses_grow_to_a_cap_and_vary_by_half():
    assert [pause_s(at, first_s=1, cap_s=8, share=0) for at in range(1, 6)] == [1, 2, 4, 8, 8]
    assert all(4 <= pause_s(9, first_s=1, cap_s=8, share=share / 10) <= 8 for share in range(11))


@pytest.fixture
def breaker(seconds):
    return Breaker(Patience(failures=3, first_s=1, cap_s=4), clock=seconds, draw=lambda: 0.0)


def test_a_breaker_opens_after_some_failures_in_a_row(breaker):
    breaker.fail("lost")
    breaker.fail("lost")
    breaker.succeed()
    breaker.fail("lost")
    breaker.fail("lost")
    assert breaker.circuit is Circuit.CLOSED
    breaker.fail("lost")
    assert breaker.circuit is Circuit.OPEN


def test_a_system_that_did_not_answer_in_time_is_left_alone_at_once(breaker):
    breaker.fail("late", is_grave=True)
    assert breaker.circuit is Circuit.OPEN


def test_one_probe_at_a_time_and_pauses_that_grow_to_a_cap(breaker, seconds):
    breaker.fail("late", is_grave=True)
    pauses = []
    for _ in range(5):
        pauses.append(breaker.wait_s)
        assert not breaker.lets_through()
        seconds.now += breaker.wait_s
        assert breaker.lets_through()
        assert breaker.circuit is Circuit.PROBING
        assert not breaker.lets_through()
        breaker.fail("late")
    assert pauses == [1, 2, 4, 4, 4]
    seconds.now += 4
    assert breaker.lets_through()
    breaker.succeed()
    assert (breaker.circuit, breaker.reason) == (Circuit.CLOSED, "")


def test_only_the_system_that_does_not_answer_is_left_alone(seconds):
    down = {"shop"}

    def probe(system):
        if system in down:
            raise Overdue(f"{system} did not answer")

    clock = Time(now_s=seconds, draw=lambda: 0.0, aside=lambda work: work())
    circuits = Circuits(["shop", "crm"], probe, patience=Patience(), clock=clock)
    circuits.suspect(["shop", "crm"])
    assert circuits.left_alone() == set()
    circuits.review()
    assert circuits.left_alone() == {"shop"}
    assert circuits.reason(["crm"]) == ""
    assert "shop" in circuits.reason(["crm", "shop"])
    down.clear()
    seconds.now += 1
    circuits.review()
    circuits.review()
    assert circuits.left_alone() == set()


def test_a_system_is_asked_once_until_it_answers(seconds):
    waiting = []
    clock = Time(now_s=seconds, draw=lambda: 0.0, aside=waiting.append)
    circuits = Circuits(
        ["shop"], lambda _: (_ for _ in ()).throw(Unreachable("gone")), patience=Patience(), clock=clock
    )
    circuits.suspect(["shop"])
    circuits.suspect(["shop"])
    circuits.review()
    assert len(waiting) == 1
    waiting.pop()()
    assert circuits.has_answers


DAY = Calendar("0 2 * * *", (0,), (2,), tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7)))
TEN = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


def test_a_mapping_is_looked_over_again_after_its_time():
    agenda = Agenda(Timetable(every_s=30), wall=TEN)
    assert agenda.is_due(0)
    agenda.looked(1, 1)
    assert (agenda.is_due(29.9), agenda.wait_s(1, TEN), agenda.is_due(30)) == (False, 29, True)


def test_looks_take_a_tenth_of_the_time_at_most():
    agenda = Agenda(Timetable(every_s=EVERY_S), wall=TEN)
    agenda.looked(100, 20)
    assert (agenda.is_due(279), agenda.is_due(280)) == (False, True)


def test_outside_its_window_a_mapping_waits():
    agenda = Agenda(Timetable(window=Window(dt.time(22), dt.time(6))), wall=TEN)
    reason = agenda.reason(TEN)
    assert (reason.kind, reason.until) == ("window", TEN.replace(hour=22))
    assert agenda.reason(TEN.replace(hour=23)) is None


def test_a_calendar_is_met_once_each_time_it_is_due():
    agenda = Agenda(Timetable(calendar=DAY), wall=TEN)
    assert agenda.reason(TEN).until == TEN + dt.timedelta(hours=16)
    night = TEN + dt.timedelta(hours=16, minutes=3)
    assert agenda.reason(night) is None
    assert agenda.met == TEN + dt.timedelta(hours=16)
    agenda.ends()
    assert agenda.reason(night) is None, "it was not looked over yet"
    agenda.looked(0, 1)
    assert agenda.reason(night) is None, "keys wait still"
    agenda.ends()
    assert agenda.reason(night).until == TEN + dt.timedelta(hours=40)


def test_a_time_that_was_missed_is_made_up_for_once():
    agenda = Agenda(Timetable(calendar=DAY), wall=TEN, last=TEN - dt.timedelta(days=5))
    assert agenda.reason(TEN) is None
    agenda.looked(0, 1)
    agenda.ends()
    assert agenda.reason(TEN).until == TEN + dt.timedelta(hours=16)


def test_a_clock_that_is_put_back_makes_nothing_due_twice():
    agenda = Agenda(Timetable(calendar=DAY), wall=TEN)
    night = TEN + dt.timedelta(hours=16)
    assert agenda.reason(night) is None
    agenda.looked(0, 1)
    agenda.ends()
    earlier = night - dt.timedelta(minutes=10)
    assert agenda.reason(earlier) is not None
    assert agenda.reason(night) is not None
