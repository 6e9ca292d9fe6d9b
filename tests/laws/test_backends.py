"""DuckDB, the generated rows and the independent oracle give the same value, or the same failure, for every function
and value."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle.compare import agree, table_of
from tests.oracle.generate import SCOPE, expressions, rows_of
from tests.oracle.hostile import (
    BOOLEAN,
    DATE,
    FLOAT,
    FREE,
    INSTANT,
    INTEGER,
    MONEY,
    RATE,
    TEXT,
    TIME,
    TIMESTAMP,
    VALUES,
)

from dovetail.expression.functions import shelf
from dovetail.expression.parse import parse
from dovetail.kernel import connection
from dovetail.kernel.compiled import compiled
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.kernel.sql import statement
from dovetail.kernel.translate_calls import CALLS

EXAMPLES = int(os.environ.get("DOVETAIL_EXAMPLES", "60"))
"""Random expressions in one run; set the variable to look longer."""

SHORT = [*VALUES[TEXT][:20], "ab", "abab", "Straße", "e\u0301", "👩\u200d👩\u200d👧"]

TEXT_CASES = """
lower(s); upper(s); trim(s); ltrim(s); rtrim(s); trim(s, 'xa'); ltrim(s, '0'); rtrim(s, ' a'); trim(s, ''); trim(s, '👩ü'); TRIM(BOTH 'a' FROM s); squeeze(s); length(s); left(s, 0)
left(s, 1); left(s, 3); left(s, -1); right(s, 0); right(s, 2); right(s, -2); substr(s, 1); substr(s, 2); substr(s, 2, 2); substr(s, 2, 0); substr(s, 0); substr(s, 1, -1); substring(s FROM 2 FOR 1)
split_part(s, ' ', 1); split_part(s, ' ', 2); split_part(s, 'b', 3); split_part(s, '', 1); split_part(s, '-', 0); split_part(s, '--', 1); strpos(s, 'b'); strpos(s, ''); strpos(s, 'ü')
starts_with(s, 'a'); starts_with(s, ''); ends_with(s, 'c'); ends_with(s, ''); contains(s, 'b'); contains(s, ''); contains(s, '%'); s LIKE 'a%'; s LIKE '%b%'; s LIKE '_'; s LIKE '__'; s LIKE ''
s LIKE '%'; s LIKE 'a!%b!_c' ESCAPE '!'; s NOT LIKE 'A%'; s LIKE '%a%b%'; s LIKE 'x_y'; regexp_matches(s, '^[0-9]+$'); regexp_matches(s, 'a.b'); regexp_matches(s, '(?:a|b){2}'); regexp_matches(s, '^\\\\w')
replace(s, 'a', 'xx'); replace(s, '', 'x'); replace(s, ' ', ''); replace(s, 'ab', 'a'); lpad(s, 5, '0'); lpad(s, 5, 'xy'); rpad(s, 5, '.'); lpad(s, 3, ''); lpad(s, 0, 'x'); nfc(s); nfkc(s)
s || 'x'; 'x' || s || s; s || NULL; concat(s, 'x'); concat(s, NULL); concat(NULL, NULL); concat(s); concat('a', s, 'b'); coalesce(s, 'none'); coalesce(NULL, s); nullif(s, ''); nullif(s, 'a'); nullif('', s)
s = 'a'; s <> 'a'; s < 'a'; s <= 'ß'; s > 'z'; s >= '日'; s = ''; s IS NULL; s IS NOT NULL; s = NULL; s IS DISTINCT FROM 'a'; s IS NOT DISTINCT FROM 'é'; s IN ('a', 'b'); s IN ('a', NULL); s NOT IN ('a', 'A')
s BETWEEN 'a' AND 'b'; s NOT BETWEEN '0' AND '9'; least(s, 'b'); greatest(s, 'b', 'ab'); least(s, NULL); CASE s WHEN 'a' THEN 1 WHEN 'A' THEN 2 ELSE 0 END
CASE s WHEN 'a' THEN TRUE WHEN 'ß' THEN FALSE ELSE unmapped(s) END; CASE WHEN s IS NULL THEN 'n' WHEN s = '' THEN 'e' END; CASE WHEN length(s) > 3 THEN left(s, 3) ELSE lpad(s, 3, '0') END; if(s = 'a', 'b', s)
CAST(s AS INTEGER); CAST(s AS BIGINT); CAST(s AS DECIMAL(12, 2)); CAST(s AS DECIMAL(38, 20)); CAST(s AS DECIMAL(38, 0)); CAST(s AS DECIMAL(5, 0)); CAST(s AS DOUBLE); CAST(s AS BOOLEAN); CAST(s AS DATE)
CAST(s AS TIME); CAST(s AS TIMESTAMP); CAST(s AS TIMESTAMPTZ); CAST(s AS UUID); CAST(s AS JSON); CAST(s AS TEXT); s::INTEGER + 1; CAST(s AS INTEGER) IS NULL; CAST(s AS DATE) > DATE '2000-01-01'
CASE WHEN regexp_matches(s, '^-?[0-9]{1,9}$') THEN CAST(s AS INTEGER) ELSE 0 END; regexp_matches(s, '^[0-9]{1,5}$') AND CAST(s AS INTEGER) > 5; NOT regexp_matches(s, '^[0-9]{1,5}$') OR CAST(s AS INTEGER) > 5
CAST(s AS INTEGER) > 5 AND FALSE; CAST(s AS INTEGER) > 5 OR TRUE; FALSE AND CAST(s AS INTEGER) > 5; coalesce('x', CAST(CAST(s AS INTEGER) AS TEXT)); coalesce(CAST(CAST(s AS INTEGER) AS TEXT), 'x')
lower(upper(s)); upper(lower(trim(s))); length(upper(s)); length(nfc(s)); unmapped(s); CAST(unmapped(s) AS INTEGER); unmapped(s) IS NULL; CAST(s AS INTEGER) IS NULL AND FALSE; CAST(s AS INTEGER) = 5; coalesce(unmapped(s), 'x')
"""

NUMBER_CASES = """
n; -n; n + 1; n - 1; n * 2; n + n; n - n; n * n; n / 100; n / 3; n / 7; n / 0.01; n / 8; n / -4; n / 0.5; n / 1; n / n; n / 0; 1 / n; n % 3; n % 0; mod(n, 7); mod(n, -3); mod(7, n); abs(n); sign(n); floor(n); ceil(n); ceiling(n)
round(n); round(n, 1); round(n, 5); n = 1; n <> 0; n < 0; n <= 1.5; n > 99.99; n >= -1; n IN (1, 2.5, 100); n BETWEEN 0 AND 10; NOT n = 1; n IS NULL; n IS NOT DISTINCT FROM 1; n = 1.50; nullif(n, 0); coalesce(n, 0)
coalesce(n, 0.001); least(n, 1); greatest(n, 0, 2.5); CAST(n AS TEXT); CAST(n AS INTEGER); CAST(n AS DECIMAL(38, 10)); CAST(n AS DECIMAL(5, 1)); CAST(n AS DECIMAL(12, 3)); CAST(n AS DOUBLE); CAST(n AS DECIMAL(3, 0))
CASE n WHEN 1 THEN 'one' WHEN 0.5 THEN 'half' ELSE 'other' END; CASE WHEN n > 0 THEN n ELSE 0 END; CASE WHEN n = 0 THEN 0 ELSE 1 / n END; n * 0.19; n * 1.19; n + 0.001; n - 0.5; 1 - n; 0 - n; n * -1; n * 1000
round(n * 1.19, 2); floor(n / 10); n * n * n; n + 99999999999999999999999999999999999999; n = 99999999999999999999999999999999999999; n < 9223372036854775808; -(-n); n + NULL; n * NULL; NULL + (n + n); length(CASE 'b' WHEN 'a' THEN 'c' END) + (n + n); nullif(1, 1) * (1 / n); NULL - 1 / n; (n * n) = NULL; mod(1 / n, NULL); nullif(NULL, 1 / n); coalesce(NULL, n + n); (n + n) IN (NULL); (n + n = 1) AND NULL; n = NULL
CAST(CAST(n AS TEXT) AS DECIMAL(38, 9)); CAST(n / 4 AS TEXT); CAST(coalesce(n, 0.5) AS TEXT); n - -1; n / 3 * 3; n + 1 = 5; n * 2 = 4; n - 1 < 5; (n + 1 = 2) AND FALSE; FALSE AND 1 / n > 0; 1 / n > 0 AND FALSE; CAST(0.5 AS TEXT); CAST(CAST(n AS DECIMAL(2, 2)) AS TEXT); unmapped(n); n IN (NULL, 1); n IS DISTINCT FROM NULL; (n + 1) * (n - 1); if(n > 0, n, 0.5)
"""

FLOAT_CASES = """
n; -n; n + 1; n * 2; n / 3; n / 0; n - n; n * n; n = n; n < 1; n >= 0.1; n <> 0; n IN (0.5, 1); n IS NOT DISTINCT FROM n; n IS NULL; coalesce(n, n); CAST(n AS TEXT); CAST(n AS INTEGER); CAST(n AS DECIMAL(12, 2)); nullif(n, 0)
CASE WHEN n > 0 THEN n END; n BETWEEN 0 AND 1; 1 / n; n + 0.1; n = 0.1; n > 0.1
"""

DATE_CASES = """
d; year(d); month(d); day(d); date_trunc('year', d); date_trunc('quarter', d); date_trunc('month', d); date_trunc('week', d); date_trunc('day', d); date_trunc('hour', d); CAST(d AS TEXT); CAST(d AS TIMESTAMP); CAST(d AS DATE)
d = DATE '2024-02-29'; d < DATE '1970-01-01'; d BETWEEN DATE '1900-01-01' AND DATE '2025-01-01'; d IN (DATE '2024-02-29', NULL); least(d, DATE '2000-01-01'); greatest(d, DATE '2000-01-01'); coalesce(d, DATE '2000-01-01')
nullif(d, DATE '9999-12-31'); EXTRACT(year FROM d) * 100 + EXTRACT(month FROM d); CASE WHEN d IS NULL THEN DATE '2000-01-01' ELSE d END; CAST(year(d) AS TEXT) || '-' || CAST(month(d) AS TEXT); d IS NULL
"""

STAMP_CASES = """
d; year(d); month(d); day(d); hour(d); minute(d); date_trunc('year', d); date_trunc('quarter', d); date_trunc('month', d); date_trunc('week', d); date_trunc('day', d); date_trunc('hour', d); date_trunc('minute', d)
date_trunc('second', d); CAST(d AS TEXT); CAST(d AS DATE); CAST(d AS TIME); d < TIMESTAMP '2000-01-01 00:00:00'; coalesce(d, TIMESTAMP '2000-01-01 00:00:00'); at_zone(d, 'Europe/Berlin'); at_zone(d, 'America/St_Johns')
in_zone(at_zone(d, 'UTC'), 'Asia/Kathmandu'); least(d, TIMESTAMP '2000-01-01 00:00:00'); nullif(d, d); d = d; EXTRACT(hour FROM d)
"""

INSTANT_CASES = """
d; in_zone(d, 'Europe/Berlin'); in_zone(d, 'Pacific/Kiritimati'); in_zone(d, 'America/New_York'); d = d; d < TIMESTAMPTZ '2000-01-01 00:00:00+00'; coalesce(d, TIMESTAMPTZ '2000-01-01 00:00:00Z'); CAST(d AS TEXT); d IS NULL
greatest(d, TIMESTAMPTZ '2000-01-01 00:00:00+02:00'); year(in_zone(d, 'Europe/Berlin'))
"""

TIME_CASES = "d; hour(d); minute(d); CAST(d AS TEXT); d < TIME '12:00:00'; d = TIME '10:30:00'; coalesce(d, TIME '00:00:00'); least(d, TIME '12:00:00'); nullif(d, TIME '10:30:00')"

TRUTH_CASES = """
b; NOT b; b AND TRUE; b OR FALSE; b IS TRUE; b IS FALSE; b IS NOT TRUE; b IS NULL; b = TRUE; b <> FALSE; b IS DISTINCT FROM TRUE; CAST(b AS TEXT); CAST(b AS INTEGER); coalesce(b, FALSE); nullif(b, TRUE)
CASE WHEN b THEN 'A' ELSE 'X' END; CASE b WHEN TRUE THEN 'A' WHEN FALSE THEN 'X' END; if(b, 1, 0); b IN (TRUE, NULL); b AND NULL; b OR NULL; NOT (b AND NOT b)
"""


def _cases(block: str) -> list[str]:
    return [case.strip() for line in block.strip().splitlines() for case in line.split(";") if case.strip()]


@pytest.mark.parametrize("text", _cases(TEXT_CASES))
def test_texts(text: str) -> None:
    agree(text.replace("\\\\", "\\"), {"s": TEXT}, [{"s": value} for value in VALUES[TEXT]])


@pytest.mark.parametrize("kind", [INTEGER, MONEY, RATE, FREE], ids=str)
@pytest.mark.parametrize("text", _cases(NUMBER_CASES))
def test_exact_numbers(text: str, kind) -> None:
    agree(text, {"n": kind}, [{"n": value} for value in VALUES[kind]])


@pytest.mark.parametrize("text", _cases(FLOAT_CASES))
def test_floats(text: str) -> None:
    agree(text, {"n": FLOAT}, [{"n": value} for value in VALUES[FLOAT]])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((DATE, text) for text in _cases(DATE_CASES)),
        *((TIMESTAMP, text) for text in _cases(STAMP_CASES)),
        *((INSTANT, text) for text in _cases(INSTANT_CASES)),
        *((TIME, text) for text in _cases(TIME_CASES)),
    ],
    ids=str,
)
def test_times(kind, text: str) -> None:
    agree(text, {"d": kind}, [{"d": value} for value in VALUES[kind]])


@pytest.mark.parametrize("text", _cases(TRUTH_CASES))
def test_truths(text: str) -> None:
    agree(text, {"b": BOOLEAN}, [{"b": value} for value in VALUES[BOOLEAN]])


@pytest.mark.parametrize(
    "text",
    [
        "s || t", "concat(s, t)", "coalesce(s, t)", "nullif(s, t)", "s = t", "s < t", "s IS NOT DISTINCT FROM t", "strpos(s, t)", "starts_with(s, t)", "ends_with(s, t)",
        "contains(s, t)", "replace(s, t, 'x')", "replace('abab', s, t)", "split_part(s, t, 1)", "split_part(s, t, 2)", "trim(s, t)", "ltrim(s, t)", "rtrim(s, t)", "least(s, t)", "greatest(s, t)",
        "s IN (t, 'a')", "CASE s WHEN t THEN 'same' ELSE s END", "lpad(s, 4, t)",
    ],
)  # fmt: skip
def test_pairs_of_texts(text: str) -> None:
    agree(text, {"s": TEXT, "t": TEXT}, [{"s": one, "t": two} for one, two in itertools.product(SHORT, SHORT)])


@pytest.mark.parametrize(
    "kinds",
    list(itertools.product([INTEGER, MONEY, RATE, FREE], repeat=2)),
    ids=lambda kinds: "-".join(map(str, kinds)),
)
def test_pairs_of_numbers(kinds) -> None:
    rows = [{"m": one, "n": two} for one, two in itertools.product(VALUES[kinds[0]], VALUES[kinds[1]])]
    for text in _cases(
        "m + n; m - n; m * n; m / n; mod(m, n); m = n; m < n; m >= n; nullif(m, n); coalesce(m, n); least(m, n); CASE WHEN m > n THEN m ELSE n END; m IN (n, 1); m IS NOT DISTINCT FROM n"
    ):
        agree(text, {"m": kinds[0], "n": kinds[1]}, rows)


def test_texts_cut_at_numbers_of_the_row() -> None:
    rows = [{"s": text, "n": number} for text in SHORT for number in (None, -1, 0, 1, 2, 3, 100)]
    for text in ("left(s, n)", "right(s, n)", "substr(s, n)", "substr(s, 2, n)", "split_part(s, ' ', n)"):
        agree(text, {"s": TEXT, "n": INTEGER}, rows)


HARMLESS = {
    "abs": "abs(n)", "ceil": "ceil(m)", "contains": "contains(s, 'a')", "date_trunc": "date_trunc('month', d)", "day": "day(d)", "ends_with": "ends_with(s, 'a')", "floor": "floor(m)",
    "greatest": "greatest(n, 1)", "hour": "hour(t)", "least": "least(s, 'b')", "left": "left(s, 2)", "length": "length(s)", "like": "s LIKE 'a!%%' ESCAPE '!'", "lower": "lower(s)",
    "ltrim": "ltrim(s)", "minute": "minute(t)", "mod": "mod(n, 7)", "month": "month(d)", "nfc": "nfc(s)", "nfkc": "nfkc(s)", "regexp_matches": "regexp_matches(s, '^a')",
    "replace": "replace(s, 'a', 'b')", "right": "right(s, 2)", "round": "round(m, 1)", "rtrim": "rtrim(s)", "sign": "sign(m)", "split_part": "split_part(s, 'a', 1)",
    "starts_with": "starts_with(s, 'a')", "strpos": "strpos(s, 'a')", "substr": "substr(s, 2, 1)", "trim": "trim(s)", "unmapped": "CASE WHEN n > 0 THEN 1 ELSE unmapped(n) END",
    "upper": "upper(s)", "year": "year(d)",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLS))
def test_duckdb_itself_computes_every_translated_function(name: str) -> None:
    scope = {"s": TEXT, "n": INTEGER, "m": MONEY, "d": DATE, "t": TIMESTAMP}
    rows = [{"s": "abc", "n": 5, "m": VALUES[MONEY][3], "d": VALUES[DATE][7], "t": VALUES[TIMESTAMP][6]}]
    job = compiled(parse(HARMLESS[name]), scope, None, "value")
    table = table_of(scope, rows).select(job.columns)
    sql = statement([job.tree({name: name for name in job.columns})], connection.TABLE)
    answer = connection.answer(sql, table)
    assert (
        answer.column(0).to_pylist()
        == evaluate([Output("v", parse(HARMLESS[name]))], scope, table, backend="rows").table["v"].to_pylist()
    )


def test_every_function_is_compared() -> None:
    blocks = [TEXT_CASES, NUMBER_CASES, FLOAT_CASES, DATE_CASES, STAMP_CASES, INSTANT_CASES, TIME_CASES, TRUTH_CASES]
    compared = str(blocks)
    missing = [name for name in shelf() if name != "like" and f"{name}(" not in compared]
    assert missing == []


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expressions())
def test_any_expression(text: str) -> None:
    agree(text, SCOPE, rows_of())
