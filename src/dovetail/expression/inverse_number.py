"""Arithmetic with constants and rounding, undone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sqlglot import exp

from dovetail.expression.inverse_build import NotConstant, as_expression, count, filled, has_fields, number, unwrapped
from dovetail.expression.inverse_layer import Ask, Layer, refused, through
from dovetail.expression.numbers import digits, literal_type, reciprocal
from dovetail.expression.parse import Expression, literal
from dovetail.model.type import Kind, Type

FLOATING = "binary floating point may differ in its last digits on the way back"


def arithmetic(ask: Ask) -> Layer:
    """`x + c`, `c + x`, `x - c`, `c - x`, `x * c`, `c * x`, `x / c`."""
    left, right = unwrapped(ask.tree.this), unwrapped(ask.tree.args["expression"])
    if has_fields(left) and has_fields(right):
        return refused("it makes one number of several fields, and the number does not say what each of them is")
    inner, other = (left, right) if has_fields(left) else (right, left)
    try:
        value = number(other)
    except NotConstant:
        return refused("the constant in it is not a plain number")
    if isinstance(ask.tree, exp.Div) and inner is right:
        return refused("a division by a field cannot be undone exactly")
    if isinstance(ask.tree, exp.Mul | exp.Div) and not value:
        return refused("with zero as a factor or divisor the result says nothing about the field")
    if ask.kind_of(ask.tree) is Kind.FLOAT:
        return _step(ask, inner, _opposite(ask, value, first=inner is left), lost=FLOATING)
    match ask.tree:
        case exp.Mul():
            return _product(ask, inner, value)
        case exp.Div():
            return _quotient(ask, inner, value, written=_is_written(other))
    return _step(ask, inner, _opposite(ask, value, first=inner is left), places=_places(value))


def _opposite(ask: Ask, value: Decimal, *, first: bool) -> Expression:
    templates: dict[type[exp.Expression], str] = {
        exp.Add: "w - c",
        exp.Sub: "w + c" if first else "c - w",
        exp.Mul: "w / c",
        exp.Div: "w * c",
    }
    return filled(templates[type(ask.tree)], w=ask.wanted, c=literal(_short(value)))


def negated(ask: Ask) -> Layer:
    """`-x`."""
    return _step(ask, unwrapped(ask.tree.this), filled("-w", w=ask.wanted))


def _step(ask: Ask, inner: exp.Expression, wanted: Expression, *, lost: str = "", places: int = 0) -> Layer:
    """An exact step; under a rounding function, the answer gets more places by it."""
    soft = None if ask.soft is None else max(ask.soft, places)
    return Layer(((inner, wanted),), lost, soft=soft)


def _product(ask: Ask, inner: exp.Expression, factor: Decimal) -> Layer:
    """The inverse of a product divides; of a quotient without end, the nearest value of the field is tried."""
    if factor == 1:
        return _step(ask, inner, ask.wanted)
    inverse = _reciprocal(factor)
    finest = _finest(ask.type_of(inner))
    ask = _hardened(ask, Fraction(factor), finest)
    if inverse is not None and (ask.soft is None or ask.soft + _places(inverse) <= finest):
        divides = factor == int(factor)
        wanted = filled(
            "w / c" if divides else "w * c", w=ask.wanted, c=literal(_short(factor if divides else inverse))
        )
        return Layer(((inner, wanted),), soft=None if ask.soft is None else ask.soft + _places(inverse))
    candidate = filled("round(w / c, n)", w=ask.wanted, c=literal(_short(factor)), n=literal(finest))
    return Layer(((inner, candidate),), owed=True, soft=_deeper(ask, finest))


def _quotient(ask: Ask, inner: exp.Expression, divisor: Decimal, *, written: bool) -> Layer:
    """The inverse of a quotient multiplies; if the quotient was rounded, the nearest value of the field is tried."""
    wanted = filled("w * c", w=ask.wanted, c=literal(_short(divisor)))
    finest = _finest(ask.type_of(inner))
    exact = written and _reciprocal(divisor) is not None
    if exact:
        ask = _hardened(ask, 1 / Fraction(divisor), finest)
    if exact and (ask.soft is None or ask.soft + _places(divisor) <= finest):
        return Layer(((inner, wanted),), soft=None if ask.soft is None else ask.soft + _places(divisor))
    candidate = filled("round(v, n)", v=wanted, n=literal(finest))
    blurred = not exact and Decimal(1).scaleb(-finest) / abs(divisor) <= Decimal(1).scaleb(
        -_finest(ask.type_of(ask.tree))
    )
    lost = "the quotient is rounded, so near values become equal" if blurred else ""
    return Layer(((inner, candidate),), lost, owed=True, soft=_deeper(ask, finest))


def _hardened(ask: Ask, factor: Fraction, finest: int) -> Ask:
    """The same question without rounding, where no value of the field ever needs it."""
    if ask.soft is None or (factor * Fraction(10) ** (ask.soft - finest)).denominator != 1:
        return ask
    return replace(ask, soft=None)


def _deeper(ask: Ask, places: int) -> int | None:
    return None if ask.soft is None else places


def _is_written(tree: exp.Expression) -> bool:
    """Whether the constant is written as one number: only by such a one is a division exact."""
    tree = unwrapped(tree)
    return isinstance(tree, exp.Literal) or (isinstance(tree, exp.Neg) and _is_written(tree.this))


def _reciprocal(value: Decimal) -> Decimal | None:
    inverse = reciprocal(value)
    return inverse if inverse is not None and literal_type(inverse) is not None else None


def _places(value: Decimal) -> int:
    return max(0, -int(_short(value).as_tuple().exponent))


def _finest(given: Type) -> int:
    return 0 if given.kind is Kind.INTEGER else digits(given)[1]


def _short(value: Decimal) -> Decimal:
    """The number without zeros behind the point.

    >>> _short(Decimal("2.50")), _short(Decimal("1E+2"))
    (Decimal('2.5'), Decimal('100'))
    """
    return Decimal(int(value)) if value == int(value) else value.normalize()


def rounding(ask: Ask) -> Layer:
    """`round(x, n)`, `floor(x)`, `ceil(x)`: the wanted value is itself one that rounds to it."""
    name, arguments = ask.call
    try:
        places = count(arguments[1]) if len(arguments) > 1 else 0
    except NotConstant:
        return refused("the number of places is not a constant")
    inner = unwrapped(arguments[0])
    if _finest(ask.type_of(inner)) <= places:
        return _step(ask, inner, ask.wanted)
    words = {"floor": "it cuts off what stands behind the point", "ceil": "it rounds up to a whole number"}
    lost = words.get(name, rounds_to(places))
    rounded = filled(f"{name}(w, n)" if name == "round" else f"{name}(w)", w=ask.wanted, n=literal(places))
    return softened(ask, inner, lost, rounded, places)


def rounds_to(places: int) -> str:
    """What rounding forgets, in words."""
    return f"it rounds to {places} decimal place{'s' if places > 1 else ''}" if places else "it rounds to whole numbers"


def softened(ask: Ask, inner: exp.Expression, lost: str, rounded: Expression, places: int) -> Layer:
    """The layer of a function that rounds: its argument need only come near."""
    return Layer(((inner, ask.wanted),), lost, expected=rounded, soft=places)


def absolute(ask: Ask) -> Layer:
    """`abs(x)`: the sign is forgotten."""
    _, arguments = ask.call
    return through(arguments[0], ask.wanted, lost="it forgets the sign")


def bounded(ask: Ask) -> Layer:
    """`greatest(x, c)` and `least(x, c)`."""
    name, arguments = ask.call
    holding = [argument for argument in arguments if has_fields(argument)]
    if len(holding) != 1:
        return refused(f"{name} of several fields does not say what each of them is")
    if any(isinstance(unwrapped(argument), exp.Null) for argument in arguments):
        return refused("it is always null")
    inner = unwrapped(holding[0])
    words = {"greatest": "below", "least": "above"}
    limits = ", ".join(as_expression(argument).text for argument in arguments if not has_fields(argument))
    lost = f"it forgets how far {words[name]} {limits} a value lies" if limits else ""
    return through(inner, ask.wanted, lost=lost)
