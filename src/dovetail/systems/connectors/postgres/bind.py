"""From Arrow columns to PostgreSQL's own texts: exactly what will be stored, or a reason why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from dovetail.errors import Refused
from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.stored import Column
from dovetail.systems.sql import refusal

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""Days from 1970 to the first of January 1 and the last of December 9999, all that can be read back."""

_DETOUR_DIGITS = 76
_DAY_US = 86_400_000_000
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_Texts = tuple[pa.Array, Mapping[int, str]]


@dataclass(slots=True)
class Bound:
    """Columns of texts, as the server reads them; `rejects` names rows that it would not store exactly."""

    columns: dict[str, pa.Array] = field(default_factory=dict)
    rejects: dict[int, Reject] = field(default_factory=dict)


def bind(stored: Mapping[str, Column], rows: pa.RecordBatch, names: Sequence[str]) -> Bound:
    """Those columns of `rows`, in the texts that the server reads as the same values."""
    bound = Bound()
    for name in names:
        bound.columns[name], unfit = texts(rows.column(name), stored[name])
        for position, detail in unfit.items():
            bound.rejects.setdefault(position, refusal.reject(position, refusal.UNFIT, field=name, detail=detail))
    return bound


def texts(array: pa.Array, column: Column) -> _Texts:
    """The values as texts, and what a column could not hold exactly; those values are null."""
    conformed, unfit = conform(array, column)
    written, more = _WRITERS[column.stored.kind](conformed, column)
    return written, {**more, **unfit}


def array_literal(column: pa.Array) -> str:
    r"""All texts as one array, in PostgreSQL's notation.

    >>> print(array_literal(pa.array(['a"b', None, "NULL"])))
    {"a\"b",NULL,"NULL"}
    """
    escaped = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    quoted = pc.fill_null(pc.binary_join_element_wise('"', escaped, '"', ""), "NULL")
    whole = pa.ListArray.from_arrays(pa.array([0, len(quoted)], pa.int32()), quoted)
    return "{" + str(pc.binary_join(whole, ",")[0].as_py()) + "}"


def csv_text(columns: Sequence[pa.Array]) -> pa.Buffer:
    """The rows as CSV: every text quoted, a null as nothing."""
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(list(columns), [str(at) for at in range(len(columns))])
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()


def conform(array: pa.Array, column: Column) -> tuple[pa.Array, Mapping[int, str]]:
    """The column in the carrier of its stored type; rows that do not fit are null and named."""
    carrier = logical(column.stored).arrow()
    if array.type == carrier:
        return array, {}
    if _nature(array.type) != _nature(carrier) and not pa.types.is_null(array.type):
        raise Refused(f"values of type {array.type} do not fit {column.stored.native}", where=column.name)
    try:
        return _cast(array, carrier), {}
    except pa.ArrowInvalid:
        return _one_by_one(array, carrier)
    except pa.ArrowException as error:
        raise Refused(f"values of type {array.type} do not fit {column.stored.native}", where=column.name) from error


