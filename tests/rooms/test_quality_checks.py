"""Each check of the shelf, on both back ends, against an answer written by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.mapping import Check
from dovetail.model.type import Kind, Type
from dovetail.quality.check import question
from dovetail.quality.checks.email import failing as refused
from dovetail.quality.checks.unique import failing as shared
from dovetail.quality.fold import failed

TEXT, WHOLE, EXACT = Type(Kind.TEXT), Type(Kind.INTEGER), Type(Kind.DECIMAL, precision=12, scale=2)


stamp = dt.datetime.fromisoformat


def ask(name, arguments, kind, values, *, backend="rows", known=None):
    """The positions that fail, asked as the engine asks."""
    asked = question(Check(name, tuple(arguments), field="a field"), {"a field": kind})
    table = pa.table({"a field": pa.array(values, kind.arrow())})
    if asked.expression is None:
        return [row.position for row in failed(asked, table, known=known)]
    evaluated = evaluate([Output(asked.name, asked.expression)], {"a field": kind}, table, backend=backend)
    answer = evaluated.table.column(asked.name)
    assert not evaluated.failures
    return [row.position for row in failed(asked, table, answer=answer)]


@pytest.mark.parametrize("backend", ["duckdb", "rows"])
@pytest.mark.parametrize(
    ("name", "arguments", "kind", "values", "failing"),
    [
        ("not_null", (), TEXT, ["a", None, "", " "], [1]),
        ("not_null", (), WHOLE, [0, None], [1]),
        ("within", (0, 100), WHOLE, [-1, 0, 100, 101, None], [0, 3]),
        ("within", (0, None), WHOLE, [-1, 0, 2**62], [0]),
        ("within", (None, 0), WHOLE, [-1, 0, 1], [2]),
        ("within", (Decimal("0.01"), 10), EXACT, [Decimal("0.00"), Decimal("0.01"), Decimal("10.00"), Decimal("10.01")], [0, 3]),
        ("within", (0, 1), Type(Kind.FLOAT), [0.0, 1.0, 1.0000001, None], [2]),
        ("within", ("2000-01-01", "2030-12-31"), Type(Kind.DATE), [dt.date(1999, 12, 31), dt.date(2000, 1, 1), None], [0]),
        ("within", ("2000-01-01 00:00:00", None), Type(Kind.TIMESTAMP), [stamp("1999-12-31 23:00"), stamp("2000-01-01 00:00")], [0]),
        (
            "within",
            (None, "2026-11-21 10:00:00+01:00"),
            Type(Kind.INSTANT),
            [dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC), dt.datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=dt.UTC)],
            [1],
        ),
        ("matches", ("[A-Z]{2}[0-9]+",), TEXT, ["DE1", "de1", "DE", "xDE1", "DE1x", "DE1\n", None, ""], [1, 2, 3, 4, 5, 7]),
        ("matches", ("a|b",), TEXT, ["a", "b", "ab", "ax"], [2, 3]),
        ("matches", ("^[a-z]+$",), TEXT, ["abc", "abc1"], [1]),
        ("one_of", ("new", "paid"), TEXT, ["new", "New", "paid ", None, ""], [1, 2, 4]),
        ("one_of", (1, 2), WHOLE, [1, 3, None], [1]),
        ("one_of", (True,), Type(Kind.BOOLEAN), [True, False, None], [1]),
        ("one_of", ("it's", 'a "b"', "%"), TEXT, ["it's", 'a "b"', "x", "%"], [2]),
        ("length", (3,), TEXT, ["", "abc", "abcd", "äöü", "\U0001f600" * 3, None], [2]),
        ("length", (2, 3), TEXT, ["a", "ab", "abc", "abcd"], [0, 3]),
        ("length", (2, None), TEXT, ["a", "ab"], [0]),
    ],
)  # fmt: skip
def test_a_check_finds_exactly_the_bad_rows(*, name, arguments, kind, values, failing, backend):
    assert ask(name, arguments, kind, values, backend=backend) == failing


@pytest.mark.parametrize(
    ("kind", "values", "failing"),
    [
        (TEXT, ["a", "b", "a", "A", None, None, "a "], [0, 2]),
        (WHOLE, [1, 2, 1, 2, 1, 3], [0, 1, 2, 3, 4]),
        (EXACT, [Decimal("1.00"), Decimal("1.01"), Decimal("1.00")], [0, 2]),
        (Type(Kind.BYTES), [b"", b"", None], [0, 1]),
        (Type(Kind.DATE), [dt.date(2026, 1, 1), dt.date(2026, 1, 2)], []),
        (TEXT, [], []),
    ],
)
def test_unique_finds_every_row_that_shares_its_value(kind, values, failing):
    assert ask("unique", (), kind, values) == failing


def test_unique_over_several_fields_takes_them_together():
    asked = question(Check("unique", ("order", "product")), {"order": WHOLE, "product": TEXT, "n": WHOLE})
    table = pa.table({"n": [1] * 5, "order": [1, 1, 2, 1, 1], "product": ["a", "b", "a", "a", None]})
    assert [row.position for row in failed(asked, table)] == [0, 3]
    assert asked.fields == ("order", "product")


def test_unique_is_right_on_many_rows():
    values = [number % 9_999 for number in range(10_000)]
    assert shared([pa.chunked_array([values[:5], values[5:]])], None) == [0, 9_999]


def test_refers_needs_the_other_fields_values():
    asked = question(Check("refers", ("country", "code"), field="country"), {"country": TEXT})
    assert (asked.needs.mapping, asked.needs.field) == ("country", "code")
    assert ask("refers", ("country", "code"), TEXT, ["DE", "XX", None, "de"], known=pa.array(["DE", None])) == [1, 3]
    assert ask("refers", ("country", "code"), WHOLE, [1, 2], known=pa.array([1], pa.int32())) == [1]
    assert ask("refers", ("country", "code"), TEXT, ["DE"]) == [0]


GOOD = [
    "ada@example.org", "a@b.co", "ada.lovelace+shop@mail.example.org", "o'neil@example.ie", "x_y-z@a-b.example.com", "1@2.example3",
    "ada@xn--bcher-kva.example.org", "jürgen@bücher.example.org", "пример@пример.example.рф", "!#$%&'*+-/=?^_`{|}~@example.org",
    "a" * 64 + "@example.org",
]  # fmt: skip
BAD = [
    "", "ada", "ada@", "@example.org", "ada@example", "ada@@example.org", "ada@b@example.org", "ada @example.org", "ada@exam ple.org",
    " ada@example.org", "ada@example.org ", "ada@example.org\n", ".ada@example.org", "ada.@example.org", "a..b@example.org",
    "ada@.example.org", "ada@example..org", "ada@example.org.", "ada@-example.org", "ada@example-.org", "ada@127.0.0.1",
    "ada@[127.0.0.1]", '"ada"@example.org', "ada(work)@example.org", "Ada <ada@example.org>", "ada,bob@example.org", "ada(at)example.org",
    "a" * 65 + "@example.org", "ada@" + "a" * 64 + ".org", "ada@" + ".".join(["a" * 60] * 5) + ".org", "ada;@example.org", "ada@exa_mple.org",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["duckdb", "rows"])
def test_addresses_are_told_from_what_is_none(backend):
    assert ask("email", (), TEXT, [*GOOD, None], backend=backend) == []
    assert ask("email", (), TEXT, BAD, backend=backend) == list(range(len(BAD)))


def test_strict_addresses_are_a_part_of_the_plain_ones():
    more = [
        "ada@localhost",
        "ada@shop.test",
        "ada@x.invalid",
        "a\u0300@example.org",
        "ada@ex--ample.org",
        "ada@xn--zzzzzz9999.org",
    ]
    everything = [*GOOD, *BAD, *more]
    plain, strict = ask("email", (), TEXT, everything), ask("email", ("strict",), TEXT, everything)
    assert set(plain) <= set(strict)
    assert {everything.index(text) for text in ("ada@localhost", "ada@shop.test", "ada@x.invalid")} <= set(strict)
    for at, text in enumerate(everything):
        assert (at in strict) == (at in plain or not accepted(text))


def accepted(text):
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


LOCALS = st.text(st.sampled_from('aZ9_.+-é "@'), min_size=0, max_size=6) | st.sampled_from(
    ["a" * 64, "a" * 65, "a.b+c"]
)
PLAIN = "example.org x.test localhost a..b -a.org a-.org b.c0m 1.2.3.4 EXAMPLE.Org ö.org .org a.org. a_b.org x.arpa"
DOMAINS = st.sampled_from(
    [*PLAIN.split(), "", "a" * 64 + ".org", ".".join(["a" * 60] * 4) + ".org", "xn--a.org", "a.b-c.de"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | st.tuples(LOCALS, DOMAINS), max_size=5))
def test_a_strict_address_is_what_the_library_says_of_the_whole_text(pairs):
    texts = [None if pair is None else "@".join(pair) for pair in pairs]
    expected = [at for at, text in enumerate(texts) if text is not None and not accepted(text)]
    assert refused([pa.chunked_array([texts[:2], texts[2:]], pa.string())], None) == expected
