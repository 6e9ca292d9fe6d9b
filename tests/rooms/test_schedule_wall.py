"""What is due when: calendars and windows, on ordinary days and on nights on which the clock is changed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.model.calendar import Calendar, Window
from dovetail.schedule.wall import instant, is_open, next_time, opens

BERLIN, LONDON, APIA, LORD_HOWE = (
    ZoneInfo(name) for name in ("Europe/Berlin", "Europe/London", "Pacific/Apia", "Australia/Lord_Howe")
)
ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS = tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7))


def calendar(minutes=(0,), hours=None, *, days=ALL_DAYS, months=ALL_MONTHS, weekdays=ALL_WEEKDAYS, either=False):
    every_hour = hours is None
    return Calendar("", minutes, tuple(range(24)) if every_hour else hours, days, months, weekdays, every_hour, either)


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def due(table, after, zone, count):
    found = []
    for _ in range(count):
        after = next_time(table, after, zone)
        found.append(after.isoformat()[:16])
    return found


def test_two_in_the_morning_in_berlin():
    assert due(calendar(hours=(2,)), utc("2026-11-20T23:00"), BERLIN, 2) == ["2026-11-21T01:00", "2026-11-22T01:00"]


def test_a_time_that_the_clock_passes_over_is_due_when_it_is_put_forward():
    night = calendar(minutes=(15, 45), hours=(2,))
    assert due(night, utc("2027-03-27T12:00"), BERLIN, 3) == [
        "2027-03-28T01:00",
        "2027-03-29T00:15",
        "2027-03-29T00:45",
    ]


def test_a_time_that_the_clock_shows_twice_is_due_once():
    night = calendar(minutes=(30,), hours=(2,))
    assert due(night, utc("2027-10-30T12:00"), BERLIN, 2) == ["2027-10-31T00:30", "2027-11-01T01:30"]


def test_what_is_due_every_hour_follows_the_time_that_passes():
    hourly = calendar(minutes=(30,))
    assert due(hourly, utc("2027-10-31T00:00"), BERLIN, 3) == [
        "2027-10-31T00:30",
        "2027-10-31T01:30",
        "2027-10-31T02:30",
    ]
    assert due(hourly, utc("2027-03-28T00:00"), BERLIN, 2) == ["2027-03-28T00:30", "2027-03-28T01:30"]


def test_half_an_hour_of_change_is_no_whole_one():
    assert due(calendar(minutes=(15,), hours=(2,)), utc("2026-10-03T00:00"), LORD_HOWE, 1) == ["2026-10-03T15:30"]


def test_a_day_that_a_zone_left_out_is_made_up_for():
    the_30th = calendar(hours=(5,), days=(30,), months=(12,))
    assert next_time(the_30th, utc("2011-12-01T00:00"), APIA).astimezone(APIA).isoformat()[:16] == "2011-12-31T00:00"


def test_the_29th_of_february_comes_after_eight_years():
    leap = calendar(hours=(0,), days=(29,), months=(2,))
    assert next_time(leap, utc("2096-03-01T00:00"), dt.UTC) == utc("2104-02-29T00:00")


def test_a_day_that_never_comes_is_never_due():
    assert next_time(calendar(days=(30,), months=(2,)), utc("2026-01-01T00:00"), dt.UTC) is None


def test_one_of_day_and_weekday_is_enough_where_both_are_named():
    both = calendar(hours=(0,), days=(13,), weekdays=(4,), either=True)
    assert due(both, utc("2026-11-01T00:00"), dt.UTC, 3) == ["2026-11-06T00:00", "2026-11-13T00:00", "2026-11-20T00:00"]
    assert due(calendar(hours=(0,), days=(13,), weekdays=(4,)), utc("2026-11-01T00:00"), dt.UTC, 2) == [
        "2026-11-13T00:00",
        "2027-08-13T00:00",
    ]


def shown(moment, zone, table):
    """Whether the clock on the wall shows a minute of the calendar then."""
    wall = moment.astimezone(zone)
    return wall.minute in table.minutes and wall.hour in table.hours and table.has(wall.date())


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2030, 1, 1)),
    st.sampled_from([BERLIN, LONDON, LORD_HOWE, ZoneInfo("America/St_Johns"), dt.UTC]),
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.one_of(st.none(), st.sets(st.integers(0, 23), min_size=1, max_size=3)),
)
def test_it_is_the_minute_that_a_watcher_of_the_clock_would_name(start, zone, minutes, hours):
    """A watcher looks at the clock every minute, notes the first time that each time of a day is shown, and where the
    clock jumped, the minute after the jump."""
    start = start.replace(second=0, microsecond=0, tzinfo=dt.UTC)
    table = calendar(tuple(sorted(minutes)), None if hours is None else tuple(sorted(hours)))
    seen, moment = set(), start - dt.timedelta(days=1)
    wall_before = (moment - dt.timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    expected = []
    while moment <= start + dt.timedelta(days=2):
        wall = moment.astimezone(zone).replace(tzinfo=None)
        jumped = [wall_before + dt.timedelta(minutes=at) for at in range(1, int((wall - wall_before).seconds / 60))]
        jumped = jumped if wall > wall_before else []
        passed = any(one.minute in table.minutes and one.hour in table.hours for one in jumped)
        if (shown(moment, zone, table) and (table.every_hour or wall not in seen)) or (passed and not table.every_hour):
            expected.append(moment)
        seen.add(wall)
        wall_before = wall
        moment += dt.timedelta(minutes=1)
    found, after = [], start
    while True:
        after = next_time(table, after, zone)
        if after > start + dt.timedelta(days=2):
            break
        found.append(after)
    assert found == [one for one in expected if one > start]


def test_an_instant_of_a_zone_without_changes():
    assert instant(dt.datetime(2026, 11, 21, 5), dt.UTC) == utc("2026-11-21T05:00")


NIGHT = Window(dt.time(22), dt.time(6), days=(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("now", "is_it", "when"),
    [
        ("2026-11-20T20:59", False, "2026-11-20T21:00"),  # a Friday; Berlin is an hour ahead
        ("2026-11-20T21:00", True, "2026-11-20T21:00"),
        ("2026-11-21T04:59", True, "2026-11-21T04:59"),
        ("2026-11-21T05:00", False, "2026-11-23T21:00"),
        ("2026-11-22T23:00", False, "2026-11-23T21:00"),  # the night before Monday began on a Sunday
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(now, is_it, when):
    assert (is_open(NIGHT, utc(now), BERLIN), opens(NIGHT, utc(now), BERLIN)) == (is_it, utc(when))


def test_a_window_from_midnight_to_midnight_is_a_whole_day():
    sunday = Window(dt.time(0), dt.time(0), days=(6,))
    assert is_open(sunday, utc("2026-11-22T12:00"), dt.UTC)
    assert not is_open(sunday, utc("2026-11-23T00:00"), dt.UTC)


def test_a_window_that_begins_while_the_clock_is_put_forward():
    early = Window(dt.time(2, 30), dt.time(5))
    assert opens(early, utc("2027-03-28T00:59"), BERLIN) == utc("2027-03-28T01:00")
