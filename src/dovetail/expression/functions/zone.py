"""Local times and instants; the zone's name is written in the expression."""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import zoneinfo
from collections.abc import Sequence

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import ConstantText, Instant, Stamp, function


def _is_zone(constants: Sequence[object]) -> None:
    name = str(constants[1])
    if name not in _known():
        near = difflib.get_close_matches(name, _known(), n=2)
        advice = f"; did you mean {' or '.join(sorted(near))}?" if near else ", for example Europe/Berlin"
        raise ValueError(f"{name[:60]!r} is no time zone{advice}")


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


@function(check=_is_zone)
def at_zone(stamp: Stamp, zone: ConstantText) -> Instant:
    """The instant at which clocks in that zone show this time. A time that the zone skips, or has twice, is a failure.

    >>> at_zone(dt.datetime(2026, 7, 1, 12), "Europe/Berlin").isoformat()
    '2026-07-01T10:00:00+00:00'
    """
    first = stamp.replace(tzinfo=_zone(zone), fold=0)
    second = first.replace(fold=1)
    if first.utcoffset() != second.utcoffset():
        skipped = first.astimezone(dt.UTC).astimezone(_zone(zone)).replace(tzinfo=None) != stamp
        words = "the zone skips this local time" if skipped else "the zone has this local time twice"
        raise RowFailure(FailureCode.LOCAL_TIME, words)
    return _shifted(first, dt.UTC)


@function(check=_is_zone)
def in_zone(instant: Instant, zone: ConstantText) -> Stamp:
    """What clocks in that zone show at this instant.

    >>> in_zone(dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC), "Europe/Berlin").isoformat()
    '2026-01-01T13:00:00'
    """
    return _shifted(instant, _zone(zone)).replace(tzinfo=None, fold=0)


def _shifted(stamp: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    try:
        return stamp.astimezone(zone)
    except OverflowError:
        raise RowFailure(FailureCode.LOCAL_TIME, "the time lies outside the years 1 to 9999") from None
