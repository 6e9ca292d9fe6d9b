"""The logical types in which values travel between systems."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

DECIMAL_PRECISION_MAX = 38
"""Decimal digits at most in one exact number."""

FREE_DECIMAL_SCALE = 18
"""Decimal places of a number whose system declares no scale (20 digits are left before the point)."""

FIELD_BYTES_MAX = 64 * 2**20
"""The bytes of one value at most; the row of a larger one is held."""


class Kind(StrEnum):
    """The kinds of values; each has exactly one Arrow carrier (`Type.arrow`)."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    """Date and time without a zone, microseconds."""
    INSTANT = "instant"
    """A point in time; carried in UTC, microseconds."""
    UUID = "uuid"
    """Carried as lower-case text with hyphens."""
    JSON = "json"
    """Carried as the text that the system holds."""
    OPAQUE = "opaque"
    """Not on the connector's list of proved types; carried as the system's own text, for renaming only."""


_ARROW: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.UUID: pa.string(),
    Kind.JSON: pa.string(),
    Kind.OPAQUE: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Type:
    """A logical type, with the bounds that the system declares.

    `precision` and `scale` count decimal digits and belong to `DECIMAL`; `length` counts characters of `TEXT` or bytes
    of
    `BYTES`; `minimum` and `maximum` bound an `INTEGER` that is narrower than 64 bits. `native` is the system's own
    name.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    native: str = ""

    def arrow(self) -> pa.DataType:
        """The Arrow type that carries values of this type between rooms."""
        if self.kind is Kind.DECIMAL:
            precision = self.precision or DECIMAL_PRECISION_MAX
            scale = FREE_DECIMAL_SCALE if self.scale is None else self.scale
            return pa.decimal128(precision, scale)
        return _ARROW[self.kind]

    def __str__(self) -> str:
        if self.kind is Kind.DECIMAL and self.precision is not None:
            return f"decimal({self.precision}, {self.scale or 0})"
        if self.kind is Kind.TEXT and self.length is not None:
            return f"text({self.length})"
        return str(self.kind)
