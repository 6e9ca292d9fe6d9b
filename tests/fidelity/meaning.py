"""What a stored value means, told without Dovetail, and whether two systems mean the same.

The judge of the matrix: it knows nothing of the engine, of Arrow carriers or of logical types."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from decimal import Decimal

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Meaning:
    """A value by its kind: `null`, `number`, `float`, `bool`, `text`, `bytes`, `date` (days since 1970), `moment`,
    `instant` and `time` (nanoseconds), `uuid`, `json`, or `broken`: the bare text of what is none of its column's values."""

    kind: str
    value: object = None


NULL = Meaning("null")


def of_float(value: float) -> Meaning:
    """A 64-bit float by its bits; all that are no number are one."""
    return Meaning("float", "nan" if math.isnan(value) else value.hex())


def of_bits(text: str) -> Meaning:
    """A float from the 16 hexadecimal digits of its bits."""
    return of_float(struct.unpack(">d", bytes.fromhex(text))[0])


def of_number(text: str) -> Meaning:
    """An exact number, or one of the three that are none."""
    lower = text.lower()
    if lower in ("nan", "infinity", "-infinity"):
        return Meaning("number", lower)
    return Meaning("number", Decimal(text) or Decimal())


def of_decimal_float(text: str) -> Meaning:
    """The float that a decimal text spells, to its last digit; else the number that it is."""
    near, exact = float(text), Decimal(text)
    is_spelled = math.isfinite(near) and exact in (Decimal(near), Decimal(repr(near)))
    return of_float(near) if is_spelled else Meaning("number", exact)


def of_json(text: str) -> Meaning:
    """A JSON text token by token: the order of names, doubled names and every digit count, blanks do not."""
    try:
        return Meaning("json", _frozen(parse_json(text)))
    except ValueError:
        return Meaning("broken", text)


def parse_json(text: str) -> object:
    """JSON with every name and every digit kept."""
    return json.loads(text, object_pairs_hook=_Pairs, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)


class _Pairs(list):
    """An object's names and values, in order."""


def _refuse(word: str) -> object:
    raise ValueError(word)


def _frozen(value: object) -> object:
    if isinstance(value, _Pairs):
        return ("object", *((name, _frozen(part)) for name, part in value))
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    if isinstance(value, dict):
        return ("object", *((name, _frozen(part)) for name, part in value.items()))
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, float):
        return ("number", Decimal(repr(value))) if math.isfinite(value) else ("float", repr(value))
    if isinstance(value, bytes):
        return ("str", "\\x" + value.hex())
    return ("number", Decimal(value)) if isinstance(value, int | Decimal) else ("str", str(value))


def of_nested(value: object) -> Meaning:
    """A nested value of Python as the JSON that it stands for."""
    return Meaning("json", _frozen(value))


_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$", re.ASCII)


def days(year: int, month: int, day: int) -> int | None:
    """Days since 1970 in the Gregorian calendar, years before 1 included; `None` where there is no such day."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return None
    before = year - 1
    whole = before * 365 + before // 4 - before // 100 + before // 400
    return whole + sum(lengths[: month - 1]) + day - 1 - 719_162


def of_date(text: str) -> Meaning:
    """A date as 2024-12-31."""
    found = _DATE.fullmatch(text)
    day = days(int(found[1]), int(found[2]), int(found[3])) if found and found[1] != "0000" else None
    return Meaning("broken", text) if day is None else Meaning("date", day)


def of_time(text: str) -> Meaning:
    """A time of day as 23:59:59.5; 24:00 is none."""
    clock = _clock(text)
    return Meaning("broken", text) if clock is None or clock >= DAY_NS else Meaning("time", clock)


def _clock(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[2]) > 59 or int(found[3] or 0) > 59 or int(found[1]) > 24:
        return None
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    return seconds * 1_000_000_000 + int((found[4] or "").ljust(9, "0"))


def of_moment(text: str) -> Meaning:
    """A time stamp as 2024-12-31 23:59:59.5, with a zone an instant."""
    zone = _ZONE.search(text)
    bare = text[: zone.start()] if zone and len(text) > 10 else text
    day, sign, clock = bare[:10], bare[10:11], bare[11:] or "00:00:00"
    date, time = of_date(day), _clock(clock)
    if date.kind == "broken" or time is None or time >= DAY_NS or sign not in ("", " ", "T") or len(bare) == 11:
        return Meaning("broken", text)
    assert isinstance(date.value, int)
    nanos = date.value * DAY_NS + time
    if bare is text or zone is None:
        return Meaning("moment", nanos)
    if zone[1] == "Z":
        return Meaning("instant", nanos)
    digits = zone[1][1:].replace(":", "")
    offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000_000
    return Meaning("instant", nanos - offset if zone[1][0] == "+" else nanos + offset)


def agree(one: Meaning, other: Meaning) -> bool:
    """Whether both say the same thing, to the last digit, blank and byte.

    A float and an exact number agree where the number is the float's own value, or the shortest that names it."""
    if one == other:
        return True
    kinds = {one.kind, other.kind}
    if kinds == {"broken", "text"}:
        return one.value == other.value
    if kinds == {"float", "number"}:
        exact, near = (one, other) if one.kind == "number" else (other, one)
        return _is_float(exact.value, str(near.value))
    if kinds == {"bool", "number"}:
        return {one.value, other.value} in ({True, Decimal(1)}, {False, Decimal(0)}) and len({one.kind, other.kind}) == 2
    if kinds == {"date", "moment"}:
        date, moment = (one, other) if one.kind == "date" else (other, one)
        return isinstance(date.value, int) and isinstance(moment.value, int) and date.value * DAY_NS == moment.value
    if kinds == {"uuid", "text"}:
        return one.value == other.value
    if kinds == {"json", "text"}:
        text, parsed = (one, other) if one.kind == "text" else (other, one)
        return of_json(str(text.value)) == parsed
    return False


def _is_float(exact: object, near: str) -> bool:
    if near == "nan" or isinstance(exact, str):
        return (near, exact) in (("nan", "nan"), ("inf", "infinity"), ("-inf", "-infinity"))
    value = float.fromhex(near)
    if math.isinf(value) or not isinstance(exact, Decimal):
        return False
    if value == 0:
        return exact == 0 and exact.is_signed() == (math.copysign(1, value) < 0)
    return exact in (Decimal(value), Decimal(repr(value)))
