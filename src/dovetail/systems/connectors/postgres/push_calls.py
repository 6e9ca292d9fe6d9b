"""The functions that PostgreSQL has with the same meaning, each under the conditions in which that is proved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from sqlglot import exp

from dovetail.expression.numbers import INTEGER_MAX, INTEGER_MIN, digits
from dovetail.expression.tree import Node, Op
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres import push_letters
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.push_casts import matches, near
from dovetail.systems.connectors.postgres.push_pattern import LATIN_END, pattern
from dovetail.systems.connectors.postgres.push_piece import (
    SQL,
    Piece,
    Unpushable,
    any_of,
    binary,
    bound,
    call,
    choice,
    constant,
    doubts_of,
    is_not_null,
    is_null,
    number,
    outside,
    small,
    text,
    too_large,
    widest,
)

Rule = Callable[[Node, Sequence[Piece]], Piece]

LONG = 16
"""From so many characters on, which a pattern needs at least, a text's length is looked at first: that is quicker."""


def _value(node: Node, value: SQL, parts: Sequence[Piece], most: Fraction | None = None, *doubts: SQL) -> Piece:
    return Piece(value, node.type, (*doubts_of(*parts), *doubts), most)


def _below(piece: Piece, least: int) -> tuple[SQL, ...]:
    """The doubt that a whole number is below what a function takes."""
    return (binary(exp.LT, piece.copy(), constant(least)),)


def _constant(node: Node, position: int) -> object:
    part = node.parts[position]
    return part.value if part.op is Op.LITERAL else None


# ---------------------------------------------------------------------------------------------------------- numbers


def _abs(node: Node, parts: Sequence[Piece]) -> Piece:
    (part,) = parts
    value = call("abs", number(part))
    if node.type is not None and node.type.kind is Kind.INTEGER and (part.most is None or part.most > INTEGER_MAX):
        return _value(node, value, parts, part.most, outside(value.copy(), INTEGER_MIN, INTEGER_MAX))
    return _value(node, value, parts, part.most)


def _sign(node: Node, parts: Sequence[Piece]) -> Piece:
    return _value(node, call("sign", number(parts[0])), parts, Fraction(1))


