"""What PostgreSQL computes is what the independent oracle says, or the row is in doubt; for every step and value."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from tests.laws import test_backends as corpus
from tests.oracle.compare import oracle_type
from tests.oracle.generate import SCOPE, expressions, rows_of
from tests.oracle.hostile import BOOLEAN, DATE, FREE, INTEGER, MONEY, RATE, TEXT, TIME, TIMESTAMP, VALUES
from tests.oracle.interpreter import Fault, interpret

from dovetail.expression.functions import shelf
from dovetail.expression.parse import parse
from dovetail.expression.types import resolve
from dovetail.kernel.evaluate import Output, evaluate
from dovetail.model.mapping import Check
from dovetail.model.type import Kind, Type
from dovetail.quality.check import question
from dovetail.systems.connectors.postgres import push_letters, push_pattern
from dovetail.systems.connectors.postgres.push_calls import CALLS
from dovetail.systems.connectors.postgres.push_piece import Piece, Unpushable, any_of
from dovetail.systems.connectors.postgres.push_plan import field_piece
from dovetail.systems.connectors.postgres.push_translate import translate
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import table
from dovetail.testing.servers.postgres import Pool

EXAMPLES = int(os.environ.get("DOVETAIL_EXAMPLES", "40"))
"""Random expressions in one run; set the variable to look longer."""

NAMES = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.TEXT: "text",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
}

Rows = Sequence[Mapping[str, Any]]


class Bench:
    """One database, with a table for each set of rows."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET datestyle TO 'ISO, YMD'")
        self.connection.execute("SET timezone TO 'UTC'")
        self._tables: dict[str, str] = {}

    def table(self, scope: Mapping[str, Type], rows: Rows) -> str:
        """The name of a table that holds these rows."""
        key = repr((list(scope.items()), rows))
        if key not in self._tables:
            name = self._tables[key] = f"t{len(self._tables)}"
            columns = ", ".join(f'"{one}" {_named(given)}' for one, given in scope.items())
            self.connection.execute(f"CREATE TABLE {name} (place int, {columns})")
            marks = ", ".join(["%s"] * (len(scope) + 1))
            with self.connection.cursor() as cursor:
                values = [(at, *(row[one] for one in scope)) for at, row in enumerate(rows)]
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", values)
        return self._tables[key]

    def computed(self, piece: Piece, name: str) -> list[tuple[Any, bool]]:
        """Each row's value, and whether it is in doubt."""
        value, doubt = POSTGRES.sql(piece.value), POSTGRES.sql(any_of(piece.doubts))
        cursor = psycopg.RawCursor(self.connection)
        cursor.execute(f"SELECT {value}, ({doubt}) IS TRUE FROM {name} ORDER BY place".encode())
        return cursor.fetchall()


def _named(given: Type) -> str:
    if given.kind is Kind.DECIMAL:
        return "numeric" if given.precision is None else f"numeric({given.precision}, {given.scale})"
    return NAMES[given.kind]


@pytest.fixture(scope="module")
def bench(postgres_pool: Pool) -> Iterator[Bench]:
    name = postgres_pool.take()
    made = Bench(postgres_pool.server.url(name))
    yield made
    made.connection.close()
    postgres_pool.give_back(name)


def _storable(rows: Rows) -> list[Mapping[str, Any]]:
    return [row for row in rows if not any(isinstance(value, str) and "\x00" in value for value in row.values())]


_WIDE = Context(prec=200)


