"""Pieces of DuckDB's SQL, as SQLGlot trees."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dovetail.expression.numbers import digits
from dovetail.model.type import Kind, Type

SQL = exp.Expression

_NAMES: dict[Kind, str] = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TEXT: "TEXT",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.INSTANT: "TIMESTAMPTZ",
    Kind.UUID: "TEXT",
    Kind.JSON: "TEXT",
    Kind.OPAQUE: "TEXT",
}


def text(value: str) -> SQL:
    """A text constant."""
    return exp.Literal.string(value)


def call(name: str, *arguments: SQL) -> SQL:
    """A call of DuckDB's function of exactly that name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def cast(value: SQL, target: Type) -> SQL:
    """DuckDB's own cast to the carrier of a type."""
    return exp.Cast(this=value, to=exp.DataType.build(carrier(target), dialect="duckdb"))


def carrier(given: Type) -> str:
    """DuckDB's name of the type that carries values of a type."""
    if given.kind is Kind.DECIMAL:
        precision, scale = digits(given)
        return f"DECIMAL({precision}, {scale})"
    return _NAMES[given.kind]


def failing(given: Type | None) -> SQL:
    """A value of that type which ends the statement where it is computed."""
    raised = call("error", text("a row failed"))
    return raised if given is None else cast(raised, given)


def guarded(condition: SQL, value: SQL, given: Type) -> SQL:
    """The value, of that type, where the condition is true or null; elsewhere the statement ends."""
    broken = exp.Is(this=exp.paren(condition, copy=False), expression=exp.Boolean(this=False))
    return exp.Case(ifs=[exp.If(this=broken, true=failing(given))], default=value)


def is_ascii(value: SQL) -> SQL:
    """Whether a text has no other than ASCII characters: as many bytes as characters."""
    return exp.EQ(this=call("strlen", value), expression=call("length", value.copy()))


def statement(columns: Sequence[SQL], table: str) -> str:
    """One SELECT of these columns from a table, as text without comments."""
    tree = exp.Select(expressions=list(columns)).from_(exp.to_table(table))
    return tree.sql(dialect="duckdb", comments=False, normalize_functions=False)
