"""Pieces of PostgreSQL's SQL that never raise, each with the conditions under which its value must not be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlglot import exp

from dovetail.expression.numbers import INTEGER_MAX, digits
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.sql.dialect import POSTGRES

SQL = exp.Expression

SMALL_MAX = 1_000_000_000
"""More characters than a text of PostgreSQL has; two of them still fit its smallest numbers."""

_NULL_NAMES = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.INSTANT: "timestamptz",
}


class Unpushable(Exception):
    """A step has no proved equal in PostgreSQL; never leaves the modules named `push`. Its words say which."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A step as SQL: computing `value` raises for no row.

    Where none of the `doubts` is true, the value is exactly what the language says. `most` is what no number is above,
    without its sign, or the most characters of a text; `None` where nobody knows. `origin` is the type of the field
    that the piece is nothing but, under the name that `raw` selects.
    """

    value: SQL
    type: Type | None
    doubts: tuple[SQL, ...] = ()
    most: Fraction | None = None
    raw: SQL | None = None
    origin: Type | None = None

    @property
    def kind(self) -> Kind | None:
        """The kind of the values, `None` for a null."""
        return self.type.kind if self.type is not None else None

    def copy(self) -> SQL:
        """The value, to be put into another tree."""
        return self.value.copy()

    def has(self, kind: Kind) -> bool:
        """Whether the values are of that kind."""
        return self.kind is kind


def call(name: str, *arguments: SQL) -> SQL:
    """A call of PostgreSQL's function of that name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def binary(node: type[exp.Binary], left: SQL, right: SQL) -> SQL:
    """Two operands and what stands between them, in parentheses."""
    return exp.Paren(this=node(this=left, expression=right))


def negated(value: SQL) -> SQL:
    """Not that."""
    return exp.Paren(this=exp.Not(this=value))


def is_null(value: SQL) -> SQL:
    """Whether there is no value."""
    return exp.Paren(this=exp.Is(this=value, expression=exp.Null()))


def is_not_null(value: SQL) -> SQL:
    """Whether there is a value."""
    return exp.Paren(this=exp.Not(this=exp.Is(this=value, expression=exp.Null())))


def any_of(conditions: Sequence[SQL]) -> SQL:
    """Whether one of the conditions is true; false where there is none."""
    if not conditions:
        return exp.false()
    found = conditions[0].copy()
    for condition in conditions[1:]:
        found = exp.Or(this=found, expression=condition.copy())
    return exp.Paren(this=found)


def choice(arms: Sequence[tuple[SQL, SQL]], default: SQL | None, subject: SQL | None = None) -> SQL:
    """`CASE`, with or without a subject."""
    ifs = [exp.If(this=condition, true=value) for condition, value in arms]
    return exp.Case(this=subject, ifs=ifs, default=default)


def text(value: str) -> SQL:
    """A text constant, compared by its bytes."""
    if "\x00" in value:
        raise Unpushable("PostgreSQL has no texts with the character NUL")
    return POSTGRES.exact(cast(exp.Literal.string(value), "text"))


def bytewise(value: SQL) -> SQL:
    """A value as text, compared by its bytes, whatever collation its column or database has."""
    return POSTGRES.exact(cast(value, "text"))


def constant(value: int | Fraction, name: str = "numeric") -> SQL:
    """A whole number, as a type."""
    return cast(exp.Literal.string(str(value)), name)


def number(piece: Piece) -> SQL:
    """The piece as an exact number without bounds, so that computing with it cannot overflow."""
    return cast(piece.copy(), "numeric")


def small(piece: Piece, least: int) -> SQL:
    """A whole number as PostgreSQL's functions of texts take it, kept within bounds."""
    given = number(piece)
    bounds = [(exp.LT, constant(least)), (exp.GT, constant(SMALL_MAX))]
    arms = [(binary(sign, given.copy(), limit), limit.copy()) for sign, limit in bounds]
    return cast(choice(arms, given), "integer")


def outside(value: SQL, low: int, high: int) -> SQL:
    """Whether a number lies outside these bounds, both included."""
    return negated(exp.Between(this=value, low=exp.Literal.number(low), high=exp.Literal.number(high)))


def too_large(value: SQL, limit: int) -> SQL:
    """Whether a number, without its sign, reaches the limit."""
    return binary(exp.GTE, call("abs", value), constant(limit))


def too_fine(value: SQL, scale: int) -> SQL:
    """Whether a number has more places than that."""
    return binary(exp.NEQ, value, call("round", value.copy(), exp.Literal.number(scale)))


def null_of(given: Type | None) -> SQL:
    """No value, of that type."""
    return cast(exp.Null(), _NULL_NAMES.get(given.kind, "text")) if given is not None else exp.Null()


def bound(given: Type) -> Fraction | None:
    """What no value of the type is above."""
    match given.kind:
        case Kind.INTEGER if given.minimum is not None and given.maximum is not None:
            return Fraction(max(abs(given.minimum), abs(given.maximum)))
        case Kind.INTEGER:
            return Fraction(INTEGER_MAX + 1)
        case Kind.DECIMAL:
            precision, scale = digits(given)
            return Fraction(10**precision - 1, 10**scale)
        case Kind.TEXT if given.length is not None:
            return Fraction(given.length)
        case Kind.UUID:
            return Fraction(36)
    return None


def summed(pieces: Sequence[Piece]) -> Fraction | None:
    """The bounds of all pieces added."""
    known = [piece.most for piece in pieces if piece.type is not None]
    return None if None in known else sum((most for most in known if most is not None), Fraction(0))


def widest(pieces: Sequence[Piece]) -> Fraction | None:
    """The greatest of the bounds."""
    known = [piece.most for piece in pieces if piece.type is not None]
    return None if None in known else max((most for most in known if most is not None), default=Fraction(0))


def doubts_of(*pieces: Piece) -> tuple[SQL, ...]:
    """What any of the pieces doubts."""
    return tuple(dict.fromkeys(doubt for piece in pieces for doubt in piece.doubts))
