"""SQLite: planted by SQL literals of any storage class, read back by storage class and byte."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table

_EXTRAS = (
    Column("V02", "number", "DECIMAL(20,4)", {"infinite_double": "9e999", "minus_infinite_double": "-9e999"}),
    Column("V04", "price", "DECIMAL(12,3)", {"text_price": "'1,005'", "double_price": "1.0050000000000001"}),
    Column(
        "V25",
        "integer",
        "INTEGER",
        {"text_in_integer": "'abc'", "real_in_integer": "1.5", "blob_in_integer": "x'31'", "huge_real": "1e300"},
    ),
    Column(
        "V25",
        "boolean",
        "BOOLEAN",
        {"five": "5", "word_true": "'true'", "half": "0.5", "one": "1", "text_one": "'1'"},
    ),
    Column("V25", "text", "TEXT", {"blob_in_text": "x'6162'", "number_in_text": "7", "real_in_text": "1.50"}),
    Column("V25", "float", "REAL", {"beyond_reals": "1e400", "text_in_real": "'abc'", "integer_in_real": "9007199254740993"}),
    Column("V25", "date", "DATE", {"day_number": "2460000.5", "text_date": "'31.12.2024'", "epoch": "1700000000"}),
    Column("V25", "bytes", "BLOB", {"text_in_blob": "'abc'", "number_in_blob": "7"}),
    Column("V27", "uuid", "UUID", {"uuid_blob": "x'0189a7e291b57b3c8d413f6a2c5e9b07'", "uuid_braces": "'{0189a7e2}'"}),
)


class Stand:
    """One file."""

    connector = "sqlite"
    key = "INTEGER"
    sources: ClassVar[Mapping[str, str]] = {
        "float": "REAL",
        "single": "REAL",
        "number": "DECIMAL_TEXT",
        "price": "DECIMAL(12,3)",
        "integer": "BIGINT",
        "unsigned": "DECIMAL_TEXT(20,0)",
        "date": "DATE",
        "moment": "TIMESTAMP",
        "instant": "TIMESTAMPTZ",
        "time": "TIME",
        "text": "TEXT",
        "raw": "TEXT",
        "bytes": "BLOB",
        "char": "CHAR(5)",
        "json": "JSON_TEXT",
        "uuid": "UUID_TEXT",
        "boolean": "BOOLEAN",
    }
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "float": ("REAL", "DECIMAL(20,4)", "FLOAT"),
        "single": ("REAL",),
        "number": ("DECIMAL_TEXT", "DECIMAL(38,10)", "REAL"),
        "price": ("DECIMAL(12,3)", "DECIMAL(5,2)", "REAL"),
        "integer": ("BIGINT", "SMALLINT", "REAL"),
        "unsigned": ("DECIMAL_TEXT(20,0)", "BIGINT"),
        "date": ("DATE", "TIMESTAMP"),
        "moment": ("TIMESTAMP", "DATE"),
        "V13/moment": ("TIMESTAMP", "TIMESTAMPTZ"),
        "instant": ("TIMESTAMPTZ",),
        "V13/instant": ("TIMESTAMPTZ", "TIMESTAMP"),
        "time": ("TIME",),
        "text": ("TEXT",),
        "V24/text": ("VARCHAR(5)", "BIGINT"),
        "V24/integer": ("SMALLINT", "INTEGER"),
        "V24/float": ("REAL", "INTEGER"),
        "V30/text": ("TEXT", "VARCHAR(5)"),
        "V31/text": ("TEXT", "NUMERIC"),
        "bytes": ("BLOB",),
        "char": ("CHAR(5)", "TEXT"),
        "json": ("JSON_TEXT", "JSON", "TEXT"),
        "uuid": ("UUID_TEXT", "UUID", "TEXT"),
        "boolean": ("BOOLEAN", "INTEGER"),
        "raw": ("TEXT",),
    }
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V06": "there are no object identifiers; numbers beyond 32 bits are in V05",
        "V15": "there are no intervals",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._path = place / f"{secrets.token_hex(4)}.db"
        self._sql("PRAGMA journal_mode = WAL")

    def _sql(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.text_factory = bytes
            return connection.execute(statement, values).fetchall()

    def settings(self) -> str:
        return f"{{connector: sqlite, path: {self._path}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        match family:
            case "float" | "single":
                return {"inf": "9e999", "-inf": "-9e999"}.get(plain) or _no_nan(plain)
            case "integer" | "price":
                return plain
            case "bytes":
                return f"x'{plain}'"
            case "raw":
                return f"CAST(x'{plain}' AS TEXT)"
            case "boolean":
                return "1" if plain == "true" else "0"
        content = plain.encode("utf-8", "surrogatepass")
        return f"CAST(x'{content.hex()}' AS TEXT)"

    def plant(self, table: Table) -> None:
        fields = ", ".join(f"{_quoted(name)} {native}" for name, native in table.fields.items())
        key = ", ".join(map(_quoted, table.key))
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(f"CREATE TABLE {_quoted(table.name)} ({fields}, PRIMARY KEY ({key}))")
            for row in table.rows:
                names, values = ", ".join(map(_quoted, row)), ", ".join(map(str, row.values()))
                connection.execute(f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({values})")

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        self._sql(f"UPDATE {_quoted(table.name)} SET {_quoted(name)} = {planted} WHERE {_quoted(table.key[0])} = ?", (key,))

    def raw(self, table: Table) -> Raw:
        wanted = ", ".join(f"typeof({_quoted(name)}), {_quoted(name)}" for name in table.fields)
        found = {}
        for row in self._sql(f"SELECT {wanted} FROM {_quoted(table.name)}"):
            pairs = list(zip(row[::2], row[1::2], strict=True))
            named = dict(zip(table.fields, pairs, strict=True))
            key = "|".join(_plain(named[part][1]) for part in table.key)
            found[key] = {name: _meaning(*pair, table.fields[name]) for name, pair in named.items()}
        return found

    def close(self) -> None:
        for path in self._path.parent.glob(self._path.name + "*"):
            path.unlink()


def _no_nan(plain: str) -> str:
    if plain == "nan":
        raise Cannot(plain)
    return plain


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _meaning(storage: object, value: object, native: str) -> Meaning:
    base = native.split("(", maxsplit=1)[0]
    match storage:
        case b"null":
            return NULL
        case b"integer":
            truth = base == "BOOLEAN" and value in (0, 1)
            return Meaning("bool", value == 1) if truth else Meaning("number", Decimal(int(str(value))))
        case b"real":
            assert isinstance(value, float)
            is_exact = base in ("DECIMAL", "NUMERIC") and abs(value) < float("inf")
            return Meaning("number", Decimal(repr(value))) if is_exact else meaning.of_float(value)
        case b"blob":
            return Meaning("bytes", value)
    assert isinstance(value, bytes)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return Meaning("broken", value)
    match base:
        case "DATE":
            return meaning.of_date(text)
        case "TIMESTAMP" | "TIMESTAMPTZ":
            found = meaning.of_moment(text)
            return found if (found.kind == "instant") == (base == "TIMESTAMPTZ") else Meaning("broken", text)
        case "TIME":
            return meaning.of_time(text)
        case "JSON" | "JSON_TEXT":
            return meaning.of_json(text)
        case "UUID" | "UUID_TEXT":
            return Meaning("uuid", text)
        case "DECIMAL_TEXT":
            return meaning.of_number(text) if _is_number(text) else Meaning("broken", text)
    return Meaning("text", text)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
