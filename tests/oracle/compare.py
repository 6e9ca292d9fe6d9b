"""One expression over rows, evaluated by both back ends and by the oracle: all three must say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from tests.oracle.interpreter import Fault, interpret
from tests.oracle.typing import OracleType

from dovetail.expression.parse import parse
from dovetail.kernel import connection
from dovetail.kernel.compiled import compiled
from dovetail.kernel.evaluate import Evaluated, Output, evaluate
from dovetail.kernel.sql import statement
from dovetail.model.type import Kind, Type

BACKENDS = ("rows", "duckdb")


def oracle_type(given: Type) -> OracleType:
    """The type as the oracle knows it."""
    if given.kind is Kind.DECIMAL:
        return OracleType("decimal", given.arrow().precision, given.arrow().scale)
    return OracleType(str(given.kind), 19 if given.kind is Kind.INTEGER else 0)


def table_of(scope: Mapping[str, Type], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows in the carriers of their types."""
    return pa.table({name: pa.array([row[name] for row in rows], given.arrow()) for name, given in scope.items()})


def told(evaluated: Evaluated) -> list[Any]:
    """The one output's values, each failure as `(code,)`."""
    values = evaluated.table.column(0).to_pylist()
    for failure in evaluated.failures:
        assert values[failure.position] is None, "a failed cell must be null"
        values[failure.position] = (failure.code,)
    return values


def exactly(value: Any) -> Any:
    """A value that is equal to another only if both are the same to the last digit."""
    return (type(value).__name__, value.utctimetuple() if getattr(value, "tzinfo", None) else str(value))


def agree(text: str, scope: Mapping[str, Type], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Assert that both back ends and the oracle agree on every row; the values are given back."""
    names = {name: oracle_type(given) for name, given in scope.items()}
    wanted = [
        (value.code,) if isinstance(value, Fault) else value
        for value in interpret(text, names, [dict(row) for row in rows])
    ]
    for backend in BACKENDS:
        given = told(evaluate([Output("value", parse(text))], scope, table_of(scope, rows), backend=backend))
        for row, one, two in zip(rows, given, wanted, strict=True):
            assert exactly(one) == exactly(two), (
                f"{backend}: {text} over {row!r} gives {one!r}; the oracle says {two!r}"
            )
    try_each_row(text, scope, rows, wanted)
    return wanted


_FAILING = "error('a row failed')"
_FAILING_IN_TRY = "CAST(CAST('a row failed' AS BIGINT) AS TEXT)"
"""TRY refuses `error`, as that is volatile."""


def try_each_row(
    text: str, scope: Mapping[str, Type], rows: Sequence[Mapping[str, Any]], wanted: Sequence[Any]
) -> None:
    """Assert that DuckDB's SQL, row for row, fails wherever the oracle does, and elsewhere gives the same value or
    fails (never another value).

    In a batch one failing row sends all to the other back end and would hide what DuckDB makes of the rest.
    """
    job = compiled(parse(text), scope, None, "value")
    if not job.sql or not job.columns:
        return
    numbers = {name: f"c{number}" for number, name in enumerate(job.columns)}
    table = table_of(scope, rows).select(job.columns).rename_columns(list(numbers.values()))
    sql = statement([job.tree(numbers)], connection.TABLE).replace(_FAILING, _FAILING_IN_TRY)
    sql = sql.replace("SELECT ", "SELECT TRY(", 1).replace(f" FROM {connection.TABLE}", f") FROM {connection.TABLE}")
    for row, one, two in zip(
        rows, connection.answer(sql, table).column(0).cast(job.carrier).to_pylist(), wanted, strict=True
    ):
        failed = isinstance(two, tuple)
        assert one is None or not failed, f"DuckDB lets {text} over {row!r} pass as {one!r}; it must fail with {two[0]}"
        assert one is None or exactly(one) == exactly(two), (
            f"DuckDB makes {one!r} of {text} over {row!r}; the oracle says {two!r}"
        )
