"""Reads when mappings are due and how fast systems may be written."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

from dovetail.model.calendar import Calendar, Window
from dovetail.model.mapping import JOURNAL_KEEP_S
from dovetail.project.calendar import read_calendar, read_days
from dovetail.project.keys import JOURNAL, WINDOW
from dovetail.project.locate import shown
from dovetail.project.node import Listing, Node, Scalar
from dovetail.project.shape import Reader

EVERY_S_MAX = 31 * 86_400
"""Seconds between two passes at most."""
RATE_MAX = 1_000_000_000
"""Rows in a second at most, where a pace is declared."""

_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_RATE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*/\s*(s|m|min|h)")
_RATE_S = {"s": 1, "m": 60, "min": 60, "h": 3600}
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")


def read_every(reader: Reader, node: Node | None) -> tuple[float | None, Calendar | None]:
    """The seconds between two passes, or the calendar."""
    text = reader.text(node, "`every`")
    if text is None or node is None:
        return None, None
    found = _TIME.fullmatch(text)
    if found:
        seconds = float(found[1]) * _SECONDS[found[2]]
        if 0 < seconds <= EVERY_S_MAX:
            return seconds, None
        reader.mistakes.add("`every` lies between 1ms and 31d", node.at, code="DV-105", hint="write it as 5s, 2m or 1h")
        return None, None
    words = "write a number with ms, s, m, h or d: 5s, 2m, 1h"
    if len(text.split()) < 3:
        reader.mistakes.add(f"`every` cannot be {shown(text)}", node.at, code="DV-105", hint=words)
        return None, None
    try:
        return None, read_calendar(text)
    except ValueError as mistake:
        hint = "write minute, hour, day, month and day of the week, as in '0 2 * * mon-fri'"
        reader.mistakes.add(f"`every` cannot be {shown(text)}: {mistake}", node.at, code="DV-105", hint=hint)
        return None, None


def read_window(reader: Reader, node: Node | None) -> Window | None:
    """The time of the day in which a mapping is worked on."""
    table = reader.table(node, WINDOW)
    if table is None:
        return None
    start, end = _clock(reader, table.get("from"), "`from`"), _clock(reader, table.get("to"), "`to`")
    days = _days(reader, table.get("days"))
    if start is None or end is None or days is None:
        return None
    return Window(start, end, days)


def _clock(reader: Reader, node: Node | None, what: str) -> dt.time | None:
    text = reader.text(node, what)
    if text is None or node is None:
        return None
    found = _CLOCK.fullmatch(text)
    if found is None or (found[1] == "24" and found[2] != "00"):
        reader.mistakes.add(f"{what} cannot be {shown(text)}", node.at, code="DV-105", hint="write it as 22:00")
        return None
    return dt.time(int(found[1]) % 24, int(found[2]))


def _days(reader: Reader, node: Node | None) -> tuple[int, ...] | None:
    """The days; all where none are named, `None` where they cannot be read."""
    if node is None:
        return tuple(range(7))
    texts = [text for text, _ in reader.texts(node, "`days`")] if isinstance(node, Listing) else None
    text = ",".join(texts) if texts is not None else reader.text(node, "`days`")
    if not text:
        return None
    try:
        return read_days(text)
    except ValueError as mistake:
        hint = "write mon-fri, or mon, wed, sat"
        reader.mistakes.add(f"`days` cannot be {shown(text)}: {mistake}", node.at, code="DV-105", hint=hint)
        return None


def read_rate(reader: Reader, node: Node | None) -> float | None:
    """The rows in a second at most."""
    text = reader.text(node, "`rate`")
    if text is None or node is None:
        return None
    found = _RATE.fullmatch(text)
    rate_s = float(found[1]) / _RATE_S[found[2]] if found else 0.0
    if not 0 < rate_s <= RATE_MAX:
        hint = "write rows in a second, a minute or an hour: 100/s, 600/m, 5000/h"
        reader.mistakes.add(f"`rate` cannot be {shown(text)}", node.at, code="DV-105", hint=hint)
        return None
    return rate_s


def read_journal(reader: Reader, node: Node | None) -> float | None:
    """The seconds for which the journal is kept; `None` for ever."""
    table = reader.table(node, JOURNAL)
    kept = table.get("keep") if table is not None else None
    text = reader.text(kept, "`keep`")
    if text is None or kept is None:
        return JOURNAL_KEEP_S
    if text == "forever":
        return None
    found = _TIME.fullmatch(text)
    if found is None or float(found[1]) == 0:
        hint = "write a number with m, h or d: 12h, 90d; or forever"
        reader.mistakes.add(f"`keep` cannot be {shown(text)}", kept.at, code="DV-105", hint=hint)
        return JOURNAL_KEEP_S
    return float(found[1]) * _SECONDS[found[2]]


def read_zone(reader: Reader, node: Node | None) -> str | None:
    """The name of a time zone that there is."""
    name = reader.text(node, "`timezone`")
    zones = zoneinfo.available_timezones() if name is not None else set()
    if name is not None and isinstance(node, Scalar) and zones and name not in zones:
        message = f"no time zone is called {shown(name)}"
        reader.mistakes.unknown(message, node.at, name=name, known=_near_zones(name, zones))
    return name


def _near_zones(name: str, zones: set[str]) -> list[str]:
    """Zones worth proposing: those of the same last part first, then all others."""
    last = name.rpartition("/")[2].lower()
    return sorted(zones, key=lambda zone: (zone.rpartition("/")[2].lower() != last, zone))
