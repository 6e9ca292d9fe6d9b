"""The types of expressions, and the mistakes that typing finds."""

from __future__ import annotations

import pytest

from dovetail.errors import DeclarationError, UnknownName
from dovetail.expression.meeting import assignable, meet
from dovetail.expression.parse import parse
from dovetail.expression.types import infer
from dovetail.model.type import Kind, Type

SCOPE = {
    "i": Type(Kind.INTEGER),
    "small": Type(Kind.INTEGER, minimum=-32768, maximum=32767),
    "cents": Type(Kind.INTEGER, minimum=-(2**31), maximum=2**31 - 1),
    "m": Type(Kind.DECIMAL, 12, 2),
    "r": Type(Kind.DECIMAL, 5, 3),
    "free": Type(Kind.DECIMAL),
    "f": Type(Kind.FLOAT),
    "s": Type(Kind.TEXT, length=40),
    "t": Type(Kind.TEXT),
    "b": Type(Kind.BOOLEAN),
    "d": Type(Kind.DATE),
    "ts": Type(Kind.TIMESTAMP),
    "at": Type(Kind.INSTANT),
    "tm": Type(Kind.TIME),
    "u": Type(Kind.UUID),
    "j": Type(Kind.JSON),
    "raw": Type(Kind.BYTES),
    "odd": Type(Kind.OPAQUE, native="inet"),
    "old.m": Type(Kind.DECIMAL, 8, 1),
}


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("s", "text(40)"),
        ("lower(s)", "text"),
        ("i + 1", "integer"),
        ("5", "integer"),
        ("-9223372036854775808", "integer"),
        ("9223372036854775808", "decimal(19, 0)"),
        ("0.19", "decimal(2, 2)"),
        ("-1.50", "decimal(3, 2)"),
        ("m + r", "decimal(14, 3)"),
        ("m + i", "decimal(22, 2)"),
        ("m * r", "decimal(17, 5)"),
        ("m * 1000", "decimal(16, 2)"),
        ("free * free", "decimal(38, 18)"),
        ("free", "decimal"),
        ("i / 100", "decimal(19, 2)"),
        ("cents / 100", "decimal(10, 2)"),
        ("cents / (100)", "decimal(10, 2)"),
        ("cents / -100", "decimal(10, 2)"),
        ("cents / 8", "decimal(13, 3)"),
        ("small / 0.01", "decimal(8, 0)"),
        ("m / 4", "decimal(14, 4)"),
        ("m / 1", "decimal(12, 2)"),
        ("i / 1", "decimal(19, 0)"),
        ("m / 3", "decimal(38, 12)"),
        ("i / i", "decimal(38, 10)"),
        ("free / 3", "decimal(38, 18)"),
        ("m * f", "float"),
        ("old.m", "decimal(8, 1)"),
        ("round(m, 1)", "decimal(12, 1)"),
        ("round(m)", "decimal(11, 0)"),
        ("round(m, 5)", "decimal(12, 2)"),
        ("floor(m)", "decimal(11, 0)"),
        ("sign(m)", "integer"),
        ("mod(m, r)", "decimal(13, 3)"),
        ("CASE WHEN b THEN m ELSE i END", "decimal(21, 2)"),
        ("CASE WHEN b THEN NULL ELSE m END", "decimal(12, 2)"),
        ("coalesce(s, t)", "text"),
        ("coalesce(u, s)", "text"),
        ("coalesce(NULL, d)", "date"),
        ("NULL", "text"),
        ("NULL + 1", "integer"),
        ("CASE s WHEN 'A' THEN TRUE ELSE unmapped(s) END", "boolean"),
        ("CAST(s AS DECIMAL(10, 4))", "decimal(10, 4)"),
        ("CAST(s AS DECIMAL(10))", "decimal(10, 0)"),
        ("s::BIGINT", "integer"),
        ("CAST(d AS TIMESTAMP)", "timestamp"),
        ("at_zone(ts, 'Europe/Berlin')", "instant"),
        ("in_zone(at, 'UTC')", "timestamp"),
        ("date_trunc('month', d)", "date"),
        ("date_trunc('hour', ts)", "timestamp"),
        ("i = m AND s LIKE 'a%'", "boolean"),
        ("u = 'x'", "boolean"),
        ("raw IS NULL", "boolean"),
        ("odd IS NULL", "boolean"),
        ("j", "json"),
        ("odd", "opaque"),
        ("least(i, m)", "decimal(21, 2)"),
    ],
)
def test_types(text: str, given: str) -> None:
    assert str(infer(parse(text), SCOPE)) == given


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nobody", "DV-129"),
        ("old.i", "DV-129"),
        ("s + 1", "DV-127"),
        ("i || s", "DV-127"),
        ("concat(s, 1)", "DV-127"),
        ("s = 1", "DV-127"),
        ("d > '2026-01-01'", "DV-127"),
        ("d < ts", "DV-127"),
        ("ts < at", "DV-127"),
        ("b < TRUE", "DV-127"),
        ("NOT i", "DV-127"),
        ("i AND b", "DV-127"),
        ("-s", "DV-127"),
        ("lower(i)", "DV-127"),
        ("lower(u)", "DV-127"),
        ("length(raw)", "DV-127"),
        ("round(f, 2)", "DV-127"),
        ("year(at)", "DV-127"),
        ("j = j || ''", "DV-127"),
        ("odd = odd", "DV-127"),
        ("coalesce(i, s)", "DV-127"),
        ("coalesce(f, m)", "DV-127"),
        ("CASE WHEN b THEN 1 ELSE 'a' END", "DV-127"),
        ("CASE i WHEN 'a' THEN 1 END", "DV-127"),
        ("CASE WHEN i THEN 1 END", "DV-127"),
        ("i IN (1, 'a')", "DV-127"),
        ("least(i, s)", "DV-127"),
        ("CAST(at AS DATE)", "DV-126"),
        ("CAST(ts AS TIMESTAMPTZ)", "DV-126"),
        ("CAST(raw AS TEXT)", "DV-126"),
        ("CAST(odd AS TEXT)", "DV-126"),
        ("CAST(i AS DATE)", "DV-126"),
        ("CAST(i AS DECIMAL(39, 2))", "DV-126"),
        ("CAST(i AS DECIMAL(2, 3))", "DV-126"),
        ("CAST(i AS SMALLINT)", "DV-126"),
        ("substr(s)", "DV-128"),
        ("lower(s, s)", "DV-120"),
        ("unmapped()", "DV-128"),
        ("lpad(s, i, '0')", "DV-128"),
        ("lpad(s, 1001, '0')", "DV-128"),
        ("rpad(s, -1, '0')", "DV-128"),
        ("round(m, i)", "DV-128"),
        ("round(m, -1)", "DV-128"),
        ("s LIKE t", "DV-128"),
        ("s LIKE 'a!' ESCAPE '!'", "DV-128"),
        ("s LIKE 'a' ESCAPE 'xy'", "DV-128"),
        ("regexp_matches(s, t)", "DV-128"),
        ("regexp_matches(s, '(')", "DV-128"),
        ("regexp_matches(s, '(?=a)')", "DV-128"),
        ("regexp_matches(s, '((a{1000}){1000}){1000}')", "DV-128"),
        ("at_zone(ts, 'Europe/Berln')", "DV-128"),
        ("at_zone(ts, '../../etc/passwd')", "DV-128"),
        ("at_zone(ts, s)", "DV-128"),
        ("date_trunc('century', d)", "DV-128"),
        ("1" * 39, "DV-128"),
        ("1e5", "DV-128"),
    ],
)
def test_mistakes_are_told_with_a_way_out(text: str, code: str) -> None:
    with pytest.raises(DeclarationError) as mistake:
        infer(parse(text), SCOPE)
    assert mistake.value.code == code
    assert mistake.value.hint


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as mistake:
        infer(parse("cent"), SCOPE)
    assert "cents" in mistake.value.hint


def test_a_near_zone_is_named() -> None:
    with pytest.raises(DeclarationError, match="Europe/Berlin"):
        infer(parse("at_zone(ts, 'Europe/Berln')"), SCOPE)


def test_what_meets_and_what_may_be_assigned() -> None:
    assert str(meet([SCOPE["m"], SCOPE["r"], None])) == "decimal(13, 3)"
    assert meet([None, None]) is None
    with pytest.raises(ValueError, match="date and text"):
        meet([SCOPE["d"], SCOPE["s"]])
    assert assignable(SCOPE["i"], SCOPE["m"])
    assert assignable(SCOPE["t"], SCOPE["u"])
    assert not assignable(SCOPE["t"], SCOPE["d"])
    assert not assignable(SCOPE["odd"], Type(Kind.OPAQUE, native="money"))
