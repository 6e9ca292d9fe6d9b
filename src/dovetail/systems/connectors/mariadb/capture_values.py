"""Single values of a row as the binary log writes them: how many bytes each takes, and keys as the server would send
them as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct

CHARSETS = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "utf8": "utf-8",
    "ascii": "ascii",
    "latin1": "cp1252",
    "ucs2": "utf-16-be",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}
"""Character sets whose texts we can read, with Python's names for them."""

_SIZES = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 0, 7: 4, 8: 8, 9: 3, 10: 3, 11: 3, 12: 8, 13: 1, 14: 3}
_TIMES = {17: 4, 18: 5, 19: 3}
_VARYING = frozenset({15, 253, 141})
_BLOBS = frozenset({140, 245, 249, 250, 251, 252, 255})
_BIT, _DECIMAL, _ENUM, _SET, _STRING = 16, 246, 247, 248, 254
_ONE_BYTE = frozenset({4, 5, *_TIMES, *_BLOBS})
_SHORT_MAX = 256
_DIGITS = 9
_GROUP = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes that so many decimal digits take."""

_INTEGERS = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "integer": 4, "bigint": 8}
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BYTES = frozenset({"varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_UINT = {1: Struct("<B"), 2: Struct("<H"), 4: Struct("<I")}
_TIME_ZERO = 0x800000

Read = Callable[[bytes], "bytes | None"]
"""Makes the text of a value's bytes; `None` where it has none that we know."""


@dataclass(frozen=True, slots=True)
class Width:
    """How the bytes of one column's values are found: `size` of them, or as many as the `prefix` bytes before them
    say. `fraction` are the digits of a second, or the scale of a decimal; `digits` its precision."""

    code: int
    size: int = 0
    prefix: int = 0
    digits: int = 0
    fraction: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A column of a key, as the table declares it."""

    name: str
    base: str
    """The type's first word."""
    declared: str
    charset: str | None = None

    def is_known(self) -> bool:
        """Whether its values can be read from the log."""
        if self.base in _TEXTS or self.base == "enum":
            return self.charset in CHARSETS
        return self.base in {*_INTEGERS, *_BYTES, *_TIMERS, "binary", "bit", "decimal", "uuid"}


def widths(codes: bytes, told: bytes) -> list[Width]:
    """The width of every column, from the types and their details in a table's map."""
    found, at = [], 0
    for code in codes:
        if code in _ONE_BYTE:
            found.append(_of_one(code, told[at]))
            at += 1
        elif code in _VARYING:
            found.append(Width(code, prefix=1 if _UINT[2].unpack_from(told, at)[0] < _SHORT_MAX else 2))
            at += 2
        elif code in (_STRING, _ENUM, _SET):
            found.append(_of_string(told[at], told[at + 1]))
            at += 2
        elif code == _BIT:
            found.append(Width(code, size=told[at + 1] + (told[at] > 0)))
            at += 2
        elif code == _DECIMAL:
            precision, scale = told[at], told[at + 1]
            found.append(Width(code, size=_decimal_bytes(precision, scale), digits=precision, fraction=scale))
            at += 2
        else:
            found.append(Width(code, size=_SIZES[code]))
    return found


