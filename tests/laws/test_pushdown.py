"""What PostgreSQL computes is what the independent oracle says, or the row is in doubt; for every step and value."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
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
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres import push_letters
from dovetail.systems.connectors.postgres.push_calls import CALLS
from dovetail.systems.connectors.postgres.push_piece import Piece, Unpushable, any_of
from dovetail.systems.connectors.postgres.push_plan import field_piece
from dovetail.systems.connectors.postgres.push_translate import translate
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import table
from dovetail.testing.servers.postgres import Pool

EXAMPLES = int(os.environ.get("DOVETAIL_EXAMPLES", "60"))
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


def exactly(value: Any, given: Type | None) -> Any:
    """A value as the language has it: an exact number whatever places PostgreSQL shows."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return ("number", Decimal(value).normalize(_WIDE))
    return (type(value).__name__, value)


_WIDE = __import__("decimal").Context(prec=200)


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
        *((BOOLEAN, text.replace("b", "d") if False else text) for text in ()),
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
    for text in ("left(s, n)", "right(s, n)", "substr(s, n)", "substr(s, 2, n)", "substr(s, n, n)", "split_part(s, ' ', n)"):
        assert pushed(bench, text, {"s": TEXT, "n": INTEGER}, rows)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(expressions())
def test_any_expression(bench: Bench, text: str) -> None:
    pushed(bench, text, SCOPE, rows_of())
