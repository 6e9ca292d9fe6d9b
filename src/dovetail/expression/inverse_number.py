"""Arithmetic with constants, undone."""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from dovetail.expression.inverse_build import NotConstant, count, filled, has_fields, number, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, refused, through
from dovetail.expression.numbers import digits, product_type, reciprocal
from dovetail.expression.parse import Expression, literal
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

_FLOATING = "binary floating point keeps about 15 digits, so the way back may differ in the last one"


def arithmetic(ask: Ask) -> Layer:
    """`x + c`, `c + x`, `x - c`, `c - x`, `x * c`, `c * x`, `x / c`."""
    tree = ask.tree
    left, right = unwrapped(tree.this), unwrapped(tree.args["expression"])
    if has_fields(left) and has_fields(right):
        return refused("it computes one number from several fields, so none of them can be told from the result")
    inner, other = (left, right) if has_fields(left) else (right, left)
    try:
        value = number(other)
    except NotConstant:
        return refused("the constant in it is not a plain number")
    lost = _FLOATING if ask.kind_of(tree) is Kind.FLOAT else ""
    match tree:
        case exp.Add():
            return _plain(inner, filled("w - c", w=ask.wanted, c=literal(value)), lost)
        case exp.Sub():
            template = "w + c" if inner is left else "c - w"
            return _plain(inner, filled(template, w=ask.wanted, c=literal(value)), lost)
        case exp.Div() if inner is right:
            return refused("a division by a field cannot be undone exactly")
    if not value:
        return refused("a product with zero says nothing about the field" if isinstance(tree, exp.Mul) else "it divides by zero")
    if lost:
        return _plain(inner, filled("w / c" if isinstance(tree, exp.Mul) else "w * c", w=ask.wanted, c=literal(value)), lost)
    return _product(ask, inner, value) if isinstance(tree, exp.Mul) else _quotient(ask, inner, value)


def negated(ask: Ask) -> Layer:
    """`-x`."""
    lost = _FLOATING if ask.kind_of(ask.tree) is Kind.FLOAT else ""
    return _plain(unwrapped(ask.tree.this), filled("-w", w=ask.wanted), "" if lost else lost)


def _plain(inner: exp.Expression, wanted: Expression, lost: str = "") -> Layer:
    return Layer(((inner, wanted),), lost, number=True)


def _product(ask: Ask, inner: exp.Expression, factor: Decimal) -> Layer:
    """The inverse of a product divides; where the quotient has no end, the nearest value of the field is tried."""
    inverse = reciprocal(factor)
    if inverse is not None and _has_room(ask.type_of(inner), factor):
        whole = factor == int(factor) and inverse != int(inverse)
        template, constant = ("w / c", factor) if whole else ("w * c", inverse)
        return _plain(inner, filled(template, w=ask.wanted, c=literal(_short(constant))))
    candidate = filled("round(w / c, places)", w=ask.wanted, c=literal(factor), places=literal(_places(ask.type_of(inner))))
    return _candidate(ask, inner, candidate, "")


def _quotient(ask: Ask, inner: exp.Expression, divisor: Decimal) -> Layer:
    """The inverse of a quotient multiplies; where the quotient was rounded, the nearest value of the field is tried."""
    candidate = filled("w * c", w=ask.wanted, c=literal(divisor))
    given = ask.type_of(inner)
    inverse = reciprocal(divisor)
    if inverse is not None and _has_room(given, inverse):
        return _plain(inner, candidate)
    rounded = filled("round(v, places)", v=candidate, places=literal(_places(given)))
    finest = Decimal(1).scaleb(-_places(ask.type_of(ask.tree)))
    apart = Decimal(1).scaleb(-_places(given)) / abs(divisor)
    return _candidate(ask, inner, rounded, "" if apart > finest else "the quotient is rounded, so near values become equal")


def _candidate(ask: Ask, inner: exp.Expression, candidate: Expression, lost: str) -> Layer:
    return Layer(((inner, candidate),), lost, expected=ask.wanted, number=True)


def _has_room(given: Type, factor: Decimal) -> bool:
    """Whether the product with the factor keeps all its digits."""
    scale = _places(given) + max(0, -int(factor.as_tuple().exponent))
    return scale <= DECIMAL_PRECISION_MAX and (given.kind is Kind.INTEGER or scale <= 18 or digits(given)[0] + 6 <= DECIMAL_PRECISION_MAX)


def _places(given: Type) -> int:
    return digits(given)[1] if given.kind is not Kind.INTEGER else 0


def _short(value: Decimal) -> Decimal:
    """The number without zeros behind the point.

    >>> _short(Decimal("100.00")), _short(Decimal("1E+2"))
    (Decimal('100'), Decimal('100'))
    """
    return Decimal(int(value)) if value == int(value) else value.normalize()


def rounding(name: str, ask: Ask, arguments: list[exp.Expression]) -> Layer:
    """`round(x, n)`, `floor(x)` and `ceil(x)`: the value itself is a value that rounds to it."""
    try:
        places = count(arguments[1]) if len(arguments) > 1 else 0
    except NotConstant:
        return refused("the number of places is not a constant")
    inner = unwrapped(arguments[0])
    if ask.kind_of(inner) is Kind.INTEGER:
        return _plain(inner, ask.wanted)
    words = {"floor": "it cuts off the decimal places", "ceil": "it rounds up to a whole number"}
    lost = words.get(name, f"it rounds to {places} decimal places" if places else "it rounds to a whole number")
    rounded = filled(f"{name}(w, n)" if name == "round" else f"{name}(w)", w=ask.wanted, n=literal(places))
    return Layer(((inner, ask.wanted),), lost, expected=rounded, number=True, softens=True)


def absolute(ask: Ask, arguments: list[exp.Expression]) -> Layer:
    """`abs(x)`: the sign is forgotten."""
    return through(arguments[0], ask.wanted, lost="it forgets the sign")


__all__ = ["absolute", "arithmetic", "negated", "product_type", "rounding"]
