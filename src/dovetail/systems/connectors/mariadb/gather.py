"""From the bytes of the text protocol to Arrow columns: a whole column at once, value by value only where its carrier
cannot hold one.

Texts are exact: the server writes every value so that it reads it back as the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.carrier import recast
from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind, Type

FIELD_BYTES_MAX = 64 * 2**20
"""Bytes of one value at most; a longer one is not carried."""

_TEXTS = (Kind.TEXT, Kind.JSON, Kind.OPAQUE, Kind.UUID)
_CLOCK = r"^([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?$"
_TIME = re.compile(_CLOCK)
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?")
_FIRST_DAY = -719_162
"""Days from 1970 back to the first of January of the year 1."""

_STAMPS = {
    True: (pa.date32(), pa.int32(), _FIRST_DAY),
    False: (pa.timestamp("us"), pa.int64(), _FIRST_DAY * 86_400_000_000),
}
"""For dates and for stamps: what a text becomes first, its number, and the least that a calendar of ours knows."""

_WHOLE = re.compile(rb"-?\d{1,20}")
_WHOLE_CLOCK = 8
_BITS = {b"0": False, b"1": True}
_Reasons = list[tuple[int, str]]


class _Unreadable(ValueError):
    """A value that its carrier cannot hold; the words hold no value."""


def gather(columns: Sequence[pa.Array], fields: Sequence[Field]) -> pa.RecordBatch:
    """Columns of bytes as one batch, in the carriers of the fields' types; what cannot be carried is null and
    explained."""
    names = [field.name for field in fields]
    reasons: dict[int, list[str]] = {}
    arrays = []
    for field, column in zip(fields, columns, strict=True):
        array, failed = _carried(column, field.type)
        arrays.append(array)
        for position, reason in failed:
            reasons.setdefault(position, []).append(f"{field.name}: {reason}")
    if reasons:
        words = ["; ".join(reasons[at]) if at in reasons else None for at in range(len(arrays[0]))]
        names.append(UNREADABLE)
        arrays.append(pa.array(words, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)


def _carried(column: pa.Array, kind: Type) -> tuple[pa.Array, _Reasons]:
    try:
        array = _whole(column, kind)
    except pa.ArrowException:
        array = None
    return (array, []) if array is not None else _each(column, kind)


def _whole(column: pa.Array, kind: Type) -> pa.Array | None:
    """The column at once, or `None` (or an Arrow error) where some value must be looked at by itself."""
    if column.nbytes > FIELD_BYTES_MAX and (pc.max(pc.binary_length(column)).as_py() or 0) > FIELD_BYTES_MAX:
        return None
    if kind.kind is Kind.BYTES:
        return column
    if kind.kind in _TEXTS:
        return column.cast(pa.string())  # fails where the bytes are no UTF-8
    texts = column.view(pa.string())
    match kind.kind:
        case Kind.BOOLEAN:
            return _truths(texts)
        case Kind.DATE | Kind.TIMESTAMP | Kind.INSTANT:
            return _stamps(texts, kind)
        case Kind.TIME:
            return texts.cast(pa.time64("us")) if _all(pc.match_substring_regex(texts, _CLOCK)) else None
    return recast(texts, kind.arrow())


def _truths(texts: pa.Array) -> pa.Array | None:
    numbers = texts.cast(pa.int8())
    truths = numbers.cast(pa.bool_())
    return truths if _all(pc.equal(numbers, truths.cast(pa.int8()))) else None


def _stamps(texts: pa.Array, kind: Type) -> pa.Array | None:
    carrier, number, first = _STAMPS[kind.kind is Kind.DATE]
    array = texts.cast(carrier)
    least = pc.min(array.view(number)).as_py()
    if least is not None and least < first:
        return None
    return array.cast(kind.arrow()) if kind.kind is Kind.INSTANT else array


def _all(tests: pa.Array) -> bool:
    return pc.all(tests, min_count=0).as_py() is not False


# ---------------------------------------------------------------------------------------------------- value by value


def _each(column: pa.Array, kind: Type) -> tuple[pa.Array, _Reasons]:
    read = _ONE.get(kind.kind, _text)
    values: list[object] = []
    failed: _Reasons = []
    for position, value in enumerate(column.to_pylist()):
        try:
            made = None if value is None else read(_short(value))
            values.append(_fitted(made, kind) if isinstance(made, Decimal) else made)
        except _Unreadable as reason:
            values.append(None)
            failed.append((position, str(reason)))
    return pa.array(values, kind.arrow()), failed


def _short(value: bytes) -> bytes:
    if len(value) > FIELD_BYTES_MAX:
        raise _Unreadable("longer than 64 MB")
    return value


def _fitted(value: Decimal, kind: Type) -> Decimal:
    carrier = kind.arrow()
    exact = Context(prec=carrier.precision, traps=[InvalidOperation, Inexact])
    try:
        return value.quantize(Decimal(1).scaleb(-carrier.scale), context=exact)
    except (InvalidOperation, Inexact):
        raise _Unreadable(f"the number has more digits than {carrier} holds") from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _Unreadable("a text that has no exact form in UTF-8") from None


def _truth(value: bytes) -> bool:
    if value not in _BITS:
        raise _Unreadable("a number other than 0 and 1 where a truth value is declared (see the setting tinyint_1)")
    return _BITS[value]


def _number(value: bytes) -> int:
    number = int(value) if _WHOLE.fullmatch(value) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise _Unreadable("no whole number of 64 bits")
    return number


def _decimal(value: bytes) -> Decimal:
    try:
        return Decimal(value.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        raise _Unreadable("no decimal number") from None


def _clock(value: bytes) -> time:
    text = value.decode("ascii", "replace")
    if not _TIME.match(text):
        raise _Unreadable("a time below zero, or of a day and more")
    return time.fromisoformat(text if len(text) == _WHOLE_CLOCK else text.ljust(15, "0"))


def _parts(value: bytes) -> list[int]:
    found = _STAMP.fullmatch(value.decode("ascii", "replace"))
    if found is None:
        raise _Unreadable("no date")
    parts = [int((part or "0").ljust(6, "0") if at == 7 else part or 0) for at, part in enumerate(found.groups(), 1)]
    if not all(parts[:3]):
        raise _Unreadable("a zero date" if not any(parts[:3]) else "a date without a year, a month or a day")
    return parts


def _date(value: bytes) -> date:
    try:
        return date(*_parts(value)[:3])
    except ValueError as error:
        raise _Unreadable(str(error) if isinstance(error, _Unreadable) else "no day of the calendar") from None


def _stamp(value: bytes) -> datetime:
    try:
        year, month, day, hour, minute, second, micro = _parts(value)
        return datetime(year, month, day, hour, minute, second, micro)
    except ValueError as error:
        raise _Unreadable(str(error) if isinstance(error, _Unreadable) else "no day of the calendar") from None


def _bytes(value: bytes) -> bytes:
    return value


_ONE: dict[Kind, Callable[[bytes], object]] = {
    Kind.BOOLEAN: _truth,
    Kind.INTEGER: _number,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: float,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _clock,
    Kind.TIMESTAMP: _stamp,
    Kind.INSTANT: _stamp,
}
