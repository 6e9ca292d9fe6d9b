"""Parquet: planted as whole columns of raw values, read back as raw values."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from tests.fidelity import meaning
from tests.fidelity.meaning import DAY_NS, NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table
from tests.fidelity.stands.csv import with_minutes

_TYPES: Mapping[str, pa.DataType] = {
    "double": pa.float64(),
    "float": pa.float32(),
    "decimal256(76, 30)": pa.decimal256(76, 30),
    "decimal128(38, 10)": pa.decimal128(38, 10),
    "decimal128(12, 3)": pa.decimal128(12, 3),
    "decimal128(5, 2)": pa.decimal128(5, 2),
    "int64": pa.int64(),
    "int16": pa.int16(),
    "uint64": pa.uint64(),
    "date32": pa.date32(),
    "timestamp[ns]": pa.timestamp("ns"),
    "timestamp[us]": pa.timestamp("us"),
    "timestamp[ms]": pa.timestamp("ms"),
    "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
    "timestamp[ms, UTC]": pa.timestamp("ms", "UTC"),
    "time64[ns]": pa.time64("ns"),
    "time64[us]": pa.time64("us"),
    "time32[ms]": pa.time32("ms"),
    "duration[us]": pa.duration("us"),
    "string": pa.string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "binary": pa.binary(),
    "json": pa.json_(),
    "uuid": pa.uuid(),
    "bool": pa.bool_(),
    "list": pa.list_(pa.int64()),
    "lists": pa.list_(pa.list_(pa.float64())),
    "struct": pa.struct([("b", pa.int64()), ("a", pa.decimal128(10, 2))]),
}
_EXTRAS = (
    Column("V14", "moment", "timestamp[ns]", {"last_nano": 1, "even_nano": 1_000, "odd_nano": 1_717_243_200_123_456_789}),
    Column("V15", "duration", "duration[us]", {"longest_duration": 2**63 - 1, "negative_duration": -1}),
    Column("V17", "text", "dictionary", {"coded_empty": "", "coded_blank": " "}),
    Column("V25", "time", "time64[us]", {"time_24": 86_400_000_000, "time_negative": -1}),
    Column("V27", "list", "list", {"null_in_list": [1, None], "empty_list": []}),
    Column("V27", "lists", "lists", {"nan_in_list": [[math.nan]], "two_levels": [[0.1], []]}),
    Column("V27", "struct", "struct", {"struct": {"b": 1, "a": Decimal("1.10")}, "struct_of_nulls": {"b": None, "a": None}}),
)
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class Stand:
    """One folder of files."""

    connector = "parquet"
    key = "int64"
    sources: ClassVar[Mapping[str, str]] = {
        "float": "double",
        "single": "float",
        "number": "decimal256(76, 30)",
        "price": "decimal128(12, 3)",
        "integer": "int64",
        "unsigned": "uint64",
        "date": "date32",
        "moment": "timestamp[us]",
        "V14/moment": "timestamp[ns]",
        "instant": "timestamp[us, UTC]",
        "time": "time64[us]",
        "text": "string",
        "raw": "string",
        "bytes": "binary",
        "char": "string",
        "json": "json",
        "uuid": "uuid",
        "boolean": "bool",
    }
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "float": ("double", "float", "decimal128(38, 10)"),
        "single": ("float", "double"),
        "number": ("decimal128(38, 10)", "double"),
        "price": ("decimal128(12, 3)", "decimal128(5, 2)", "double"),
        "integer": ("int64", "int16", "double"),
        "unsigned": ("uint64", "int64"),
        "date": ("date32", "timestamp[us]"),
        "moment": ("timestamp[us]", "timestamp[ms]", "timestamp[ns]", "date32"),
        "V13/moment": ("timestamp[us]", "timestamp[us, UTC]"),
        "instant": ("timestamp[us, UTC]", "timestamp[ms, UTC]"),
        "V13/instant": ("timestamp[us, UTC]", "timestamp[us]"),
        "time": ("time64[us]", "time32[ms]"),
        "text": ("string", "dictionary"),
        "V24/text": ("string", "int64"),
        "V24/float": ("float", "int64"),
        "bytes": ("binary",),
        "char": ("string",),
        "json": ("json", "string"),
        "uuid": ("uuid", "string"),
        "boolean": ("bool", "int64"),
        "raw": ("string",),
    }
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V02": "exact numbers have no infinity",
        "V06": "there are no object identifiers",
        "V07": "dates have no infinity",
        "V10": "dates are counted, so each exists",
        "V11": "times are counted, so there are no leap seconds",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._folder = place
        self._keys: dict[str, tuple[str, ...]] = {}

    def settings(self) -> str:
        datasets = json.dumps({name: {"key": list(key)} for name, key in self._keys.items()})
        return f"{{connector: parquet, path: {self._folder}, datasets: {datasets}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        kind = _TYPES[native]
        try:
            value = _value(family, native, plain)
            if family != "raw":
                pa.array([value], kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind)
        except (pa.ArrowException, ValueError, OverflowError, ArithmeticError, UnicodeEncodeError) as error:
            raise Cannot(plain) from error
        return value

    def plant(self, table: Table) -> None:
        self._keys[table.name] = table.key
        columns = {
            name: _column([row.get(name) for row in table.rows], _TYPES[native]) for name, native in table.fields.items()
        }
        pq.write_table(pa.table(columns), self._folder / f"{table.name}.parquet")

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        path = self._folder / f"{table.name}.parquet"
        whole = pq.read_table(path)
        keys = [str(value) for value in whole.column(table.key[0]).to_pylist()]
        kind = _TYPES[table.fields[name]]
        one = _column([planted], kind)
        at = keys.index(key)
        old = whole.column(name).combine_chunks()
        parts = [_stored(old.slice(0, at)), _stored(one), _stored(old.slice(at + 1))]
        joined = _restored(pa.concat_arrays([part for part in parts if len(part)]), kind)
        pq.write_table(whole.set_column(whole.column_names.index(name), name, joined), path)

    def raw(self, table: Table) -> Raw:
        whole = pq.read_table(self._folder / f"{table.name}.parquet")
        columns = {name: _meanings(whole.column(name)) for name in table.fields}
        keys = zip(*(whole.column(part).to_pylist() for part in table.key), strict=True)
        return {
            "|".join(map(str, key)): {name: column[at] for name, column in columns.items()} for at, key in enumerate(keys)
        }

    def close(self) -> None:
        for path in self._folder.glob("*.parquet"):
            path.unlink()


def _value(family: str, native: str, plain: str) -> object:
    match family:
        case "float" | "single":
            return float(plain)
        case "number" | "price":
            return Decimal(plain)
        case "integer" | "unsigned":
            return int(plain)
        case "bytes" | "raw":
            return bytes.fromhex(plain)
        case "boolean":
            return plain == "true"
        case "uuid":
            return uuid.UUID(plain).bytes
        case "date":
            return _days(plain)
        case "moment" | "instant":
            return _stamp(plain) // _UNITS[_TYPES[native].unit]
        case "time":
            return _clock(plain) // _UNITS[_TYPES[native].unit]
    return plain


def _days(plain: str) -> int:
    year, month, day = plain.removesuffix(" BC").split("-")
    number = 1 - int(year) if plain.endswith(" BC") else int(year)
    found = meaning.days(number, int(month), int(day))
    if found is None or plain.startswith("0000"):
        raise ValueError(plain)
    return found


def _stamp(plain: str) -> int:
    """Nanoseconds since 1970, far years and those before our era too."""
    era = " BC" if plain.endswith(" BC") else ""
    date, _, rest = plain.removesuffix(" BC").partition(" ")
    found = meaning.of_moment(f"2000-01-01 {with_minutes(rest)}")
    if found.kind == "broken" or not isinstance(found.value, int):
        raise ValueError(plain)
    return (_days(date + era) - _days("2000-01-01")) * DAY_NS + found.value


def _clock(plain: str) -> int:
    sign = -1 if plain.startswith("-") else 1
    hours, minutes, seconds = plain.lstrip("-").split(":")
    return sign * int((int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)) * 1_000_000_000)


def _column(values: list[object], kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    if pa.types.is_string(kind) and any(isinstance(value, bytes) for value in values):
        texts = [value.encode() if isinstance(value, str) else value for value in values]
        return pa.array(texts, pa.binary()).view(kind)
    if pa.types.is_temporal(kind):
        whole = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array(values, whole).view(kind)
    return pa.array(values, kind)


def _stored(column: pa.Array) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.storage
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _restored(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, column)
    return column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column


def _meanings(column: pa.ChunkedArray) -> list[Meaning]:
    array = _stored(column.combine_chunks()) if column.num_chunks != 1 else _stored(column.chunk(0))
    kind = column.type
    name = kind.extension_name if isinstance(kind, pa.BaseExtensionType) else ""
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    if pa.types.is_string(array.type):
        array = array.view(pa.binary())
    return [NULL if value is None else _meaning(value, kind, name) for value in array.to_pylist()]


def _meaning(value: object, kind: pa.DataType, name: str) -> Meaning:
    if name == "arrow.uuid":
        assert isinstance(value, bytes)
        return Meaning("uuid", str(uuid.UUID(bytes=value)))
    if pa.types.is_floating(kind):
        return meaning.of_float(float(str(value)))
    if pa.types.is_boolean(kind):
        return Meaning("bool", value)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return Meaning("number", Decimal(str(value)))
    if pa.types.is_binary(kind):
        return Meaning("bytes", value)
    if pa.types.is_nested(kind):
        return meaning.of_nested(value)
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return Meaning("broken", value)
        return meaning.of_json(text) if name == "arrow.json" else Meaning("text", text)
    assert isinstance(value, int)
    if pa.types.is_date32(kind):
        return Meaning("date", value)
    nanos = value * _UNITS[kind.unit]
    if pa.types.is_timestamp(kind):
        return Meaning("instant" if kind.tz else "moment", nanos)
    return Meaning("time" if pa.types.is_time(kind) else "duration", nanos)
