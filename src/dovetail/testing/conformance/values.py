"""The hostile values, by kind."""

from __future__ import annotations

from decimal import Decimal

from dovetail.model.type import Kind, Type

_DAY = 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_NINES = "9" * 38
_WHOLE, _FREE, _FINE = f"{_NINES}", f"{_NINES[:20]}.{_NINES[20:]}", f"0.{_NINES}"

# fmt: off
_MOMENTS: tuple[object, ...] = (
    0, 1, -1, 999_999, -999_999, 1_700_000_000_123_456, 2_147_483_648_000_000, -12_219_292_800_000_000,
    _FIRST_DAY * _DAY, _LAST_DAY * _DAY + _DAY - 1, (_LAST_DAY + 1) * _DAY, _FIRST_DAY * _DAY - 1,
)
_TEXTS: tuple[object, ...] = (
    "", " ", "  ", "a ", " a", "\t", "\n", "\r", "\r\n", "a\nb", "NULL", "null", "\\N", "\\.", "\\", "\\n",
    "\x01", "\x7f", "\x1f",
    '"', '""', "'", "''", ",", ";", "a,b", "=cmd|' /C calc'!A0", "{}", "{NULL}", "%s", "$1",
    "0", "007", "1e5", "+1", "-0", "1.0", "true", "NaN", "infinity", "2024-01-31",
    "é", "e\u0301", "ß", "İ", "ı", "\u200b", "\ufeff", "\u202eabc", "\u2028", "\U0010ffff", "日本語", "𝒳",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "x" * 10_000, "a\0b", "\0",
)
_JSON: tuple[object, ...] = (
    "{}", "[]", "null", '"x"', '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', "1e400", "12345678901234567890123", "1.10",
    " 1 ", '"\\u0000"', '"\\ud800"', "not json", "",
)
_FLOATS: tuple[object, ...] = (
    0.0, -0.0, 0.1, 0.1 + 0.2, 1.0, 1e22, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53 + 2,
    123456789.123456789, float("nan"), float("inf"), float("-inf"),
)
_UUIDS: tuple[object, ...] = (
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07", "no uuid",
)
_DATES: tuple[object, ...] = (
    0, -1, -141_428, -25_508, 19_782, _FIRST_DAY, _LAST_DAY, _LAST_DAY + 1, _FIRST_DAY - 1, 2**31 - 1, -(2**31),
)
# fmt: on


def _decimals(*texts: str) -> tuple[object, ...]:
    return tuple(Decimal(sign + text) for text in texts for sign in ("", "-"))


VALUES: dict[str, tuple[Type, tuple[object, ...]]] = {
    "booleans": (Type(Kind.BOOLEAN), (True, False)),
    "integers": (Type(Kind.INTEGER), (0, -1, 2**63 - 1, -(2**63), 2**31, -(2**31) - 1, 2**53 + 1)),
    "prices": (Type(Kind.DECIMAL, precision=12, scale=2), _decimals("0.01", "9999999999.99", "1.10", "0.10", "100.00")),
    "whole_decimals": (
        Type(Kind.DECIMAL, precision=38, scale=0),
        _decimals(_WHOLE, "9223372036854775808", "18446744073709551616"),
    ),
    "fine_decimals": (Type(Kind.DECIMAL, precision=38, scale=38), _decimals("1E-38", _FINE)),
    "free_decimals": (Type(Kind.DECIMAL), _decimals(_FREE, "1E-18", "0.1", "1.5", "10000000000000000000", "7.25")),
    "floats": (Type(Kind.FLOAT), _FLOATS),
    "texts": (Type(Kind.TEXT), _TEXTS),
    "short_texts": (
        Type(Kind.TEXT, length=5),
        ("", "abcde", "abcdef", "abcde ", "a    ", "日本語日本", "\U0001f44d" * 5, "éééééé"),
    ),
    "bytes": (Type(Kind.BYTES), (b"", b"\0", b"\\", b"\\x00", bytes(range(256)), b"\xff\xfe", b"'", b"x" * 70_000)),
    "dates": (Type(Kind.DATE), _DATES),
    "times": (Type(Kind.TIME), (0, 1, _DAY - 1, 43_200_000_000, 100_000, 3_600_000_000)),
    "timestamps": (Type(Kind.TIMESTAMP), _MOMENTS),
    "instants": (Type(Kind.INSTANT), _MOMENTS),
    "uuids": (Type(Kind.UUID), _UUIDS),
    "json": (Type(Kind.JSON), _JSON),
    "opaque_texts": (Type(Kind.OPAQUE), ("", " ", "a\nb", "007", "1e5", "é", "{1,2}")),
}
"""For each kind its values; whole numbers stand for the days and microseconds of dates and times."""
