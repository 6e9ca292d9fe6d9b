"""The types that `CAST` can lead to."""

from __future__ import annotations

from sqlglot import exp

from dovetail.errors import DeclarationError, Location
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

_TARGETS: dict[exp.DType, Kind] = {
    exp.DType.BIGINT: Kind.INTEGER,
    exp.DType.INT: Kind.INTEGER,
    exp.DType.TEXT: Kind.TEXT,
    exp.DType.VARCHAR: Kind.TEXT,
    exp.DType.BOOLEAN: Kind.BOOLEAN,
    exp.DType.DECIMAL: Kind.DECIMAL,
    exp.DType.DOUBLE: Kind.FLOAT,
    exp.DType.DATE: Kind.DATE,
    exp.DType.TIME: Kind.TIME,
    exp.DType.TIMESTAMP: Kind.TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: Kind.TIMESTAMP,
    exp.DType.TIMESTAMPTZ: Kind.INSTANT,
    exp.DType.UUID: Kind.UUID,
    exp.DType.JSON: Kind.JSON,
}

NAMES = (
    "BIGINT",
    "BOOLEAN",
    "DATE",
    "DECIMAL(p, s)",
    "DOUBLE",
    "INTEGER",
    "JSON",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "UUID",
)
"""The names of the types as people write them."""


def target_type(tree: exp.Expression, at: Location | None) -> Type:
    """The type that a cast names; raises `DeclarationError` for any other."""
    kind = _TARGETS.get(tree.this)
    if kind is None:
        raise DeclarationError(
            f"there is no cast to {tree.sql()[:40]}", where=at, code="DV-126", hint="the types are " + ", ".join(NAMES)
        )
    if kind is not Kind.DECIMAL:
        return Type(kind)
    given = [parameter.name for parameter in tree.expressions]
    if not 1 <= len(given) <= 2 or not all(part.isdecimal() and len(part) < 4 for part in given):
        raise _digits(at)
    precision, scale = int(given[0]), int(given[1]) if len(given) == 2 else 0
    if not 1 <= precision <= DECIMAL_PRECISION_MAX or scale > precision:
        raise _digits(at)
    return Type(Kind.DECIMAL, precision=precision, scale=scale)


def _digits(at: Location | None) -> DeclarationError:
    return DeclarationError(
        "a decimal has 1 to 38 digits, and no more places than digits",
        where=at,
        code="DV-126",
        hint="write DECIMAL(12, 2): digits in all, digits behind the point",
    )
