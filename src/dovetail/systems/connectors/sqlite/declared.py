"""What a column's declared type means: its logical type, and its affinity, by which SQLite really stores."""

from __future__ import annotations

import re
from enum import StrEnum

from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type


class Affinity(StrEnum):
    """SQLite's own five storage preferences."""

    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"
    REAL = "real"
    NUMERIC = "numeric"


_AFFINITY = (
    (("INT",), Affinity.INTEGER),
    (("CHAR", "CLOB", "TEXT"), Affinity.TEXT),
    (("BLOB",), Affinity.BLOB),
    (("REAL", "FLOA", "DOUB"), Affinity.REAL),
)

_SHAPE = re.compile(r"\s*([^(]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*([^()]*?)\s*")

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("BOOL", "BOOLEAN"), Kind.BOOLEAN),
    **dict.fromkeys(("DECIMAL", "DEC", "NUMERIC", "NUMBER", "MONEY", "SMALLMONEY", "DECIMAL_TEXT"), Kind.DECIMAL),
    **dict.fromkeys(("REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION", "FLOAT4", "FLOAT8"), Kind.FLOAT),
    **dict.fromkeys(
        ("TEXT", "STRING", "CLOB", "CHAR", "CHARACTER", "VARCHAR", "NCHAR", "NVARCHAR", "CITEXT"), Kind.TEXT
    ),
    **dict.fromkeys(("BLOB", "BINARY", "VARBINARY", "BYTEA"), Kind.BYTES),
    "DATE": Kind.DATE,
    **dict.fromkeys(("TIME", "TIME WITHOUT TIME ZONE"), Kind.TIME),
    **dict.fromkeys(("DATETIME", "TIMESTAMP", "DATETIME2", "TIMESTAMP WITHOUT TIME ZONE"), Kind.TIMESTAMP),
    **dict.fromkeys(("TIMESTAMPTZ", "DATETIMEOFFSET", "TIMESTAMP WITH TIME ZONE", "INSTANT"), Kind.INSTANT),
    **dict.fromkeys(("UUID", "GUID", "UNIQUEIDENTIFIER", "UUID_TEXT"), Kind.UUID),
    **dict.fromkeys(("JSON", "JSONB", "JSON_TEXT"), Kind.JSON),
}
_INTEGERS = re.compile(
    r"(UNSIGNED )?(BIG |SMALL |TINY |MEDIUM )?(TINY|SMALL|MEDIUM|BIG)?INT(EGER)?[248]?( UNSIGNED| SIGNED)?"
)
_SERIALS = ("SERIAL", "BIGSERIAL", "SMALLSERIAL")


def affinity(declared: str) -> Affinity:
    """How SQLite prefers to store values of a column, by its own rules (a declared type may be any words).

    >>> [str(affinity(text)) for text in ("BIGINT", "VARCHAR(9)", "", "DOUBLE", "DECIMAL(9, 2)", "STRING")]
    ['integer', 'text', 'blob', 'real', 'numeric', 'numeric']
    """
    upper = declared.upper()
    if not upper.strip():
        return Affinity.BLOB
    for words, found in _AFFINITY:
        if any(word in upper for word in words):
            return found
    return Affinity.NUMERIC


def logical(declared: str) -> Type:
    """The logical type that a declared type stands for; unknown words are opaque.

    >>> [str(logical(text)) for text in ("int", "VARCHAR(20)", "decimal(12,2)", "NUMERIC", "datetime", "geometry", "")]
    ['integer', 'text(20)', 'decimal(12, 2)', 'decimal', 'timestamp', 'opaque', 'opaque']
    """
    match = _SHAPE.fullmatch(declared.upper())
    if match is None:
        return Type(Kind.OPAQUE, native=declared)
    first, one, two, rest = match.groups()
    name = " ".join(f"{first} {rest}".split())
    length = int(one) if one else None
    if name in _SERIALS or _INTEGERS.fullmatch(name):
        return Type(Kind.INTEGER, native=declared)
    kind = _KINDS.get(name) or _by_affinity(declared)
    if kind is Kind.DECIMAL and length is not None:
        scale = int(two or 0)
        if not 0 < length <= DECIMAL_PRECISION_MAX or scale > length:
            return Type(Kind.OPAQUE, native=declared)
        return Type(Kind.DECIMAL, precision=length, scale=scale, native=declared)
    if kind in (Kind.TEXT, Kind.BYTES):
        return Type(kind, length=length, native=declared)
    return Type(kind, native=declared)


def _by_affinity(declared: str) -> Kind:
    """Words not in the table: texts and blobs are clear from the affinity, anything else is opaque."""
    if not declared.strip():
        return Kind.OPAQUE
    return {Affinity.TEXT: Kind.TEXT, Affinity.BLOB: Kind.BYTES, Affinity.REAL: Kind.FLOAT}.get(
        affinity(declared), Kind.OPAQUE
    )
