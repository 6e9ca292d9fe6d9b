"""From Arrow columns to texts that are read back as the same values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa

from dovetail.model.type import Kind
from dovetail.systems.files.carry import Spelling, carry
from dovetail.systems.files.plain import plain


def render(column: pa.Array, spelling: Spelling) -> list[str | None]:
    """The text of each value; `None` for null, and for values that have none (`unfit` names them)."""
    try:
        values = column.to_pylist()
    except (OverflowError, ValueError):
        values = [_far(column[at]) for at in range(len(column))]
    texts = [None if value is None else _text(value, spelling) for value in values]
    if spelling.decimal != "." and spelling.type.kind in (Kind.DECIMAL, Kind.FLOAT):
        texts = [None if text is None else text.replace(".", spelling.decimal) for text in texts]
    return texts


def unfit(column: pa.Array, spelling: Spelling) -> list[int]:
    """The rows whose text would not be read back as the same value."""
    texts = render(column, spelling)
    carried = carry(pa.array(texts, pa.string()), spelling)
    pairs = zip(plain(column), plain(carried.column), strict=True)
    return [at for at, (sent, held) in enumerate(pairs) if sent != held or type(sent) is not type(held)]


def _far(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return None


def _text(value: object, spelling: Spelling) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _plainly(value, spelling)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(sep=" ")
        return f"{text}Z" if spelling.type.kind is Kind.INSTANT else text
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _plainly(value: Decimal, spelling: Spelling) -> str:
    """All digits, no exponent; without zeros at the end where no scale is declared."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if spelling.type.scale is None and "." in text else text
