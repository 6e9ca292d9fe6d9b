"""From Arrow columns to the values that SQLite will store: exactly as sent, or refused.

How values are written:

- booleans as 0 and 1;
- whole numbers as they are;
- decimals as text where the column has text affinity (`DECIMAL_TEXT`), else as a whole number, or as the double whose
  shortest decimal form is the value; a value with no such double (more than 15 to 17 digits) is refused;
- floats as they are; SQLite would make NaN null, and forget the sign of -0.0: both are refused;
- dates `2024-01-31`, times `10:11:12[.123456]`, time stamps `2024-01-31 10:11:12[.123456]`, instants likewise in UTC
  with `+00:00`;
- text, JSON and UUIDs as they are; where a column would make a number of a text (`STRING` has numeric affinity), such a
  text is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Dataset, Field
from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlite.declared import Affinity, affinity
from dovetail.systems.sql import refusal
from dovetail.systems.sql.dialect import DOUBLE_DIGITS
from dovetail.systems.sql.fields import conform, known

_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\n\v\f\r]*", re.ASCII)
_YEARS = (-62_135_596_800, 253_402_300_799)
"""Seconds from 1970 to the first and last second of the years 1 to 9999; beyond them ISO texts do not sort."""

_DAY_S = 86_400
_MICROS = 1_000_000
_TEXTS = (Kind.TEXT, Kind.UUID, Kind.JSON, Kind.OPAQUE)


_Stored = tuple[Sequence[object], Mapping[int, str]]
"""The values as SQLite stores them, and why some positions cannot be."""


@dataclass(slots=True)
class Bound:
    """Values ready to be written, a list for each column; `rejects` names rows that SQLite could not hold exactly."""

    columns: list[Sequence[object]] = field(default_factory=list)
    rejects: dict[int, Reject] = field(default_factory=dict)


def bind(dataset: Dataset, rows: pa.RecordBatch, names: list[str]) -> Bound:
    """The values of those columns of `rows`, as SQLite will store them."""
    bound = Bound()
    for name in names:
        described = known(dataset, name)
        array = conform(rows.column(name), described)
        values, unfit = _values(array, described)
        bound.columns.append(values)
        for position, detail in unfit.items():
            words = refusal.reject(position, refusal.UNFIT, field=name, detail=detail)
            bound.rejects.setdefault(position, words)
    return bound


def _values(array: pa.Array, described: Field) -> _Stored:
    stored = affinity(described.type.native)
    kind = described.type.kind
    if kind in _TEXTS:
        values = array.to_pylist()
        return values, {} if stored in (Affinity.TEXT, Affinity.BLOB) else _numbers(values, kind)
    if kind is Kind.DECIMAL:
        return _decimals(array, stored)
    if kind is Kind.FLOAT:
        return _floats(array, stored)
    if kind in _STAMPS:
        return _STAMPS[kind](array)
    return array.to_pylist(), {}


def _numbers(values: Sequence[object], kind: Kind) -> dict[int, str]:
    """Texts that a column with numeric affinity would turn into a number."""
    exactly = kind in (Kind.JSON, Kind.OPAQUE)
    return {
        position: "the column would store the text as a number"
        for position, value in enumerate(values)
        if isinstance(value, str) and _NUMBER.fullmatch(value) and not (exactly and _reads_back(value))
    }


def _reads_back(text: str) -> bool:
    """Whether the number that SQLite makes of the text is read as the same text."""
    try:
        return str(int(text)) == text and abs(int(text)) < 2**63
    except ValueError:
        return repr(float(text)) == text and not float(text).is_integer()


def _floats(array: pa.Array, stored: Affinity) -> _Stored:
    values = array.to_pylist()
    unfit = {at: "not a number" for at, value in enumerate(values) if value is not None and math.isnan(value)}
    if stored is not Affinity.BLOB and pc.any(pc.equal(array, pa.scalar(0.0)), min_count=0).as_py():
        unfit |= {
            position: "negative zero" for position, value in enumerate(values) if value == 0 and str(value)[0] == "-"
        }
    return values, unfit


def _decimals(array: pa.Array, stored: Affinity) -> _Stored:
    if stored is Affinity.TEXT:
        return [None if number is None else format(number, "f") for number in array.to_pylist()], {}
    if array.type.precision <= DOUBLE_DIGITS:
        units = pa.Array.from_buffers(pa.decimal128(19, 0), len(array), array.buffers(), offset=array.offset)
        return pc.divide(units.cast(pa.int64()).cast(pa.float64()), float(10**array.type.scale)).to_pylist(), {}
    values: list[object] = []
    unfit: dict[int, str] = {}
    for position, number in enumerate(array.to_pylist()):
        if number is None:
            values.append(None)
        elif number == number.to_integral_value() and abs(number) < 2**63:
            values.append(int(number))
        else:
            double = float(number)
            values.append(double)
            if Decimal(repr(double)) != number:
                unfit[position] = "more digits than a 64-bit float keeps"
    return values, unfit


def _dates(array: pa.Array) -> _Stored:
    days = array.cast(pa.int32())
    return array.cast(pa.string()).to_pylist(), _outside(days, _YEARS[0] // _DAY_S, _YEARS[1] // _DAY_S)


def _times(array: pa.Array) -> _Stored:
    unfit = _outside(array.cast(pa.int64()), 0, _DAY_S * _MICROS - 1, "no time of a day")
    return _trimmed(array.cast(pa.string()).to_pylist()), unfit


def _timestamps(array: pa.Array) -> _Stored:
    unfit = _outside(array.cast(pa.int64()), _YEARS[0] * _MICROS, _YEARS[1] * _MICROS + _MICROS - 1)
    return _trimmed(array.cast(pa.string()).to_pylist()), unfit


def _instants(array: pa.Array) -> _Stored:
    texts, unfit = _timestamps(array.cast(pa.int64()).cast(pa.timestamp("us")))
    return [None if text is None else f"{text}+00:00" for text in texts], unfit


def _trimmed(texts: Sequence[str | None]) -> Sequence[str | None]:
    """Texts without a fraction of zero."""
    return [text.removesuffix(".000000") if text is not None else None for text in texts]


def _outside(
    numbers: pa.Array, least: int, most: int, words: str = "beyond the years 1 to 9999"
) -> dict[int, str]:
    outside = pc.or_(
        pc.less(numbers, pa.scalar(least, numbers.type)), pc.greater(numbers, pa.scalar(most, numbers.type))
    )
    if not pc.any(outside, min_count=0).as_py():
        return {}
    return {position: words for position, is_outside in enumerate(outside.to_pylist()) if is_outside}


_STAMPS: dict[Kind, Callable[[pa.Array], _Stored]] = {
    Kind.DATE: _dates,
    Kind.TIME: _times,
    Kind.TIMESTAMP: _timestamps,
    Kind.INSTANT: _instants,
}
