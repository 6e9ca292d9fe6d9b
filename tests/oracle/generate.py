"""Random well-typed expressions over one fixed scope."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.oracle.hostile import BOOLEAN, DATE, INTEGER, MONEY, RATE, TEXT, VALUES

from dovetail.model.type import Type

SCOPE: dict[str, Type] = {
    "s": TEXT,
    "t": TEXT,
    "n": INTEGER,
    "k": INTEGER,
    "m": MONEY,
    "r": RATE,
    "b": BOOLEAN,
    "d": DATE,
    "old.s": TEXT,
    "old.n": INTEGER,
}

_ROWS = 40


def rows_of() -> list[dict[str, Any]]:
    """Rows that bring every hostile value together with others, the same ones in every run."""
    steps = (1, 3, 1, 5, 1, 7, 1, 1, 11, 3)
    return [
        {
            name: VALUES[kind][(at * step + at // len(VALUES[kind])) % len(VALUES[kind])]
            for (name, kind), step in zip(SCOPE.items(), steps, strict=True)
        }
        for at in range(_ROWS * 3)
    ]


def _join(shape: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: shape.format(*given))


TEXT_LEAVES = st.sampled_from(["s", "t", "old.s", "''", "'a'", "'Straße'", "' x '", "'12'", "'O''Neil'", "NULL"])
WHOLE_LEAVES = st.sampled_from(["n", "k", "old.n", "0", "1", "-1", "7", "100", "NULL", "9223372036854775807"])
EXACT_LEAVES = st.sampled_from(["m", "r", "0.5", "-1.25", "1000.001", "0.19", "3.0"])
TRUTH_LEAVES = st.sampled_from(["b", "TRUE", "FALSE", "NULL"])
DATE_LEAVES = st.sampled_from(["d", "DATE '2024-02-29'"])


@st.composite
def expressions(draw: Any) -> str:
    """A random expression of any type."""
    kind = draw(st.sampled_from([texts, wholes, exacts, truths, dates]))
    return str(draw(kind(draw(st.integers(1, 4)))))


def texts(depth: int) -> st.SearchStrategy[str]:
    """Texts."""
    if depth == 0:
        return TEXT_LEAVES
    text, whole, truth = texts(depth - 1), wholes(depth - 1), truths(depth - 1)
    one = [
        "lower({})",
        "upper({})",
        "trim({})",
        "ltrim({}, 'a0')",
        "squeeze({})",
        "nfc({})",
        "left({}, 2)",
        "right({}, 3)",
        "substr({}, 2, 2)",
        "split_part({}, ' ', 2)",
    ]
    return st.one_of(
        TEXT_LEAVES,
        st.tuples(st.sampled_from(one), text).map(lambda given: given[0].format(given[1])),
        _join("({} || {})", text, text),
        _join("concat({}, {}, '-')", text, text),
        _join("coalesce({}, {})", text, text),
        _join("nullif({}, {})", text, text),
        _join("replace({}, 'a', {})", text, text),
        _join("CASE WHEN {} THEN {} ELSE {} END", truth, text, text),
        _join("CASE {} WHEN 'a' THEN {} WHEN '' THEN 'e' END", text, text),
        _join("CAST({} AS TEXT)", whole),
        _join("CAST({} AS TEXT)", exacts(depth - 1)),
        _join("substr({}, {})", text, whole),
        _join("lpad({}, 30, {})", text, text),
    )


def wholes(depth: int) -> st.SearchStrategy[str]:
    """Integers."""
    if depth == 0:
        return WHOLE_LEAVES
    text, whole, truth = texts(depth - 1), wholes(depth - 1), truths(depth - 1)
    return st.one_of(
        WHOLE_LEAVES,
        st.tuples(whole, st.sampled_from("+-*"), whole).map(lambda given: f"({given[0]} {given[1]} {given[2]})"),
        _join("length({})", text),
        _join("strpos({}, {})", text, text),
        _join("mod({}, {})", whole, whole),
        _join("abs({})", whole),
        _join("(- {})", whole),
        _join("sign({})", exacts(depth - 1)),
        _join("CAST({} AS INTEGER)", text),
        _join("CAST({} AS INTEGER)", exacts(depth - 1)),
        _join("coalesce({}, {})", whole, whole),
        _join("CASE WHEN {} THEN {} ELSE unmapped({}) END", truth, whole, text),
        _join("greatest({}, {})", whole, whole),
        _join("year({})", dates(depth - 1)),
    )


def exacts(depth: int) -> st.SearchStrategy[str]:
    """Decimals."""
    if depth == 0:
        return EXACT_LEAVES
    exact, whole, truth = exacts(depth - 1), wholes(depth - 1), truths(depth - 1)
    return st.one_of(
        EXACT_LEAVES,
        st.tuples(exact, st.sampled_from("+-*/"), whole).map(lambda given: f"({given[0]} {given[1]} {given[2]})"),
        st.tuples(exact, st.sampled_from("+-*/"), exact).map(lambda given: f"({given[0]} {given[1]} {given[2]})"),
        st.tuples(exact, st.sampled_from(["100", "0.01", "-8", "3", "0.7", "1"])).map(
            lambda given: f"({given[0]} / {given[1]})"
        ),
        st.tuples(exact, st.integers(0, 4)).map(lambda given: f"round({given[0]}, {given[1]})"),
        _join("floor({})", exact),
        _join("ceil({})", exact),
        _join("CAST({} AS DECIMAL(14, 3))", exact),
        _join("CAST({} AS DECIMAL(20, 4))", texts(depth - 1)),
        _join("CASE WHEN {} THEN {} ELSE {} END", truth, exact, whole),
        _join("coalesce({}, {})", exact, exact),
        _join("least({}, {})", exact, whole),
    )


def truths(depth: int) -> st.SearchStrategy[str]:
    """Conditions."""
    if depth == 0:
        return TRUTH_LEAVES
    text, whole, truth = texts(depth - 1), wholes(depth - 1), truths(depth - 1)
    signs = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
    return st.one_of(
        TRUTH_LEAVES,
        st.tuples(text, signs, text).map(lambda given: f"({given[0]} {given[1]} {given[2]})"),
        st.tuples(whole, signs, exacts(depth - 1)).map(lambda given: f"({given[0]} {given[1]} {given[2]})"),
        _join("({} AND {})", truth, truth),
        _join("({} OR {})", truth, truth),
        _join("(NOT {})", truth),
        _join("({} IS NULL)", text),
        _join("({} IS NOT NULL)", whole),
        _join("({} IS TRUE)", truth),
        _join("({} IN ({}, 'a', NULL))", text, text),
        _join("({} BETWEEN {} AND 10)", whole, whole),
        _join("({} LIKE '%a_')", text),
        _join("contains({}, {})", text, text),
        _join("({} < {})", dates(depth - 1), dates(depth - 1)),
    )


def dates(depth: int) -> st.SearchStrategy[str]:
    """Dates."""
    if depth == 0:
        return DATE_LEAVES
    inner = dates(depth - 1)
    return st.one_of(
        DATE_LEAVES,
        _join("date_trunc('month', {})", inner),
        _join("coalesce({}, {})", inner, inner),
        _join("CASE WHEN {} THEN {} ELSE {} END", truths(depth - 1), inner, inner),
        _join("CAST({} AS DATE)", texts(depth - 1)),
    )
