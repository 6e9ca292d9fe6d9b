"""From a driver's Python values to Arrow columns: whole columns at once, value by value only where one does not fit."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import TypeVar

import pyarrow as pa

from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type
from dovetail.systems.sql.dialect import DOUBLE_DIGITS

OUT_OF_RANGE = "beyond the years 1 to 9999"
_EXACT = Context(prec=80, traps=[InvalidOperation])
_DAY_S = 86_400
_START = dt.datetime(2000, 1, 1)
"""A midnight, to which a time of day is added."""
_EXPECTED: dict[Kind, tuple[type, ...]] = {
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
    Kind.DECIMAL: (Decimal,),
    Kind.FLOAT: (float,),
    Kind.TEXT: (str,),
    Kind.JSON: (str,),
    Kind.OPAQUE: (str,),
    Kind.BYTES: (bytes,),
    Kind.DATE: (dt.date,),
    Kind.TIME: (dt.time,),
    Kind.TIMESTAMP: (dt.datetime,),
    Kind.INSTANT: (dt.datetime,),
}
"""What drivers usually give."""

_Parsed = TypeVar("_Parsed")


class _Unreadable(ValueError):
    """A value that its field's type cannot carry; the words hold no value."""


def is_padded(kind: Type) -> bool:
    """Whether texts are filled up with blanks to a fixed length, so that those at the end mean nothing."""
    return kind.native.upper().startswith(("CHAR(", "NCHAR("))


def carry(
    columns: Sequence[Sequence[object]], fields: Sequence[Field], marks: Mapping[int, Sequence[object]]
) -> pa.RecordBatch:
    """The columns as one batch; `marks` says, by column, which values the system held back, a true value meaning so."""
    reasons: dict[int, list[str]] = {}
    arrays = []
    for place, (field, given) in enumerate(zip(fields, columns, strict=True)):
        values = given
        if is_padded(field.type):
            values = [value.rstrip(" ") if isinstance(value, str) else value for value in given]
        array = _whole(values, field.type)
        if array is None:
            array, failed = _each(values, field.type)
            for at, words in failed:
                reasons.setdefault(at, []).append(f"{field.name}: {words}")
        for at, mark in enumerate(marks.get(place, ())):
            if mark:
                reasons.setdefault(at, []).append(f"{field.name}: {OUT_OF_RANGE}")
        arrays.append(array)
    names = [field.name for field in fields]
    if reasons:
        names.append(UNREADABLE)
        rows = len(arrays[0]) if arrays else 0
        arrays.append(pa.array(["; ".join(reasons[at]) if at in reasons else None for at in range(rows)], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def _whole(values: Sequence[object], kind: Type) -> pa.Array | None:
    """The column at once; `None` where some value must be looked at by itself."""
    classes = set(map(type, values)) - {type(None)}
    if not classes <= set(_EXPECTED.get(kind.kind, ())):
        return None
    if kind.kind in (Kind.TIMESTAMP, Kind.INSTANT):
        zoned = {value.tzinfo is not None for value in values if isinstance(value, dt.datetime)}
        if zoned - {kind.kind is Kind.INSTANT}:
            return None
    if kind.kind is Kind.TIME and any(isinstance(value, dt.time) and value.tzinfo for value in values):
        return None
    try:
        return pa.array(values, kind.arrow())
    except (pa.ArrowException, ValueError, OverflowError):
        return None


def _each(values: Sequence[object], kind: Type) -> tuple[pa.Array, list[tuple[int, str]]]:
    carried: list[object] = []
    failed: list[tuple[int, str]] = []
    reader = _READERS[kind.kind]
    for at, value in enumerate(values):
        try:
            carried.append(None if value is None else reader(value, kind))
        except _Unreadable as reason:
            carried.append(None)
            failed.append((at, str(reason)))
    return pa.array(carried, kind.arrow()), failed


def _wrong(value: object, kind: Type) -> _Unreadable:
    return _Unreadable(f"the driver gives a {type(value).__name__} for {kind.native or kind}")


def _boolean(value: object, kind: Type) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise _wrong(value, kind)


def _integer(value: object, kind: Type) -> int:
    if isinstance(value, (int, Decimal, bool)) and int(value) == value and -(2**63) <= value < 2**63:
        return int(value)
    raise _wrong(value, kind)


def _decimal(value: object, kind: Type) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong(value, kind)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise _Unreadable("the number is not finite")
    if isinstance(value, float) and len(number.as_tuple().digits) > DOUBLE_DIGITS:
        raise _Unreadable("the driver gives a decimal number as a float, which may have lost digits")
    scale = FREE_DECIMAL_SCALE if kind.scale is None else kind.scale
    precision = kind.precision or DECIMAL_PRECISION_MAX
    try:
        fitted = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    except InvalidOperation:
        raise _Unreadable(f"the number does not fit {kind}") from None
    if fitted != number or (fitted and fitted.adjusted() >= precision - scale):
        raise _Unreadable(f"the number does not fit {kind}")
    return fitted


def _float(value: object, kind: Type) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool) and Decimal(float(value)) == value:
        return float(value)
    raise _wrong(value, kind)


def _text(value: object, kind: Type) -> str:
    if not isinstance(value, str):
        raise _wrong(value, kind)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unreadable("the text is not Unicode") from None
    return value


def _bytes(value: object, kind: Type) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise _wrong(value, kind)


def _uuid(value: object, kind: Type) -> str:
    if isinstance(value, uuid.UUID):
        return str(value)
    text = _text(value, kind)
    try:
        found = str(uuid.UUID(text))
    except ValueError:
        raise _Unreadable("not a UUID") from None
    if found != text.lower():
        raise _Unreadable("a UUID in another form")
    return found


def _date(value: object, kind: Type) -> dt.date:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time() or value.tzinfo:
            raise _Unreadable("a time stands in a field of dates")
        return value.date()
    return value if isinstance(value, dt.date) else _parsed(_text(value, kind), dt.date.fromisoformat)


def _time(value: object, kind: Type) -> dt.time:
    if isinstance(value, dt.timedelta):
        if not dt.timedelta() <= value < dt.timedelta(seconds=_DAY_S):
            raise _Unreadable("a duration, not a time of day")
        return (_START + value).time()
    time = value if isinstance(value, dt.time) else _parsed(_text(value, kind), dt.time.fromisoformat)
    if time.tzinfo is not None:
        raise _Unreadable("a time with a zone stands in a field declared without one")
    return time


def _stamp(value: object, kind: Type) -> dt.datetime:
    if isinstance(value, dt.datetime):
        stamp = value
    elif isinstance(value, dt.date):
        stamp = dt.datetime.combine(value, dt.time())
    else:
        stamp = _parsed(_text(value, kind), dt.datetime.fromisoformat)
    if (stamp.tzinfo is not None) != (kind.kind is Kind.INSTANT):
        raise _Unreadable("a zone stands where none is declared, or none where one is")
    try:
        return stamp.astimezone(dt.UTC) if stamp.tzinfo else stamp
    except OverflowError:
        raise _Unreadable(OUT_OF_RANGE) from None


def _parsed(text: str, parse: Callable[[str], _Parsed]) -> _Parsed:
    try:
        return parse(text)
    except ValueError:
        raise _Unreadable("the text is no date or time in ISO 8601 that exists") from None


_READERS: dict[Kind, Callable[[object, Type], object]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _stamp,
    Kind.INSTANT: _stamp,
    Kind.UUID: _uuid,
    Kind.JSON: _text,
    Kind.OPAQUE: _text,
}
