"""A typed tree made SQL of PostgreSQL, where both certainly mean the same; a row for which that is not certain is in
doubt.

The language's failures never raise here: they are doubts. A doubt may be raised too often (the row then goes the
general way, which gives the same value), but never too seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction

from sqlglot import exp

from dovetail.expression.function import function_of
from dovetail.expression.meeting import EXACT_NUMBERS
from dovetail.expression.numbers import INTEGER_MAX, INTEGER_MIN, digits
from dovetail.expression.tree import Node, Op
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.postgres.declared import cast
from dovetail.systems.connectors.postgres.push_calls import CALLS
from dovetail.systems.connectors.postgres.push_casts import cast_to
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
    negated,
    null_of,
    number,
    outside,
    summed,
    text,
    too_fine,
    too_large,
    widest,
)

PARTS_MAX = 5_000
"""Parts of one piece of SQL at most; a longer one goes the general way."""

Names = Mapping[str, Piece]
Rule = Callable[[Node, Names], Piece]

_RENAMED = frozenset({Kind.FLOAT, Kind.BYTES, Kind.JSON, Kind.OPAQUE})
"""Kinds that are handed on as they are, and with which nothing is computed here."""


def translate(node: Node, names: Names) -> Piece:
    """The piece of a typed tree; `names` are the pieces of what it may read. Raises `Unpushable`."""
    rule = _RULES[node.op]
    if node.op not in _BLIND and any(part.type is not None and part.type.kind in _RENAMED for part in node.parts):
        kinds = sorted({part.type.kind for part in node.parts if part.type is not None and part.type.kind in _RENAMED})
        raise Unpushable(f"nothing is computed with {' or '.join(kinds)} there")
    if node.type is not None and node.type.kind in _RENAMED and node.op is not Op.COLUMN:
        raise Unpushable(f"{node.type} is only handed on there")
    piece = rule(node, names)
    for tree in (piece.value, *piece.doubts):
        if sum(1 for _ in tree.walk()) > PARTS_MAX:
            raise Unpushable("the expression becomes too long")
    return piece


def _parts(node: Node, names: Names) -> list[Piece]:
    return [translate(part, names) for part in node.parts]


def _column(node: Node, names: Names) -> Piece:
    found = names.get(str(node.value))
    if found is None:
        raise Unpushable(f"{node.value} is not known there")
    return found


def _literal(node: Node, _names: Names) -> Piece:
    value = node.value
    match value:
        case None:
            return Piece(exp.Null(), None, most=Fraction(0))
        case bool():
            return Piece(exp.Boolean(this=value), node.type)
        case str():
            return Piece(text(value), node.type, most=Fraction(len(value)))
        case int() if INTEGER_MIN <= value <= INTEGER_MAX:
            return Piece(constant(value, "bigint"), node.type, most=Fraction(abs(value)))
        case int() | Decimal():
            written = format(value, "f") if isinstance(value, Decimal) else str(value)
            return Piece(cast(exp.Literal.string(written), "numeric"), node.type, most=abs(Fraction(value)))
    raise Unpushable(f"a constant of {node.type} is not known there")


def _known(given: Type | None) -> Type:
    if given is None:
        raise Unpushable("what is always null is not computed there")
    return given


def _sum(node: Node, names: Names) -> Piece:
    left, right = _parts(node, names)
    value = binary({Op.ADD: exp.Add, Op.SUB: exp.Sub}[node.op], number(left), number(right))
    return _exact(value, node, (left, right), summed([left, right]))


def _product(node: Node, names: Names) -> Piece:
    left, right = _parts(node, names)
    most = left.most * right.most if left.most is not None and right.most is not None else None
    return _exact(binary(exp.Mul, number(left), number(right)), node, (left, right), most)


def _negative(node: Node, names: Names) -> Piece:
    (part,) = _parts(node, names)
    return _exact(exp.Paren(this=exp.Neg(this=number(part))), node, (part,), part.most)


def _exact(value: SQL, node: Node, parts: tuple[Piece, ...], most: Fraction | None) -> Piece:
    """A number computed without a loss; in doubt where it has more digits than its type."""
    given = _known(node.type)
    doubts = list(doubts_of(*parts))
    if given.kind is Kind.INTEGER:
        if most is None or most > INTEGER_MAX:
            doubts.append(outside(value.copy(), INTEGER_MIN, INTEGER_MAX))
    else:
        precision, scale = digits(given)
        limit = 10 ** (precision - scale)
        if most is None or most >= limit:
            doubts.append(too_large(value.copy(), limit))
        if _places(node, parts) > scale:
            doubts.append(too_fine(value.copy(), scale))
    kept = bound(given)
    return Piece(value, given, tuple(doubts), most if most is not None and kept is not None and most < kept else kept)


def _places(node: Node, parts: tuple[Piece, ...]) -> int:
    places = [digits(part.type)[1] for part in parts if part.type is not None]
    return sum(places) if node.op is Op.MUL else max(places, default=0)


def _quotient(node: Node, names: Names) -> Piece:
    """Whole division of numbers made large enough is exact; the half is added first, so it rounds away from zero."""
    left, right = _parts(node, names)
    given = _known(node.type)
    if given.kind is not Kind.DECIMAL:
        raise Unpushable("this division is not known there")
    precision, scale = digits(given)
    divisor = call("nullif", number(right), constant(0))
    shifted = binary(exp.Mul, call("abs", number(left)), constant(2 * 10**scale))
    figures = call(
        "div",
        binary(exp.Add, shifted, call("abs", number(right))),
        binary(exp.Mul, constant(2), call("abs", divisor)),
    )
    sign = binary(exp.Mul, call("sign", number(left)), call("sign", number(right)))
    unit = cast(exp.Literal.string(format(Decimal(1).scaleb(-scale), "f")), "numeric")
    value = binary(exp.Mul, binary(exp.Mul, sign, figures), unit)
    zero = binary(exp.EQ, number(right), constant(0))
    doubts = (*doubts_of(left, right), zero, too_large(value.copy(), 10 ** (precision - scale)))
    return Piece(value, given, doubts, bound(given))


_COMPARISONS: dict[Op, type[exp.Binary]] = {
    Op.EQ: exp.EQ,
    Op.NE: exp.NEQ,
    Op.LT: exp.LT,
    Op.LE: exp.LTE,
    Op.GT: exp.GT,
    Op.GE: exp.GTE,
    Op.SAME: exp.NullSafeEQ,
}
_TRUTH = Type(Kind.BOOLEAN)


def _comparison(node: Node, names: Names) -> Piece:
    left, right = _parts(node, names)
    value = binary(_COMPARISONS[node.op], _typed(left, right), _typed(right, left))
    return Piece(value, _TRUTH, doubts_of(left, right))


def _typed(piece: Piece, other: Piece) -> SQL:
    """The value; a null in the type of what it is compared with."""
    return piece.copy() if piece.type is not None else null_of(other.type or Type(Kind.TEXT))


def _logic(node: Node, names: Names) -> Piece:
    left, right = _parts(node, names)
    value = binary({Op.AND: exp.And, Op.OR: exp.Or}[node.op], _truth(left), _truth(right))
    if not right.doubts:
        return Piece(value, _TRUTH, left.doubts)
    decided = exp.Is(this=_truth(left), expression=exp.Boolean(this=node.op is Op.OR))
    return Piece(value, _TRUTH, (*left.doubts, binary(exp.And, any_of(right.doubts), negated(decided))))


def _truth(piece: Piece) -> SQL:
    return piece.copy() if piece.type is not None else null_of(_TRUTH)


def _not(node: Node, names: Names) -> Piece:
    (part,) = _parts(node, names)
    return Piece(negated(_truth(part)), _TRUTH, part.doubts)


def _is_null(node: Node, names: Names) -> Piece:
    (part,) = _parts(node, names)
    return Piece(is_null((part.raw or part.value).copy()), _TRUTH, part.doubts)


def _is(node: Node, names: Names) -> Piece:
    (part,) = _parts(node, names)
    wanted = exp.Boolean(this=bool(node.value))
    return Piece(exp.Paren(this=exp.Is(this=_truth(part), expression=wanted)), _TRUTH, part.doubts)


def _in(node: Node, names: Names) -> Piece:
    subject, *values = _parts(node, names)
    listed = exp.In(this=_typed(subject, values[0]), expressions=[_typed(value, subject) for value in values])
    return Piece(exp.Paren(this=listed), _TRUTH, doubts_of(subject, *values))


def _case(node: Node, names: Names) -> Piece:
    *parts, default = _parts(node, names)
    conditions, values = parts[::2], parts[1::2]
    arms = [(_truth(condition), value.copy()) for condition, value in zip(conditions, values, strict=True)]
    steps: list[tuple[SQL, SQL]] = []
    for condition, value in zip(conditions, values, strict=True):
        if condition.doubts:
            steps.append((any_of(condition.doubts), exp.true()))
        steps.append((_truth(condition), any_of(value.doubts)))
    return _chosen(node, choice(arms, default.copy()), [*conditions, *values, default], (steps, default, None))


def _switch(node: Node, names: Names) -> Piece:
    subject, *parts, default = _parts(node, names)
    keys, values = parts[::2], parts[1::2]
    sought = _typed(subject, keys[0])
    arms = [(_typed(key, subject), value.copy()) for key, value in zip(keys, values, strict=True)]
    steps = [(_typed(key, subject), any_of(value.doubts)) for key, value in zip(keys, values, strict=True)]
    if any(key.doubts for key in keys):
        raise Unpushable("the keys of CASE must be plain there")
    chosen = _chosen(node, choice(arms, default.copy(), sought), [*values, default], (steps, default, sought))
    return Piece(chosen.value, chosen.type, (*subject.doubts, *chosen.doubts), chosen.most)


def _chosen(
    node: Node, value: SQL, parts: list[Piece], doubted: tuple[list[tuple[SQL, SQL]], Piece, SQL | None]
) -> Piece:
    """What `CASE` chooses; only what is chosen can be in doubt."""
    steps, default, subject = doubted
    values = [part for part in parts if part.type is not None] if node.type is not None else []
    doubts: tuple[SQL, ...] = ()
    if any(part.doubts for part in parts):
        others = any_of(default.doubts)
        doubts = (choice([(one.copy(), two) for one, two in steps], others, subject and subject.copy()),)
    return Piece(value if node.type is not None else exp.Null(), node.type, doubts, widest(values))


def _coalesce(node: Node, names: Names) -> Piece:
    parts = _parts(node, names)
    steps: list[tuple[SQL, SQL]] = []
    for part in parts:
        if part.doubts:
            steps.append((any_of(part.doubts), exp.true()))
        steps.append((is_not_null(part.copy()), exp.false()))
    doubts = (choice(steps, exp.false()),) if any(part.doubts for part in parts) else ()
    value = call("coalesce", *(part.copy() for part in parts)) if node.type is not None else exp.Null()
    return Piece(value, node.type, doubts, widest(parts))


def _nullif(node: Node, names: Names) -> Piece:
    left, right = _parts(node, names)
    if left.type is None or right.type is None:
        return Piece(left.copy(), left.type, doubts_of(left, right), left.most)
    value = call("nullif", left.copy(), right.copy())
    return Piece(value, left.type, doubts_of(left, right), left.most)


def _pipe(node: Node, names: Names) -> Piece:
    parts = _parts(node, names)
    value = _text(parts[0])
    for part in parts[1:]:
        value = binary(exp.DPipe, value, _text(part))
    return Piece(value, node.type, doubts_of(*parts), summed(parts))


def _text(part: Piece) -> SQL:
    return part.copy() if part.type is not None else null_of(Type(Kind.TEXT))


def _concat(node: Node, names: Names) -> Piece:
    parts = _parts(node, names)
    texts = [call("coalesce", _text(part), text("")) for part in parts]
    value: SQL = texts[0]
    for part in texts[1:]:
        value = binary(exp.DPipe, value, part)
    return Piece(value, node.type, doubts_of(*parts), summed(parts))


def _cast(node: Node, names: Names) -> Piece:
    (part,) = _parts(node, names)
    target = _known(node.type)
    if part.type is None:
        return Piece(null_of(target), target, part.doubts, Fraction(0))
    is_exact = node.value == "widen" and part.type.kind in EXACT_NUMBERS
    return cast_to(part, target, exact=is_exact)


def _call(node: Node, names: Names) -> Piece:
    name = function_of(node).name
    rule = CALLS.get(name)
    if rule is None:
        raise Unpushable(f"{name} is not proved equal there")
    parts = _parts(node, names)
    if any(part.type is None for part in parts):
        doubts = doubts_of(*parts)
        return Piece(null_of(node.type), node.type, doubts, Fraction(0))
    return rule(node, parts)


_BLIND = frozenset({Op.COLUMN, Op.LITERAL, Op.IS_NULL})
"""Steps that look at no value of what they are given."""

_RULES: dict[Op, Rule] = {
    Op.ADD: _sum,
    Op.AND: _logic,
    Op.CALL: _call,
    Op.CASE: _case,
    Op.CAST: _cast,
    Op.COALESCE: _coalesce,
    Op.COLUMN: _column,
    Op.CONCAT: _concat,
    Op.DIV: _quotient,
    Op.EQ: _comparison,
    Op.GE: _comparison,
    Op.GT: _comparison,
    Op.IN: _in,
    Op.IS: _is,
    Op.IS_NULL: _is_null,
    Op.LE: _comparison,
    Op.LITERAL: _literal,
    Op.LT: _comparison,
    Op.MUL: _product,
    Op.NE: _comparison,
    Op.NEG: _negative,
    Op.NOT: _not,
    Op.NULLIF: _nullif,
    Op.OR: _logic,
    Op.PIPE: _pipe,
    Op.SAME: _comparison,
    Op.SUB: _sum,
    Op.SWITCH: _switch,
}
