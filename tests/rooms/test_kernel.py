"""The kernel: exact cells, located failures, both back ends alike, nothing copied that is only renamed, nothing reached
outside."""

from __future__ import annotations

import datetime as dt
import threading
import time
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from dovetail.errors import DeclarationError, DovetailError
from dovetail.expression.parse import choose, column, literal, parse
from dovetail.kernel import connection
from dovetail.kernel import evaluate as kernel
from dovetail.kernel.evaluate import Failure, Output, evaluate
from dovetail.model.type import Kind, Type

INTEGER, TEXT, FREE = Type(Kind.INTEGER), Type(Kind.TEXT), Type(Kind.DECIMAL)
BACKENDS = ("rows", "duckdb")


def one(text: str, given: Type, values: list, fit: Type | None = None, backend: str = "rows"):
    table = pa.table({"x": pa.array(values, given.arrow())})
    evaluated = evaluate([Output("y", parse(text), fit)], {"x": given}, table, backend=backend)
    return evaluated.table["y"].to_pylist(), [(failure.position, failure.code) for failure in evaluated.failures]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failing_row_costs_its_own_cell_only(backend: str) -> None:
    table = pa.table({"x": ["1", "two", None, "4"], "y": ["a", "b", "c", None]})
    evaluated = evaluate(
        [
            Output("n", parse("CAST(x AS INTEGER)")),
            Output("u", parse("upper(y)")),
            Output("q", parse("1 / (CAST(x AS INTEGER) - 1)")),
        ],
        {"x": TEXT, "y": TEXT},
        table,
        backend=backend,
    )
    assert evaluated.table.to_pydict()["n"] == [1, None, None, 4]
    assert evaluated.table.to_pydict()["u"] == ["A", "B", "C", None]
    assert evaluated.table.to_pydict()["q"] == [None, None, None, Decimal("0.3333333333")]
    assert evaluated.failures == (
        Failure(0, "q", "DV-434", "division by zero"),
        Failure(1, "n", "DV-432", "the value is not an integer"),
        Failure(1, "q", "DV-432", "the value is not an integer"),
    )


def test_a_reason_never_holds_the_value() -> None:
    table = pa.table({"x": ["Ada Lovelace 4711"]})
    casts = [
        "INTEGER",
        "DECIMAL(5, 2)",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "BOOLEAN",
        "UUID",
        "JSON",
        "DOUBLE",
    ]
    outputs = [Output(name, parse(f"CAST(x AS {name})")) for name in casts]
    outputs += [
        Output("code", parse("unmapped(x)")),
        Output("fit", parse("x"), Type(Kind.TEXT, length=3)),
        Output("pad", parse("lpad(x, 2, '0')")),
    ]
    failures = evaluate(outputs, {"x": TEXT}, table).failures
    assert len(failures) == len(outputs)
    assert not any("Ada" in failure.reason or "4711" in failure.reason for failure in failures)


def test_failures_among_many_rows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "SLICE_ROWS", 1_000)
    texts = [str(number) for number in range(10_000)]
    texts[0] = texts[4_567] = texts[9_999] = "bad"
    evaluated = evaluate(
        [Output("n", parse("CAST(x AS INTEGER) * 2")), Output("t", parse("x || '!'"))],
        {"x": TEXT},
        pa.table({"x": texts}),
    )
    assert [failure.position for failure in evaluated.failures] == [0, 4_567, 9_999]
    numbers = evaluated.table["n"].to_pylist()
    assert [numbers[at] for at in (0, 1, 4_566, 4_567, 4_568, 9_999)] == [None, 2, 9_132, None, 9_136, None]
    assert evaluated.table["t"].to_pylist() == [f"{text}!" for text in texts]


