"""What SQLAlchemy's generic types mean here, and which of them a value is given under."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from dovetail.model.catalog import Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type

Native = sa.types.TypeEngine[Any]
"""A type of SQLAlchemy's."""

KEY_LENGTH = 190
"""Signs of a text, or bytes, that every dialect takes into a key."""

_ZONED = ("WITH TIME ZONE", "OFFSET")


def logical(native: Native) -> Type:
    """The logical type of a column, from the generic class of its type; what has none is opaque.

    >>> str(logical(sa.Numeric(9, 2))), str(logical(sa.Unicode(20))), str(logical(sa.ARRAY(sa.Integer)))
    ('decimal(9, 2)', 'text(20)', 'opaque')
    """
    words = _words(native)
    match native:
        case sa.Boolean():
            return Type(Kind.BOOLEAN, native=words)
        case sa.Float():
            return Type(Kind.FLOAT, native=words)
        case sa.Numeric():
            return _decimal(native, words)
        case sa.Integer() if getattr(native, "display_width", None) == 1:
            return Type(Kind.BOOLEAN, native=words)  # how a dialect without booleans keeps them
        case sa.Integer():
            return _integer(native, words)
        case sa.Enum():
            return Type(Kind.TEXT, native=words)
        case sa.JSON():
            return Type(Kind.JSON, native=words)
        case sa.String():
            return Type(Kind.TEXT, length=native.length, native=words)
        case sa.DateTime():
            is_zoned = native.timezone or any(sign in words.upper() for sign in _ZONED)
            return Type(Kind.INSTANT if is_zoned else Kind.TIMESTAMP, native=words)
        case sa.Date():
            return Type(Kind.DATE, native=words)
        case sa.Time() if not native.timezone:
            return Type(Kind.TIME, native=words)
        case sa.Uuid():
            return Type(Kind.UUID, native=words)
    if _python(native) is bytes:
        return Type(Kind.BYTES, length=getattr(native, "length", None), native=words)
    return Type(Kind.OPAQUE, native=words)


def labels(native: Native) -> tuple[str, ...]:
    """The values of an enumeration; none where the type takes others."""
    return tuple(native.enums) if isinstance(native, sa.Enum) else ()


def rewrites(native: Native) -> str:
    """What a database may make of values of the type, in words; empty where each is kept, or refused.

    >>> rewrites(sa.Time()), rewrites(sa.String(9))
    ('parts of a second finer than the type keeps are rounded or cut off', '')
    """
    match native:
        case sa.Float() if single(native):
            return "digits beyond those of the type's own floats are rounded"
        case sa.DateTime() | sa.Time():
            return "parts of a second finer than the type keeps are rounded or cut off"
        case sa.CHAR() | sa.NCHAR():
            return "blanks at the end mean nothing and are cut off"
        case sa.JSON():
            return "names may be put into another order, of a doubled name one value is kept, numbers are respelled"
    return ""


def single(native: Native) -> bool:
    """Whether a float may be one of 32 bits, which some drivers read as a rounded decimal number."""
    return isinstance(native, sa.Float) and not isinstance(native, sa.Double)


def given(kind: Type) -> Native:
    """The type under which the driver is given values; texts go as they are, for the column to take."""
    match kind.kind:
        case Kind.BOOLEAN:
            return sa.Boolean()
        case Kind.INTEGER:
            return sa.BigInteger()
        case Kind.DECIMAL:
            return sa.Numeric(kind.precision, kind.scale)
        case Kind.FLOAT:
            return sa.Double()
        case Kind.BYTES:
            return sa.LargeBinary()
        case Kind.DATE:
            return sa.Date()
        case Kind.TIME:
            return sa.Time()
        case Kind.TIMESTAMP | Kind.INSTANT:
            return sa.DateTime(timezone=kind.kind is Kind.INSTANT)
    return sa.types.NullType()


def made(field: Field, dialect: sa.Dialect, *, in_key: bool) -> Native:
    """The type of a column that is to hold such values; keys are short, for dialects that index nothing longer."""
    kind = field.type
    match kind.kind:
        case Kind.TEXT | Kind.OPAQUE | Kind.JSON if in_key:
            return sa.Unicode(min(kind.length or KEY_LENGTH, KEY_LENGTH))
        case Kind.TEXT | Kind.OPAQUE:
            return sa.Unicode(kind.length) if kind.length else sa.UnicodeText()
        case Kind.BYTES:
            return sa.VARBINARY(KEY_LENGTH) if in_key else sa.LargeBinary()
        case Kind.DECIMAL:
            carrier = kind.arrow()
            return sa.Numeric(carrier.precision, carrier.scale)
        case Kind.UUID:
            return sa.Uuid(as_uuid=False) if dialect.supports_native_uuid else sa.Unicode(36)
        case Kind.JSON:
            return sa.JSON()
    return given(kind)


def _integer(native: Native, words: str) -> Type:
    if getattr(native, "unsigned", False) and isinstance(native, sa.BigInteger):
        return Type(Kind.DECIMAL, precision=20, scale=0, native=words)
    return Type(Kind.INTEGER, native=words)


def _decimal(native: sa.Numeric[Any], words: str) -> Type:
    precision, scale = native.precision, native.scale
    if precision is None:
        return Type(Kind.DECIMAL, native=words)
    if not 0 < precision <= DECIMAL_PRECISION_MAX or not 0 <= (scale or 0) <= precision:
        return Type(Kind.OPAQUE, native=words)
    return Type(Kind.DECIMAL, precision=precision, scale=scale or 0, native=words)


def _python(native: Native) -> type | None:
    try:
        return native.python_type
    except NotImplementedError:
        return None


def _words(native: Native) -> str:
    """The type as its dialect spells it."""
    try:
        return str(native)
    except Exception:  # noqa: BLE001 - some types of some dialects cannot be spelled without a connection
        return type(native).__name__
