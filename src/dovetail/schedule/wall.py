"""When the clock on the wall shows a time: also on nights on which it is put forward or back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import product

from dovetail.model.calendar import Calendar, Window

DAYS_MAX = 366 * 9
"""Days in which a calendar must be due once; the 29th of February may be eight years away."""

_SECOND = dt.timedelta(seconds=1)
_DAY = dt.timedelta(days=1)


def instant(wall: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The moment at which the clock of a zone first shows that time; a time that it passes over is shown when it was
    put forward.

    >>> import zoneinfo
    >>> berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    >>> instant(dt.datetime(2027, 3, 28, 2, 30), berlin).isoformat()
    '2027-03-28T01:00:00+00:00'
    >>> instant(dt.datetime(2027, 10, 31, 2, 30), berlin).isoformat()
    '2027-10-31T00:30:00+00:00'
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    return _put_forward(wall, zone)


def _put_forward(wall: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The moment at which the clock passes over that time."""
    early = wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    after = late.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def next_time(calendar: Calendar, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """The first moment after `after` at which something is due; `None` where that is never.

    What is due at certain hours is due once on a night on which the clock is put back, and when it was put forward
    where it passes over the time. What is due at every hour follows the time that passes."""
    day = after.astimezone(zone).date() - _DAY
    for _ in range(DAYS_MAX):
        if calendar.has(day):
            due = min((moment for moment in _moments(calendar, day, zone) if moment > after), default=None)
            if due is not None:
                return due
        day += _DAY
    return None


def _moments(calendar: Calendar, day: dt.date, zone: dt.tzinfo) -> Iterator[dt.datetime]:
    """All moments of one day at which something is due."""
    for hour, minute in product(calendar.hours, calendar.minutes):
        wall = dt.datetime.combine(day, dt.time(hour, minute))
        if not calendar.every_hour:
            yield instant(wall, zone)
            continue
        for fold in (0, 1):
            shown = wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC)
            if shown.astimezone(zone).replace(tzinfo=None) == wall:
                yield shown


def is_open(window: Window, now: dt.datetime, zone: dt.tzinfo) -> bool:
    """Whether the window is open."""
    return window.has(now.astimezone(zone).replace(tzinfo=None))


def opens(window: Window, now: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """When the window opens, `now` where it is open."""
    if is_open(window, now, zone):
        return now
    today = now.astimezone(zone).date()
    walls = (dt.datetime.combine(today + at * _DAY, window.start) for at in range(-1, 15))
    moments = (instant(wall, zone) for wall in walls)
    return next(moment for moment in moments if moment > now and is_open(window, moment, zone))