def _whole(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        (part,) = parts
        most = None if part.most is None else part.most + 1
        return _fitting(node, call(name, number(part)), parts, most)

    return rule


def _round(node: Node, parts: Sequence[Piece]) -> Piece:
    part = parts[0]
    given = _constant(node, 1) if len(parts) > 1 else 0
    places = given if isinstance(given, int) else 0
    if part.type is None or digits(part.type)[1] <= places:
        return Piece(part.copy(), node.type, part.doubts, part.most)
    most = None if part.most is None else part.most + 1
    return _fitting(node, call("round", number(part), exp.Literal.number(places)), parts, most)


def _fitting(node: Node, value: SQL, parts: Sequence[Piece], most: Fraction | None) -> Piece:
    """A number that may have got a digit more; types of 38 digits have no room for it."""
    if node.type is None or node.type.kind is Kind.INTEGER:
        return _value(node, value, parts, parts[0].most)
    precision, scale = digits(node.type)
    limit = 10 ** (precision - scale)
    if most is None or most >= limit:
        return _value(node, value, parts, bound(node.type), too_large(value.copy(), limit))
    return _value(node, value, parts, most)


def _remainder(node: Node, parts: Sequence[Piece]) -> Piece:
    left, right = parts
    value = call("mod", number(left), call("nullif", number(right), constant(0)))
    zero = binary(exp.EQ, number(right), constant(0))
    return _value(node, value, parts, bound(node.type) if node.type else None, zero)


def _extreme(name: str) -> Rule:
    """PostgreSQL leaves nulls out; here one null makes the whole null."""

    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        missing = any_of([is_null(part.copy()) for part in parts])
        value = choice([(missing, exp.Null())], call(name, *(part.copy() for part in parts)))
        return _value(node, value, parts, widest(parts))

    return rule


# ------------------------------------------------------------------------------------------------------------ texts


def _length(node: Node, parts: Sequence[Piece]) -> Piece:
    value = cast(call("char_length", parts[0].copy()), "bigint")
    return _value(node, value, parts, Fraction(2**31))


def _position(node: Node, parts: Sequence[Piece]) -> Piece:
    value = cast(call("strpos", *(part.copy() for part in parts)), "bigint")
    return _value(node, value, parts, Fraction(2**31))


def _starts(node: Node, parts: Sequence[Piece]) -> Piece:
    return _value(node, call("starts_with", *(part.copy() for part in parts)), parts)


def _ends(node: Node, parts: Sequence[Piece]) -> Piece:
    whole, part = parts
    tail = call("right", whole.copy(), call("char_length", part.copy()))
    return _value(node, binary(exp.EQ, tail, part.copy()), parts)


def _contains(node: Node, parts: Sequence[Piece]) -> Piece:
    found = call("strpos", *(part.copy() for part in parts))
    return _value(node, binary(exp.GT, found, exp.Literal.number(0)), parts)


def _like(node: Node, parts: Sequence[Piece]) -> Piece:
    like = exp.Like(this=parts[0].copy(), expression=parts[1].copy())
    escaped = exp.Escape(this=like, expression=exp.Literal.string(str(_constant(node, 2) or "")))
    return _value(node, exp.Paren(this=escaped), parts)


def _regexp(node: Node, parts: Sequence[Piece]) -> Piece:
    found = pattern(str(_constant(node, 1)))
    if found is None:
        raise Unpushable("this regular expression is not proved equal there")
    doubts = (push_letters.beyond(parts[0].copy(), LATIN_END),) if found.is_latin else ()
    value = matches(parts[0].copy(), found.text)
    if found.least >= LONG:
        is_long = binary(exp.GTE, call("char_length", parts[0].copy()), exp.Literal.number(found.least))
        value = binary(exp.And, is_long, value)
    return _value(node, value, parts, None, *doubts)


def _replace(node: Node, parts: Sequence[Piece]) -> Piece:
    shorter = isinstance(_constant(node, 2), str) and not _constant(node, 2)
    return _value(node, call("replace", *(part.copy() for part in parts)), parts, parts[0].most if shorter else None)


def _cut(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        whole, length = parts
        most = _fewer(whole.most, _constant(node, 1))
        return _value(node, call(name, whole.copy(), small(length, 0)), parts, most, *_below(length, 0))

    return rule


def _fewer(most: Fraction | None, length: object) -> Fraction | None:
    if not isinstance(length, int):
        return most
    return Fraction(length) if most is None or most > length else most


def _substr(node: Node, parts: Sequence[Piece]) -> Piece:
    whole, start, *lengths = parts
    doubts = [*_below(start, 1), *(doubt for length in lengths for doubt in _below(length, 0))]
    most = _fewer(whole.most, _constant(node, 2)) if lengths else whole.most
    value = call("substr", whole.copy(), small(start, 1), *(small(length, 0) for length in lengths))
    return _value(node, value, parts, most, *doubts)


def _split(node: Node, parts: Sequence[Piece]) -> Piece:
    whole, separator, place = parts
    empty = binary(exp.EQ, separator.copy(), text(""))
    value = call("split_part", whole.copy(), separator.copy(), small(place, 1))
    return _value(node, value, parts, whole.most, empty, *_below(place, 1))


def _trim(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        signs = parts[1].copy() if len(parts) > 1 else text(" ")
        return _value(node, call(name, parts[0].copy(), signs), parts, parts[0].most)

    return rule


def _pad(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        whole, length, fill = parts
        width = _constant(node, 1)
        long = call("char_length", whole.copy())
        wanted = exp.Literal.number(width if isinstance(width, int) else 0)
        empty = binary(exp.EQ, fill.copy(), text(""))
        doubts = (
            binary(exp.GT, long, wanted),
            binary(exp.And, binary(exp.LT, long.copy(), wanted.copy()), empty),
        )
        most = Fraction(width) if isinstance(width, int) else None
        return _value(node, call(name, whole.copy(), small(length, 0), fill.copy()), parts, most, *doubts)

    return rule


def _letters(rule: Callable[[Piece], Piece]) -> Rule:
    return lambda _, parts: rule(parts[0])


# ------------------------------------------------------------------------------------------------------------ dates


def _date_part(name: str) -> Rule:
    def rule(node: Node, parts: Sequence[Piece]) -> Piece:
        (part,) = parts
        given = near(part) if part.kind in (Kind.DATE, Kind.TIMESTAMP) else part.copy()
        return _value(
            node, cast(exp.Extract(this=exp.Var(this=name), expression=given), "numeric"), parts, Fraction(9999)
        )

    return rule


def _truncated(node: Node, parts: Sequence[Piece]) -> Piece:
    name = {Kind.DATE: "date", Kind.TIMESTAMP: "timestamp"}.get(node.type.kind if node.type else Kind.TEXT)
    if name is None:
        raise Unpushable("date_trunc of this is not proved equal there")
    unit = exp.Literal.string(str(_constant(node, 0)).lower())
    stamp = call("date_trunc", unit, cast(near(parts[1]), "timestamp"))
    return _value(node, cast(stamp, name), parts)


def _unmapped(node: Node, parts: Sequence[Piece]) -> Piece:
    (part,) = parts
    return Piece(exp.Null(), None, (*part.doubts, is_not_null((part.raw or part.value).copy())), Fraction(0))


CALLS: dict[str, Rule] = {
    "abs": _abs,
    "ceil": _whole("ceil"),
    "contains": _contains,
    "date_trunc": _truncated,
    "day": _date_part("day"),
    "ends_with": _ends,
    "floor": _whole("floor"),
    "greatest": _extreme("greatest"),
    "hour": _date_part("hour"),
    "least": _extreme("least"),
    "left": _cut("left"),
    "length": _length,
    "like": _like,
    "lower": _letters(lambda piece: push_letters.changed_case(piece, "lower")),
    "lpad": _pad("lpad"),
    "ltrim": _trim("ltrim"),
    "minute": _date_part("minute"),
    "mod": _remainder,
    "month": _date_part("month"),
    "nfc": _letters(push_letters.composed),
    "nfkc": _letters(push_letters.compatible),
    "regexp_matches": _regexp,
    "replace": _replace,
    "right": _cut("right"),
    "round": _round,
    "rpad": _pad("rpad"),
    "rtrim": _trim("rtrim"),
    "sign": _sign,
    "split_part": _split,
    "squeeze": _letters(push_letters.squeezed),
    "starts_with": _starts,
    "strpos": _position,
    "substr": _substr,
    "trim": _trim("btrim"),
    "unmapped": _unmapped,
    "upper": _letters(lambda piece: push_letters.changed_case(piece, "upper")),
    "year": _date_part("year"),
}
"""By the function's name; what is not here goes the general way."""
