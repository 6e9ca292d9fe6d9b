"""Where SQL dialects differ, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type

DOUBLE_DIGITS = 15
"""Decimal digits that every 64-bit float keeps."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database spells what others spell otherwise.

    `name` is SQLGlot's word for it. `parameter` gives the n-th parameter, from 1, and may stand twice; `exact` is a
    text compared byte by byte, whatever collation its column has; `types` names the column type for each kind of value.

    `keyed` names the type of fields that an index must hold where that is another one, by the number of fields in the
    index; `has_defaults` says whether a row of defaults is written `DEFAULT VALUES`, `answers_inserts` whether
    an `INSERT` can answer rows and names the key on which it meets another; `table` is what else a new table is made
    with, and `says_null` whether a field that may be null must say so.
    """

    name: str
    parameter: Callable[[int], exp.Expression]
    exact: Callable[[exp.Expression], exp.Expression]
    types: Mapping[Kind, Callable[[Type], str]]
    keyed: Mapping[Kind, Callable[[Type, int], str]] = field(default_factory=dict)
    has_defaults: bool = True
    answers_inserts: bool = True
    table: tuple[exp.Property, ...] = ()
    says_null: bool = False

    def type(self, kind: Type, index_fields: int = 0) -> str:
        """The column type that holds every value of `kind` exactly; in an index of so many fields, as far as an index
        can."""
        if index_fields and kind.kind in self.keyed:
            return self.keyed[kind.kind](kind, index_fields)
        return self.types[kind.kind](kind)

    def sql(self, tree: exp.Expression) -> str:
        """The statement as text, without comments."""
        return tree.sql(self.name, comments=False)


def _question(position: int) -> exp.Expression:
    return exp.Var(this=f"?{position}")


def _dollar(position: int) -> exp.Expression:
    return exp.Parameter(this=exp.Literal.number(position))


def _collated(collation: exp.Expression) -> Callable[[exp.Expression], exp.Expression]:
    return lambda column: exp.Collate(this=column, expression=collation.copy())


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
    exact=_collated(exp.Var(this="BINARY")),
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


def _sized_integer(kind: Type) -> str:
    least, most = kind.minimum, kind.maximum
    if least is None or most is None:
        return "bigint"
    if least >= -(2**15) and most < 2**15:
        return "smallint"
    return "integer" if least >= -(2**31) and most < 2**31 else "bigint"


POSTGRES = Dialect(
    name="postgres",
    parameter=_dollar,
    exact=_collated(exp.Identifier(this="C", quoted=True)),
    types={
        Kind.BOOLEAN: _always("boolean"),
        Kind.INTEGER: _sized_integer,
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


INDEX_BYTES = 2960
"""Bytes of texts that an index of InnoDB holds, beside its other fields."""

_UTF8_BYTES = 4
_VARCHAR_MOST = 4000
"""Characters up to which a text is a VARCHAR: the bytes of all of them together are bounded for a row."""


def _bytes_of(column: exp.Expression) -> exp.Expression:
    letters = exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.Var(this="utf8mb4"))
    text = exp.Cast(this=column, to=letters)
    return exp.Cast(this=text, to=exp.DataType(this=exp.DataType.Type.BINARY))


def _made_with(collation: str) -> tuple[exp.Property, ...]:
    return (
        exp.EngineProperty(this=exp.Var(this="InnoDB")),
        exp.CharacterSetProperty(this=exp.Var(this="utf8mb4")),
        exp.CollateProperty(this=exp.Var(this=collation)),
    )


def _mysql_decimal(kind: Type) -> str:
    if kind.precision is None:
        return f"decimal({DECIMAL_PRECISION_MAX}, {FREE_DECIMAL_SCALE})"
    return f"decimal({kind.precision}, {kind.scale or 0})"


def _bounded(name: str, free: str) -> Callable[[Type], str]:
    return lambda kind: free if kind.length is None or kind.length > _VARCHAR_MOST else f"{name}({kind.length})"


def _indexed(name: str, unit_bytes: int) -> Callable[[Type, int], str]:
    def named(kind: Type, index_fields: int) -> str:
        most = INDEX_BYTES // unit_bytes // index_fields
        return f"{name}({min(kind.length or most, most)})"

    return named


MARIADB = Dialect(
    name="mysql",
    parameter=_question,
    exact=_bytes_of,
    types={
        Kind.BOOLEAN: _always("tinyint(1)"),
        Kind.INTEGER: _sized_integer,
        Kind.DECIMAL: _mysql_decimal,
        Kind.FLOAT: _always("double"),
        Kind.TEXT: _bounded("varchar", "longtext"),
        Kind.BYTES: _bounded("varbinary", "longblob"),
        Kind.DATE: _always("date"),
        Kind.TIME: _always("time(6)"),
        Kind.TIMESTAMP: _always("datetime(6)"),
        Kind.INSTANT: _always("timestamp(6)"),
        Kind.UUID: _always("uuid"),
        Kind.JSON: _always("json"),
        Kind.OPAQUE: _always("longtext"),
    },
    keyed={
        Kind.TEXT: _indexed("varchar", _UTF8_BYTES),
        Kind.OPAQUE: _indexed("varchar", _UTF8_BYTES),
        Kind.BYTES: _indexed("varbinary", 1),
    },
    has_defaults=False,
    answers_inserts=False,
    table=_made_with("utf8mb4_nopad_bin"),
    says_null=True,
)
"""MariaDB. Texts are compared as the bytes of their UTF-8, since even binary collations fill texts up with blanks."""

MYSQL = replace(
    MARIADB,
    types={**MARIADB.types, Kind.UUID: _always("char(36) CHARACTER SET ascii COLLATE ascii_bin")},
    table=_made_with("utf8mb4_0900_bin"),
)
"""MySQL has no type for UUIDs, and its own names of collations."""

DUCKDB = Dialect(
    name="duckdb",
    parameter=_dollar,
    exact=_collated(exp.Identifier(this="C", quoted=True)),
    types={
        Kind.BOOLEAN: _always("BOOLEAN"),
        Kind.INTEGER: _always("BIGINT"),
        Kind.DECIMAL: lambda kind: f"DECIMAL({kind.arrow().precision}, {kind.arrow().scale})",
        Kind.FLOAT: _always("DOUBLE"),
        Kind.TEXT: _always("VARCHAR"),
        Kind.BYTES: _always("BLOB"),
        Kind.DATE: _always("DATE"),
        Kind.TIME: _always("TIME"),
        Kind.TIMESTAMP: _always("TIMESTAMP"),
        Kind.INSTANT: _always("TIMESTAMPTZ"),
        Kind.UUID: _always("UUID"),
        Kind.JSON: _always("JSON"),
        Kind.OPAQUE: _always("VARCHAR"),
    },
)
"""Its decimals are at most as long as ours; it keeps no length of a text."""