def _nature(kind: pa.DataType) -> str:
    """What Arrow would turn into each other only by reading texts, or by guessing a time zone."""
    if pa.types.is_dictionary(kind):
        return _nature(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz else "timestamp"
    if pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
        return str(kind)[:4]
    if pa.types.is_floating(kind):
        return "float"
    return "bytes" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else "number"


def _cast(array: pa.Array, carrier: pa.DataType) -> pa.Array:
    """The values in another carrier, or an error; by a detour, as Arrow multiplies decimals past 128 bits unnoticed."""
    if pa.types.is_decimal128(carrier):
        array = array.cast(pa.decimal256(_DETOUR_DIGITS, carrier.scale))
    return array.cast(carrier)


def _one_by_one(array: pa.Array, carrier: pa.DataType) -> _Texts:
    unfit: dict[int, str] = {}
    parts = []
    for position in range(len(array)):
        part = array.slice(position, 1)
        try:
            parts.append(_cast(part, carrier))
        except pa.ArrowInvalid:
            unfit[position] = "more digits than the field holds"
            parts.append(pa.nulls(1, carrier))
    return pa.concat_arrays(parts), unfit


def _found(array: pa.Array, tests: pa.Array, words: str) -> _Texts:
    """The texts with those rows taken out where a test is true."""
    if not pc.any(tests, min_count=0).as_py():
        return array, {}
    is_unfit = pc.fill_null(tests, fill_value=False)
    unfit = dict.fromkeys(pc.indices_nonzero(is_unfit).to_pylist(), words)
    return pc.if_else(is_unfit, pa.scalar(None, array.type), array), unfit


def _plain(array: pa.Array, column: Column) -> _Texts:
    return array.cast(pa.string()), {}


def _integers(array: pa.Array, column: Column) -> _Texts:
    kind = logical(column.stored)
    written = array.cast(pa.string())
    if kind.minimum is None or kind.maximum is None:
        return written, {}
    outside = pc.or_(pc.less(array, kind.minimum), pc.greater(array, kind.maximum))
    return _found(written, outside, f"beyond the range of {column.stored.native}")


def _decimals(array: pa.Array, column: Column) -> _Texts:
    written = array.cast(pa.string())
    if logical(column.stored).precision is None:
        written = pc.replace_substring_regex(written, r"^(-?\d+)\.0+$|^(-?\d+\.\d*[1-9])0+$", r"\1\2")
    return written, {}


def _floats(array: pa.Array, column: Column) -> _Texts:
    written = array.cast(pa.string())
    if column.stored.base != "float4":
        return written, {}
    back = array.cast(pa.float32(), safe=False).cast(pa.float64())
    changes = pc.and_(pc.not_equal(back, array), pc.invert(pc.is_nan(array)))
    return _found(written, changes, "more digits than a 32-bit float keeps")


def _strings(array: pa.Array, column: Column) -> _Texts:
    kind = logical(column.stored)
    written, unfit = _found(array, pc.match_substring(array, "\0"), "a text with the character NUL")
    if kind.length is not None:
        written, more = _found(
            written, pc.greater(pc.utf8_length(written), kind.length), f"longer than {kind.length} characters"
        )
        unfit = {**more, **unfit}
    if column.stored.base == "bpchar":
        written, more = _found(
            written, pc.ends_with(written, " "), f"{column.stored.native} keeps no blanks at the end"
        )
        unfit = {**more, **unfit}
    return written, unfit


def _uuids(array: pa.Array, column: Column) -> _Texts:
    return _found(array, pc.invert(pc.match_substring_regex(array, _UUID)), "not a UUID in lower case with hyphens")


def _bytes(array: pa.Array, column: Column) -> _Texts:
    return pa.array([None if value is None else f"\\x{value.hex()}" for value in array.to_pylist()], pa.string()), {}


def _dates(array: pa.Array, column: Column) -> _Texts:
    days = array.cast(pa.int32())
    kept, unfit = _found(array, _outside(days, _FIRST_DAY, _LAST_DAY), "beyond the years 1 to 9999")
    return kept.cast(pa.string()), unfit


def _times(array: pa.Array, column: Column) -> _Texts:
    return _found(array.cast(pa.string()), _too_fine(array, column), f"finer than {column.stored.native} keeps")


def _timestamps(array: pa.Array, column: Column) -> _Texts:
    micros = array.cast(pa.int64())
    outside = _outside(micros, _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    kept, unfit = _found(micros, outside, "beyond the years 1 to 9999")
    kept, more = _found(kept, _too_fine(kept, column), f"finer than {column.stored.native} keeps")
    written = kept.cast(pa.timestamp("us")).cast(pa.string())
    if column.stored.kind is Kind.INSTANT:
        written = pc.binary_join_element_wise(written, "+00", "")
    return written, {**more, **unfit}


def _too_fine(array: pa.Array, column: Column) -> pa.Array:
    step = 10 ** (6 - column.stored.decimals)
    micros = array.cast(pa.int64())
    return pc.not_equal(pc.multiply(pc.divide(micros, step), step), micros)


def _outside(numbers: pa.Array, least: int, most: int) -> pa.Array:
    return pc.or_(pc.less(numbers, least), pc.greater(numbers, most))


_WRITERS: dict[Kind, Callable[[pa.Array, Column], _Texts]] = {
    Kind.BOOLEAN: _plain,
    Kind.INTEGER: _integers,
    Kind.DECIMAL: _decimals,
    Kind.FLOAT: _floats,
    Kind.TEXT: _strings,
    Kind.BYTES: _bytes,
    Kind.DATE: _dates,
    Kind.TIME: _times,
    Kind.TIMESTAMP: _timestamps,
    Kind.INSTANT: _timestamps,
    Kind.UUID: _uuids,
    Kind.JSON: _strings,
    Kind.OPAQUE: _strings,
}
