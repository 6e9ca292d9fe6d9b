"""From Arrow columns to what the server stores: each value exactly as sent, or refused.

Nothing is left to the server that it would mend instead of refusing: blanks behind a text, a label in other letters, a
number beyond its decimal places, a null in a column that must be filled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.mariadb.declared import BITS, SHAPELESS
from dovetail.systems.connectors.mariadb.gather import FIELD_BYTES_MAX
from dovetail.systems.connectors.mariadb.spell import spell
from dovetail.systems.connectors.mariadb.stored import Column, Facts, found
from dovetail.systems.sql import refusal
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.fit import DAY_US, FIRST_DAY, LAST_DAY, Fitted, conform, finer, outside, without

_YEARS = (1901, 2155)
_FIRST_STAMP_US, _LAST_STAMP_US = 1_000_000, 4_294_967_295_999_999
"""What a TIMESTAMP can hold at most, in the newest servers; older ones refuse what they cannot."""

_UNICODE = ("utf8mb4", "utf8mb3", "utf8")
_PROVED = (*_UNICODE, "ascii", "latin1", "")
"""Character sets from and to which texts are known to be converted exactly, or refused."""

_BEYOND = r"[\x{10000}-\x{10ffff}]"
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DECIMAL = r"^-?\d+(\.\d+)?$"
_AS_SENT = {
    *BITS, "year", "bit", "decimal", "float", "double", "char", "varchar", "tinytext", "text", "mediumtext",
    "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "enum", "set", "date", "time",
    "datetime", "timestamp", "uuid",
}  # fmt: skip
"""Types that hold what passes our checks, or refuse it; of others what they hold is read back."""

_SHOWN = {"decimal": Kind.DECIMAL, **dict.fromkeys(SHAPELESS, Kind.BYTES)}
"""How values of opaque fields stand in a statement."""

_HEX = "^([0-9A-Fa-f]{2})+$"
_Check = Callable[[pa.Array, Column], Fitted]


@dataclass(frozen=True, slots=True)
class Values:
    """A column of a change: how it is stored, what it holds in its carrier, and the texts that the server reads as the
    same values (of bytes: hexadecimal digits)."""

    column: Column
    kind: Kind
    carried: pa.Array
    texts: pa.Array

    def take(self, positions: Sequence[int]) -> Values:
        """Those rows of it."""
        if len(positions) == len(self.carried):
            return self
        rows = pa.array(positions, pa.int64())
        return Values(self.column, self.kind, self.carried.take(rows), self.texts.take(rows))


@dataclass(slots=True)
class Bound:
    """Columns as the server stores them; `rejects` names rows that it would not store exactly."""

    columns: dict[str, Values] = field(default_factory=dict)
    rejects: dict[int, Reject] = field(default_factory=dict)


def bind(
    facts: Facts, dataset: Dataset, rows: pa.RecordBatch, names: Sequence[str], *, must_fill: bool = False
) -> Bound:
    """Those columns of `rows`, as far as the server stores them exactly; with `must_fill` nulls are refused where a
    column takes none."""
    bound = Bound()
    for name in names:
        column = found(facts, dataset, name)
        given = rows.column(name)
        values, unfit = bind_one(given, column, known(dataset, name).type)
        bound.columns[name] = values
        for position, detail in unfit.items():
            bound.rejects.setdefault(position, refusal.reject(position, refusal.UNFIT, field=name, detail=detail))
        if must_fill and given.null_count and not column.is_nullable and not column.is_drawn:
            for position in pc.indices_nonzero(given.is_null()).to_pylist():
                words = refusal.reject(position, refusal.MISSING, field=name, detail=name)
                bound.rejects.setdefault(position, words)
    return bound


def bind_one(given: pa.Array, column: Column, kind: Type) -> tuple[Values, Mapping[int, str]]:
    """One column, and what it could not hold exactly; those values are null."""
    array, unfit = conform(given, kind.arrow(), native=column.native, where=column.name)
    for check in (_BY_KIND.get(kind.kind), _BY_BASE.get(column.base)):
        if check is not None:
            array, more = check(array, column)
            unfit = {**more, **unfit}
    shown = _SHOWN.get(column.base, kind.kind)
    texts = spell(array, shown)
    if column.base == "year":  # of fewer digits the server would make a year of this century
        texts = pc.utf8_lpad(texts, width=4, padding="0")
    return Values(column, shown, array, texts), unfit


def is_rewritten(column: Column, kind: Type) -> bool:
    """Whether the server may hold something else than what it was sent, without refusing it."""
    if kind.kind is Kind.OPAQUE:
        return True
    has_places = column.base in ("float", "double") and column.scale is not None
    return column.base not in _AS_SENT or column.charset not in _PROVED or has_places


def _integers(array: pa.Array, column: Column) -> Fitted:
    if not pa.types.is_integer(array.type):
        return array, {}
    bits = BITS[column.base]
    least, most = (0, 2**bits - 1) if column.is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    least, most = max(least, -(2**63)), min(most, 2**63 - 1)
    return without(array, outside(array, least, most), f"beyond the range of {column.native}")


def _wide(array: pa.Array, column: Column) -> Fitted:
    """Numbers of the type BIGINT UNSIGNED, which are carried as decimals."""
    if not pa.types.is_decimal(array.type):
        return _integers(array, column)
    bounds = [pa.scalar(bound, pa.decimal128(38, 0)) for bound in (0, 2**64 - 1)]
    numbers = array.cast(pa.decimal128(38, 0))
    is_far = pc.or_(pc.less(numbers, bounds[0]), pc.greater(numbers, bounds[1]))
    return without(array, is_far, f"beyond the range of {column.native}")


def _years(array: pa.Array, column: Column) -> Fitted:
    is_far = pc.and_(outside(array, *_YEARS), pc.not_equal(array, pa.scalar(0, array.type)))
    return without(array, is_far, f"beyond the range of {column.native}")


def _bits(array: pa.Array, column: Column) -> Fitted:
    width = int(column.native.partition("(")[2].rstrip(")") or 1)
    if pa.types.is_integer(array.type):
        return without(array, outside(array, 0, min(2**width, 2**63) - 1), f"beyond the range of {column.native}")
    if pa.types.is_binary(array.type):
        is_other = pc.not_equal(pc.binary_length(array), pa.scalar((width + 7) // 8, pa.int32()))
        return without(array, is_other, f"not as many bytes as {column.native} has")
    return array, {}


def _decimals(array: pa.Array, column: Column) -> Fitted:
    if pa.types.is_string(array.type):
        return without(array, pc.invert(pc.match_substring_regex(array, _DECIMAL)), "not a number in digits")
    if column.is_unsigned:
        zero = pa.scalar(0, array.type)
        return without(array, pc.less(array, zero), f"beyond the range of {column.native}")
    return array, {}


def _floats(array: pa.Array, column: Column) -> Fitted:
    kept, unfit = without(array, pc.invert(pc.is_finite(array)), "not a finite number")
    if not pc.any(pc.equal(kept, pa.scalar(0.0)), min_count=0).as_py():
        return kept, unfit
    is_negative = pc.and_(pc.equal(kept, pa.scalar(0.0)), pc.less(pc.divide(pa.scalar(1.0), kept), pa.scalar(0.0)))
    kept, more = without(kept, is_negative, "negative zero")
    return kept, {**more, **unfit}


def _singles(array: pa.Array, column: Column) -> Fitted:
    back = array.cast(pa.float32(), safe=False).cast(pa.float64())
    return without(array, pc.not_equal(back, array), "more digits than a 32-bit float keeps")


def _strings(array: pa.Array, column: Column) -> Fitted:
    if not pa.types.is_string(array.type) or column.charset == "":
        return array, {}
    kept = array
    unfit: Mapping[int, str] = {}
    if column.base in ("char", "varchar") and column.length is not None:
        is_long = pc.greater(pc.utf8_length(kept), pa.scalar(column.length, pa.int32()))
        kept, unfit = without(kept, is_long, f"longer than {column.length} characters")
    elif column.octets is not None:
        size = pc.binary_length(kept) if column.charset in _UNICODE else pc.utf8_length(kept)
        most = min(column.octets, FIELD_BYTES_MAX)
        kept, unfit = without(kept, pc.greater(size, most), f"longer than {most} bytes")
    if column.charset in _UNICODE[1:]:
        beyond = pc.match_substring_regex(kept, _BEYOND)
        kept, more = without(kept, beyond, f"a character that {column.charset} does not have")
        unfit = {**more, **unfit}
    return kept, unfit


def _padded(array: pa.Array, column: Column) -> Fitted:
    kept, unfit = _strings(array, column)
    if pa.types.is_string(kept.type):
        kept, more = without(kept, pc.ends_with(kept, " "), f"{column.native} keeps no blanks at the end")
        unfit = {**more, **unfit}
    return kept, unfit


def _labels(array: pa.Array, column: Column) -> Fitted:
    allowed = pa.array(column.labels, pa.string())
    is_other = pc.and_(array.is_valid(), pc.invert(pc.is_in(array, allowed)))
    return without(array, is_other, f"not a label of {column.name}")


def _sets(array: pa.Array, column: Column) -> Fitted:
    """Labels in the order of the definition, each once: the server would put them into it."""
    order = {label: at for at, label in enumerate(column.labels)}
    unfit = {}
    for position, value in enumerate(array.to_pylist()):
        places = [order.get(label, -1) for label in value.split(",")] if value else []
        if -1 in places or places != sorted(set(places)):
            unfit[position] = f"not labels of {column.name} in their order"
    if not unfit:
        return array, {}
    kept = pa.array([None if at in unfit else value for at, value in enumerate(array.to_pylist())], array.type)
    return kept, unfit


def _blobs(array: pa.Array, column: Column) -> Fitted:
    if not pa.types.is_binary(array.type) or column.octets is None:
        return array, {}
    size = pc.binary_length(array)
    if column.base == "binary":
        is_other = pc.not_equal(size, pa.scalar(column.octets, pa.int32()))
        return without(array, is_other, f"not as many bytes as {column.native} has")
    most = min(column.octets, FIELD_BYTES_MAX)  # what is longer could not be read back
    return without(array, pc.greater(size, most), f"longer than {most} bytes")


def _dates(array: pa.Array, column: Column) -> Fitted:
    return without(array, outside(array.cast(pa.int32()), FIRST_DAY, LAST_DAY), "beyond the years 1 to 9999")


def _moments(array: pa.Array, column: Column) -> Fitted:
    least, most, words = FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1, "beyond the years 1 to 9999"
    if column.base == "timestamp":
        least, most, words = _FIRST_STAMP_US, _LAST_STAMP_US, f"beyond the range of {column.native}"
    kept, unfit = without(array, outside(array.cast(pa.int64()), least, most), words)
    kept, more = _fine(kept, column)
    return kept, {**more, **unfit}


def _fine(array: pa.Array, column: Column) -> Fitted:
    return finer(array, column.decimals, column.native)


def _uuids(array: pa.Array, column: Column) -> Fitted:
    if not pa.types.is_string(array.type):
        return array, {}
    return without(array, pc.invert(pc.match_substring_regex(array, _UUID)), "not a UUID in lower case with hyphens")


def _shapes(array: pa.Array, column: Column) -> Fitted:
    return without(array, pc.invert(pc.match_substring_regex(array, _HEX)), "not bytes in hexadecimal digits")


_BY_KIND: dict[Kind, _Check] = {
    Kind.FLOAT: _floats,
    Kind.DATE: _dates,
    Kind.TIME: _fine,
    Kind.TIMESTAMP: _moments,
    Kind.INSTANT: _moments,
    Kind.UUID: _uuids,
}
_BY_BASE: dict[str, _Check] = {
    **dict.fromkeys(BITS, _integers),
    "bigint": _wide,
    "year": _years,
    "bit": _bits,
    "decimal": _decimals,
    "float": _singles,
    "char": _padded,
    **dict.fromkeys(("varchar", "tinytext", "text", "mediumtext", "longtext"), _strings),
    "enum": _labels,
    "set": _sets,
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), _blobs),
    "uuid": _uuids,
    **dict.fromkeys(SHAPELESS, _shapes),
}
