"""Cells at the edge of what can be written: refused with the reason, or written so that the laws hold."""

from __future__ import annotations

import pytest
from tests.golden.inverse.cases import inverse
from tests.laws.inverse_laws import lens, violations
from tests.laws.test_inverse import pool, some_rows

from dovetail.expression.inverse_simple import simplified
from dovetail.expression.invert import Reversibility
from dovetail.expression.parse import parse

REFUSED = {
    "n * (1 / 3)": "not a plain number",
    "n + length('abc')": "not a plain number",
    "round(d, n)": "number of places is not a constant",
    "greatest(n, NULL)": "always null",
    "trim(t, first)": "depends on another field",
    "replace(t, first, 'x')": "not a constant",
    "lpad(t, n, '0')": "how it pads is not a constant",
    "lpad(t, 5, first)": "how it pads is not a constant",
    "left(t, n)": "how much it takes is not a constant",
    "substr(t, n)": "how much it takes is not a constant",
    "substr(t, 1, n)": "how much it takes is not a constant",
    "substr(t, 0, 3)": "it fails for every text",
    "split_part(t, first, 1)": "not a constant",
    "split_part(t, '-', 13)": "only the parts 1 to 12",
    "split_part(t, '-', 0)": "only the parts 1 to 12",
    "upper('x') || t || NULL": "always null",
    "left('abc', n)": "left of a constant does not say what the field is",
    "NULLIF('x', t)": "it compares several values",
    "NULLIF(t, first)": "it compares several values",
    "CASE WHEN t = 'A' OR first = 'B' THEN 1 ELSE 0 END": "chooses by conditions",
    "CASE WHEN t = first THEN 1 ELSE 0 END": "chooses by conditions",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_undone_says_why(text):
    found = inverse(text)
    assert (found.kind, found.writes, found.creates) == (Reversibility.ONE_WAY, (), ())
    assert REFUSED[text] in found.reason


WRITTEN = [
    "n * (2 - 1)",
    "n * 1",
    "n + (5 * 2)",
    "n + (7 - 2)",
    "n - (1 + 1)",
    "f + 1.5",
    "CAST(f AS DOUBLE)",
    "NULLIF(t, NULL)",
    "concat(first, NULL, '-', last)",
    "CASE t WHEN NULL THEN 1 WHEN 'A' THEN 2 WHEN 'X' THEN 3 ELSE unmapped(t) END",
    "CASE WHEN t = 'A' OR t = 'B' THEN 1 WHEN t = 'X' THEN 0 ELSE unmapped(t) END",
    "CASE WHEN t IN ('A', NULL) THEN 1 WHEN 'X' = t THEN 0 ELSE unmapped(t) END",
    "CASE day WHEN CAST('2024-02-29' AS DATE) THEN 'leap' WHEN CAST('1970-01-01' AS DATE) THEN 'first' ELSE unmapped(day) END",
    "if(b, 'yes', 'no')",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_can_be_undone_keeps_the_laws(text):
    cell = lens(text)
    assert inverse(text).writes
    assert not violations(cell, some_rows(cell.columns), pool(cell.shared)[::2])


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("coalesce(NULL, NULL)", "NULL"),
        ("coalesce(x, NULL, 'a', y)", "COALESCE(x, 'a')"),
        ("coalesce(NULL, x)", "x"),
        ("NULL IS NOT DISTINCT FROM NULL", "TRUE"),
        ("x IS NOT DISTINCT FROM NULL", "x IS NULL"),
        ("NULL IS NOT DISTINCT FROM x", "x IS NULL"),
        ("x = 1 AND FALSE", "FALSE"),
        ("TRUE AND x = 1", "x = 1"),
        ("NULL IS NULL", "TRUE"),
        ("NOT TRUE", "FALSE"),
        ("CAST(CAST(x AS TEXT) AS TEXT)", "CAST(x AS TEXT)"),
        ("CAST(CAST(CAST(x AS BIGINT) AS TEXT) AS BIGINT)", "CAST(x AS BIGINT)"),
        ("CAST(CAST(CAST(x AS DOUBLE) AS TEXT) AS DOUBLE)", "CAST(CAST(CAST(x AS DOUBLE) AS TEXT) AS DOUBLE)"),
        ("length('abc') + 1", "4"),
        ("substr('', 2) || x", "x"),
        ("'a' || 'b'", "'ab'"),
        ("upper(NULL) || x", "NULL"),
    ],
)
def test_expressions_are_made_shorter(text, shorter):
    assert simplified(parse(text)).text == shorter
