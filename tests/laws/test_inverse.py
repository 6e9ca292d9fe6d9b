"""Reading and writing undo each other, for every golden expression that can be written; a wrong rule is found out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.golden.inverse.cases import SCOPE, every, inverse
from tests.laws.inverse_laws import lens, violations

from dovetail.expression import inverse_cast, inverse_code, inverse_join, inverse_number, inverse_text, invert
from dovetail.expression.inverse_build import filled, has_fields
from dovetail.expression.inverse_layer import through
from dovetail.expression.invert import Reversibility
from dovetail.expression.parse import column, literal
from dovetail.model.type import Kind

TEXTS = [
    None, "", " ", "A", "a", "B", "X", "x", "Ada", "Mary Jo", "Poe", "ADA POE", " Ada ", "a-b-c", "-", "--", "a--b", "a-", "-5", "0",
    "7", "007", "12", "12.5", "12.50", "1000", "true", "false", "True", "2024-02-29", "2024-2-29", "10:30:00", "10:30:00.5",
    "2024-02-29 10:30:00", "2024-02-29T10:30:00", "2024-02-29 10:30:00Z", "A-1", "1-B", "A-1-B", "A-B", "#x", "N7", "#", "Straße",
    "u\u0308", "ﬁ", "aab", "ab", "aabb", "xxAxx", "none", "one", "active", "AAA111", "O'Neil", "%_", "|", "[a|b]", "a, b", "12/3",
    "6f1f7a9e-0000-4000-8000-00000000000a", "6F1F7A9E-0000-4000-8000-00000000000A", "{}", "日本 語", "\t", "a  b", "-",
]  # fmt: skip

INTEGERS = [
    None,
    0,
    1,
    2,
    3,
    5,
    7,
    -1,
    -7,
    32,
    41,
    99,
    100,
    101,
    360,
    3600,
    1000,
    123456,
    1234567,
    -100,
    2**53 + 1,
    10**15,
]
POOLS = {
    Kind.TEXT: TEXTS,
    Kind.INTEGER: INTEGERS,
    Kind.FLOAT: [None, 0.0, 0.1, 0.5, -1.25, 1.005, 1e15, 0.30000000000000004, 3.0],
    Kind.BOOLEAN: [None, True, False],
    Kind.DATE: [None, dt.date(2024, 2, 29), dt.date(1970, 1, 1), dt.date(2026, 11, 1)],
    Kind.TIME: [None, dt.time(0), dt.time(10, 30), dt.time(23, 59, 59, 999999)],
    Kind.TIMESTAMP: [
        None, dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 29, 10, 30, 0, 5), dt.datetime(2026, 3, 29, 2, 30),
        dt.datetime(2026, 10, 25, 2, 30), dt.datetime(1970, 1, 1, 23, 59, 59), dt.datetime(2026, 10, 24, 2, 30),
    ],
    Kind.INSTANT: [
        None, *(dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC) for hour in (0, 1, 5)), dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=dt.UTC),
    ],
    Kind.UUID: [None, "6f1f7a9e-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"],
    Kind.JSON: [None, "{}", '{"a": 1}', "[1, 2]", "null"],
}  # fmt: skip

DECIMALS = [
    "0",
    "1",
    "-1",
    "0.01",
    "0.99",
    "1.5",
    "2.5",
    "-2.5",
    "10.01",
    "11.91",
    "11.90",
    "99.99",
    "100",
    "1234.56",
    "50",
    "50.01",
]
WRITABLE = [text for text in every() if inverse(text).kind is not Reversibility.ONE_WAY]


def pool(given):
    """Values that a field of that type may hold, ordinary and hostile ones."""
    if given.kind is not Kind.DECIMAL:
        return POOLS[given.kind]
    scale = given.arrow().scale
    values = [Decimal(text) for text in DECIMALS] + [
        Decimal(1).scaleb(-scale),
        Decimal("0.333333333333333333"),
        Decimal("1.001"),
    ]
    return [None, *(value.quantize(Decimal(1).scaleb(-scale)) for value in values if value == round(value, scale))]


def drawn(given):
    """Values of a type: of the pool, or new."""
    more = {
        Kind.TEXT: st.text("aAbB -x0ß|,.#/", max_size=9),
        Kind.INTEGER: st.integers(-(10**6), 10**6),
    }
    known = st.sampled_from(pool(given))
    return st.one_of(known, more[given.kind]) if given.kind in more else known


def some_rows(names, count=24):
    """Rows that bring every value of the pools together with others."""
    length = max(count, *(len(pool(SCOPE[name])) for name in names))
    steps = (1, 3, 7, 11, 13)
    return [
        {
            name: pool(SCOPE[name])[(at * step + at // 5) % len(pool(SCOPE[name]))]
            for name, step in zip(names, steps, strict=False)
        }
        for at in range(length)
    ]


@pytest.mark.parametrize("text", WRITABLE)
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_laws_hold_for_any_rows(text, data):
    cell = lens(text)
    row = st.fixed_dictionaries({name: drawn(SCOPE[name]) for name in cell.columns})
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    strange = data.draw(st.lists(drawn(cell.shared), max_size=4))
    assert not violations(cell, rows, strange)


@pytest.mark.parametrize("text", WRITABLE)
def test_laws_hold_for_known_rows(text):
    cell = lens(text)
    assert not violations(cell, some_rows(cell.columns)[::2], pool(cell.shared)[::3])


def _without(text, part, by=""):
    assert part in text, text
    return text.replace(part, by)


def _as_it_is(ask):
    arguments = ask.call[1] or [ask.tree.this]
    return through(next(argument for argument in arguments if has_fields(argument)), ask.wanted)


def _unchecked(ask, layer, columns, write):
    return write


def _lossless(*_, **__):
    return ""


MANY = "CASE t WHEN 'A' THEN 1 WHEN 'B' THEN 1 WHEN 'X' THEN 0 ELSE unmapped(t) END"
NOTHING = "CASE WHEN t IS NULL THEN 'none' WHEN t = '' THEN 'none' WHEN t = 'A' THEN NULL ELSE unmapped(t) END"
JOIN, PART, NUMBER, CODE, CAST = inverse_join, inverse_text, inverse_number, inverse_code, inverse_cast
SABOTAGES = [
    ("n + 5", NUMBER, "_opposite", lambda ask, value, *, first: ask.wanted),
    ("5 - n", NUMBER, "_opposite", lambda ask, value, *, first: filled("w + c", w=ask.wanted, c=literal(value))),
    ("n / 100", NUMBER, "_short", lambda value: value + 1),
    ("n * 10", NUMBER, "_product", lambda ask, inner, factor: through(inner, ask.wanted)),
    ("d * 1.19", NUMBER, "_finest", lambda given: 1),
    ("n * 3", invert, "_checked", _unchecked),
    ("n / 3", invert, "_checked", _unchecked),
    ("n * 0.5", NUMBER, "_reciprocal", lambda value: Decimal("0.12")),
    ("round(d * 100)", NUMBER, "_product", lambda ask, inner, factor: through(inner, ask.wanted)),
    ("round(d / 1.19, 2)", NUMBER, "rounds_to", lambda places: ""),
    ("abs(n)", invert, "keeping", lambda read, wanted, name, write: write),
    ("lower(t)", invert, "keeping", lambda read, wanted, name, write: column(name, old=True)),
    ("first || ' ' || last", JOIN, "_HEAD", JOIN._TAIL),
    ("last || ', ' || first", JOIN, "_TAIL", _without(JOIN._TAIL, "+ m)", "+ m + 1)")),
    ("concat(first, ' ', last)", JOIN, "_TAIL", _without(JOIN._TAIL, "|| s) + 1)", "|| s))")),
    ("first || ' ' || upper(last)", invert, "_is_blurred", lambda ask, solutions: False),
    ("'A-' || t", JOIN, "_affixed", lambda parts, wanted, answer: answer),
    ("t || '-B'", JOIN, "_inside", lambda parts, wanted: filled("left(w, 2)", w=wanted)),
    ("split_part(t, '-', 1)", PART, "_among_parts", lambda old, wanted, separator, number: old),
    ("split_part(t, '-', 2)", PART, "_PART", _without(PART._PART, "WHEN contains(w, s) THEN unmapped(w) ")),
    ("split_part(t, '--', 2)", PART, "_LONG_PART", _without(PART._LONG_PART, "i = w", "TRUE")),
    ("left(t, 3)", PART, "_LEFT", "w || COALESCE(substr(o, n), '')"),
    ("right(t, 2)", PART, "_RIGHT", _without(PART._RIGHT, "|| w ELSE", "|| 'x' ELSE")),
    ("substr(t, 3, 2)", PART, "_MIDDLE", _without(PART._MIDDLE, "i = w", "TRUE")),
    ("replace(t, 'ab', 'b')", invert, "_checked", _unchecked),
    ("replace(t, 'a', 'aa')", PART, "replaced", _as_it_is),
    (MANY, CODE, "_lost", _lossless),
    (NOTHING, CODE, "_image_of_null", lambda given: CODE._NULL),
    ("CASE t WHEN 'A' THEN 'active' ELSE t END", CODE, "_shadowed", lambda ask, given, values: []),
    ("CASE t WHEN 'A' THEN NULL WHEN 'B' THEN 2 ELSE unmapped(t) END", CODE, "_lost", _lossless),
    ("CAST(t AS INTEGER)", CAST, "_SPELLINGS", ""),
    ("CAST(n AS TEXT)", invert, "_checked", _unchecked),
    ("CAST(ts AS TIME)", CAST, "_TIME_KEPT", "CAST('2000-01-01 00:00:00' AS TIMESTAMP)"),
    (
        "in_zone(moment, 'Europe/Berlin')",
        CAST,
        "zoned",
        lambda ask: through(ask.call[1][0], filled("at_zone(w, 'UTC')", w=ask.wanted)),
    ),
    ("NULLIF(t, '')", CODE, "emptied", _as_it_is),
    ("coalesce(t, '-')", CODE, "coalesced", _as_it_is),
    ("trim(t, 'x')", PART, "normal_form", _as_it_is),
    ("greatest(n, 0)", NUMBER, "bounded", _as_it_is),
]
"""An expression, and a wrong rule: where, under which name, and what stands there instead."""


@pytest.mark.parametrize(
    ("text", "module", "name", "wrong"), SABOTAGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_wrong_rules_are_found_out(monkeypatch, text, module, name, wrong):
    right = getattr(module, name)
    monkeypatch.setattr(module, name, wrong)
    for table in (invert._TREES, invert._CALLS, CAST._CHECKED):
        for known, rule in list(table.items()):
            if rule is right:
                monkeypatch.setitem(table, known, wrong)
            elif isinstance(rule, tuple) and rule[1] == right:
                monkeypatch.setitem(table, known, (rule[0], wrong))
    cell = lens(text)
    assert violations(cell, some_rows(cell.columns), pool(cell.shared)[::3])
