"""The shared type in which several members' values of one field meet."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type

_TEXTS = {Kind.TEXT, Kind.UUID, Kind.JSON}


def unify(types: Sequence[Type]) -> Type:
    """The narrowest type that holds every value of all `types`; raises `ValueError` where none does.

    >>> str(unify([Type(Kind.INTEGER), Type(Kind.DECIMAL, precision=12, scale=2)]))
    'decimal(21, 2)'
    >>> unify([Type(Kind.TEXT, length=5), Type(Kind.TEXT)]).length is None
    True
    """
    kinds = {given.kind for given in types}
    if kinds == {Kind.TEXT}:
        return Type(Kind.TEXT)
    if len(kinds) == 1 and Kind.DECIMAL not in kinds:
        return Type(next(iter(kinds)), native=types[0].native if Kind.OPAQUE in kinds else "")
    if kinds <= {Kind.INTEGER, Kind.DECIMAL}:
        return _decimal(types)
    if kinds <= _TEXTS:
        return Type(Kind.TEXT)
    if kinds <= {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
        return Type(Kind.FLOAT)
    message = " and ".join(sorted(str(kind) for kind in kinds)) + " have no common type"
    raise ValueError(message)


def _decimal(types: Sequence[Type]) -> Type:
    whole = max(_whole_digits(given) for given in types)
    scale = max(_scale(given) for given in types)
    if whole + scale > DECIMAL_PRECISION_MAX:
        whole = DECIMAL_PRECISION_MAX - scale
    return Type(Kind.DECIMAL, precision=whole + scale, scale=scale)


def _scale(given: Type) -> int:
    if given.kind is Kind.INTEGER:
        return 0
    return FREE_DECIMAL_SCALE if given.scale is None else given.scale


def _whole_digits(given: Type) -> int:
    if given.kind is Kind.INTEGER:
        return 19
    return (given.precision or DECIMAL_PRECISION_MAX) - _scale(given)
