"""When something is due, as a person declares it: a calendar of five fields, and a window of time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calendar:
    """Minutes of the clock on the wall at which something is due, as `0 2 * * mon-fri` says them.

    `weekdays` count from Monday, which is 0. Where `every_hour` is true the hour was left open (`*`). Where
    `either_day` is true, days and weekdays were both named, and one of them is enough."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    every_hour: bool = False
    either_day: bool = False

    def has(self, day: dt.date) -> bool:
        """Whether something is due on that day.

        >>> mondays = Calendar("0 2 * * 1", (0,), (2,), tuple(range(1, 32)), tuple(range(1, 13)), (0,))
        >>> mondays.has(dt.date(2026, 11, 23)), mondays.has(dt.date(2026, 11, 24))
        (True, False)
        """
        is_day, is_weekday = day.day in self.days, day.weekday() in self.weekdays
        return day.month in self.months and (is_day or is_weekday if self.either_day else is_day and is_weekday)


@dataclass(frozen=True, slots=True)
class Window:
    """The time of the day in which work is allowed, by the clock on the wall: from `start`, until `end`.

    Where `end` is not later than `start` it lies on the next day; `days` (Monday is 0) are those on which it begins."""

    start: dt.time
    end: dt.time
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def has(self, wall: dt.datetime) -> bool:
        """Whether it is open at that time of the clock on the wall.

        >>> night = Window(dt.time(22), dt.time(6), days=(4,))
        >>> times = ((20, 21), (20, 22), (21, 5), (21, 6), (21, 22))
        >>> [night.has(dt.datetime(2026, 11, day, hour)) for day, hour in times]
        [False, True, True, False, False]
        """
        time, day = wall.time(), wall.weekday()
        if self.start < self.end:
            return self.start <= time < self.end and day in self.days
        return (time >= self.start and day in self.days) or (time < self.end and (day - 1) % 7 in self.days)
