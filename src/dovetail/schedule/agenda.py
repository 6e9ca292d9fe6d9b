"""When one mapping is worked on, and when it is looked over where no feed tells what changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dovetail.model.calendar import Calendar, Window
from dovetail.schedule.wall import is_open, next_time, opens

EVERY_S = 5.0
"""Seconds between two looks where nothing is declared."""
REST = 9.0
"""How many times longer than a look the rest after it is at least."""
MINUTE_S = 60.0
"""Seconds between two looks at the clock on the wall; windows and calendars are declared in minutes."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """What is declared about the time of one mapping, in the time zone of the project."""

    every_s: float | None = None
    calendar: Calendar | None = None
    window: Window | None = None
    zone: dt.tzinfo = dt.UTC


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mapping waits, with a word for the kind of reason, and until when it does where that is known."""

    kind: str
    words: str
    hint: str = ""
    until: dt.datetime | None = None


class Agenda:
    """The times of one mapping. Two clocks are handed in with every question: `now_s`, seconds that only grow, and the
    clock on the `wall`.

    `last` is when its calendar was last due and met, by a process before this one; a time that was missed since is made
    up for once."""

    def __init__(self, timetable: Timetable, *, wall: dt.datetime, last: dt.datetime | None = None) -> None:
        self._timetable = timetable
        self._look_s: float | None = None
        self._is_running = False
        self._due = self._next(last if last is not None else wall)
        self.met: dt.datetime | None = None
        """The last time at which the calendar was due and met."""

    def _next(self, after: dt.datetime) -> dt.datetime | None:
        calendar = self._timetable.calendar
        return next_time(calendar, after, self._timetable.zone) if calendar is not None else None

    def reason(self, wall: dt.datetime) -> Reason | None:
        """Why the mapping must wait by its window or its calendar; `None` where it need not."""
        table = self._timetable
        if table.window is not None and not is_open(table.window, wall, table.zone):
            until = opens(table.window, wall, table.zone)
            return Reason("window", f"its window opens at {_shown(until, table.zone)}", until=until)
        if table.calendar is None or self._is_running:
            return None
        if self._due is None:
            return Reason("calendar", f"its calendar {table.calendar.text!r} is never due")
        if wall < self._due:
            return Reason("calendar", f"its calendar is next due at {_shown(self._due, table.zone)}", until=self._due)
        self._is_running = True
        self._look_s = None
        self.met = self._due
        self._due = self._next(max(self._due, wall))
        return None

    def ends(self) -> None:
        """Note that all that waited was dealt with: once it was looked over, a calendar's work is over until it is due
        again."""
        self._is_running = self._is_running and self._look_s is None

    def is_due(self, now_s: float) -> bool:
        """Whether the mapping is to be looked over now; asked only while it need not wait."""
        return self._look_s is None or (self._timetable.calendar is None and now_s >= self._look_s)

    def looked(self, now_s: float, took_s: float) -> None:
        """Note a look that ended now and took so long."""
        every_s = EVERY_S if self._timetable.every_s is None else self._timetable.every_s
        self._look_s = now_s + max(every_s - took_s, REST * took_s)

    def wait_s(self, now_s: float, wall: dt.datetime) -> float:
        """Seconds until something of this may be otherwise."""
        waits = [self.turns_s(wall)]
        if self._timetable.calendar is None and self._look_s is not None:
            waits.append(self._look_s - now_s)
        return max(0.0, min(waits))

    def turns_s(self, wall: dt.datetime) -> float:
        """Seconds until the clock on the wall may make a difference, at most a minute."""
        if self._timetable.window is None and self._timetable.calendar is None:
            return MINUTE_S
        return MINUTE_S - wall.timestamp() % MINUTE_S


def _shown(moment: dt.datetime, zone: dt.tzinfo) -> str:
    return moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")
