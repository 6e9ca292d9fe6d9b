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
    1_711_848_600_000_000, 1_711_852_200_000_000, 1_729_992_600_000_000, 1_729_996_200_000_001,  # nights of summer time
    2_147_483_647_999_999, 4_294_967_296_000_000, -2_208_988_800_000_000, -210_866_803_200_000_000,
    9_223_371_244_800_000_000, 2**63 - 1, -(2**63) + 1,
)
_TEXTS: tuple[object, ...] = (
    "", " ", "  ", "a ", " a", "\t", "\n", "\r", "\r\n", "a\nb", "NULL", "null", "\\N", "\\.", "\\", "\\n",
    "\x01", "\x7f", "\x1f",
    '"', '""', "'", "''", ",", ";", "a,b", "=cmd|' /C calc'!A0", "{}", "{NULL}", "%s", "$1",
    "0", "007", "1e5", "+1", "-0", "1.0", "true", "NaN", "infinity", "2024-01-31",
    "é", "e\u0301", "ß", "İ", "ı", "\u200b", "\ufeff", "\u202eabc", "\u2028", "\U0010ffff", "日本語", "𝒳",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "x" * 10_000, "a\0b", "\0",
    "\u00a0", "\u3000", "\u200f", "\u0430pple", "a\u0300\u0323", "\ufffd", "\ufffe", "\U0001f1e9\U0001f1ea", "\x85",
    "\x1a",
    "a\r\nb", "a\rb", "\n\n", '"a"', "'a'", '","', ";", "|", "a|b", "+49 30", "-1", "@SUM(1)", "&amp;", "<b>",
    "_x000D_",
    "0x10", "1,5", "1 000", "1/2", "2024-02-30", "24:00:00", "TRUE", "t", "nan", "NaN ", "None", "N/A", "#N/A", "1e400",
    "=1+1", "00", "1_000", "\\x41", "E'\\n'", "$$", "%%", ":a", "?", "--", "/*", "*/", "${x}", "{{x}}", "\u0000",
)
_JSON: tuple[object, ...] = (
    "{}", "[]", "null", '"x"', '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', "1e400", "12345678901234567890123", "1.10",
    "[1, 2.50, -0.0]", "[[], {}]", '{"": null}', '{"\\u00e9": "é"}', "true", '"NaN"', "1E2", "-0", '"a\\nb"',
    " 1 ", '"\\u0000"', '"\\ud800"', "not json", "",
)
_FLOATS: tuple[object, ...] = (
    0.0, -0.0, 0.1, 0.1 + 0.2, 1.0, 1e22, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53 + 2,
    123456789.123456789, -1.7976931348623157e308, 2.225073858507201e-308, 1e-7, 1e16, 123456789012345680.0, 1 / 3,
    float("nan"), float("inf"), float("-inf"),
)
_UUIDS: tuple[object, ...] = (
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07", "no uuid", "{0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07}",
    "0189a7e291b57b3c8d413f6a2c5e9b08", "", " 0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b09",
)
_DATES: tuple[object, ...] = (
    0, -1, -141_428, -25_508, 19_782, _FIRST_DAY, _LAST_DAY, _LAST_DAY + 1, _FIRST_DAY - 1, 2**31 - 1, -(2**31),
)
# fmt: on


def _decimals(*texts: str) -> tuple[object, ...]:
    return tuple(Decimal(sign + text) for text in texts for sign in ("", "-"))


VALUES: dict[str, tuple[Type, tuple[object, ...]]] = {
    "booleans": (Type(Kind.BOOLEAN), (True, False)),
    "integers": (
        Type(Kind.INTEGER),
        (0, -1, 2**63 - 1, -(2**63), 2**31, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**32, 2**62 + 1),
    ),
    "prices": (Type(Kind.DECIMAL, precision=12, scale=2), _decimals("0.01", "9999999999.99", "1.10", "0.10", "100.00")),
    "whole_decimals": (
        Type(Kind.DECIMAL, precision=38, scale=0),
        _decimals(_WHOLE, "9223372036854775808", "18446744073709551616"),
    ),
    "fine_decimals": (Type(Kind.DECIMAL, precision=38, scale=38), _decimals("1E-38", _FINE)),
    "free_decimals": (
        Type(Kind.DECIMAL),
        _decimals(
            _FREE, "1E-18", "0.1", "1.5", "10000000000000000000", "7.25", "1.005", "0.30000000000000004", "2.675"
        ),
    ),
    "floats": (Type(Kind.FLOAT), _FLOATS),
    "texts": (Type(Kind.TEXT), _TEXTS),
    "short_texts": (
        Type(Kind.TEXT, length=5),
        ("", "abcde", "abcdef", "abcde ", "a    ", "日本語日本", "\U0001f44d" * 5, "éééééé"),
    ),
    "bytes": (
        Type(Kind.BYTES),
        (
            b"",
            b"\0",
            b"\\",
            b"\\x00",
            bytes(range(256)),
            b"\xff\xfe",
            b"'",
            b"x" * 70_000,
            b"\xc3\x28",
            b"\r\n",
            b"\x1a",
            b"true",
            b"\xef\xbb\xbf",
            b" ",
        ),
    ),
    "dates": (Type(Kind.DATE), _DATES),
    "times": (Type(Kind.TIME), (0, 1, _DAY - 1, 43_200_000_000, 100_000, 3_600_000_000, 86_399_000_000, 999_999)),
    "timestamps": (Type(Kind.TIMESTAMP), _MOMENTS),
    "instants": (Type(Kind.INSTANT), _MOMENTS),
    "uuids": (Type(Kind.UUID), _UUIDS),
    "json": (Type(Kind.JSON), _JSON),
    "opaque_texts": (Type(Kind.OPAQUE), ("", " ", "a\nb", "007", "1e5", "é", "{1,2}")),
}
"""For each kind its values; whole numbers stand for the days and microseconds of dates and times."""
