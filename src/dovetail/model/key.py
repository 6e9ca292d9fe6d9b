"""Row keys as one text: reversible, readable, the same on every system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.plain import plain
from dovetail.model.type import Kind, Type

Column: TypeAlias = "pa.Array | pa.ChunkedArray"

_NULL = "\\N"
_ESCAPES = {"\\": "\\\\", "|": "\\|", "\0": "\\0"}
"""What a sign is written as; the backslash comes first."""
_TRANSLATED = str.maketrans(_ESCAPES)
_EXACT = Context(prec=80)
_BETWEEN, _NULL_PART = (pa.scalar(text, pa.string()) for text in ("|", _NULL))


def encode(columns: Sequence[Column]) -> pa.Array:
    r"""One text for each row: the parts' canonical texts, joined by ``|``.

    ``\`` escapes ``\`` and ``|``; a null part is ``\N``, and ``\0`` the character that not every database can hold.

    >>> encode([pa.array([1, 2]), pa.array(["a|b", None])]).to_pylist()
    ['1|a\\|b', '2|\\N']
    """
    parts = [_encoded(column) for column in columns]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _BETWEEN)


def texts(columns: Sequence[Column]) -> list[str]:
    """The keys of `encode` as Python texts."""
    keys: list[str] = encode(columns).to_pylist()
    return keys


def _encoded(column: Column) -> pa.Array:
    """One part of each key: as a whole column where Arrow writes its values as we do, else value by value."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = plain(whole)
    if texts is None:
        return pa.array([_text(part) for part in _values(whole)], pa.string())
    if pa.types.is_string(whole.type):
        texts = _escaped(texts)
    return pc.fill_null(texts, _NULL_PART) if texts.null_count else texts


def _escaped(texts: pa.Array) -> pa.Array:
    content = texts.buffers()[2]
    signs = np.frombuffer(content, dtype=np.uint8) if content is not None else np.array([], dtype=np.uint8)
    for sign, written in _ESCAPES.items():
        if (signs == ord(sign)).any():
            texts = pc.replace_substring(texts, sign, written)
    return texts


def _values(column: pa.Array) -> list[object]:
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


def decode_first(keys: pa.Array, kind: Type) -> pa.Array:
    r"""The first part of each key, in the carrier of its type; a null key gives null.

    >>> decode_first(pa.array(["1", "2|b", None]), Type(Kind.INTEGER)).to_pylist()
    [1, 2, None]
    """
    if kind.kind in _PLAIN and not any(pc.any(pc.match_substring(keys, sign)).as_py() for sign in ("\\", "|")):
        return keys.cast(kind.arrow())
    known = keys.drop_null()
    (values,) = decode(known.to_pylist(), [kind])
    places = np.cumsum(np.asarray(keys.is_valid())) - 1
    return values.take(pa.array(places, mask=np.asarray(keys.is_null()), type=pa.int64()))


_PLAIN = (Kind.TEXT, Kind.UUID, Kind.JSON, Kind.OPAQUE, Kind.INTEGER)
"""Kinds whose keys without escapes Arrow reads as we do."""


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
        return part.translate(_TRANSLATED)
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, bytes):
        return part.hex()
    if isinstance(part, dt.datetime):
        return part.isoformat(sep=" ")
    if isinstance(part, Decimal):
        return format(part.normalize(_EXACT), "f") if part else "0"
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
            return Decimal(text).quantize(Decimal(1).scaleb(-kind.arrow().scale), context=_EXACT)
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
