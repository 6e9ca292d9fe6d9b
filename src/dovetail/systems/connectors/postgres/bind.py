"""From Arrow columns to what PostgreSQL stores: checked in their carriers, then spelled where texts are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
_DECIMALS_MAX = 6
_NOUGHTS = r"^(-?\d+)\.0+(E.*)?$|^(-?\d+\.\d*[1-9])0+(E.*)?$"
"""Noughts that a number needs not to be itself; small numbers come as `1.50E-9`."""

_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_Checked = tuple[pa.Array, Mapping[int, str]]
_QUOTE, _COMMA, _NULL, _NOTHING = (pa.scalar(text, pa.string()) for text in ('"', ",", "NULL", ""))
"""Of a type of their own: what Arrow must guess, it looks for modules for, each time."""


class Values(Mapping[str, pa.Array]):
    """Columns by name, in the texts that the server reads as the same values; spelled when they are asked for.

    `carried` are the same values in the carriers of their types."""

    def __init__(self, stored: Mapping[str, Column]) -> None:
        self._stored = stored
        self._spelled: dict[str, pa.Array] = {}
        self.carried: dict[str, pa.Array] = {}

    def put(self, name: str, carried: pa.Array) -> None:
        """Take a column in; what its type could not hold must be null already."""
        self.carried[name] = carried
        self._spelled.pop(name, None)

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._spelled:
            self._spelled[name] = spell(self.carried[name], self._stored[name])
        return self._spelled[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.carried)

    def __len__(self) -> int:
        return len(self.carried)

    def __contains__(self, name: object) -> bool:
        return name in self.carried


@dataclass(slots=True)
class Bound:
    """Columns as the server stores them; `rejects` names rows that it would not store exactly."""

    columns: Values
    rejects: dict[int, Reject] = field(default_factory=dict)


def bind(stored: Mapping[str, Column], rows: pa.RecordBatch, names: Sequence[str]) -> Bound:
    """Those columns of `rows`, as far as the server stores them exactly."""
    bound = Bound(Values(stored))
    for name in names:
        carried, unfit = check(rows.column(name), stored[name])
        bound.columns.put(name, carried)
        for position, detail in unfit.items():
            bound.rejects.setdefault(position, refusal.reject(position, refusal.UNFIT, field=name, detail=detail))
    return bound


def texts(array: pa.Array, column: Column) -> _Checked:
    """The values as texts, and what a column could not hold exactly; those values are null."""
    carried, unfit = check(array, column)
    return spell(carried, column), unfit


def check(array: pa.Array, column: Column) -> _Checked:
    """The values in their carrier, and what a column could not hold exactly; those values are null."""
    conformed, unfit = conform(array, column)
    found = _CHECKS.get(column.stored.kind)
    kept, more = found(conformed, column) if found else (conformed, {})
    return kept, {**more, **unfit}


def spell(carried: pa.Array, column: Column) -> pa.Array:
    """Values that were checked, as the texts that the server reads as the same."""
    found = _SPELLINGS.get(column.stored.kind)
    return found(carried, column) if found else carried.cast(pa.string())


def array_literal(column: pa.Array) -> str:
    r"""All texts as one array, in PostgreSQL's notation.

    >>> print(array_literal(pa.array(['a"b', None, "NULL"])))
    {"a\"b",NULL,"NULL"}
    """
    escaped = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    quoted = pc.fill_null(pc.binary_join_element_wise(_QUOTE, escaped, _QUOTE, _NOTHING), _NULL)
    whole = pa.ListArray.from_arrays(pa.array([0, len(quoted)], pa.int32()), quoted)
    return "{" + str(pc.binary_join(whole, _COMMA)[0].as_py()) + "}"


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


def _one_by_one(array: pa.Array, carrier: pa.DataType) -> _Checked:
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


def _found(array: pa.Array, tests: pa.Array, words: str) -> _Checked:
    """The values with those rows taken out where a test is true."""
    if not pc.any(tests, min_count=0).as_py():
        return array, {}
    is_unfit = pc.fill_null(tests, fill_value=False)
    unfit = dict.fromkeys(pc.indices_nonzero(is_unfit).to_pylist(), words)
    return pc.if_else(is_unfit, pa.scalar(None, array.type), array), unfit


def _integers(array: pa.Array, column: Column) -> _Checked:
    kind = logical(column.stored)
    if kind.minimum is None or kind.maximum is None:
        return array, {}
    return _found(array, _outside(array, kind.minimum, kind.maximum), f"beyond the range of {column.stored.native}")


def _floats(array: pa.Array, column: Column) -> _Checked:
    if column.stored.base != "float4":
        return array, {}
    back = array.cast(pa.float32(), safe=False).cast(pa.float64())
    changes = pc.and_(pc.not_equal(back, array), pc.invert(pc.is_nan(array)))
    return _found(array, changes, "more digits than a 32-bit float keeps")


def _strings(array: pa.Array, column: Column) -> _Checked:
    kind = logical(column.stored)
    kept, unfit = _found(array, pc.match_substring(array, "\0"), "a text with the character NUL")
    if kind.length is not None:
        kept, more = _found(
            kept,
            pc.greater(pc.utf8_length(kept), pa.scalar(kind.length, pa.int32())),
            f"longer than {kind.length} characters",
        )
        unfit = {**more, **unfit}
    if column.stored.base == "bpchar":
        kept, more = _found(kept, pc.ends_with(kept, " "), f"{column.stored.native} keeps no blanks at the end")
        unfit = {**more, **unfit}
    return kept, unfit


def _uuids(array: pa.Array, column: Column) -> _Checked:
    return _found(array, pc.invert(pc.match_substring_regex(array, _UUID)), "not a UUID in lower case with hyphens")


def _dates(array: pa.Array, column: Column) -> _Checked:
    return _found(array, _outside(array.cast(pa.int32()), _FIRST_DAY, _LAST_DAY), "beyond the years 1 to 9999")


def _timestamps(array: pa.Array, column: Column) -> _Checked:
    outside = _outside(array.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    kept, unfit = _found(array, outside, "beyond the years 1 to 9999")
    kept, more = _fine(kept, column)
    return kept, {**more, **unfit}


def _fine(array: pa.Array, column: Column) -> _Checked:
    """Times with no more decimal places than the column keeps."""
    if column.stored.decimals == _DECIMALS_MAX:
        return array, {}
    step = 10 ** (_DECIMALS_MAX - column.stored.decimals)
    micros = array.cast(pa.int64())
    is_finer = pc.not_equal(pc.multiply(pc.divide(micros, step), step), micros)
    return _found(array, is_finer, f"finer than {column.stored.native} keeps")


def _outside(numbers: pa.Array, least: int, most: int) -> pa.Array:
    bounds = [pa.scalar(bound, pa.int64()) for bound in (least, most)]
    return pc.or_(pc.less(numbers, bounds[0]), pc.greater(numbers, bounds[1]))


def _decimal_texts(array: pa.Array, column: Column) -> pa.Array:
    written = array.cast(pa.string())
    if logical(column.stored).precision is None:
        written = pc.replace_substring_regex(written, _NOUGHTS, r"\1\3\2\4")
        written = pc.replace_substring_regex(written, "^0E.*$", "0")
    return written


def _byte_texts(array: pa.Array, column: Column) -> pa.Array:
    return pa.array([None if value is None else f"\\x{value.hex()}" for value in array.to_pylist()], pa.string())


def _timestamp_texts(array: pa.Array, column: Column) -> pa.Array:
    return array.cast(pa.timestamp("us")).cast(pa.string())


def _instant_texts(array: pa.Array, column: Column) -> pa.Array:
    return pc.binary_join_element_wise(array.cast(pa.timestamp("us")).cast(pa.string()), "+00", "")


_CHECKS: dict[Kind, Callable[[pa.Array, Column], _Checked]] = {
    Kind.INTEGER: _integers,
    Kind.FLOAT: _floats,
    Kind.TEXT: _strings,
    Kind.DATE: _dates,
    Kind.TIME: _fine,
    Kind.TIMESTAMP: _timestamps,
    Kind.INSTANT: _timestamps,
    Kind.UUID: _uuids,
    Kind.JSON: _strings,
    Kind.OPAQUE: _strings,
}
_SPELLINGS: dict[Kind, Callable[[pa.Array, Column], pa.Array]] = {
    Kind.DECIMAL: _decimal_texts,
    Kind.BYTES: _byte_texts,
    Kind.TIMESTAMP: _timestamp_texts,
    Kind.INSTANT: _instant_texts,
}
