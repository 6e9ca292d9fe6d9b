"""From SQLite's values to Arrow columns: whole columns at once, value by value only where one does not fit its type."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.carrier import recast
from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type
from dovetail.systems.connectors.sqlite.declared import Affinity, affinity
from dovetail.systems.sql.dialect import DOUBLE_DIGITS

_Parsed = TypeVar("_Parsed")

_NULL = type(None)
_EXACT = Context(prec=80, traps=[InvalidOperation])
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DIGITS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SCALES = (2, 6)
"""Decimal places tried for whole columns of numbers that declare none."""

_EXACT_POWER = 22
"""The largest power of ten that a 64-bit float holds exactly."""

_WORDS = {int: "a whole number", float: "a number", str: "a text", bytes: "a blob"}


class _Unreadable(ValueError):
    """A value that its field's type cannot carry; the words hold no value."""


def carry(rows: Sequence[tuple[object, ...]], fields: Sequence[Field], zone: ZoneInfo | None = None) -> pa.RecordBatch:
    """The rows as one batch, in the carriers of the fields' types; what cannot be carried is null and explained."""
    columns: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    names = [field.name for field in fields]
    reasons: dict[int, list[str]] = {}
    arrays = []
    for field, values in zip(fields, columns, strict=True):
        try:
            array = _whole(values, field.type)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            array = None
        if array is None:
            array, failed = _each(values, field.type, zone)
            for position, reason in failed:
                reasons.setdefault(position, []).append(f"{field.name}: {reason}")
        arrays.append(array)
    if reasons:
        names.append(UNREADABLE)
        words = ["; ".join(reasons[at]) if at in reasons else None for at in range(len(rows))]
        arrays.append(pa.array(words, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def _whole(values: Sequence[object], kind: Type) -> pa.Array | None:
    """The column at once, or `None` (or an Arrow error) where some value must be looked at by itself."""
    classes = set(map(type, values))
    classes.discard(_NULL)
    match kind.kind:
        case Kind.INTEGER if classes <= {int}:
            return pa.array(values, pa.int64())
        case Kind.FLOAT if classes <= {int, float}:
            return pa.array(values, pa.float64())
        case Kind.TEXT | Kind.JSON | Kind.OPAQUE if classes <= {str}:
            return pa.array(values, pa.string())
        case Kind.BYTES if classes <= {bytes}:
            return pa.array(values, pa.binary())
        case Kind.BOOLEAN if classes <= {int}:
            return _booleans(values)
        case Kind.DECIMAL if classes <= {int, float}:
            return _decimals(values, kind, classes)
        case Kind.DECIMAL if classes <= {str} and affinity(kind.native) is Affinity.TEXT:
            texts = pa.array(values, pa.string())
            plain = _all(pc.match_substring_regex(texts, f"^{_DIGITS.pattern}$"))
            short = _all(pc.less_equal(pc.utf8_length(texts), DECIMAL_PRECISION_MAX))
            return recast(texts, kind.arrow()) if plain and short else None
        case Kind.UUID if classes <= {str}:
            array = pa.array(values, pa.string())
            return array if _all(pc.match_substring_regex(array, f"^{_UUID.pattern}$")) else None
        case Kind.DATE | Kind.TIMESTAMP if classes <= {str}:
            return _stamps(values, kind)
    return None


def _all(tests: pa.Array) -> bool:
    return pc.all(tests, min_count=0).as_py() is not False


def _booleans(values: Sequence[object]) -> pa.Array | None:
    array = pa.array(values, pa.int64())
    truth = array.cast(pa.bool_())
    return truth if _all(pc.equal(array, truth.cast(pa.int64()))) else None


def _stamps(values: Sequence[object], kind: Type) -> pa.Array | None:
    """ISO texts; only the two full shapes go the fast way, and never a year before 1."""
    texts = pa.array(values, pa.string())
    shape = r"^\d{4}-\d\d-\d\d$" if kind.kind is Kind.DATE else r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$"
    if not _all(pc.match_substring_regex(texts, shape)) or not _all(pc.greater_equal(texts, pa.scalar("0001"))):
        return None
    return texts.cast(kind.arrow())


def _decimals(values: Sequence[object], kind: Type, classes: set[type]) -> pa.Array | None:
    """Exact decimals: for a double, the shortest decimal number that is read as this double."""
    carrier = kind.arrow()
    if float not in classes:
        return recast(pa.array(values, pa.int64()), carrier)
    doubles = pa.array(values, pa.float64())
    for scale in (kind.scale,) if kind.scale is not None else _SCALES:
        if scale > _EXACT_POWER:
            break
        power = float(10**scale)
        scaled = pc.round(pc.multiply(doubles, power))
        small = pc.less(pc.abs(scaled), pa.scalar(float(10**DOUBLE_DIGITS)))
        if _all(small) and _all(pc.equal(pc.divide(scaled, power), doubles)):
            units = scaled.cast(pa.int64()).cast(pa.decimal128(19, 0))
            placed = pa.Array.from_buffers(pa.decimal128(19, scale), len(units), units.buffers())
            return recast(placed, carrier)
    return None


def _each(values: Sequence[object], kind: Type, zone: ZoneInfo | None) -> tuple[pa.Array, list[tuple[int, str]]]:
    """The column value by value, with the positions that cannot be carried."""
    reader = _READERS[kind.kind]
    carried: list[object] = []
    failed: list[tuple[int, str]] = []
    for position, value in enumerate(values):
        try:
            carried.append(None if value is None else reader(value, kind, zone))
        except _Unreadable as reason:
            carried.append(None)
            failed.append((position, str(reason)))
    return pa.array(carried, kind.arrow()), failed


def _wrong(value: object, kind: Type) -> _Unreadable:
    return _Unreadable(f"{_WORDS.get(type(value), 'a value')} stands in a field declared {kind.native or kind}")


def _boolean(value: object, kind: Type, _: ZoneInfo | None) -> bool:
    if type(value) is int and value in (0, 1):
        return value == 1
    if type(value) is int:
        raise _Unreadable(f"a number other than 0 and 1 stands in a field declared {kind.native or kind}")
    raise _wrong(value, kind)


def _integer(value: object, kind: Type, _: ZoneInfo | None) -> int:
    if type(value) is int:
        return value
    raise _wrong(value, kind)


def _float(value: object, kind: Type, _: ZoneInfo | None) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        if int(float(value)) == value:
            return float(value)
        raise _Unreadable("a whole number that a 64-bit float cannot hold exactly")
    raise _wrong(value, kind)


def _decimal(value: object, kind: Type, _: ZoneInfo | None) -> Decimal:
    if isinstance(value, str):
        textual = affinity(kind.native) in (Affinity.TEXT, Affinity.BLOB)
        if not (textual and _DIGITS.fullmatch(value)):
            raise _wrong(value, kind)
    elif type(value) not in (int, float):
        raise _wrong(value, kind)
    number = Decimal(repr(value) if isinstance(value, float) else str(value))
    if not number.is_finite():
        raise _Unreadable("the number is infinite")
    scale = FREE_DECIMAL_SCALE if kind.scale is None else kind.scale
    precision = kind.precision or DECIMAL_PRECISION_MAX
    try:
        fitted = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    except InvalidOperation:
        raise _Unreadable(f"the number does not fit {kind}") from None
    if fitted != number or (fitted and fitted.adjusted() >= precision - scale):
        raise _Unreadable(f"the number does not fit {kind}")
    return fitted


def _text(value: object, kind: Type, _: ZoneInfo | None) -> str:
    if not isinstance(value, str):
        raise _wrong(value, kind)
    if not _is_unicode(value):
        raise _Unreadable("the text is not valid UTF-8")
    return value


def _opaque(value: object, kind: Type, zone: ZoneInfo | None) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return repr(value)
    return _text(value, kind, zone)


def _uuid(value: object, kind: Type, zone: ZoneInfo | None) -> str:
    text = _text(value, kind, zone)
    if not _UUID.fullmatch(text):
        raise _Unreadable("not a UUID in lower case with hyphens")
    return text


def _bytes(value: object, kind: Type, _: ZoneInfo | None) -> bytes:
    if isinstance(value, bytes):
        return value
    raise _wrong(value, kind)


def _date(value: object, kind: Type, zone: ZoneInfo | None) -> dt.date:
    text = _text(value, kind, zone)
    return _parsed(_shaped(text, _DATE, "a date"), dt.date.fromisoformat, "a date")


def _time(value: object, kind: Type, zone: ZoneInfo | None) -> dt.time:
    text = _text(value, kind, zone)
    return _parsed(_shaped(text, _TIME, "a time"), dt.time.fromisoformat, "a time")


def _timestamp(value: object, kind: Type, zone: ZoneInfo | None) -> dt.datetime:
    text = _text(value, kind, zone)
    if _DATE.fullmatch(text):
        text += " 00:00:00"
    stamp = _parsed(_shaped(text, _STAMP, "a time stamp"), dt.datetime.fromisoformat, "a time stamp")
    if stamp.tzinfo is not None:
        raise _Unreadable("a time stamp with a zone stands in a field declared without one")
    return stamp


def _instant(value: object, kind: Type, zone: ZoneInfo | None) -> dt.datetime:
    text = _text(value, kind, zone)
    stamp = _parsed(_shaped(text, _STAMP, "a time stamp"), dt.datetime.fromisoformat, "a time stamp")
    if stamp.tzinfo is None:
        if zone is None:
            raise _Unreadable("a time stamp without a zone, and the system declares no timezone")
        stamp = stamp.replace(tzinfo=zone)
        if stamp.utcoffset() != stamp.replace(fold=1).utcoffset():
            raise _Unreadable("a time stamp that the time zone has twice or not at all")
    try:
        return stamp.astimezone(dt.UTC)
    except OverflowError:
        raise _Unreadable("a time stamp beyond the years 1 to 9999") from None


def _shaped(text: str, shape: re.Pattern[str], words: str) -> str:
    if not shape.fullmatch(text) or not text.isascii():
        raise _Unreadable(f"the text is not {words} in ISO 8601")
    return text


def _parsed(text: str, parse: Callable[[str], _Parsed], words: str) -> _Parsed:
    try:
        return parse(text)
    except ValueError:
        raise _Unreadable(f"the text is not {words} that exists") from None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_READERS: dict[Kind, Callable[[object, Type, ZoneInfo | None], object]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
    Kind.UUID: _uuid,
    Kind.JSON: _opaque,
    Kind.OPAQUE: _opaque,
}
