"""Reads calendars of five fields, as `cron` has them, and the days of a week."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dovetail.model.calendar import Calendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of a week, as they are written."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
"""The months, as they are written."""

_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    title: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """The number that a text stands for."""
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not text.isdecimal() or not self.first <= int(text) <= self.last:
            raise ValueError(f"the {self.title} cannot be {text[:20]!r}")
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 7, ("sun", *DAYS[:-1])),
)


def read_calendar(text: str) -> Calendar:
    """The calendar of five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). Each is
    `*`, a number or a name, `a-b`, any of them with `/step`, or several with commas. A `ValueError` says what is wrong.

    >>> found = read_calendar("*/20 2 * * mon-fri")
    >>> found.minutes, found.hours, found.weekdays
    ((0, 20, 40), (2,), (0, 1, 2, 3, 4))
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"a calendar has 5 fields, and {len(parts)} stand here")
    minutes, hours, days, months, weekdays = (_numbers(part, field) for part, field in zip(parts, _FIELDS, strict=True))
    names_days, names_weekdays = (not parts[at].startswith("*") for at in (2, 4))
    return Calendar(
        text=" ".join(parts),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({(number - 1) % 7 for number in weekdays})),
        every_hour=parts[1].startswith("*"),
        either_day=names_days and names_weekdays,
    )


def read_days(text: str) -> tuple[int, ...]:
    """The days of a week that a text names; Monday is 0. A `ValueError` says what is wrong.

    >>> read_days("sat-mon, wed")
    (0, 2, 5, 6)
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        ends = (first, last) if dash else (first, first)
        for word in ends:
            if word not in DAYS:
                raise ValueError(f"no day is called {word[:20]!r}")
        start, end = (DAYS.index(word) for word in ends)
        found |= {at % 7 for at in range(start, end + 1 if end >= start else end + 8)}
    return tuple(sorted(found))


def _numbers(text: str, field: _Field) -> tuple[int, ...]:
    """The numbers that one field names."""
    found: set[int] = set()
    for part in text.split(","):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise ValueError(f"the {field.title} cannot be {part[:20]!r}")
        star, low, high, step = matched.groups()
        first = field.first if star else field.number(low)
        last = field.last if star or (step and not high) else field.number(high or low)
        if field.last == 7 and last == 0 and high:
            last = 7
        if first > last:
            raise ValueError(f"the {field.title} ends before it begins in {part[:20]!r}")
        if step and not int(step):
            raise ValueError(f"the {field.title} has a step of 0")
        found |= set(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))