def _of_one(code: int, detail: int) -> Width:
    if code in _BLOBS:
        return Width(code, prefix=detail)
    if code in _TIMES:
        return Width(code, size=_TIMES[code] + (detail + 1) // 2, fraction=detail)
    return Width(code, size=_SIZES[code])


def _of_string(first: int, second: int) -> Width:
    if first & 0x30 != 0x30:
        second |= (first & 0x30 ^ 0x30) << 4
        first |= 0x30
    if first in (_ENUM, _SET):
        return Width(first, size=second)
    return Width(first, prefix=1 if second < _SHORT_MAX else 2, digits=second)


def _decimal_bytes(precision: int, scale: int) -> int:
    whole = precision - scale
    return sum(4 * (digits // _DIGITS) + _GROUP[digits % _DIGITS] for digits in (whole, scale))


def reader(part: Part, width: Width) -> Read | None:
    """Makes the text that the server would send of a value of this column, for a session in UTC and utf8mb4; `None`
    where the log holds another type than the table declares."""
    size = _INTEGERS.get(part.base)
    if size is not None:
        is_signed = "unsigned" not in part.declared
        return _integer(is_signed=is_signed) if width.size == size and not width.prefix else None
    if part.base in _TEXTS and (width.prefix or part.base != "char"):
        codec = CHARSETS[part.charset or ""]
        return _same if codec in ("utf-8", "ascii") else lambda held: _spelled(held, codec)
    if part.base == "binary" and width.prefix:
        return lambda held: held.ljust(width.digits, b"\0")
    if part.base == "uuid" and width.prefix:
        return lambda held: _uuid(held.ljust(width.digits, b"\0"))
    if part.base in _BYTES:
        return _same
    if part.base == "bit" and width.code == _BIT:
        return lambda held: str(int.from_bytes(held, "big")).encode()
    if part.base == "enum" and width.code == _ENUM:
        labels = [label.replace("''", "'").encode() for label in _LABEL.findall(part.declared)]
        return lambda held: _label(held, labels)
    if part.base == "decimal" and width.code == _DECIMAL:
        return lambda held: _decimal(held, width.digits, width.fraction)
    wanted, timer = _TIMERS.get(part.base, (0, None))
    return None if timer is None or wanted != width.code else lambda held: timer(held, width.fraction)


def _same(held: bytes) -> bytes:
    return held


def _spelled(held: bytes, codec: str) -> bytes | None:
    try:
        return held.decode(codec).encode()
    except UnicodeError:
        return held.decode("latin-1").encode() if codec == "cp1252" and len(held) == 1 else None


def _integer(*, is_signed: bool) -> Read:
    return lambda held: str(int.from_bytes(held, "little", signed=is_signed)).encode()


def _label(held: bytes, labels: Sequence[bytes]) -> bytes | None:
    number = int.from_bytes(held, "little")
    return b"" if number == 0 else labels[number - 1] if number <= len(labels) else None


def _uuid(held: bytes) -> bytes:
    """The server keeps the parts of most UUIDs from the last to the first, so that they sort by time."""
    if held[6] & 0x80:  # the variant's bit stands where an unturned one has its version
        held = held[12:] + held[10:12] + held[8:10] + held[6:8] + held[:6]
    digits = held.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()


def _decimal(held: bytes, precision: int, scale: int) -> bytes:
    """A decimal number as groups of nine digits, the sign in the first bit."""
    is_negative = not held[0] & 0x80
    mask = 0xFF if is_negative else 0
    plain = bytes(one ^ mask for one in bytes([held[0] ^ 0x80]) + held[1:])
    whole, at = precision - scale, 0
    digits = ""
    for count, is_fraction in ((whole, False), (scale, True)):
        rest, full = count % _DIGITS, count // _DIGITS
        groups = [_DIGITS] * full + [rest] if is_fraction else [rest] + [_DIGITS] * full
        for group in groups:
            size = _GROUP[group]
            if group:
                digits += str(int.from_bytes(plain[at : at + size], "big")).rjust(group, "0")
            at += size
    digits = digits.rjust(scale + 1, "0")
    point = len(digits) - scale
    return f"{'-' if is_negative else ''}{int(digits[:point])}{'.' if scale else ''}{digits[point:]}".encode()


def _fraction(held: bytes, fraction: int) -> str:
    if not fraction:
        return ""
    digits = str(int.from_bytes(held, "big")).rjust(2 * ((fraction + 1) // 2), "0")
    return "." + digits[:fraction]


def _date(held: bytes, _: int) -> bytes:
    number = int.from_bytes(held, "little")
    return f"{number >> 9:04d}-{number >> 5 & 15:02d}-{number & 31:02d}".encode()


def _datetime(held: bytes, fraction: int) -> bytes:
    number = int.from_bytes(held[:5], "big") & 0x7FFFFFFFFF
    months, day, hour = number >> 22, number >> 17 & 31, number >> 12 & 31
    minute, second = number >> 6 & 63, number & 63
    text = f"{months // 13:04d}-{months % 13:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
    return (text + _fraction(held[5:], fraction)).encode()


def _timestamp(held: bytes, fraction: int) -> bytes:
    seconds = int.from_bytes(held[:4], "big")
    when = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    text = f"{when:%Y-%m-%d %H:%M:%S}" if any(held) else "0000-00-00 00:00:00"
    return (text + _fraction(held[4:], fraction)).encode()


def _time(held: bytes, fraction: int) -> bytes:
    places = 8 * (len(held) - 3)
    number = int.from_bytes(held, "big") - (_TIME_ZERO << places)
    sign = "-" if number < 0 else ""
    whole, parts = abs(number) >> places, abs(number) & ((1 << places) - 1)
    text = f"{sign}{whole >> 12 & 1023:02d}:{whole >> 6 & 63:02d}:{whole & 63:02d}"
    return (text + _fraction(parts.to_bytes(len(held) - 3, "big"), fraction)).encode()


def _year(held: bytes, _: int) -> bytes:
    return b"%04d" % (1900 + held[0] if held[0] else 0)


_TIMERS: dict[str, tuple[int, Callable[[bytes, int], bytes]]] = {
    "date": (10, _date),
    "datetime": (18, _datetime),
    "timestamp": (17, _timestamp),
    "time": (19, _time),
    "year": (13, _year),
}