def test_a_million_rows_keep_their_order_and_take_seconds() -> None:
    rows = 1_000_000
    table = pa.table({"n": pa.array(range(rows)), "s": pa.array([f" Name {number} " for number in range(rows)])})
    texts = [
        "n / 100",
        "n + 1",
        "n * 2 - 1",
        "trim(s)",
        "lower(s)",
        "s || '!'",
        "coalesce(s, '-')",
        "CASE WHEN n > 5 THEN 'a' ELSE s END",
        "length(s)",
        "n = 3",
    ]
    start = time.perf_counter()
    evaluated = evaluate([Output(text, parse(text)) for text in texts], {"n": INTEGER, "s": TEXT}, table)
    assert time.perf_counter() - start < 8
    assert evaluated.table["n + 1"].to_pylist() == list(range(1, rows + 1))
    assert evaluated.table["trim(s)"][rows - 1].as_py() == f"Name {rows - 1}"
    assert evaluated.failures == ()


EVERY_TYPE = {
    "boolean": (Type(Kind.BOOLEAN), [True, False, None]),
    "integer": (INTEGER, [2**63 - 1, -(2**63), None]),
    "decimal": (
        Type(Kind.DECIMAL, 38, 18),
        [Decimal("0." + "0" * 17 + "1"), Decimal("-99999999999999999999." + "9" * 18), None],
    ),
    "float": (Type(Kind.FLOAT), [1e300, 5e-324, None]),
    "text": (TEXT, ["a\x00b", "👩\u200d👩\u200d👧 e\u0301", None]),
    "bytes": (Type(Kind.BYTES), [b"\x00\xff", b"", None]),
    "date": (Type(Kind.DATE), [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    "time": (Type(Kind.TIME), [dt.time(23, 59, 59, 999999), dt.time(0), None]),
    "timestamp": (Type(Kind.TIMESTAMP), [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), None]),
    "instant": (
        Type(Kind.INSTANT),
        [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None],
    ),
    "uuid": (Type(Kind.UUID), ["6f9619ff-8b86-d011-b42d-00c04fc964ff", None]),
    "json": (Type(Kind.JSON), ['{"a": 1, "a": 2}', "1e400", None]),
    "opaque": (Type(Kind.OPAQUE, native="inet"), ["10.0.0.1/8", None]),
}


@pytest.mark.parametrize("name", EVERY_TYPE)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rename_hands_the_column_on_without_a_copy(name: str, backend: str) -> None:
    kind, values = EVERY_TYPE[name]
    table = pa.table({'odd "name" -- x': pa.array(values, kind.arrow())})
    evaluated = evaluate(
        [Output("y", column('odd "name" -- x'), kind)], {'odd "name" -- x': kind}, table, backend=backend
    )
    assert evaluated.table["y"].to_pylist() == values
    before, after = (given.column(0).chunk(0).buffers() for given in (table, evaluated.table))
    assert [buffer and buffer.address for buffer in before] == [buffer and buffer.address for buffer in after]


@pytest.mark.parametrize("name", EVERY_TYPE)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_type_passes_a_case_exactly(name: str, backend: str) -> None:
    kind, values = EVERY_TYPE[name]
    found, failed = one("CASE WHEN x IS NULL THEN NULL ELSE x END", kind, values, backend=backend)
    assert (found, failed) == (values, [])


def test_a_rename_asks_no_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "answer", lambda *_: pytest.fail("DuckDB was asked"))
    assert one("x", INTEGER, [1, 2], backend="duckdb")[0] == [1, 2]
    assert one("lower(x)", TEXT, ["A"], backend="rows")[0] == ["a"]


def test_the_back_end_is_chosen_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = connection.answer
    monkeypatch.setattr(connection, "answer", lambda sql, table: asked.append(sql) or real(sql, table))
    table = pa.table({"x": pa.array(range(999))})
    evaluate([Output("y", parse("x + 1"))], {"x": INTEGER}, table)
    assert asked == []
    evaluate([Output("y", parse("x + 1"))], {"x": INTEGER}, pa.concat_tables([table, table]))
    assert len(asked) == 1


