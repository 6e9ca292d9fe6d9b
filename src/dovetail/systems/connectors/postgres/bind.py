"""From Arrow columns to what PostgreSQL stores: checked in their carriers, then spelled where texts are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import logical
from dovetail.systems.connectors.postgres.stored import Column
from dovetail.systems.sql import fit, refusal
from dovetail.systems.sql.fit import DAY_US, FIRST_DAY, LAST_DAY, Fitted, finer, outside, without

_NOUGHTS = r"^(-?\d+)\.0+(E.*)?$|^(-?\d+\.\d*[1-9])0+(E.*)?$"
"""Noughts that a number needs not to be itself; small numbers come as `1.50E-9`."""

_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
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


def texts(array: pa.Array, column: Column) -> Fitted:
    """The values as texts, and what a column could not hold exactly; those values are null."""
    carried, unfit = check(array, column)
    return spell(carried, column), unfit


def check(array: pa.Array, column: Column) -> Fitted:
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
    return fit.conform(array, carrier, native=column.stored.native, where=column.name)


def _integers(array: pa.Array, column: Column) -> Fitted:
    kind = logical(column.stored)
    if kind.minimum is None or kind.maximum is None:
        return array, {}
    return without(array, outside(array, kind.minimum, kind.maximum), f"beyond the range of {column.stored.native}")


def _floats(array: pa.Array, column: Column) -> Fitted:
    if column.stored.base != "float4":
        return array, {}
    back = array.cast(pa.float32(), safe=False).cast(pa.float64())
    changes = pc.and_(pc.not_equal(back, array), pc.invert(pc.is_nan(array)))
    return without(array, changes, "more digits than a 32-bit float keeps")


def _strings(array: pa.Array, column: Column) -> Fitted:
    kind = logical(column.stored)
    kept, unfit = without(array, pc.match_substring(array, "\0"), "a text with the character NUL")
    if kind.length is not None:
        kept, more = without(
            kept,
            pc.greater(pc.utf8_length(kept), pa.scalar(kind.length, pa.int32())),
            f"longer than {kind.length} characters",
        )
        unfit = {**more, **unfit}
    if column.stored.base == "bpchar":
        kept, more = without(kept, pc.ends_with(kept, " "), f"{column.stored.native} keeps no blanks at the end")
        unfit = {**more, **unfit}
    return kept, unfit


def _uuids(array: pa.Array, column: Column) -> Fitted:
    return without(array, pc.invert(pc.match_substring_regex(array, _UUID)), "not a UUID in lower case with hyphens")


def _dates(array: pa.Array, column: Column) -> Fitted:
    return without(array, outside(array.cast(pa.int32()), FIRST_DAY, LAST_DAY), "beyond the years 1 to 9999")


def _timestamps(array: pa.Array, column: Column) -> Fitted:
    is_far = outside(array.cast(pa.int64()), FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1)
    kept, unfit = without(array, is_far, "beyond the years 1 to 9999")
    kept, more = _fine(kept, column)
    return kept, {**more, **unfit}


def _fine(array: pa.Array, column: Column) -> Fitted:
    """Times with no more decimal places than the column keeps."""
    return finer(array, column.stored.decimals, column.stored.native)


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


_CHECKS: dict[Kind, Callable[[pa.Array, Column], Fitted]] = {
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
