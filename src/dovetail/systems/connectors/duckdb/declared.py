"""What a column's type means: its logical type, how its values are read and written exactly, and how that is proved."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from dovetail.model.catalog import Field
from dovetail.model.type import Kind, Type
from dovetail.systems.sql.dialect import DUCKDB

_BOUNDS = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
}
_PLAIN = {
    "BOOLEAN": Kind.BOOLEAN,
    "BIGINT": Kind.INTEGER,
    "DOUBLE": Kind.FLOAT,
    "FLOAT": Kind.FLOAT,
    "VARCHAR": Kind.TEXT,
    "BLOB": Kind.BYTES,
    "DATE": Kind.DATE,
    "TIME": Kind.TIME,
    "TIME_NS": Kind.TIME,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMP_S": Kind.TIMESTAMP,
    "TIMESTAMP_MS": Kind.TIMESTAMP,
    "TIMESTAMP_NS": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.INSTANT,
    "TIMESTAMPTZ_NS": Kind.INSTANT,
    "UUID": Kind.UUID,
    "JSON": Kind.JSON,
    "INTERVAL": Kind.OPAQUE,
    "BIT": Kind.OPAQUE,
    "BIGNUM": Kind.OPAQUE,
    "TIME WITH TIME ZONE": Kind.OPAQUE,
}
_WIDE = {"UBIGINT": 20, "HUGEINT": 38, "UHUGEINT": 38}
"""Whole numbers beyond 64 bits, and the digits with which they are carried."""

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_NESTED = re.compile(r"(STRUCT\(|MAP\().*\)|.*\[\d*\]", re.DOTALL)
_FOREIGN = ("UNION(", "VARIANT", "GEOMETRY")

_AS_THEY_ARE = ("BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "BLOB")
_WIDENED = (*_BOUNDS, "FLOAT", "UBIGINT", "UUID", "JSON")
"""Types whose every value the carrier holds."""

_MIDNIGHT = "24:00:00"


def logical(native: str) -> Type:
    """The logical type that a column's type stands for.

    >>> [str(logical(text)) for text in ("INTEGER", "UBIGINT", "DECIMAL(9,2)", "ENUM('a', 'b')", "INTEGER[]")]
    ['integer', 'decimal(20, 0)', 'decimal(9, 2)', 'text', 'opaque']
    """
    if native in _BOUNDS:
        least, most = _BOUNDS[native]
        return Type(Kind.INTEGER, minimum=least, maximum=most, native=native)
    if native in _WIDE:
        return Type(Kind.DECIMAL, precision=_WIDE[native], scale=0, native=native)
    if match := _DECIMAL.fullmatch(native):
        return Type(Kind.DECIMAL, precision=int(match[1]), scale=int(match[2]), native=native)
    if native.startswith("ENUM("):
        return Type(Kind.TEXT, native=native)
    return Type(_PLAIN.get(native, Kind.OPAQUE), native=native)


def labels(native: str) -> tuple[str, ...]:
    """The values of an enumeration.

    >>> labels("ENUM('it''s', 'b')")
    ("it's", 'b')
    """
    if not native.startswith("ENUM("):
        return ()
    return tuple(text.replace("''", "'") for text in _LABEL.findall(native))


def is_known(native: str) -> bool:
    """Whether values of the type can be carried and written at all."""
    if any(word in native for word in _FOREIGN):
        return False
    return native in _PLAIN or logical(native).kind is not Kind.OPAQUE or bool(_NESTED.fullmatch(native))


def is_exact(native: str) -> bool:
    """Whether every value of the carrier is a value of the type, but for the ends of time."""
    return native in (*_AS_THEY_ARE, "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") or bool(
        _DECIMAL.fullmatch(native)
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A column as it is read: `value` in its carrier, null where `proof` (absent: always true) does not hold."""

    value: exp.Expression
    proof: exp.Expression | None = None


