"""How one value is cast: strictly, so that no text or number changes its meaning unseen."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.numbers import decimal, exactly, integer, rounded
from dovetail.model.type import Kind, Type

Cast = Callable[[Any], object]

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")
_STAMP = re.compile(rf"{_DATE.pattern}[ T]{_TIME.pattern}")
_INSTANT = re.compile(rf"{_STAMP.pattern}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

_WHOLE = decimal(38, 0)

_FIGURES_MAX = 40
"""Digits of a text that Python may be asked to read as one integer."""


def cast(source: Kind, target: Type) -> Cast:
    """The function that casts values of one kind, none of them null; it raises `RowFailure` for a value
    without an equal."""
    if source is target.kind and source is not Kind.DECIMAL:
        return _unchanged
    given = _CASTS.get((source, target.kind))
    if given is not None:
        return given
    match source, target.kind:
        case Kind.INTEGER | Kind.DECIMAL, Kind.DECIMAL:
            return lambda value: rounded(Decimal(value), target)
        case Kind.FLOAT, Kind.DECIMAL:
            return lambda value: rounded(_finite(value), target)
        case Kind.TEXT, Kind.DECIMAL:
            return lambda value: rounded(Decimal(_matching(_NUMBER, value, "a number")), target)
    raise AssertionError(f"no cast from {source} to {target}")


def widen(target: Type) -> Cast:
    """The function that brings an exact number to a wider type without rounding."""
    if target.kind is Kind.INTEGER:
        return _unchanged
    return lambda value: exactly(Decimal(value), target)


def _unchanged(value: object) -> object:
    return value


def _unreadable(wanted: str) -> RowFailure:
    return RowFailure(FailureCode.UNREADABLE, f"the value is not {wanted}")


def _matching(pattern: re.Pattern[str], value: object, wanted: str) -> str:
    text = str(value)
    if pattern.fullmatch(text) is None:
        raise _unreadable(wanted)
    return text


def _finite(value: Decimal | float) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise _unreadable("a finite number")
    return number


def _text_to_integer(value: object) -> int:
    text = _matching(_INTEGER, value, "an integer")
    if len(text) > _FIGURES_MAX and len(text.lstrip("-0")) > _FIGURES_MAX:
        raise RowFailure(FailureCode.OVERFLOW, "the number does not fit a 64-bit integer")
    return integer(int(text) if len(text) <= _FIGURES_MAX else int(Decimal(text)))


def _text_to_float(value: object) -> float:
    return float(_matching(_NUMBER, value, "a number")) or 0.0


def _text_to_boolean(value: object) -> bool:
    if value not in ("true", "false"):
        raise _unreadable("true or false")
    return value == "true"


def _text_to_date(value: object) -> dt.date:
    text = _matching(_DATE, value, "a date (2026-11-21)")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise _unreadable("a date (2026-11-21)") from None


def _text_to_time(value: object) -> dt.time:
    text = _matching(_TIME, value, "a time (10:30:00)")
    try:
        return dt.time.fromisoformat(_six_digits(text))
    except ValueError:
        raise _unreadable("a time (10:30:00)") from None


def _text_to_stamp(value: object) -> dt.datetime:
    text = _matching(_STAMP, value, "a time stamp (2026-11-21 10:30:00)")
    try:
        return dt.datetime.fromisoformat(_six_digits(text))
    except ValueError:
        raise _unreadable("a time stamp (2026-11-21 10:30:00)") from None


def _text_to_instant(value: object) -> dt.datetime:
    wanted = "an instant (2026-11-21 10:30:00+01:00)"
    text = _matching(_INSTANT, value, wanted)
    zone = text[19:].lstrip(".0123456789")
    try:
        stamp = dt.datetime.fromisoformat(_six_digits(text[: -len(zone)]))
        shift = dt.timedelta() if zone == "Z" else _shift(zone)
        return (stamp - shift).replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise _unreadable(wanted) from None


def _shift(zone: str) -> dt.timedelta:
    figures = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(figures[:2]), int(figures[2:])
    if hours > 15 or minutes > 59:
        raise ValueError(zone)
    shift = dt.timedelta(hours=hours, minutes=minutes)
    return -shift if zone[0] == "-" else shift


def _six_digits(text: str) -> str:
    """A fraction of a second with all six digits, as Python 3.11 and later read it alike."""
    whole, point, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(6, '0')}" if point else whole


def _text_to_uuid(value: object) -> str:
    return str(uuid.UUID(_matching(_UUID, value, "a UUID")))


def _text_to_json(value: object) -> str:
    try:
        json.loads(str(value), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _unreadable("JSON") from None
    return str(value)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _number_to_boolean(value: object) -> bool:
    if value not in (0, 1):
        raise _unreadable("0 or 1")
    return value == 1


def _number_to_float(value: int | Decimal) -> float:
    return float(value)


def _to_whole(value: Decimal | float) -> int:
    return integer(int(rounded(_finite(value), _WHOLE)))


def _number_to_text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _boolean_to_text(value: object) -> str:
    return "true" if value else "false"


def _stamp_to_text(value: dt.datetime) -> str:
    return value.isoformat(sep=" ")


def _to_iso(value: dt.date | dt.time) -> str:
    return value.isoformat()


def _date_to_stamp(value: dt.date) -> dt.datetime:
    return dt.datetime.combine(value, dt.time())


def _stamp_to_date(value: dt.datetime) -> dt.date:
    return value.date()


def _stamp_to_time(value: dt.datetime) -> dt.time:
    return value.time()


def _boolean_to_integer(value: object) -> int:
    return int(bool(value))


_CASTS: dict[tuple[Kind, Kind], Cast] = {
    (Kind.TEXT, Kind.INTEGER): _text_to_integer,
    (Kind.TEXT, Kind.FLOAT): _text_to_float,
    (Kind.TEXT, Kind.BOOLEAN): _text_to_boolean,
    (Kind.TEXT, Kind.DATE): _text_to_date,
    (Kind.TEXT, Kind.TIME): _text_to_time,
    (Kind.TEXT, Kind.TIMESTAMP): _text_to_stamp,
    (Kind.TEXT, Kind.INSTANT): _text_to_instant,
    (Kind.TEXT, Kind.UUID): _text_to_uuid,
    (Kind.TEXT, Kind.JSON): _text_to_json,
    (Kind.INTEGER, Kind.BOOLEAN): _number_to_boolean,
    (Kind.INTEGER, Kind.FLOAT): _number_to_float,
    (Kind.INTEGER, Kind.TEXT): _number_to_text,
    (Kind.DECIMAL, Kind.FLOAT): _number_to_float,
    (Kind.DECIMAL, Kind.INTEGER): _to_whole,
    (Kind.DECIMAL, Kind.TEXT): _number_to_text,
    (Kind.FLOAT, Kind.INTEGER): _to_whole,
    (Kind.FLOAT, Kind.TEXT): _number_to_text,
    (Kind.BOOLEAN, Kind.TEXT): _boolean_to_text,
    (Kind.BOOLEAN, Kind.INTEGER): _boolean_to_integer,
    (Kind.DATE, Kind.TEXT): _to_iso,
    (Kind.DATE, Kind.TIMESTAMP): _date_to_stamp,
    (Kind.TIME, Kind.TEXT): _to_iso,
    (Kind.TIMESTAMP, Kind.TEXT): _stamp_to_text,
    (Kind.TIMESTAMP, Kind.DATE): _stamp_to_date,
    (Kind.TIMESTAMP, Kind.TIME): _stamp_to_time,
    (Kind.INSTANT, Kind.TEXT): _stamp_to_text,
    (Kind.UUID, Kind.TEXT): _unchanged,
    (Kind.JSON, Kind.TEXT): _unchanged,
}
"""The casts that need nothing of the target but its kind."""
