"""How values are written back, one example at a time: what a row held, what the shared value became, what the row holds then."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from tests.golden.inverse.cases import SCOPE
from tests.laws.inverse_laws import FAILED
from tests.oracle.compare import table_of

from dovetail.expression.inverse_simple import simplified, without_old
from dovetail.expression.invert import Reversibility, declared, invert, together
from dovetail.expression.parse import parse
from dovetail.expression.types import infer
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.type import Kind, Type


def written(inverse, shared, row, value, *, backend="rows"):
    """The row after the value was written, columns fitted as the engine fits them."""
    scope = {"s": shared, **{f"old.{name}": SCOPE[name] for name in row}}
    table = table_of(scope, [{"s": value, **{f"old.{name}": held for name, held in row.items()}}])
    outputs = [Output(name, write, SCOPE[name]) for name, write in inverse.writes]
    found = evaluate(outputs, scope, table, backend=backend)
    if found.failures:
        return FAILED
    return {**row, **{name: found.table.column(name)[0].as_py() for name, _ in inverse.writes}}


def put(text, row, value, *, shared=None):
    read = parse(text)
    return written(invert(read, shared="s", scope=SCOPE), shared or infer(read, SCOPE), row, value)


def name(first, last):
    return {"first": first, "last": last}


FULL = "first || ' ' || last"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (name("Mary Jo", "Poe"), "Mary Jo Poe", name("Mary Jo", "Poe")),
        (name("Mary Jo", "Poe"), "Mary Jo Smith", name("Mary Jo", "Smith")),
        (name("Mary Jo", "Poe"), "Mary Ann Poe", name("Mary Ann", "Poe")),
        (name("Ada", "van Dyck"), "Eva van Dyck", name("Eva", "van Dyck")),
        (name("Ada", "van Dyck"), "Eva de Vries", name("Eva", "de Vries")),
        (name("Ada", "Poe"), "Madonna", FAILED),
        (name("Ada", None), None, name("Ada", None)),
        (name(None, None), "Ada Poe", name("Ada", "Poe")),
        (name("Ada", "Poe"), None, name(None, None)),
        (name("", "Poe"), " Poe", name("", "Poe")),
        (name("", "Poe"), "Ada Poe", name("Ada", "Poe")),
    ],
)
def test_a_joined_name_keeps_what_did_not_change(before, value, after):
    assert put(FULL, before, value) == after


def test_three_joined_fields_keep_what_did_not_change():
    text = "last || ', ' || first || ' (' || t || ')'"
    row = {"last": "Poe, Jr.", "first": "Mary (Jo)", "t": "x"}
    assert put(text, row, "Poe, Jr., Ann (x)") == {**row, "first": "Ann"}
    assert put(text, row, "Poe, Jr., Mary (Jo) (y)") == {**row, "t": "y"}
    assert put(text, row, "Lee, Bo (z)") == {"last": "Lee", "first": "Bo", "t": "z"}
    assert put(text, row, "Lee, Bo (z") == FAILED


@pytest.mark.parametrize(
    ("text", "before", "value", "after"),
    [
        ("n / 100", {"n": 5}, Decimal("12.34"), {"n": 1234}),
        ("n * 3", {"n": 5}, 9, {"n": 3}),
        ("n * 3", {"n": 5}, 10, FAILED),
        ("n * 10", {"n": 5}, 15, FAILED),
        ("d * 100", {"d": Decimal("1.00")}, Decimal("1.5"), FAILED),
        ("round(kg * 1000, 1)", {"kg": Decimal("1.234")}, Decimal("1234.0"), {"kg": Decimal("1.234")}),
        ("round(kg * 1000, 1)", {"kg": Decimal("1.234")}, Decimal("1500.0"), {"kg": Decimal("1.500")}),
        ("round(d / 1.19, 2)", {"d": Decimal("1.00")}, Decimal("10.01"), {"d": Decimal("11.91")}),
        ("round(d, 1)", {"d": Decimal("1.26")}, Decimal("1.3"), {"d": Decimal("1.26")}),
        ("abs(n)", {"n": -3}, 3, {"n": -3}),
        ("CAST(t AS INTEGER)", {"t": "007"}, 7, {"t": "007"}),
        ("CAST(t AS INTEGER)", {"t": "007"}, 8, {"t": "8"}),
        ("CAST(n AS TEXT)", {"n": 7}, "007", FAILED),
        ("CAST(n AS TEXT)", {"n": 7}, "x", FAILED),
        (
            "CAST(ts AS DATE)",
            {"ts": dt.datetime(2026, 1, 2, 3, 4)},
            dt.date(2026, 5, 6),
            {"ts": dt.datetime(2026, 5, 6, 3, 4)},
        ),
        (
            "CAST(ts AS TIME)",
            {"ts": dt.datetime(2026, 1, 2, 3, 4)},
            dt.time(5, 6),
            {"ts": dt.datetime(2026, 1, 2, 5, 6)},
        ),
        ("CAST(ts AS TIME)", {"ts": None}, dt.time(5, 6), FAILED),
        ("'A-' || t", {"t": "1"}, "A-2", {"t": "2"}),
        ("'A-' || t", {"t": "1"}, "B-2", FAILED),
        ("'A-' || t || '-A'", {"t": "1"}, "A-A", FAILED),
        ("lower(t)", {"t": "Ada"}, "ada", {"t": "Ada"}),
        ("lower(t)", {"t": "Ada"}, "eva", {"t": "eva"}),
        ("upper(split_part(t, '-', 2))", {"t": "a-b-c"}, "B", {"t": "a-b-c"}),
        ("upper(split_part(t, '-', 2))", {"t": "a-b-c"}, "X", {"t": "a-X-c"}),
        ("split_part(t, '-', 3)", {"t": "a"}, "x", {"t": "a--x"}),
        ("split_part(t, '-', 1)", {"t": "a-b"}, "x-y", FAILED),
        ("split_part(t, '-', 1)", {"t": "a-b"}, None, FAILED),
        ("split_part(t, '-', 1)", {"t": "a"}, None, {"t": None}),
        ("left(t, 3)", {"t": "abcdef"}, "xyz", {"t": "xyzdef"}),
        ("left(t, 3)", {"t": "abcdef"}, "xy", {"t": "xy"}),
        ("right(t, 2)", {"t": "abcdef"}, "xy", {"t": "abcdxy"}),
        ("substr(t, 3, 2)", {"t": "abcdef"}, "xy", {"t": "abxyef"}),
        ("substr(t, 3, 2)", {"t": "abcdef"}, "xyz", FAILED),
        ("lpad(CAST(n AS TEXT), 6, '0')", {"n": 1}, "000042", {"n": 42}),
        ("CASE t WHEN 'A' THEN 1 WHEN 'B' THEN 1 WHEN 'X' THEN 0 ELSE unmapped(t) END", {"t": "B"}, 1, {"t": "B"}),
        ("CASE t WHEN 'A' THEN 1 WHEN 'B' THEN 1 WHEN 'X' THEN 0 ELSE unmapped(t) END", {"t": "X"}, 1, {"t": "A"}),
        ("CASE t WHEN 'A' THEN TRUE WHEN 'X' THEN FALSE ELSE unmapped(t) END", {"t": None}, True, {"t": "A"}),
        ("CASE n WHEN 1 THEN 'new' ELSE unmapped(n) END", {"n": 1}, "paid", FAILED),
        ("coalesce(n, 0)", {"n": None}, 0, {"n": None}),
        ("coalesce(n, 0)", {"n": 5}, 0, {"n": 0}),
        ("NULLIF(t, '')", {"t": ""}, None, {"t": ""}),
        ("NULLIF(t, '')", {"t": None}, None, {"t": None}),
        ("NULLIF(t, '')", {"t": "x"}, None, {"t": ""}),
    ],
)
def test_what_is_written(text, before, value, after):
    assert put(text, before, value) == after


def test_a_decimal_for_an_integer_must_be_whole():
    shared = Type(Kind.DECIMAL, precision=21, scale=2)
    assert put("n", {"n": 1}, Decimal("2.00"), shared=shared) == {"n": 2}
    assert put("n", {"n": 1}, Decimal("2.50"), shared=shared) == FAILED
    assert put("CAST(t AS INTEGER)", {"t": "1"}, Decimal("2.00"), shared=shared) == {"t": "2"}
    assert put("CAST(t AS INTEGER)", {"t": "1"}, Decimal("2.50"), shared=shared) == FAILED


@pytest.mark.parametrize("backend", ["rows", "duckdb"])
def test_both_back_ends_write_alike(backend):
    inverse = invert(parse(FULL), shared="s", scope=SCOPE)
    assert written(inverse, Type(Kind.TEXT), name("Mary Jo", "Poe"), "Mary Jo Lee", backend=backend) == name(
        "Mary Jo", "Lee"
    )


def test_a_new_row_is_written_without_looking_at_an_old_one():
    for text in (FULL, "NULLIF(t, '')", "coalesce(n, 0)", "split_part(t, '-', 2)", "left(t, 3)", "CAST(ts AS DATE)"):
        found = invert(parse(text), shared="s", scope=SCOPE)
        assert found.creates
        assert not any(write.old_names for _, write in found.creates)
    assert [str(write) for _, write in invert(parse("NULLIF(t, '')"), shared="s", scope=SCOPE).creates] == [
        "COALESCE(s, '')"
    ]
    assert [str(write) for _, write in invert(parse("coalesce(n, 0)"), shared="s", scope=SCOPE).creates] == ["s"]


def test_names_of_any_kind_are_quoted():
    found = invert(parse("\"a b\" || '!'"), shared="full name", scope=SCOPE)
    assert found.writes[0][0] == "a b"
    assert found.writes[0][1].names == ("full name",)


def test_what_is_written_by_hand_keeps_the_own_value_too():
    found = declared(parse("first || last"), (("first", parse("s")), ("last", parse("''"))), shared="s", scope=SCOPE)
    assert found.kind is Reversibility.RESTORE
    assert found.reason == "written by hand"
    assert written(found, Type(Kind.TEXT), name("Ada", "Poe"), "AdaPoe") == name("Ada", "Poe")
    assert written(found, Type(Kind.TEXT), name("Ada", "Poe"), "Eva") == name("Eva", "")
    assert [str(write) for _, write in found.creates] == ["s", "''"]


def test_what_is_written_by_hand_as_it_would_be_derived_has_the_derived_class():
    found = declared(parse("n / 100"), (("n", parse("s * 100")),), shared="s", scope=SCOPE)
    assert found.kind is Reversibility.LOSSLESS


def test_a_write_over_other_fields_is_left_alone():
    found = declared(parse("d"), (("d", parse("s * rate")),), shared="s", scope=SCOPE)
    assert str(found.writes[0][1]) == "s * rate"


def test_several_cells_write_their_parts_of_one_field():
    cells = {"a": "split_part(t, '-', 1)", "b": "split_part(t, '-', 2)", "c": "upper(split_part(t, '-', 3))"}
    writes = [invert(parse(text), shared=field, scope=SCOPE).writes[0][1] for field, text in cells.items()]
    whole = together(writes, "t")
    scope = {**dict.fromkeys(cells, Type(Kind.TEXT)), "old.t": Type(Kind.TEXT)}
    rows = [
        {"a": "1", "b": "2", "c": "X", "old.t": "1-2-x-4"},
        {"a": "7", "b": "2", "c": "Y", "old.t": "1-2-x-4"},
        {"a": "7", "b": "8", "c": "9", "old.t": None},
    ]
    found = evaluate([Output("t", whole)], scope, table_of(scope, rows), backend="rows")
    assert found.table.column("t").to_pylist() == ["1-2-x-4", "7-2-Y-4", "7-8-9"]
    assert set(whole.names) == {"a", "b", "c"}
    assert together([*writes, parse("s")], "t") is None


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("CASE WHEN old.x IS NOT DISTINCT FROM s THEN old.x ELSE s END", "s"),
        ("CASE WHEN NULL THEN 1 ELSE s END", "s"),
        ("CASE WHEN a THEN s ELSE s END", "s"),
        ("CASE WHEN a THEN 1 ELSE CASE WHEN b THEN 2 ELSE 3 END END", "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END"),
        ("CASE WHEN a THEN 1 WHEN TRUE THEN 2 ELSE 3 END", "CASE WHEN a THEN 1 ELSE 2 END"),
        ("COALESCE(NULL, s, 'x', t)", "COALESCE(s, 'x')"),
        ("'' || s || ''", "s"),
        ("CAST(CAST(CAST(s AS BIGINT) AS TEXT) AS INTEGER)", "CAST(s AS BIGINT)"),
        ("CAST(CAST(s AS DATE) AS TEXT)", "CAST(s AS DATE)::TEXT"),
        ("(s * 2) - (3 - x)", "(s * 2) - (3 - x)"),
        ("NOT (NULL IS NULL)", "FALSE"),
    ],
)
def test_expressions_become_shorter_and_mean_the_same(text, shorter):
    assert simplified(parse(text)).text == parse(shorter).text


def test_without_an_old_row_nothing_old_is_read():
    assert (
        str(without_old(parse("CASE WHEN lower(old.x) IS NOT DISTINCT FROM s THEN old.x ELSE s END")))
        == "CASE WHEN s IS NULL THEN NULL ELSE s END"
    )
