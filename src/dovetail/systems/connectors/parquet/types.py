"""Arrow's types as logical ones, and columns of them in their carriers: exactly, or with the reason why not."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.model.carrier import recast
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.files.carry import Carried
from dovetail.systems.files.nested import dump

_INTEGER_BITS = 64
_DAY_US = 86_400_000_000
_SINGLE = {
    pa.bool_(): Kind.BOOLEAN,
    pa.float16(): Kind.FLOAT,
    pa.float32(): Kind.FLOAT,
    pa.float64(): Kind.FLOAT,
    pa.string(): Kind.TEXT,
    pa.large_string(): Kind.TEXT,
    pa.string_view(): Kind.TEXT,
    pa.null(): Kind.TEXT,
    pa.binary(): Kind.BYTES,
    pa.large_binary(): Kind.BYTES,
    pa.binary_view(): Kind.BYTES,
    pa.date32(): Kind.DATE,
    pa.date64(): Kind.DATE,
}


def logical(found: pa.DataType) -> Type:
    """The logical type of an Arrow type; one that is none of ours is opaque and carried as Arrow's own text.

    >>> str(logical(pa.decimal128(12, 2))), str(logical(pa.timestamp("ns", "Europe/Berlin")))
    ('decimal(12, 2)', 'instant')
    """
    native = str(found)
    if pa.types.is_dictionary(found):
        return logical(found.value_type)
    if isinstance(found, pa.BaseExtensionType):
        kinds = {"arrow.uuid": Kind.UUID, "arrow.json": Kind.JSON}
        name = found.extension_name
        return Type(kinds[name], native=native) if name in kinds else logical(found.storage_type)
    if pa.types.is_integer(found):
        return _integer(found, native)
    if pa.types.is_decimal(found):
        scale = max(found.scale, 0)
        precision = min(found.precision - min(found.scale, 0), DECIMAL_PRECISION_MAX)
        return Type(Kind.DECIMAL, precision=precision, scale=min(scale, precision), native=native)
    if pa.types.is_fixed_size_binary(found):
        return Type(Kind.BYTES, length=found.byte_width, native=native)
    if pa.types.is_time(found):
        return Type(Kind.TIME, native=native)
    if pa.types.is_timestamp(found):
        return Type(Kind.TIMESTAMP if found.tz is None else Kind.INSTANT, native=native)
    if pa.types.is_nested(found):
        return Type(Kind.JSON, native=native)
    return Type(_SINGLE.get(found, Kind.OPAQUE), native=native)


def carry(column: pa.Array, kind: Type) -> Carried:
    """A column in the carrier of its type; values that it cannot hold exactly are null and failed."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if kind.kind is Kind.UUID and pa.types.is_fixed_size_binary(column.type):
        texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in column.to_pylist()]
        return Carried(pa.array(texts, pa.string()))
    if pa.types.is_nested(column.type):
        return _nested(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or column.type == pa.string_view():
        return _texts(column)
    if kind.kind in (Kind.JSON, Kind.OPAQUE):
        return Carried(column.cast(pa.string()))
    try:
        return Carried(_whole(column, kind.arrow()))
    except pa.ArrowInvalid:
        return _each(column, kind)


def _texts(column: pa.Array) -> Carried:
    """Texts, looked at byte by byte: a file may call text what is none."""
    content = column.cast(pa.binary())
    try:
        return Carried(content.cast(pa.string()))
    except pa.ArrowInvalid:
        pass
    values: list[str | None] = []
    failed: list[int] = []
    for at, raw in enumerate(content.to_pylist()):
        try:
            values.append(None if raw is None else raw.decode())
        except UnicodeDecodeError:
            values.append(None)
            failed.append(at)
    return Carried(pa.array(values, pa.string()), tuple(failed), "the text is not valid UTF-8")


def _integer(found: pa.DataType, native: str) -> Type:
    bits = found.bit_width
    if pa.types.is_unsigned_integer(found):
        if bits == _INTEGER_BITS:
            return Type(Kind.DECIMAL, precision=20, scale=0, native=native)
        return Type(Kind.INTEGER, minimum=0, maximum=2**bits - 1, native=native)
    if bits == _INTEGER_BITS:
        return Type(Kind.INTEGER, native=native)
    return Type(Kind.INTEGER, minimum=-(2 ** (bits - 1)), maximum=2 ** (bits - 1) - 1, native=native)


def _whole(column: pa.Array, carrier: pa.DataType) -> pa.Array:
    """The column at once; an Arrow error where some value does not fit."""
    if pa.types.is_uint64(column.type):
        column = column.cast(pa.decimal128(20, 0))
    if pa.types.is_date64(column.type) and pa.types.is_date32(carrier):
        days = column.cast(carrier)
        if not pc.all(pc.equal(days.cast(pa.date64()), column), min_count=0).as_py():
            raise pa.ArrowInvalid("a date with a time")
        return days
    if pa.types.is_timestamp(carrier) and carrier.tz is not None:
        return column.cast(carrier)
    whole = recast(column, carrier)
    if pa.types.is_time(carrier):
        bounds = pc.min_max(whole.cast(pa.int64()))
        if bounds["min"].is_valid and not 0 <= bounds["min"].as_py() <= bounds["max"].as_py() < _DAY_US:
            raise pa.ArrowInvalid("no time of a day")
    return whole


def _each(column: pa.Array, kind: Type) -> Carried:
    carrier = kind.arrow()
    values: list[pa.Scalar] = []
    failed: list[int] = []
    for at in range(len(column)):
        try:
            values.append(_whole(column.slice(at, 1), carrier)[0])
        except pa.ArrowInvalid:
            values.append(pa.scalar(None, carrier))
            failed.append(at)
    words = "finer than a microsecond, or beyond its range" if pa.types.is_temporal(column.type) else f"no {kind}"
    return Carried(pa.array(values, carrier), tuple(failed), words)


def _nested(column: pa.Array) -> Carried:
    texts: list[str | None] = []
    failed: list[int] = []
    for at in range(len(column)):
        try:
            value = column[at].as_py(maps_as_pydicts="strict")
            texts.append(None if value is None else dump(value))
        except (ValueError, OverflowError, KeyError, TypeError):
            texts.append(None)
            failed.append(at)
    return Carried(pa.array(texts, pa.string()), tuple(failed), "a nested value that JSON cannot hold exactly")
