"""Parts of dates and times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dovetail.expression.function import Clock, ConstantText, Day, Whole, function
from dovetail.expression.tree import Node
from dovetail.model.type import Type

_DAY_UNITS = ("year", "quarter", "month", "week", "day")
_CLOCK_UNITS = ("hour", "minute", "second")


@function()
def year(date: Day) -> Whole:
    """The year of a date or time stamp. Also written `EXTRACT(year FROM date)`.

    >>> year(dt.date(2026, 11, 21))
    2026
    """
    return date.year


@function()
def month(date: Day) -> Whole:
    """The month, 1 to 12.

    >>> month(dt.date(2026, 11, 21))
    11
    """
    return date.month


@function()
def day(date: Day) -> Whole:
    """The day of the month.

    >>> day(dt.date(2026, 11, 21))
    21
    """
    return date.day


@function()
def hour(time: Clock) -> Whole:
    """The hour, 0 to 23.

    >>> hour(dt.time(10, 30))
    10
    """
    return time.hour


@function()
def minute(time: Clock) -> Whole:
    """The minute, 0 to 59.

    >>> minute(dt.time(10, 30))
    30
    """
    return time.minute


def _is_unit(constants: Sequence[object]) -> None:
    if str(constants[0]).lower() not in (*_DAY_UNITS, *_CLOCK_UNITS):
        raise ValueError("the unit is one of " + ", ".join((*_DAY_UNITS, *_CLOCK_UNITS)))


def _second(parts: Sequence[Node]) -> Type | None:
    return parts[1].type


@function(gives=_second, check=_is_unit)
def date_trunc(unit: ConstantText, date: Day) -> Day:
    """The beginning of the year, quarter, month, week (Monday), day, hour, minute or second; a date stays a date.

    >>> date_trunc("month", dt.date(2026, 11, 21))
    datetime.date(2026, 11, 1)
    """
    unit = unit.lower()
    if isinstance(date, dt.datetime):
        if unit in _CLOCK_UNITS:
            cut = {"hour": date.replace(minute=0, second=0), "minute": date.replace(second=0)}
            return cut.get(unit, date).replace(microsecond=0)
        return dt.datetime.combine(_begin(unit, date.date()), dt.time())
    return _begin(unit, date)


def _begin(unit: str, date: dt.date) -> dt.date:
    match unit:
        case "year":
            return date.replace(month=1, day=1)
        case "quarter":
            return date.replace(month=(date.month - 1) // 3 * 3 + 1, day=1)
        case "month":
            return date.replace(day=1)
        case "week":
            return dt.date.fromordinal(max(1, date.toordinal() - date.weekday()))
    return date
