"""Row keys as one text: reversible, readable, the same on every system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from dovetail.model.type import Kind, Type

_NULL = "\\N"
_ESCAPES = {ord("\\"): "\\\\", ord("|"): "\\|", 0: "\\0"}


def encode(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Array:
    r"""One text for each row: the parts' canonical texts, joined by ``|``.

    ``\`` escapes ``\`` and ``|``; a null part is ``\N``, and ``\0`` the character that not every database can hold.

    >>> encode([pa.array([1, 2]), pa.array(["a|b", None])]).to_pylist()
    ['1|a\\|b', '2|\\N']
    """
    return pa.array(texts(columns), pa.string())


def texts(columns: Sequence[pa.Array | pa.ChunkedArray]) -> list[str]:
    """The keys of `encode` as Python texts."""
    parts = [[_text(part) for part in _values(column)] for column in columns]
    return parts[0] if len(parts) == 1 else ["|".join(row) for row in zip(*parts, strict=True)]


def _values(column: pa.Array | pa.ChunkedArray) -> list[object]:
    """The parts as Python knows them; times outside the years 1 to 9999 as Arrow writes them, those alone."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_far(part) for part in column]


def _far(part: pa.Scalar) -> object:
    try:
        return part.as_py()
    except (OverflowError, ValueError):
        return part.cast(pa.string()).as_py()


def decode(keys: Sequence[str], types: Sequence[Type]) -> list[pa.Array]:
    r"""The parts again, one array a part, in the carriers of `types`.

    >>> [part.to_pylist() for part in decode(["1|a\\|b"], [Type(Kind.INTEGER), Type(Kind.TEXT)])]
    [[1], ['a|b']]
    """
    rows = [split(key) for key in keys]
    return [pa.array([_value(row[at], kind) for row in rows], kind.arrow()) for at, kind in enumerate(types)]


def split(key: str) -> list[str | None]:
    """The texts of a key's parts; a null part is `None`."""
    parts: list[str | None] = []
    current: list[str] = []
    null = False
    at = 0
    while at < len(key):
        sign = key[at]
        if sign == "\\" and at + 1 < len(key):
            at += 1
            if key[at] == "N":
                null = True
            elif key[at] == "0":
                current.append("\0")
            else:
                current.append(key[at])
        elif sign == "|":
            parts.append(None if null else "".join(current))
            current, null = [], False
        else:
            current.append(sign)
        at += 1
    parts.append(None if null else "".join(current))
    return parts


def _text(part: object) -> str:
    if part is None:
        return _NULL
    if isinstance(part, str):
        return part.translate(_ESCAPES) if "\\" in part or "|" in part or "\0" in part else part
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, bytes):
        return part.hex()
    if isinstance(part, dt.datetime):
        return part.isoformat(sep=" ")
    if isinstance(part, Decimal):
        return format(part.normalize(), "f") if part else "0"
    return str(part)


def _value(text: str | None, kind: Type) -> object:
    if text is None:
        return None
    match kind.kind:
        case Kind.INTEGER:
            return int(text)
        case Kind.BOOLEAN:
            return text == "true"
        case Kind.DECIMAL:
            return Decimal(text).quantize(Decimal(1).scaleb(-kind.arrow().scale))
        case Kind.FLOAT:
            return float(text)
        case Kind.BYTES:
            return bytes.fromhex(text)
        case Kind.DATE:
            return dt.date.fromisoformat(text)
        case Kind.TIME:
            return dt.time.fromisoformat(text)
        case Kind.TIMESTAMP | Kind.INSTANT:
            return dt.datetime.fromisoformat(text)
    return text
