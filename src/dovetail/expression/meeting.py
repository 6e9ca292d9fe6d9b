"""Where types meet: which values can be compared, which can stand in one column, which can be cast."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.expression.numbers import decimal, digits
from dovetail.model.type import Kind, Type

EXACT_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
NUMBERS = EXACT_NUMBERS | {Kind.FLOAT}

_COMPARED_AS_TEXT = frozenset({Kind.TEXT, Kind.UUID})
_UNORDERED = frozenset({Kind.BYTES, Kind.JSON, Kind.BOOLEAN, Kind.UUID})

_CASTS: dict[Kind, frozenset[Kind]] = {
    Kind.BOOLEAN: frozenset({Kind.TEXT, Kind.INTEGER}),
    Kind.INTEGER: frozenset({Kind.TEXT, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}),
    Kind.DECIMAL: frozenset({Kind.TEXT, Kind.INTEGER, Kind.FLOAT}),
    Kind.FLOAT: frozenset({Kind.TEXT, Kind.INTEGER, Kind.DECIMAL}),
    Kind.TEXT: frozenset(Kind) - {Kind.OPAQUE, Kind.BYTES},
    Kind.BYTES: frozenset(),
    Kind.DATE: frozenset({Kind.TEXT, Kind.TIMESTAMP}),
    Kind.TIME: frozenset({Kind.TEXT}),
    Kind.TIMESTAMP: frozenset({Kind.TEXT, Kind.DATE, Kind.TIME}),
    Kind.INSTANT: frozenset({Kind.TEXT}),
    Kind.UUID: frozenset({Kind.TEXT}),
    Kind.JSON: frozenset({Kind.TEXT}),
    Kind.OPAQUE: frozenset(),
}


def castable(source: Kind, target: Kind) -> bool:
    """Whether `CAST` leads from one kind to the other; single values may still fail."""
    return (source is target and source is not Kind.OPAQUE) or target in _CASTS[source]


def comparable(left: Type | None, right: Type | None, *, ordered: bool) -> bool:
    """Whether two types can be compared with `=`, or with `ordered` by `<`."""
    kinds = {given.kind for given in (left, right) if given is not None}
    if Kind.OPAQUE in kinds or (ordered and kinds & _UNORDERED):
        return False
    return len(kinds) <= 1 or kinds <= NUMBERS or kinds <= _COMPARED_AS_TEXT


def meet(types: Sequence[Type | None]) -> Type | None:
    """The type that holds the values of all types; raises `ValueError` where there is none.

    >>> str(meet([Type(Kind.INTEGER), None, decimal(5, 2)]))
    'decimal(21, 2)'
    """
    known = list(dict.fromkeys(given for given in types if given is not None))
    if len(known) <= 1:
        return known[0] if known else None
    kinds = {given.kind for given in known}
    if kinds == {Kind.INTEGER}:
        return Type(Kind.INTEGER)
    if kinds <= EXACT_NUMBERS:
        scale = max(digits(given)[1] for given in known)
        whole = max(digits(given)[0] - digits(given)[1] for given in known)
        return decimal(whole + scale, scale)
    if kinds <= _COMPARED_AS_TEXT and len(kinds) > 1:
        return Type(Kind.TEXT)
    if len(kinds) == 1 and Kind.OPAQUE not in kinds:
        return Type(known[0].kind)
    raise ValueError(" and ".join(sorted({str(given.kind) for given in known})))


def assignable(source: Type, target: Type) -> bool:
    """Whether values of one type may be put into a field of the other without a cast; single values may still
    not fit."""
    kinds = {source.kind, target.kind}
    if source.kind is target.kind:
        return source.kind is not Kind.OPAQUE or source.native == target.native
    return (
        kinds <= NUMBERS
        or (source.kind, target.kind) in {(Kind.DATE, Kind.TIMESTAMP), (Kind.TIMESTAMP, Kind.DATE)}
        or kinds <= {Kind.TEXT, Kind.UUID, Kind.JSON}
    )
