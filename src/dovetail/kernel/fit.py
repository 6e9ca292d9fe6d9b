"""Whether values fit the field that they are for, without changing them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dovetail.expression.failure import FailureCode, RowFailure
from dovetail.expression.numbers import EXACT, digits, integer
from dovetail.kernel.casting import cast
from dovetail.model.type import Kind, Type

Fit = Callable[[Any], object]

_SIGNIFICANT_MAX = 15
"""Decimal digits that a float always carries there and back."""


def fit(source: Type, target: Type) -> Fit:
    """The function that brings a value, not null, into the target's carrier or raises `RowFailure` (`DV-430`)."""
    match target.kind:
        case Kind.INTEGER:
            return lambda value: _bounded(_whole(value), target)
        case Kind.DECIMAL:
            return lambda value: _places(_exact(value), target)
        case Kind.FLOAT:
            return _float
        case Kind.TEXT | Kind.BYTES:
            return _length(target)
        case Kind.UUID | Kind.JSON if source.kind is not target.kind:
            return _format(target)
        case Kind.TIMESTAMP if source.kind is Kind.DATE:
            return cast(Kind.DATE, target)
        case Kind.DATE if source.kind is Kind.TIMESTAMP:
            return _midnight
    return _same


def _unfit(reason: str) -> RowFailure:
    return RowFailure(FailureCode.UNFIT, reason)


def _same(value: object) -> object:
    return value


def _exact(value: Decimal | float) -> Decimal:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _unfit("the number is not finite")
        return Decimal(repr(value))
    return Decimal(value)


def _whole(value: Decimal | float) -> int:
    number = _exact(value)
    if number != number.to_integral_value(context=EXACT):
        raise _unfit("the number has decimal places; the field holds integers")
    try:
        return integer(int(number))
    except RowFailure:
        raise _unfit("the number does not fit a 64-bit integer") from None


def _bounded(value: int, target: Type) -> int:
    if (target.minimum is not None and value < target.minimum) or (
        target.maximum is not None and value > target.maximum
    ):
        raise _unfit(f"the number lies outside {target.minimum} to {target.maximum}")
    return value


def _places(value: Decimal, target: Type) -> Decimal:
    precision, scale = digits(target)
    if value and value.adjusted() >= precision - scale:
        raise _unfit(f"the number does not fit decimal({precision}, {scale})")
    placed = EXACT.quantize(value, Decimal(1).scaleb(-scale))
    if placed != value:
        raise _unfit(f"the number has more than {scale} decimal places")
    return placed or abs(placed)


def _float(value: Decimal | float) -> float:
    if isinstance(value, float):
        return value
    number = Decimal(value)
    shortest = number.normalize(EXACT)
    result = float(number)
    if len(shortest.as_tuple().digits) > _SIGNIFICANT_MAX and Decimal(result) != number:
        raise _unfit("the number has more digits than a float carries")
    return result


def _length(target: Type) -> Fit:
    longest = target.length
    if longest is None:
        return _same
    unit = "bytes" if target.kind is Kind.BYTES else "characters"

    def check(value: str | bytes) -> object:
        if len(value) > longest:
            raise _unfit(f"the text is longer than {longest} {unit}")
        return value

    return check


def _format(target: Type) -> Fit:
    run = cast(Kind.TEXT, target)

    def check(value: object) -> object:
        try:
            given = run(value)
        except RowFailure as failure:
            raise _unfit(failure.reason) from None
        if given != value:
            raise _unfit("the UUID is not written in lower case")
        return given

    return check


def _midnight(value: dt.datetime) -> dt.date:
    if value.time() != dt.time():
        raise _unfit("the time stamp has a time of day; the field holds dates")
    return value.date()
