"""What the expression language accepts, what it refuses, and how it says so."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pytest

from dovetail.errors import DeclarationError, Location, UnknownName
from dovetail.expression.parse import Expression, choose, column, from_tree, literal, parse, substitute
from dovetail.expression.types import infer
from dovetail.model.type import Kind, Type

HERE = Location("mappings/product.yaml", 7, 18)

ORDINARY = [
    "title",
    "price_cents / 100",
    "weight_kg * 1000",
    "structure <> 'parent'",
    "lower(trim(contact))",
    "split_part(name, ' ', 1)",
    "first_name || ' ' || last_name",
    "coalesce(phone, mobile, '')",
    "CASE status WHEN 'A' THEN TRUE WHEN 'X' THEN FALSE ELSE unmapped(status) END",
    "CASE WHEN stock > 0 AND NOT blocked THEN 'yes' ELSE 'no' END",
    "CAST(code AS INTEGER)",
    "code::INTEGER",
    "CAST(amount AS DECIMAL(12, 2))",
    "DATE '2026-11-21'",
    "TIMESTAMP '2026-11-21 10:30:00'",
    "ordered BETWEEN DATE '2026-01-01' AND DATE '2026-12-31'",
    "country IN ('DE', 'AT', 'CH')",
    "country NOT IN ('DE', 'AT')",
    "sku LIKE 'AB-%'",
    "note LIKE '50!%' ESCAPE '!'",
    "deleted_at IS NULL",
    "deleted_at IS NOT NULL",
    "a IS NOT DISTINCT FROM b",
    "substring(code FROM 1 FOR 3)",
    "EXTRACT(year FROM ordered)",
    "date_trunc('month', ordered)",
    "at_zone(ordered, 'Europe/Berlin')",
    "lpad(code, 8, '0')",
    "regexp_matches(zip, '^[0-9]{5}$')",
    "round(net * 1.19, 2)",
    "-balance",
    "- -balance",
    "a % 7",
    "old.note",
    'old."first name" || "second name"',
    '"select"',
    "order",
    "user",
    "comment",
    "desc",
    '"lower"(a)',
    "größe + länge",
    "'O''Neil -- no comment /* here */ ; either'",
    "if(vip, 'gold', NULL)",
    "nullif(trim(both ' ' from fax), '')",
    "(a OR b) AND (c OR d)",
    "greatest(a, b, 0)",
    "x IS TRUE",
]

REFUSED = {
    "reads a file": "read_csv('/etc/passwd')",
    "reads text": "read_text('/etc/shadow')",
    "reads a blob": "read_blob('/etc/shadow')",
    "reads json": "read_json('x.json')",
    "scans parquet": "parquet_scan('x')",
    "globs": "glob('*')",
    "environment": "getenv('HOME')",
    "query": "query('SELECT 1')",
    "query table": "query_table('t')",
    "setting": "current_setting('memory_limit')",
    "set": "set_config('a', 'b', false)",
    "server file": "pg_read_file('/etc/passwd')",
    "server listing": "pg_ls_dir('.')",
    "server sleep": "pg_sleep(100)",
    "large object": "lo_import('/etc/passwd')",
    "sqlite extension": "load_extension('x')",
    "mysql file": "load_file('/etc/passwd')",
    "mysql sleep": "sleep(10)",
    "benchmark": "benchmark(1000000, 1)",
    "repeat bomb": "repeat('x', 3000000000)",
    "range bomb": "range(100000000000)",
    "series bomb": "generate_series(1, 100000000000)",
    "pad bomb": "printf('%1000000000d', 1)",
    "format": "format('{}', a)",
    "unnest": "unnest(a)",
    "list": "[1, 2, 3]",
    "list comprehension": "[y for y in x]",
    "lambda": "list_transform(x, y -> y + 1)",
    "arrow": "x -> 1",
    "long arrow": "x ->> 'a'",
    "structure": "{'a': 1}",
    "subscript": "a[1]",
    "bare subquery": "(SELECT 1)",
    "statement": "SELECT 1",
    "exists": "EXISTS (SELECT 1)",
    "in subquery": "a IN (SELECT b FROM c)",
    "in unnest": "a IN UNNEST(b)",
    "any": "a = ANY(b)",
    "copy": "COPY a TO 'x'",
    "attach": "ATTACH 'x.db'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "pragma": "PRAGMA version",
    "drop": "DROP TABLE a",
    "delete": "DELETE FROM a",
    "macro": "CREATE MACRO f(x) AS x",
    "stacked": "a; DROP TABLE b",
    "trailing semicolon": "a;",
    "line comment": "a -- b",
    "block comment": "a /* b */",
    "vendor comment": "a /*! UNION SELECT 1 */",
    "hint comment": "/*+ x */ a",
    "hash comment": "a # b",
    "star": "*",
    "count star": "count(*)",
    "columns": "COLUMNS('a.*')",
    "aggregate": "sum(a)",
    "any value": "any_value(a)",
    "string aggregate": "string_agg(a, ',')",
    "window": "lower(a) OVER ()",
    "row number": "row_number() OVER (ORDER BY a)",
    "filter": "max(a) FILTER (WHERE b)",
    "question mark": "a = ?",
    "numbered parameter": "a = $1",
    "named parameter": "a = :name",
    "at parameter": "a = @name",
    "jinja": "{{ a }}",
    "environment variable": "${HOME}",
    "backtick": "`a`",
    "dollar quote": "$$a$$",
    "escape string": "E'a\\n'",
    "hex string": "X'00'",
    "hex number": "0x1F",
    "bit string": "b'1'",
    "other table": "t.a",
    "schema": "s.t.a",
    "deep qualifier": "old.t.a",
    "qualified function": "pg_catalog.lower(a)",
    "method": "a.lower()",
    "alias": "a AS b",
    "silent alias": "a b",
    "tuple": "(a, b)",
    "two expressions": "a, b",
    "try cast": "TRY_CAST(a AS INTEGER)",
    "try": "TRY(a)",
    "interval": "a + INTERVAL 1 DAY",
    "clock": "now()",
    "today": "current_date",
    "time of day": "CURRENT_TIMESTAMP",
    "random": "random()",
    "generated key": "uuid()",
    "next value": "nextval('s')",
    "collation": "a COLLATE nocase",
    "ilike": "a ILIKE 'b'",
    "similar": "a SIMILAR TO 'b'",
    "glob operator": "a GLOB 'b'",
    "regex operator": "a ~ 'b'",
    "power": "a ^ 2",
    "star power": "a ** 2",
    "integer division": "a // 2",
    "bit and": "a & 1",
    "bit or": "a | 1",
    "shift": "a << 1",
    "cast without digits": "CAST(a AS DECIMAL)",
    "cast to list": "CAST(a AS INTEGER[])",
    "cast with length": "CAST(a AS VARCHAR(5))",
    "cast to table type": "CAST(a AS STRUCT(b INTEGER))",
    "cast with format": "CAST(a AS DATE FORMAT 'YYYY')",
    "rounded floor": "floor(a, 2)",
    "empty": "",
    "blank": "  \n ",
    "open quote": "'abc",
    "nul sign": "a\x00b",
    "right to left": "a\u202eb",
    "unclosed": "lower(a",
    "closed twice": "lower(a))",
    "nothing": "()",
    "dangling": "a +",
    "case without end": "CASE WHEN a THEN b",
}

TYPED = {
    "cast to 32 bits": "CAST(a AS REAL)",
    "cast to 16 bits": "CAST(a AS SMALLINT)",
    "cast to bytes": "CAST(a AS BLOB)",
    "long number": "1e400",
    "many digits": "1" * 60,
    "wide pad": "lpad(CAST(a AS TEXT), 2000000000, 'x')",
    "pattern bomb": "regexp_matches(CAST(a AS TEXT), '((x{900}){900}){900}')",
    "zone outside": "at_zone(CAST(CAST(a AS TEXT) AS TIMESTAMP), '../../../etc/passwd')",
}


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_expressions_are_read(text: str) -> None:
    read = parse(text, at=HERE)
    assert parse(read.text) == read, "the canonical text means the same"
    assert from_tree(read.tree) == read


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_everything_else_is_refused(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(DeclarationError) as refusal:
        parse(text, at=HERE)
    assert time.perf_counter() - start < 1
    assert refusal.value.code.startswith("DV-12")
    assert refusal.value.where == HERE
    assert refusal.value.hint, "the person is told what to write instead"


@pytest.mark.parametrize("text", TYPED.values(), ids=TYPED.keys())
def test_some_is_refused_when_types_are_known(text: str) -> None:
    with pytest.raises(DeclarationError) as refusal:
        infer(parse(text, at=HERE), dict.fromkeys(("a", "b", "x"), Type(Kind.DECIMAL)))
    assert refusal.value.code in ("DV-124", "DV-126", "DV-128")
    assert refusal.value.where == HERE
    assert refusal.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "a" + ")" * 100_000,
        "lower(" * 1_000 + "a" + ")" * 1_000,
        "(" * 41 + "a" + ")" * 41,
        " + ".join(["a"] * 20_000),
        "-" * 20_000 + "a",
        "- " * 900 + "a",
        "NOT " * 400 + "a",
        "a" + "||a" * 600,
        "CASE WHEN a THEN " * 80 + "b" + " END" * 80,
        "'" + "x" * 100_000 + "'",
        "a IN (" + ", ".join(["1"] * 100_000) + ")",
    ],
    ids=lambda text: f"{text[:12]}... {len(text)}",
)
def test_long_and_deep_texts_are_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(DeclarationError) as refusal:
        parse(text, at=HERE)
    assert time.perf_counter() - start < 1
    assert refusal.value.code in ("DV-121", "DV-122")
    assert len(str(refusal.value)) < 600


def test_forty_parentheses_are_read() -> None:
    assert parse("(" * 40 + "a" + ")" * 40).names == ("a",)


def test_an_unbalanced_parenthesis_of_a_flow_mapping_is_explained() -> None:
    with pytest.raises(DeclarationError, match="must be quoted") as refusal:
        parse("coalesce(phone", at=HERE)
    assert refusal.value.hint == "an expression with a comma inside {...} must be quoted"
    assert str(refusal.value).startswith("mappings/product.yaml:7:18: DV-120")


@pytest.mark.parametrize(
    ("wrong", "right"), [("lowr(a)", "lower"), ("substrng(a, 1)", "substring"), ("colaesce(a, b)", "coalesce")]
)
def test_the_nearest_function_is_named(wrong: str, right: str) -> None:
    with pytest.raises(UnknownName) as refusal:
        parse(wrong)
    assert refusal.value.code == "DV-123"
    assert right in refusal.value.hint


def test_names_are_listed_once_in_order() -> None:
    read = parse("b || a || old.c || b || old.a")
    assert (read.names, read.old_names) == (("b", "a"), ("c", "a"))
    assert parse("NULL").names == ()


def test_a_bare_name_is_known_as_one() -> None:
    assert parse("price").column == "price"
    assert parse("(price)").column == "price"
    assert parse("old.price").column == "old.price"
    assert parse("price + 1").column is None


def test_names_keep_their_case_and_every_sign() -> None:
    assert parse('"First Name"').names == ("First Name",)
    assert column('a "b" c').names == ('a "b" c',)
    assert column("x.y", old=True).old_names == ("x.y",)
    assert parse(column("order").text).names == ("order",)
    assert column("plain") == parse("plain")


def test_substitution_replaces_all_names_at_once_and_keeps_the_old_ones() -> None:
    swapped = substitute(parse("a - b - old.a"), {"a": parse("b * 2"), "b": parse("a + 1")})
    assert swapped.text == "(b * 2) - (a + 1) - old.a"
    assert substitute(parse("a"), {"z": parse("b")}) == parse("a")
    assert substitute(parse("a || 'a'"), {"a": literal("a")}).text == "'a' || 'a'"


def test_substitution_never_changes_what_it_is_given() -> None:
    read, bound = parse("a + 1"), parse("b")
    substitute(read, {"a": bound})
    assert (read.text, read.tree.sql(dialect="duckdb"), bound.text) == ("a + 1", "a + 1", "b")


def test_a_negative_constant_never_makes_a_comment() -> None:
    assert substitute(parse("a - b"), {"b": literal(-5)}).text == "a - (-5)"
    assert "--" not in substitute(parse("-b"), {"b": literal(Decimal("-0.5"))}).text


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        Decimal("0.10"),
        Decimal("-1E-9"),
        Decimal("1E+3"),
        0.19,
        "",
        "O'Neil",
        "--",
        "a\nb",
        "\\",
        "$1",
    ],
)
def test_constants_are_read_back(value: object) -> None:
    assert parse(literal(value).text) == literal(value)


@pytest.mark.parametrize(
    "value",
    [dt.date(2026, 11, 21), dt.time(10, 30), dt.datetime(2026, 11, 21, 10), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
)
def test_constants_of_time_are_casts(value: object) -> None:
    assert literal(value).text.startswith("CAST('")


@pytest.mark.parametrize("value", [b"x", float("nan"), float("inf"), Decimal("NaN"), [1], object()])
def test_what_is_no_constant_is_refused(value: object) -> None:
    with pytest.raises(DeclarationError) as refusal:
        literal(value)
    assert refusal.value.code == "DV-128"


def test_a_code_map_may_be_longer_than_a_text() -> None:
    arms = [(literal(f"code {number}"), literal(number)) for number in range(2_000)]
    chosen = choose(parse("status"), arms)
    assert len(chosen.text) > 50_000
    assert chosen.names == ("status",)


def test_a_tree_is_bounded_too() -> None:
    arms = [(literal(number), literal(number)) for number in range(10_000)]
    with pytest.raises(DeclarationError) as refusal:
        choose(parse("status"), arms)
    assert refusal.value.code == "DV-121"


def test_letting_a_name_stand_for_itself_grows_within_bounds() -> None:
    def grow(times: int) -> Expression:
        grown = parse("a || a")
        for _ in range(times):
            grown = substitute(grown, {"a": grown})
        return grown

    assert grow(3).names == ("a",)
    with pytest.raises(DeclarationError) as refusal:
        grow(40)
    assert refusal.value.code == "DV-121"


def test_expressions_are_equal_by_their_meaning_only() -> None:
    assert parse("lower( a )", at=HERE) == parse("LOWER(a)")
    assert hash(parse("a+1")) == hash(parse("a + 1"))
    assert isinstance(parse("a"), Expression)