def reading(field: Field, held: exp.Expression) -> Reading:
    """How a column's values are read."""
    native = field.type.native
    if native in _AS_THEY_ARE or _DECIMAL.fullmatch(native):
        return Reading(held)
    if native in _WIDENED or native.startswith("ENUM("):
        return Reading(exp.Cast(this=held, to=_type(_carrier(field))))
    if not is_known(native):
        return Reading(exp.Cast(this=exp.Null(), to=_type("VARCHAR")), exp.Is(this=held, expression=exp.Null()))
    proof = _proof(field, held)
    carried = exp.TryCast(this=held.copy(), to=_type(_carrier(field)))
    return Reading(exp.Case(ifs=[exp.If(this=proof.copy(), true=carried)]), proof)


def written(field: Field, given: exp.Expression) -> exp.Expression:
    """A carrier's value as one of the column's type; null where it is none."""
    return given if is_exact(field.type.native) else exp.TryCast(this=given, to=_type(field.type.native))


def fits(field: Field, given: exp.Expression) -> exp.Expression | None:
    """Whether the type holds a carrier's value exactly; `None` where it always does."""
    if is_exact(field.type.native):
        return None
    stored = written(field, given)
    back = reading(field, exp.Paren(this=stored)).value
    return exp.Or(this=exp.Is(this=given.copy(), expression=exp.Null()), expression=same(field, back, given.copy()))


def same(field: Field, held: exp.Expression, given: exp.Expression) -> exp.Expression:
    """Whether two values of the carrier are the same to the bit, null being equal to null."""
    kind = field.type.kind
    if kind in (Kind.TEXT, Kind.JSON, Kind.OPAQUE, Kind.UUID):
        return exp.Paren(this=exp.NullSafeEQ(this=exp.Paren(this=DUCKDB.exact(held)), expression=given))
    equal = exp.Paren(this=exp.NullSafeEQ(this=held, expression=given))
    if kind is not Kind.FLOAT:
        return equal
    is_zero = exp.NullSafeEQ(this=held.copy(), expression=exp.Cast(this=exp.Literal.number(0), to=_type("DOUBLE")))
    signs = [exp.Anonymous(this="signbit", expressions=[side.copy()]) for side in (held, given)]
    return exp.Paren(
        this=exp.And(
            this=equal,
            expression=exp.Paren(
                this=exp.Or(
                    this=exp.Not(this=exp.Paren(this=is_zero)), expression=exp.EQ(this=signs[0], expression=signs[1])
                )
            ),
        )
    )


def _proof(field: Field, held: exp.Expression) -> exp.Expression:
    """That a value comes through its carrier as it was; true of null."""
    native, kind = field.type.native, field.type.kind
    is_null = exp.Is(this=held.copy(), expression=exp.Null())
    tests: list[exp.Expression] = []
    if kind in (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT):
        tests.append(exp.Anonymous(this="isfinite", expressions=[held.copy()]))
    if kind is Kind.TIME:
        midnight = exp.Cast(this=exp.Literal.string(_MIDNIGHT), to=_type("TIME"))
        tests.append(exp.LT(this=exp.TryCast(this=held.copy(), to=_type("TIME")), expression=midnight))
    if native not in ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        there = exp.TryCast(this=held.copy(), to=_type(_carrier(field)))
        back = exp.TryCast(this=there, to=_type(native))
        tests.append(exp.Paren(this=exp.NullSafeEQ(this=back, expression=held.copy())))
    return exp.Paren(this=exp.Or(this=is_null, expression=exp.Paren(this=exp.and_(*tests, copy=False))))


def _carrier(field: Field) -> str:
    """DuckDB's name for the carrier."""
    kind = field.type
    return DUCKDB.types[kind.kind](kind) if kind.kind not in (Kind.UUID, Kind.JSON, Kind.OPAQUE) else "VARCHAR"


def _type(name: str) -> exp.DataType:
    """A type as DuckDB itself spells it."""
    return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=name)
