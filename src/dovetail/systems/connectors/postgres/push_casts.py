"""The casts that PostgreSQL can be made to do as our language does; a text of another shape is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sqlglot import exp

from dovetail.expression.numbers import INTEGER_MAX, INTEGER_MIN, digits
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.push_piece import (
    SQL,
    Piece,
    Unpushable,
    binary,
    bound,
    bytewise,
    call,
    choice,
    constant,
    negated,
    null_of,
    number,
    outside,
    text,
    too_fine,
    too_large,
)

_INTEGER = "^-?[0-9]{1,18}$"
_NUMBER = r"^-?[0-9]{1,30}(\.[0-9]{1,30})?$"
_DATE = "^(?!0000)[0-9]{4}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)$"
"""Every day that each year has; the 29th of February is in doubt."""

FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
"""The days that a carrier knows."""

Rule = Callable[[Piece, Type], Piece]


def cast_to(piece: Piece, target: Type, *, exact: bool) -> Piece:
    """The piece cast to a type; an `exact` cast does not round."""
    source = piece.type
    if source is None or (source.kind is target.kind and target.kind is not Kind.DECIMAL):
        return Piece(piece.copy(), target if exact else source, piece.doubts, piece.most)
    rule = _CASTS.get((source.kind, target.kind))
    if rule is None:
        raise Unpushable(f"the cast from {source.kind} to {target.kind} is not proved equal there")
    return rule(piece, target)


def near(piece: Piece) -> SQL:
    """A date or time stamp; null where it is infinite, or outside the years 1 to 9999 (such rows are in doubt)."""
    name = {Kind.DATE: "date", Kind.TIMESTAMP: "timestamp"}[piece.type.kind if piece.type else Kind.DATE]
    last = LAST_DAY if name == "date" else f"{LAST_DAY} 23:59:59.999999"
    low, high = (cast(exp.Literal.string(day), name) for day in (FIRST_DAY, last))
    return choice([(exp.Between(this=piece.copy(), low=low, high=high), piece.copy())], None)


def matches(value: SQL, pattern: str) -> SQL:
    """Whether a text matches a regular expression."""
    return exp.Paren(this=exp.RegexpLike(this=value, expression=exp.Literal.string(pattern)))


def _shaped(piece: Piece, pattern: str, name: str) -> tuple[SQL, SQL]:
    """The value of texts of a shape, and the doubt about all others."""
    value = choice([(matches(piece.copy(), pattern), cast(piece.copy(), name))], None)
    return value, negated(matches(piece.copy(), pattern))


def _to_decimal(piece: Piece, target: Type) -> Piece:
    precision, scale = digits(target)
    has_places = piece.type is None or digits(piece.type)[1] > scale
    value = call("round", number(piece), exp.Literal.number(scale)) if has_places else number(piece)
    limit = 10 ** (precision - scale)
    most = None if piece.most is None else piece.most + (Fraction(1, 10**scale) if has_places else 0)
    doubts = (*piece.doubts, too_large(value.copy(), limit)) if most is None or most >= limit else piece.doubts
    return Piece(value, target, doubts, most if most is not None and most < limit else bound(target))


def _to_integer(piece: Piece, target: Type) -> Piece:
    value = call("round", number(piece), exp.Literal.number(0))
    doubts = piece.doubts
    most = None if piece.most is None else piece.most + 1
    if most is None or most > INTEGER_MAX:
        doubts = (*doubts, outside(value.copy(), INTEGER_MIN, INTEGER_MAX))
    return Piece(value, target, doubts, bound(target))


def _number_to_text(piece: Piece, target: Type) -> Piece:
    _, scale = digits(piece.type or target)
    return Piece(bytewise(call("round", number(piece), exp.Literal.number(scale))), target, piece.doubts, Fraction(42))


def _plain_text(most: int) -> Rule:
    return lambda piece, target: Piece(bytewise(piece.copy()), target, piece.doubts, Fraction(most))


def _text_to_integer(piece: Piece, target: Type) -> Piece:
    value, doubt = _shaped(piece, _INTEGER, "bigint")
    return Piece(value, target, (*piece.doubts, doubt), Fraction(10**18))


def _text_to_decimal(piece: Piece, target: Type) -> Piece:
    precision, scale = digits(target)
    given, doubt = _shaped(piece, _NUMBER, "numeric")
    value = call("round", given, exp.Literal.number(scale))
    return Piece(
        value, target, (*piece.doubts, doubt, too_large(value.copy(), 10 ** (precision - scale))), bound(target)
    )


def _text_to_boolean(piece: Piece, target: Type) -> Piece:
    arms: list[tuple[SQL, SQL]] = [(text(word), exp.Boolean(this=word == "true")) for word in ("true", "false")]
    other = negated(exp.In(this=piece.copy(), expressions=[text("true"), text("false")]))
    return Piece(choice(arms, None, piece.copy()), target, (*piece.doubts, other))


def _integer_to_boolean(piece: Piece, target: Type) -> Piece:
    arms: list[tuple[SQL, SQL]] = [(constant(at), exp.Boolean(this=bool(at))) for at in (0, 1)]
    return Piece(choice(arms, None, number(piece)), target, (*piece.doubts, outside(number(piece), 0, 1)))


def _boolean_to_integer(piece: Piece, target: Type) -> Piece:
    return Piece(cast(cast(piece.copy(), "integer"), "bigint"), target, piece.doubts, Fraction(1))


def _text_to_date(piece: Piece, target: Type) -> Piece:
    value, doubt = _shaped(piece, _DATE, "date")
    return Piece(value, target, (*piece.doubts, doubt))


def _moment(name: str) -> Rule:
    return lambda piece, target: Piece(cast(near(piece), name), target, piece.doubts)


def _unchanged(piece: Piece, target: Type) -> Piece:
    return Piece(piece.copy(), target, piece.doubts, piece.most)


_CASTS: dict[tuple[Kind, Kind], Rule] = {
    (Kind.INTEGER, Kind.DECIMAL): _to_decimal,
    (Kind.DECIMAL, Kind.DECIMAL): _to_decimal,
    (Kind.DECIMAL, Kind.INTEGER): _to_integer,
    (Kind.INTEGER, Kind.TEXT): _number_to_text,
    (Kind.DECIMAL, Kind.TEXT): _number_to_text,
    (Kind.BOOLEAN, Kind.TEXT): _plain_text(5),
    (Kind.BOOLEAN, Kind.INTEGER): _boolean_to_integer,
    (Kind.INTEGER, Kind.BOOLEAN): _integer_to_boolean,
    (Kind.DATE, Kind.TEXT): _plain_text(10),
    (Kind.DATE, Kind.TIMESTAMP): _moment("timestamp"),
    (Kind.TIMESTAMP, Kind.DATE): _moment("date"),
    (Kind.TIMESTAMP, Kind.TIME): _moment("time"),
    (Kind.UUID, Kind.TEXT): _unchanged,
    (Kind.TEXT, Kind.INTEGER): _text_to_integer,
    (Kind.TEXT, Kind.DECIMAL): _text_to_decimal,
    (Kind.TEXT, Kind.BOOLEAN): _text_to_boolean,
    (Kind.TEXT, Kind.DATE): _text_to_date,
}


def fitted(piece: Piece, target: Type) -> Piece:
    """The piece for a field of that type; a value that does not fit unchanged is in doubt."""
    source = piece.type
    if source is None:
        return Piece(null_of(target), target, piece.doubts, Fraction(0))
    doubts = [*piece.doubts]
    value = piece.value
    match target.kind:
        case Kind.INTEGER if source.kind in (Kind.INTEGER, Kind.DECIMAL):
            low = INTEGER_MIN if target.minimum is None else target.minimum
            high = INTEGER_MAX if target.maximum is None else target.maximum
            is_within = (piece.most is not None and piece.most <= min(-low, high)) or _holds(source, low, high)
            doubts += [] if is_within else [outside(piece.copy(), low, high)]
            doubts += [too_fine(number(piece), 0)] if digits(source)[1] else []
        case Kind.DECIMAL if source.kind in (Kind.INTEGER, Kind.DECIMAL):
            precision, scale = digits(target)
            limit = 10 ** (precision - scale)
            doubts += [too_large(number(piece), limit)] if piece.most is None or piece.most >= limit else []
            doubts += [too_fine(number(piece), scale)] if digits(source)[1] > scale else []
        case Kind.TEXT if source.kind in (Kind.TEXT, Kind.UUID, Kind.JSON):
            longest = target.length
            is_short = longest is None or (piece.most is not None and piece.most <= longest)
            doubts += [] if is_short else [_longer(piece, longest or 0)]
        case Kind.TIMESTAMP if source.kind is Kind.DATE:
            value = cast(near(piece), "timestamp")
        case Kind.DATE if source.kind is Kind.TIMESTAMP:
            value = cast(near(piece), "date")
            doubts.append(binary(exp.NEQ, cast(value.copy(), "timestamp"), piece.copy()))
        case _ if source.kind is not target.kind:
            raise Unpushable(f"{source.kind} in a field of {target.kind} is not proved equal there")
    kept, most = bound(target), piece.most
    most = kept if most is None or (kept is not None and kept < most) else most
    is_same = source.kind is target.kind
    return Piece(value, target, tuple(doubts), most, piece.raw if is_same else None, piece.origin if is_same else None)


def _holds(source: Type, low: int, high: int) -> bool:
    if source.kind is Kind.INTEGER and (low, high) == (INTEGER_MIN, INTEGER_MAX):
        return True
    return source.minimum is not None and source.maximum is not None and low <= source.minimum <= source.maximum <= high


def _longer(piece: Piece, longest: int) -> SQL:
    return binary(exp.GT, call("char_length", piece.copy()), exp.Literal.number(longest))
