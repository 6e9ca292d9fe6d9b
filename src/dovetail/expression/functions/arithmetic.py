"""Functions of exact numbers; none of them rounds unless its name says so."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.function import ConstantWhole, Number, Ordered, Whole, function
from dovetail.expression.numbers import EXACT, decimal, digits, integer
from dovetail.expression.tree import Node
from dovetail.model.type import Kind, Type


def _unbounded(parts: Sequence[Node]) -> Type | None:
    given = parts[0].type
    return Type(Kind.INTEGER) if given and given.kind is Kind.INTEGER else given


def _whole(parts: Sequence[Node]) -> Type | None:
    given = parts[0].type
    if given is None or given.kind is Kind.INTEGER:
        return given
    precision, scale = digits(given)
    return decimal(precision - scale + 1, 0) if scale else given


def _places(parts: Sequence[Node]) -> Type | None:
    given = parts[0].type
    if given is None or given.kind is Kind.INTEGER:
        return given
    precision, scale = digits(given)
    places = int(str(parts[1].value)) if len(parts) > 1 else 0
    return decimal(precision - scale + places + 1, places) if places < scale else given


def _remainder(parts: Sequence[Node]) -> Type | None:
    left, right = parts[0].type, parts[1].type
    if left is None or right is None:
        return left or right
    if left.kind is Kind.INTEGER and right.kind is Kind.INTEGER:
        return Type(Kind.INTEGER)
    (one, first), (two, second) = digits(left), digits(right)
    scale = max(first, second)
    return decimal(max(one - first, two - second) + scale, scale)


def _common(parts: Sequence[Node]) -> Type | None:
    types = [part.type for part in parts if part.type is not None]
    return types[0] if types else None


def _is_places(constants: Sequence[object]) -> None:
    places = constants[1] if len(constants) > 1 else 0
    if not isinstance(places, int) or not 0 <= places <= 38:
        raise ValueError("the number of decimal places lies between 0 and 38")


@function(gives=_unbounded)
def abs_(number: Number) -> Number:
    """The number without its sign.

    >>> abs_(-3)
    3
    """
    return integer(abs(number)) if isinstance(number, int) else EXACT.abs(number)


@function(gives=_places, check=_is_places)
def round_(number: Number, places: ConstantWhole = 0) -> Number:
    """The number with at most so many decimal places, rounded half away from zero.

    >>> round_(Decimal("2.345"), 2), round_(Decimal("-0.5"))
    (Decimal('2.35'), Decimal('-1'))
    """
    return _quantized(number, places, ROUND_HALF_UP)


@function(gives=_whole)
def floor(number: Number) -> Number:
    """The greatest whole number that is not above.

    >>> floor(Decimal("-0.5"))
    Decimal('-1')
    """
    return _quantized(number, 0, ROUND_FLOOR)


@function(gives=_whole, aliases=("ceiling",))
def ceil(number: Number) -> Number:
    """The least whole number that is not below.

    >>> ceil(Decimal("0.5"))
    Decimal('1')
    """
    return _quantized(number, 0, ROUND_CEILING)


def _quantized(number: int | Decimal, places: int, rounding: str) -> int | Decimal:
    if isinstance(number, int) or -int(number.as_tuple().exponent) <= places:
        return number
    placed = number.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=EXACT)
    return placed or abs(placed)


@function()
def sign(number: Number) -> Whole:
    """-1, 0 or 1.

    >>> sign(Decimal("-0.5"))
    -1
    """
    return (number > 0) - (number < 0)


@function(gives=_remainder)
def mod(number: Number, divisor: Number) -> Number:
    """What is left of a division; it has the sign of the number divided. Also written `a % b`. A divisor of 0
    is a failure.

    >>> mod(7, 3), mod(-7, 3)
    (1, -1)
    """
    if not divisor:
        raise RowFailure(FailureCode.ZERO, "division by zero")
    if isinstance(number, int) and isinstance(divisor, int):
        rest = abs(number) % abs(divisor)
        return -rest if number < 0 else rest
    left, right = Decimal(number), Decimal(divisor)
    scale = min(int(left.as_tuple().exponent), int(right.as_tuple().exponent))
    left_over = EXACT.quantize(EXACT.remainder(left, right), Decimal(1).scaleb(scale))
    return left_over or abs(left_over)


@function(gives=_common, alike=True)
def least(*values: Ordered) -> Ordered:
    """The least of the values; null when one is null. Texts are ordered by their characters' numbers.

    >>> least(3, 1, 2)
    1
    """
    return min(values)


@function(gives=_common, alike=True)
def greatest(*values: Ordered) -> Ordered:
    """The greatest of the values; null when one is null.

    >>> greatest("B", "a")
    'a'
    """
    return max(values)
