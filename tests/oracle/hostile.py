"""Values that have broken somebody's conversion, by type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from dovetail.model.type import Kind, Type

BOOLEAN, INTEGER, TEXT = Type(Kind.BOOLEAN), Type(Kind.INTEGER), Type(Kind.TEXT)
MONEY, RATE, FREE = Type(Kind.DECIMAL, 12, 2), Type(Kind.DECIMAL, 20, 9), Type(Kind.DECIMAL)
FLOAT, DATE, TIME = Type(Kind.FLOAT), Type(Kind.DATE), Type(Kind.TIME)
TIMESTAMP, INSTANT = Type(Kind.TIMESTAMP), Type(Kind.INSTANT)

TEXTS = [
    None, "", " ", "  a  ", "a", "A", "ab", "Ab", "abc", "a b  c", "\t x \n", "\u00a0x\u00a0", "\u2003", "x\x00y", "\x00", "'", '"', "%", "_", "\\", "a%b_c",
    "--", "/* x */", "; DROP TABLE a", "{{7*7}}", "$(id)", "=cmd|' /C calc'!A0", "' OR 1=1--", "Straße", "STRASSE", "ß", "ẞ", "İstanbul", "istanbul", "ıI",
    "Σίσυφος", "ΟΔΟΣ", "ς", "ŉ", "ǆ", "ﬁ", "e\u0301", "é", "u\u0308", "ü", "Å", "Å", "①", "ﾊﾝｶｸ", "日本語", "👩\u200d👩\u200d👧", "🇩🇪", "😀", "\u202eabc",
    "\ufeffa", "a\r\nb", "0", "-0", "007", "7", "-7", "+7", "1.5", "-1.5", ".5", "5.", "1e5", "1E5", " 1", "1 ", "1,5", "1.234,5", "0x10", "1_000", "٣", "½", "²", "NaN",
    "inf", "Infinity", "-", "--1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1.005", "-1.005", "0.5", "0.49999",
    "2.5", "99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", "123456789012345678901234567890.123456789", "true", "false", "TRUE", "t",
    "yes", "1", "2026-11-21", "0000-01-01", "0001-01-01", "9999-12-31", "2023-02-29", "2024-02-29", "2026-1-1", "20261121", "2026-11-21 10:30:00",
    "2026-11-21T10:30:00.5", "2026-11-21 24:00:00", "2026-11-21 10:30:60", "2026-11-21 10:30", "2026-11-21 10:30:00Z", "2026-11-21 10:30:00+01:00", "2026-11-21 10:30:00.123456-0330",
    "0001-01-01 00:00:00+05", "10:30:00", "10:30:00.25", "25:00:00", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "{}", "[1, 2", '{"a": 1, "a": 2}', "null", "A" * 300, "ab" * 20,
]  # fmt: skip

INTEGERS = [
    None,
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    -7,
    10,
    100,
    255,
    -256,
    2**31,
    -(2**31),
    2**53 + 1,
    10**18,
    2**62,
    2**63 - 1,
    -(2**63),
    -(2**63) + 1,
]

MONEYS = [
    None,
    *(
        Decimal(text)
        for text in [
            "0.00",
            "0.01",
            "-0.01",
            "0.50",
            "-0.50",
            "1.50",
            "2.50",
            "-2.50",
            "1.05",
            "1.15",
            "0.05",
            "99.99",
            "100.00",
            "9999999999.99",
            "-9999999999.99",
            "1234.56",
        ]
    ),
]

RATES = [
    None,
    *(
        Decimal(text).quantize(Decimal("1.000000000"))
        for text in [
            "0",
            "1",
            "-1",
            "0.5",
            "0.000000001",
            "-0.000000001",
            "1.005",
            "2.345",
            "-2.345",
            "99999999999.999999999",
            "3",
            "7.7",
        ]
    ),
]

FREES = [
    None,
    *(
        Decimal(text)
        for text in [
            "0",
            "1",
            "-1.5",
            "0.000000000000000001",
            "99999999999999999999.999999999999999999",
            "12345678901234567890",
            "1.005",
            "0.333333333333333333",
        ]
    ),
]

FLOATS = [
    None,
    0.0,
    -0.0,
    0.1,
    0.5,
    -0.5,
    1.5,
    2.5,
    1e-320,
    1e22,
    1e300,
    -1e300,
    2.0**53,
    1 / 3,
    float("nan"),
    float("inf"),
    float("-inf"),
    9.3e18,
]

DATES = [
    None,
    dt.date(1, 1, 1),
    dt.date(999, 12, 31),
    dt.date(1582, 10, 10),
    dt.date(1969, 12, 31),
    dt.date(1970, 1, 1),
    dt.date(2024, 2, 29),
    dt.date(2026, 11, 21),
    dt.date(9999, 12, 31),
]

TIMES = [None, dt.time(0), dt.time(23, 59, 59, 999999), dt.time(10, 30), dt.time(1, 2, 3, 50000)]

TIMESTAMPS = [None, dt.datetime(1, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 500000), dt.datetime(1970, 1, 1), dt.datetime(2026, 3, 29, 2, 30), dt.datetime(2026, 10, 25, 2, 30),
    dt.datetime(2026, 7, 1, 12, 34, 56, 789000), dt.datetime(1893, 4, 1, 0, 3), dt.datetime(2000, 2, 29, 0, 0, 0, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)]  # fmt: skip

INSTANTS = [None if stamp is None else stamp.replace(tzinfo=dt.UTC) for stamp in TIMESTAMPS]

VALUES = {
    BOOLEAN: [None, True, False], INTEGER: INTEGERS, TEXT: TEXTS, MONEY: MONEYS, RATE: RATES, FREE: FREES, FLOAT: FLOATS, DATE: DATES, TIME: TIMES,
    TIMESTAMP: TIMESTAMPS, INSTANT: INSTANTS,
}  # fmt: skip
