"""Values as Excel writes them into cells, and which of them would not be read back as the same."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from dovetail.model.catalog import Field
from dovetail.model.type import Kind
from dovetail.systems.connectors.excel.cells import Cell, number_text
from dovetail.systems.connectors.excel.read import column
from dovetail.systems.connectors.excel.serial import day, moment, serial_of, time_of_day
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.plain import plain
from dovetail.systems.files.render import render

TEXT_MAX = 32_767
"""A cell holds so many UTF-16 characters."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL)
SHOWN = {Kind.DATE: "date", Kind.TIMESTAMP: "timestamp", Kind.TIME: "time"}
"""What the format of a cell must show for values of these kinds; all others are shown as they are."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is put into a cell: `t` as Excel's own kind (`n`, `b`, `inlineStr`), and the text of the value."""

    t: str
    text: str


def contents(given: pa.Array, one: Field, *, is_1904: bool) -> list[Content | None]:
    """The content of each cell; `None` for null, and for values that have none (`unfit` names them)."""
    kind = one.type.kind
    if kind in SHOWN:
        return [None if value is None else Content("n", serial_of(value, is_1904=is_1904)) for value in _days(given)]
    if kind is Kind.FLOAT:
        return [_float(value) for value in given.to_pylist()]
    if kind is Kind.BOOLEAN:
        return [None if value is None else Content("b", "1" if value else "0") for value in given.to_pylist()]
    if kind is Kind.DECIMAL:
        return [None if value is None else Content("n", _plainly(value)) for value in given.to_pylist()]
    texts = render(given, Spelling(one.type))
    t = "n" if kind in _NUMBERS else "inlineStr"
    return [None if text is None else Content(t, text) for text in texts]


def unfit(rows: pa.RecordBatch, fields: Sequence[Field], *, is_1904: bool) -> dict[int, str]:
    """The rows with a value that a cell cannot hold exactly, or that a formula computes, and its field."""
    found: dict[int, str] = {}
    for one in fields:
        given = rows.column(one.name)
        cells = [_read(content, one, is_1904=is_1904) for content in contents(given, one, is_1904=is_1904)]
        held = column(cells, Spelling(one.type, is_strict=False))[0].column
        for at, (sent, read) in enumerate(zip(plain(given), plain(held), strict=True)):
            if one.computed or sent != read or type(sent) is not type(read):
                found.setdefault(at, one.name)
    return found


def _read(content: Content | None, one: Field, *, is_1904: bool) -> Cell | None:
    """The cell as it would be read."""
    if content is None:
        return None
    if content.t == "inlineStr":
        too_long = len(content.text.encode("utf-16-le", "surrogatepass")) > 2 * TEXT_MAX
        return None if too_long or _UNWRITABLE.search(content.text) else Cell("text", content.text)
    if content.t == "b":
        return Cell("boolean", "true" if content.text == "1" else "false")
    try:
        match one.type.kind:
            case Kind.DATE:
                return Cell("date", day(int(content.text), is_1904=is_1904))
            case Kind.TIMESTAMP:
                return Cell("timestamp", moment(float(content.text), is_1904=is_1904))
            case Kind.TIME:
                return Cell("time", time_of_day(float(content.text)))
        return Cell("number", number_text(content.text))
    except (ValueError, OverflowError):
        return None


def _days(given: pa.Array) -> list[object]:
    found: list[object] = []
    for at in range(len(given)):
        try:
            found.append(given[at].as_py())
        except (OverflowError, ValueError):
            found.append(None)
    return found


def _float(value: float | None) -> Content | None:
    return None if value is None or not math.isfinite(value) else Content("n", repr(value))


def _plainly(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
