"""Exact numbers: the types of sums, products and quotients, and how they are computed without losing a digit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1

_INTEGER_DIGITS = 19
_QUOTIENT_SCALE = 10

EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
"""Digits enough for every intermediate of two numbers of 38 digits."""


def digits(given: Type) -> tuple[int, int]:
    """Digits in all, and behind the point, that values of a number type have at most."""
    if given.kind is Kind.INTEGER:
        if given.minimum is not None and given.maximum is not None:
            return max(len(str(abs(given.minimum))), len(str(abs(given.maximum)))), 0
        return _INTEGER_DIGITS, 0
    precision = given.precision or DECIMAL_PRECISION_MAX
    return precision, FREE_DECIMAL_SCALE if given.scale is None else given.scale


def literal_type(value: int | Decimal) -> Type | None:
    """The narrowest type of a constant, or `None` when it has too many digits."""
    if isinstance(value, int) and INTEGER_MIN <= value <= INTEGER_MAX:
        return Type(Kind.INTEGER, minimum=value, maximum=value)
    number = Decimal(value)
    scale = max(0, -int(number.as_tuple().exponent))
    precision = max(len(number.as_tuple().digits), scale, 1)
    return decimal(precision, scale) if precision <= DECIMAL_PRECISION_MAX else None


def decimal(precision: int, scale: int) -> Type:
    """An exact type; digits beyond the carrier are cut off in front of the point, where an overflow is a failure."""
    return Type(Kind.DECIMAL, precision=max(1, min(DECIMAL_PRECISION_MAX, max(precision, scale))), scale=scale)


def sum_type(left: Type, right: Type) -> Type:
    """The type of a sum or difference.

    >>> str(sum_type(decimal(5, 2), decimal(7, 1)))
    'decimal(9, 2)'
    """
    if left.kind is Kind.INTEGER and right.kind is Kind.INTEGER:
        return Type(Kind.INTEGER)
    (one, first), (two, second) = digits(left), digits(right)
    scale = max(first, second)
    return decimal(max(one - first, two - second) + scale + 1, scale)


def product_type(left: Type, right: Type) -> Type:
    """The type of a product: all digits, or, beyond 38, so many that 18 or the longer factor's stay behind the point.

    >>> str(product_type(decimal(12, 2), decimal(5, 3)))
    'decimal(17, 5)'
    """
    if left.kind is Kind.INTEGER and right.kind is Kind.INTEGER:
        return Type(Kind.INTEGER)
    (one, first), (two, second) = digits(left), digits(right)
    return _within(one + two, first + second, max(first, second))


def scaled_type(given: Type, factor: Decimal) -> Type:
    """The type of a number times a constant; a power of ten moves the point and adds no digit.

    >>> str(scaled_type(Type(Kind.INTEGER), Decimal("0.01")))
    'decimal(19, 2)'
    """
    precision, scale = digits(given)
    _, shown, exponent = factor.as_tuple()
    behind = max(0, -int(exponent))
    number = "".join(map(str, shown)).lstrip("0")
    added = 0 if number == "1" else len(number)
    return _within(max(precision + added, scale + behind), scale + behind, scale)


def _within(precision: int, scale: int, least: int) -> Type:
    if precision > DECIMAL_PRECISION_MAX:
        return decimal(DECIMAL_PRECISION_MAX, min(scale, max(FREE_DECIMAL_SCALE, least)))
    return decimal(precision, scale)


def quotient_type(left: Type, right: Type) -> Type:
    """The type of a quotient that need not end: ten more places than the operands have, at most 18."""
    longest = max(digits(left)[1], digits(right)[1])
    return decimal(DECIMAL_PRECISION_MAX, max(longest, min(FREE_DECIMAL_SCALE, longest + _QUOTIENT_SCALE)))


def reciprocal(value: int | Decimal) -> Decimal | None:
    """The exact `1 / value`, or `None` where it has no end.

    >>> reciprocal(100), reciprocal(Decimal("0.5")), reciprocal(3)
    (Decimal('0.01'), Decimal('2'), None)
    """
    if not value:
        return None
    inverse = 1 / Fraction(value)
    places = 0
    while inverse.denominator != 1:
        if places == DECIMAL_PRECISION_MAX:
            return None
        inverse *= 10
        places += 1
    return EXACT.scaleb(Decimal(inverse.numerator), -places)


def exactly(value: Decimal, target: Type) -> Decimal:
    """The same number with the target's places; a failure where digits would be lost."""
    precision, scale = digits(target)
    placed = EXACT.quantize(value, Decimal(1).scaleb(-scale))
    if placed != value:
        raise RowFailure(FailureCode.OVERFLOW, f"the number has more than {scale} decimal places")
    return _bounded(placed, precision, scale)


def rounded(value: Decimal, target: Type) -> Decimal:
    """The number with the target's places, rounded half away from zero; a failure where it does not fit."""
    precision, scale = digits(target)
    if value.adjusted() > DECIMAL_PRECISION_MAX + 1:
        raise RowFailure(FailureCode.OVERFLOW, f"the number does not fit decimal({precision}, {scale})")
    return _bounded(EXACT.quantize(value, Decimal(1).scaleb(-scale)), precision, scale)


def _bounded(value: Decimal, precision: int, scale: int) -> Decimal:
    if value and value.adjusted() >= precision - scale:
        raise RowFailure(FailureCode.OVERFLOW, f"the number does not fit decimal({precision}, {scale})")
    return value or abs(value)


def integer(value: int) -> int:
    """The number itself; a failure where it has more than 64 bits."""
    if INTEGER_MIN <= value <= INTEGER_MAX:
        return value
    raise RowFailure(FailureCode.OVERFLOW, "the number does not fit a 64-bit integer")


def quotient(left: Decimal, right: Decimal, target: Type) -> Decimal:
    """The quotient with the target's places, rounded half away from zero.

    >>> quotient(Decimal(2), Decimal(-3), decimal(10, 2))
    Decimal('-0.67')
    """
    if not right:
        raise RowFailure(FailureCode.ZERO, "division by zero")
    precision, scale = digits(target)
    exact = Fraction(left) / Fraction(right) * 10**scale
    whole, rest = divmod(abs(exact.numerator), exact.denominator)
    whole += 2 * rest >= exact.denominator
    return _bounded(EXACT.scaleb(Decimal(-whole if exact < 0 else whole), -scale), precision, scale)
