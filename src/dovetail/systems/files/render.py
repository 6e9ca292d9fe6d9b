"""From Arrow columns to texts that are read back as the same values."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.plain import plain as plainly
from dovetail.model.type import Kind
from dovetail.systems.files.carry import TRUTH, Spelling, carry
from dovetail.systems.files.form import all_formed, formed
from dovetail.systems.files.plain import plain

_FORMULA = re.compile(r"^'*[=+\-@\t\r]")
_TEXTS = (Kind.TEXT, Kind.OPAQUE, Kind.JSON, Kind.UUID)
_ALIKE = (*_TEXTS, Kind.BOOLEAN, Kind.INTEGER, Kind.DATE, Kind.TIME, Kind.TIMESTAMP)
"""Kinds whose values Arrow writes as we do."""
_ZONE, _NOTHING = (pa.scalar(text, pa.string()) for text in ("Z", ""))


def texts(column: pa.Array, spelling: Spelling) -> pa.Array:
    """As `render`, as a column; whole columns at once where Arrow writes the values as we do."""
    found = _at_once(column, spelling)
    if found is None:
        return pa.array(render(column, spelling), pa.string())
    if spelling.form:
        return all_formed(found, spelling.form, spelling.type.kind)
    return _guarded(found) if spelling.is_guarded and spelling.shape is None else found


def render(column: pa.Array, spelling: Spelling) -> list[str | None]:
    """The text of each value; `None` for null, and for values that have none (`unfit` names them)."""
    try:
        values = column.to_pylist()
    except (OverflowError, ValueError):
        values = [_far(column[at]) for at in range(len(column))]
    texts = [None if value is None else _text(value, spelling) for value in values]
    if spelling.form:
        texts = [None if text is None else formed(text, spelling.form, spelling.type.kind) for text in texts]
    if spelling.decimal != "." and spelling.type.kind in (Kind.DECIMAL, Kind.FLOAT):
        texts = [None if text is None else text.replace(".", spelling.decimal) for text in texts]
    if spelling.is_guarded and spelling.shape is None:
        texts = [None if text is None else _FORMULA.sub(r"'\g<0>", text) for text in texts]
    return texts


def joined(given: pa.Array) -> bytes:
    """All texts of a column, one behind the other, as UTF-8."""
    if not len(given):
        return b""
    _, places, content = given.buffers()
    first, last = np.frombuffer(places, np.int32)[[given.offset, given.offset + len(given)]].tolist()
    return bytes(content[first:last]) if content is not None else b""


def unfit(column: pa.Array, spelling: Spelling) -> list[int]:
    """The rows whose text would not be read back as the same value."""
    carried = carry(texts(column, spelling), spelling)
    if carried.column.equals(column):
        return []
    pairs = zip(plain(column), plain(carried.column), strict=True)
    return [at for at, (sent, held) in enumerate(pairs) if sent != held or type(sent) is not type(held)]


def _at_once(column: pa.Array, spelling: Spelling) -> pa.Array | None:
    """The texts of all values, or `None` where they must be written one by one."""
    kind = spelling.type.kind
    if column.type != spelling.type.arrow():
        return None
    if kind is Kind.BOOLEAN and spelling.truth != TRUTH:
        return None
    if kind in _ALIKE:
        return plainly(column)
    if kind is Kind.INSTANT:
        bare = plainly(column.cast(pa.timestamp("us")))
        return None if bare is None else pc.binary_join_element_wise(bare, _ZONE, _NOTHING)
    if kind is not Kind.DECIMAL:
        return None
    found = plainly(column) if spelling.type.scale is None else column.cast(pa.string())
    if found is None or pc.any(pc.match_substring(found, "E")).as_py():
        return None
    return found if spelling.decimal == "." else pc.replace_substring(found, ".", spelling.decimal)


def _guarded(found: pa.Array) -> pa.Array:
    """The texts, with an apostrophe before those that a spreadsheet would take for a formula."""
    return pc.replace_substring_regex(found, _FORMULA.pattern, r"'\0")


def _far(value: pa.Scalar) -> object:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return None


def _text(value: object, spelling: Spelling) -> str:
    if isinstance(value, bool):
        return spelling.truth[0 if value else 1]
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
