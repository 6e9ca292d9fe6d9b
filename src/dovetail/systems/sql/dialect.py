"""Where SQL dialects differ, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.type import Kind, Type

DOUBLE_DIGITS = 15
"""Decimal digits that every 64-bit float keeps."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database spells what others spell otherwise.

    `name` is SQLGlot's word for it. `parameter` gives the n-th parameter, from 1, and may stand twice; `collation`
    compares text byte by byte; `types` names the column type for each kind of value.
    """

    name: str
    parameter: Callable[[int], exp.Expression]
    collation: exp.Expression
    types: Mapping[Kind, Callable[[Type], str]]

    def exact(self, column: exp.Expression) -> exp.Expression:
        """A text compared byte by byte, whatever collation its column has."""
        return exp.Collate(this=column, expression=self.collation.copy())

    def type(self, kind: Type) -> str:
        """The column type that holds every value of `kind` exactly."""
        return self.types[kind.kind](kind)

    def sql(self, tree: exp.Expression) -> str:
        """The statement as text, without comments."""
        return tree.sql(self.name, comments=False)


def _question(position: int) -> exp.Expression:
    return exp.Var(this=f"?{position}")


def _dollar(position: int) -> exp.Expression:
    return exp.Parameter(this=exp.Literal.number(position))


def _always(name: str) -> Callable[[Type], str]:
    return lambda _: name


def _sized(name: str, free: str) -> Callable[[Type], str]:
    return lambda kind: free if kind.length is None else f"{name}({kind.length})"


def _decimal(kind: Type) -> str:
    return "numeric" if kind.precision is None else f"numeric({kind.precision}, {kind.scale or 0})"


def _sqlite_decimal(kind: Type) -> str:
    if kind.precision is None:
        return "DECIMAL_TEXT"
    name = "DECIMAL" if kind.precision <= DOUBLE_DIGITS else "DECIMAL_TEXT"
    return f"{name}({kind.precision}, {kind.scale or 0})"


SQLITE = Dialect(
    name="sqlite",
    parameter=_question,
    collation=exp.Var(this="BINARY"),
    types={
        Kind.BOOLEAN: _always("BOOLEAN"),
        Kind.INTEGER: _always("INTEGER"),
        Kind.DECIMAL: _sqlite_decimal,
        Kind.FLOAT: _always("REAL"),
        Kind.TEXT: _sized("VARCHAR", "TEXT"),
        Kind.BYTES: _always("BLOB"),
        Kind.DATE: _always("DATE"),
        Kind.TIME: _always("TIME"),
        Kind.TIMESTAMP: _always("TIMESTAMP"),
        Kind.INSTANT: _always("TIMESTAMPTZ"),
        Kind.UUID: _always("UUID_TEXT"),
        Kind.JSON: _always("JSON_TEXT"),
        Kind.OPAQUE: _always("TEXT"),
    },
)
"""`DECIMAL_TEXT`, `UUID_TEXT` and `JSON_TEXT` have text affinity: SQLite makes no number of what it is given."""


def _postgres_integer(kind: Type) -> str:
    least, most = kind.minimum, kind.maximum
    if least is None or most is None:
        return "bigint"
    if least >= -(2**15) and most < 2**15:
        return "smallint"
    return "integer" if least >= -(2**31) and most < 2**31 else "bigint"


POSTGRES = Dialect(
    name="postgres",
    parameter=_dollar,
    collation=exp.Identifier(this="C", quoted=True),
    types={
        Kind.BOOLEAN: _always("boolean"),
        Kind.INTEGER: _postgres_integer,
        Kind.DECIMAL: _decimal,
        Kind.FLOAT: _always("double precision"),
        Kind.TEXT: _sized("varchar", "text"),
        Kind.BYTES: _always("bytea"),
        Kind.DATE: _always("date"),
        Kind.TIME: _always("time"),
        Kind.TIMESTAMP: _always("timestamp"),
        Kind.INSTANT: _always("timestamptz"),
        Kind.UUID: _always("uuid"),
        Kind.JSON: _always("jsonb"),
        Kind.OPAQUE: _always("text"),
    },
)