SHORT, SMALL = Type(Kind.TEXT, length=3), Type(Kind.INTEGER, minimum=0, maximum=99)
MONEY = Type(Kind.DECIMAL, 5, 2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("given", "values", "target", "wanted"),
    [
        (TEXT, ["abc", "abcd", "äöü", "👩\u200d👧", None], SHORT, ["abc", False, "äöü", "👩\u200d👧", None]),
        (INTEGER, [0, 99, 100, -1, None], SMALL, [0, 99, False, False, None]),
        (INTEGER, [999, 1000, -999], MONEY, [Decimal("999.00"), False, Decimal("-999.00")]),
        (FREE, [Decimal("1.5"), Decimal("1.005"), Decimal(1000), Decimal("-0.01")], MONEY, [Decimal("1.50"), False, False, Decimal("-0.01")]),
        (FREE, [Decimal(7), Decimal("7.5"), Decimal(99999999999999999999)], INTEGER, [7, False, False]),
        (Type(Kind.FLOAT), [0.1, 1 / 3, float("nan"), 1e300], MONEY, [Decimal("0.10"), False, False, False]),
        (Type(Kind.FLOAT), [2.0, 0.5, float("inf")], INTEGER, [2, False, False]),
        (FREE, [Decimal("0.1"), Decimal("0.123456789012345678")], Type(Kind.FLOAT), [0.1, False]),
        (INTEGER, [2**53, 2**53 + 1], Type(Kind.FLOAT), [2.0**53, False]),
        (TEXT, ["6f9619ff-8b86-d011-b42d-00c04fc964ff", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "x"], Type(Kind.UUID), ["6f9619ff-8b86-d011-b42d-00c04fc964ff", False, False]),
        (TEXT, ["[1]", "[1"], Type(Kind.JSON), ["[1]", False]),
        (Type(Kind.TIMESTAMP), [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, 1)], Type(Kind.DATE), [dt.date(2026, 1, 1), False]),
        (Type(Kind.DATE), [dt.date(2026, 1, 1)], Type(Kind.TIMESTAMP), [dt.datetime(2026, 1, 1)]),
        (Type(Kind.BYTES), [b"ab", b"abc"], Type(Kind.BYTES, length=2), [b"ab", False]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["x", "coalesce(x, x)"])
def test_values_fit_unchanged_or_fail(  # noqa: PLR0917
    given: Type, values: list, target: Type, wanted: list, text: str, backend: str
) -> None:
    found, failed = one(text, given, values, target, backend)
    assert found == [None if value is False else value for value in wanted]
    assert failed == [(at, "DV-430") for at, value in enumerate(wanted) if value is False]


def test_what_can_never_fit_is_a_mistake_of_the_declaration() -> None:
    with pytest.raises(DeclarationError) as mistake:
        one("x", TEXT, ["a"], Type(Kind.DATE))
    assert mistake.value.code == "DV-127"


def test_null_takes_the_type_of_its_field() -> None:
    table = pa.table({"x": pa.array([1, 2])})
    evaluated = evaluate([Output("a", parse("NULL"), MONEY), Output("b", parse("NULL"))], {"x": INTEGER}, table)
    assert evaluated.table.schema.types == [MONEY.arrow(), pa.string()]
    assert evaluated.table.to_pylist() == [{"a": None, "b": None}] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_constants_and_empty_tables(backend: str) -> None:
    empty = pa.table({"x": pa.array([], pa.int64())})
    evaluated = evaluate(
        [Output("a", parse("x + 1")), Output("b", parse("'c'")), Output("c", parse("x"))],
        {"x": INTEGER},
        empty,
        backend=backend,
    )
    assert evaluated.table.num_rows == 0
    assert evaluated.table.schema.types == [pa.int64(), pa.string(), pa.int64()]
    assert one("'c' || 'd'", INTEGER, [1, 2], backend=backend)[0] == ["cd", "cd"]
    assert evaluate([], {"x": INTEGER}, pa.table({"x": [1, 2, 3]}), backend=backend).table.num_rows == 3


def test_dates_beyond_the_calendar_fail_where_something_is_computed() -> None:
    table = pa.table({"x": pa.array([0, 10_000_000, None], pa.int32()).cast(pa.date32())})
    evaluated = evaluate(
        [Output("same", parse("x")), Output("year", parse("year(x)"))], {"x": Type(Kind.DATE)}, table, backend="duckdb"
    )
    assert evaluated.table["same"].cast(pa.int32()).to_pylist() == [0, 10_000_000, None]
    assert evaluated.table["year"].to_pylist() == [1970, None, None]
    assert [(failure.position, failure.code) for failure in evaluated.failures] == [(1, "DV-433")]


def test_columns_in_other_carriers_are_brought_to_theirs() -> None:
    table = pa.table({"x": pa.array(["a", "b"], pa.large_string()), "n": pa.array([1, 2], pa.int16())})
    evaluated = evaluate(
        [Output("y", parse("upper(x)")), Output("m", parse("n")), Output("z", parse("x"))],
        {"x": TEXT, "n": INTEGER},
        table,
    )
    assert evaluated.table.schema.types == [pa.string(), pa.int64(), pa.string()]


def test_names_may_hold_anything() -> None:
    names = ['a"b', "a'b", "a;--", "ä ö", "select", "old.x", "", "c0"]
    table = pa.table({name: [f"{number}"] * 1_000 for number, name in enumerate(names)})
    outputs = [Output(name, parse(f"{column(name).text} || '!'")) for name in names if name != "old.x"]
    evaluated = evaluate([*outputs, Output("old.x", parse("old.x || '!'"))], dict.fromkeys(names, TEXT), table)
    assert {name: evaluated.table[name][0].as_py() for name in names} == {
        name: f"{number}!" for number, name in enumerate(names)
    }


def test_a_large_code_map_is_fast_and_right() -> None:
    arms = [(literal(f"c{number}"), literal(number)) for number in range(1_500)]
    expression = choose(column("x"), arms)
    table = pa.table({"x": [f"c{number % 1_600}" for number in range(16_000)]})
    start = time.perf_counter()
    evaluated = evaluate([Output("y", expression)], {"x": TEXT}, table)
    assert time.perf_counter() - start < 8
    assert len(evaluated.failures) == 1_000
    assert evaluated.table["y"][1_499].as_py() == 1_499


def test_guards_inside_guards_do_not_grow_without_end() -> None:
    deep = "x"
    for _ in range(25):
        deep = f"lower({deep})"
    start = time.perf_counter()
    assert one(deep, TEXT, ["A", "Ä"], backend="duckdb")[0] == ["a", "ä"]
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_regular_expression_takes_linear_time(backend: str) -> None:
    start = time.perf_counter()
    assert one("regexp_matches(x, '^(a+)+$')", TEXT, ["a" * 50_000 + "b"], backend=backend)[0] == [False]
    assert one("x LIKE '%a%a%a%a%a%a%b%c'", TEXT, ["a" * 2_000], backend=backend)[0] == [False]
    assert time.perf_counter() - start < 2


def test_threads_may_evaluate_at_once() -> None:
    table = pa.table({"x": pa.array(range(5_000))})
    found: list[list[int]] = []

    def work(number: int) -> None:
        found.append(evaluate([Output("y", parse(f"x + {number}"))], {"x": INTEGER}, table).table["y"].to_pylist()[:1])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[number] for number in range(8)]


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/dev/null'",
        "ATTACH '/dev/null' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET threads = 64",
        "SET python_enable_replacements = true",
        "SELECT getenv('HOME')",
        "SELECT * FROM outside",
        "EXPORT DATABASE '/dev/null'",
    ],
)
def test_the_connection_reaches_nothing_outside(attempt: str) -> None:
    outside = pa.table({"secret": [1]})
    assert outside.num_rows == 1
    with pytest.raises(connection.Failed):
        connection.answer(attempt, pa.table({"x": [1]}))


def test_an_open_connection_is_found_out() -> None:
    with pytest.raises(DovetailError, match="not locked"):
        connection.examine(duckdb.connect(":memory:"))


def test_an_unknown_back_end_is_refused() -> None:
    with pytest.raises(ValueError, match="spark"):
        one("x", INTEGER, [1], backend="spark")