def exactly(value: Any, given: Type | None) -> Any:
    """A value as the language has it: an exact number whatever places PostgreSQL shows."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return ("number", Decimal(value).normalize(_WIDE))
    return (type(value).__name__, value)


def pushed(bench: Bench, text: str, scope: Mapping[str, Type], rows: Rows) -> tuple[int, int] | None:
    """Assert that PostgreSQL gives what the oracle gives, or doubts; how many rows have a value, and how many of them
    are in doubt. `None` where nothing is pushed down."""
    rows = _storable(rows)
    name = bench.table(scope, rows)
    node = resolve(parse(text), scope)
    try:
        piece = translate(node, {one: field_piece(table(name), one, given) for one, given in scope.items()})
    except Unpushable:
        return None
    kinds = {one: oracle_type(given) for one, given in scope.items()}
    wanted = interpret(text, kinds, [dict(row) for row in rows])
    sound = doubted = 0
    for row, (value, doubt), right in zip(rows, bench.computed(piece, name), wanted, strict=True):
        failed = isinstance(right, Fault)
        sound += not failed
        doubted += doubt and not failed
        assert doubt or not failed, f"{text} over {row!r} gives {value!r}; it must fail with {right.code}"
        assert doubt or exactly(value, node.type) == exactly(right, node.type), (
            f"{text} over {row!r} gives {value!r}; the oracle says {right!r}"
        )
    return sound, doubted


@pytest.mark.parametrize("text", corpus._cases(corpus.TEXT_CASES))
def test_texts(bench: Bench, text: str) -> None:
    pushed(bench, text.replace("\\\\", "\\"), {"s": TEXT}, [{"s": value} for value in VALUES[TEXT]])


@pytest.mark.parametrize("kind", [INTEGER, MONEY, RATE, FREE], ids=str)
@pytest.mark.parametrize("text", corpus._cases(corpus.NUMBER_CASES))
def test_exact_numbers(bench: Bench, text: str, kind: Type) -> None:
    pushed(bench, text, {"n": kind}, [{"n": value} for value in VALUES[kind]])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((DATE, text) for text in corpus._cases(corpus.DATE_CASES)),
        *((TIMESTAMP, text) for text in corpus._cases(corpus.STAMP_CASES)),
        *((TIME, text) for text in corpus._cases(corpus.TIME_CASES)),
    ],
    ids=str,
)
def test_times(bench: Bench, kind: Type, text: str) -> None:
    pushed(bench, text, {"d": kind}, [{"d": value} for value in VALUES[kind]])


@pytest.mark.parametrize("text", corpus._cases(corpus.TRUTH_CASES))
def test_truths(bench: Bench, text: str) -> None:
    pushed(bench, text, {"b": BOOLEAN}, [{"b": value} for value in VALUES[BOOLEAN]])


PAIRS = (
    "s || t; concat(s, t); coalesce(s, t); nullif(s, t); s = t; s < t; s IS NOT DISTINCT FROM t; strpos(s, t); "
    "starts_with(s, t); ends_with(s, t); contains(s, t); replace(s, t, 'x'); replace('abab', s, t); "
    "split_part(s, t, 1); split_part(s, t, 2); trim(s, t); ltrim(s, t); rtrim(s, t); least(s, t); greatest(s, t); "
    "s IN (t, 'a'); CASE s WHEN t THEN 'same' ELSE s END; lpad(s, 4, t); rpad(s, 4, t)"
)


@pytest.mark.parametrize("text", corpus._cases(PAIRS))
def test_pairs_of_texts(bench: Bench, text: str) -> None:
    rows = [{"s": one, "t": two} for one, two in itertools.product(corpus.SHORT, corpus.SHORT)]
    pushed(bench, text, {"s": TEXT, "t": TEXT}, rows)


@pytest.mark.parametrize("kinds", list(itertools.product([INTEGER, MONEY, RATE, FREE], repeat=2)), ids=str)
def test_pairs_of_numbers(bench: Bench, kinds: tuple[Type, Type]) -> None:
    rows = [{"m": one, "n": two} for one, two in itertools.product(VALUES[kinds[0]], VALUES[kinds[1]])]
    for text in corpus._cases(
        "m + n; m - n; m * n; m / n; mod(m, n); m = n; m < n; m >= n; nullif(m, n); coalesce(m, n); least(m, n); "
        "CASE WHEN m > n THEN m ELSE n END; m IN (n, 1); m IS NOT DISTINCT FROM n"
    ):
        pushed(bench, text, {"m": kinds[0], "n": kinds[1]}, rows)


def test_texts_cut_at_numbers_of_the_row(bench: Bench) -> None:
    numbers = (None, -(2**63), -1, 0, 1, 2, 3, 100, 2**31, 2**63 - 1)
    rows = [{"s": text, "n": number} for text in corpus.SHORT for number in numbers]
    for text in (
        "left(s, n)",
        "right(s, n)",
        "substr(s, n)",
        "substr(s, 2, n)",
        "substr(s, n, n)",
        "split_part(s, ' ', n)",
    ):
        assert pushed(bench, text, {"s": TEXT, "n": INTEGER}, rows)


PATTERNS = (
    r"^[0-9]+$; a.b; (?:a|b){2}; ^(?:\d{5}|[A-Z]{2}-.+)$; [^a-z ]; ^\w*$; \s; x|; ^$; (a)(b)?c; [\x41-\x5a\x{e4}]; "
    r"ß+; ^.{3}$; [+-]; \.; ^(?:[0-9]{1,3}\.){2}; [\pZ\pC]; ^[^\x00-\x20]*$; 日|é; ^(?:a?){3}$; [A-Za-z]{17,20}; (?:ab){20}"
)
REFUSED = (r"(?i)a", r"\bx", r"\pL", r"a*?", r"[[:digit:]]", r"\Aa", r"(?P<n>a)", r"a{300}", r"[a-c-e]", r"\x{110000}")


def by_re2(bench: Bench, text: str, matches: Callable[[str], bool], values: Sequence[str | None]) -> tuple[int, int]:
    """As `pushed`, with RE2 itself as the judge: it is what regular expressions mean."""
    rows = _storable([{"s": value} for value in values])
    name = bench.table({"s": TEXT}, rows)
    piece = translate(resolve(parse(text), {"s": TEXT}), {"s": field_piece(table(name), "s", TEXT)})
    found = bench.computed(piece, name)
    for row, (value, doubt) in zip(rows, found, strict=True):
        wanted = None if row["s"] is None else matches(row["s"])
        assert doubt or value is wanted, f"{text} over {row!r} gives {value!r}, not {wanted!r}"
    return len(rows), sum(doubt for _, doubt in found)


@pytest.mark.parametrize("pattern", PATTERNS.split("; "))
def test_regular_expressions(bench: Bench, pattern: str) -> None:
    more = ["ab12", "AB-c", "10.20.", "a\nb", "x" * 17, "ab" * 25, "\x85", "\xad", "12345"]
    text, run = f"regexp_matches(s, '{pattern}')", shelf()["regexp_matches"].run
    total, doubted = by_re2(bench, text, lambda value: run(value, pattern), [*VALUES[TEXT], *more])
    assert doubted < total / 3


@pytest.mark.parametrize("pattern", REFUSED)
def test_other_regular_expressions_are_refused(pattern: str) -> None:
    assert push_pattern.pattern(pattern) is None


ADDRESSES = [
    "a@b.de",
    "A.B@c-d.example",
    "a@b",
    "ä@ö.de",
    "a@" + "b" * 64 + ".de",
    "a@" + "b" * 63 + ".de",
    "a@b.1",
    "a@1.b",
]
ADDRESSES += [
    "a@-b.de",
    "a..b@c.de",
    "a@b.de.",
    "a@b@c.de",
    "x" * 64 + "@b.de",
    "x" * 65 + "@b.de",
    "a\xa0b@c.de",
    " a@b.de",
]
ADDRESSES += ["a@" + "b." * 126 + "de", "a@" + "b." * 125 + "de", "a\tb@c.de", "a@b.c\n", "\u3000a@b.de"]


def test_an_email_check_is_pushed_down(bench: Bench) -> None:
    asked = question(Check("email", (), field="s"), {"s": TEXT}).expression
    assert asked is not None
    values = [*VALUES[TEXT], *ADDRESSES]
    column = pa.table({"s": pa.array(values)})
    answers = evaluate([Output("good", asked)], {"s": TEXT}, column).table.column("good").to_pylist()
    good = dict(zip(values, answers, strict=True))
    total, doubted = by_re2(bench, asked.text, lambda value: good[value], values)
    assert doubted < total / 3
    assert sum(answer is True for answer in answers) > 5


SURE = (
    "lower(s); upper(s); trim(s); squeeze(s); nfc(s); left(s, 2); substr(s, 2, 2); split_part(s, '-', 2); s || 'x'; "
    "replace(s, 'a', 'b'); coalesce(s, 'x'); nullif(s, ''); CASE s WHEN 'A' THEN 'x' ELSE 'y' END; s IN ('a', 'b'); "
    "s LIKE 'A%'; length(s); strpos(s, 'a'); n / 100; n + 1; n * 1.19; abs(n); m - n; m / 3; round(m, 1); m > n; "
    "CAST(n AS TEXT); CAST(m AS TEXT); CAST(n AS DECIMAL(12, 2)); year(d); date_trunc('month', d); d < DATE '2000-01-01'; "
    "CAST(d AS TEXT); b AND n > 0; NOT b; lpad(s, 20, ' '); least(n, 3); mod(n, 7); CAST(CAST(n AS TEXT) AS INTEGER)"
)


@pytest.mark.parametrize("text", corpus._cases(SURE))
def test_of_ordinary_rows_none_is_in_doubt(bench: Bench, text: str) -> None:
    scope = {"s": TEXT, "n": INTEGER, "m": MONEY, "d": DATE, "b": BOOLEAN}
    texts = ["Ada", "Müller", "Łukasz Nowak", "O'Neil", "a-b-c", "", None]
    rows = [
        {"s": one, "n": at * 7, "m": Decimal(at * 31).scaleb(-2), "d": VALUES[DATE][6 + at % 2], "b": at % 2 == 0}
        for at, one in enumerate(texts)
    ]
    assert pushed(bench, text, scope, rows) == (len(rows), 0)


def test_every_function_that_is_pushed_down_is_compared() -> None:
    blocks = [corpus.TEXT_CASES, corpus.NUMBER_CASES, corpus.DATE_CASES, corpus.STAMP_CASES, corpus.TIME_CASES]
    compared = str([*blocks, corpus.TRUTH_CASES, PAIRS])
    assert set(CALLS) <= set(shelf())
    assert [name for name in CALLS if name != "like" and f"{name}(" not in compared] == []


def test_white_space_and_letters_are_those_of_the_language() -> None:
    everything = [chr(number) for number in range(0x110000)]
    assert "".join(sign for sign in everything if sign.isspace()) == push_letters.BLANKS
    composed = "".join(everything[: push_letters.COMPOSED_END + 1])
    assert shelf()["nfc"].run(composed) == composed


def test_letters_beyond_ascii(bench: Bench) -> None:
    rows = [{"s": f"a{chr(number)}Z"} for number in range(1, 0x600)] + [{"s": "ΑΣ"}, {"s": "İI"}, {"s": "ıſ"}]
    for text in ("lower(s)", "upper(s)", "nfc(s)", "nfkc(s)", "squeeze(s)", "trim(s, 'aäZ')", "left(s, 2)", "s < 'b'"):
        found = pushed(bench, text, {"s": TEXT}, rows)
        assert found is not None
        assert found[0] - found[1] > 120


COLLATIONS = {
    "C": "",
    "pg_c_utf8": "",
    "pg_unicode_fast": "",
    "tr-x-icu": "",
    "ci": "CREATE COLLATION IF NOT EXISTS ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
}


@pytest.mark.parametrize("collation", COLLATIONS)
def test_a_collation_of_the_column_changes_nothing(bench: Bench, collation: str) -> None:
    rows = _storable([{"s": value} for value in [*corpus.SHORT, "I", "ı", "İ", "Σ", "ΑΣ"]])
    name = bench.table({"s": TEXT}, rows)
    try:
        bench.connection.execute(COLLATIONS[collation] or b"SELECT")
        bench.connection.execute(f'ALTER TABLE {name} ALTER s TYPE text COLLATE "{collation}"'.encode())
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedObject) as reason:
        pytest.skip(f"this server has no such collation: {reason}")
    for text in corpus._cases(
        "lower(s); upper(s); s = 'A'; s < 'B'; s LIKE 'A%'; strpos(s, 'A'); replace(s, 'A', 'x'); s IN ('A'); least(s, 'B'); "
        "regexp_matches(s, '^[a-z]+$'); split_part(s, 'b', 1); CASE s WHEN 'a' THEN 1 ELSE 2 END; nullif(s, 'a'); trim(s, 'a')"
    ):
        assert pushed(bench, text, {"s": TEXT}, rows) is not None
    bench.connection.execute(f"ALTER TABLE {name} ALTER s TYPE text".encode())


ROWS = rows_of()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions())
def test_any_expression(bench: Bench, text: str) -> None:
    pushed(bench, text, SCOPE, ROWS)
