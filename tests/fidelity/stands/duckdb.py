"""DuckDB: planted by SQL literals, read back as texts, bits and counts that DuckDB itself computes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import duckdb
from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table

_EXTRAS = (
    Column("V05", "huge", "HUGEINT", {"huge": "170141183460469231731687303715884105727", "small_huge": "1"}),
    Column("V09", "timetz", "TIMETZ", {"zone_east": "'12:00:00+15:59'::TIMETZ"}),
    Column("V14", "nanos", "TIMESTAMP_NS", {"last_nano": "make_timestamp_ns(1)", "even_nano": "make_timestamp_ns(1000)"}),
    Column("V15", "interval", "INTERVAL", {"month": "INTERVAL 1 MONTH", "thirty_days": "INTERVAL 30 DAY"}),
    Column("V27", "list", "INTEGER[]", {"null_element": "[1, NULL]", "no_element": "[]::INTEGER[]"}),
    Column("V27", "struct", "STRUCT(b INTEGER, a DECIMAL(9,2))", {"struct": "{'b': 1, 'a': 1.10}"}),
    Column("V27", "mood", "ENUM('sad', 'so-so é')", {"odd_label": "'so-so é'"}),
    Column("V27", "bits", "BIT", {"bits": "'0101'::BIT"}),
)


class Stand:
    """One file."""

    connector = "duckdb"
    key = "BIGINT"
    sources: ClassVar[Mapping[str, str]] = {
        "float": "DOUBLE",
        "single": "FLOAT",
        "number": "DECIMAL(38,10)",
        "price": "DECIMAL(12,3)",
        "integer": "BIGINT",
        "unsigned": "UBIGINT",
        "date": "DATE",
        "moment": "TIMESTAMP",
        "instant": "TIMESTAMPTZ",
        "time": "TIME",
        "text": "VARCHAR",
        "bytes": "BLOB",
        "char": "VARCHAR",
        "json": "JSON",
        "uuid": "UUID",
        "boolean": "BOOLEAN",
    }
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "float": ("DOUBLE", "FLOAT", "DECIMAL(20,4)"),
        "single": ("FLOAT", "DOUBLE"),
        "number": ("DECIMAL(38,10)", "DOUBLE"),
        "price": ("DECIMAL(12,3)", "DECIMAL(5,2)", "DOUBLE"),
        "integer": ("BIGINT", "SMALLINT", "DOUBLE"),
        "unsigned": ("UBIGINT", "BIGINT"),
        "date": ("DATE", "TIMESTAMP"),
        "moment": ("TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_S", "DATE"),
        "V13/moment": ("TIMESTAMP", "TIMESTAMPTZ"),
        "instant": ("TIMESTAMPTZ",),
        "V13/instant": ("TIMESTAMPTZ", "TIMESTAMP"),
        "time": ("TIME",),
        "text": ("VARCHAR",),
        "V24/text": ("VARCHAR", "BIGINT", "ENUM('sad', 'so-so é')"),
        "V24/integer": ("SMALLINT", "INTEGER", "UTINYINT"),
        "V24/float": ("FLOAT", "BIGINT"),
        "bytes": ("BLOB",),
        "char": ("VARCHAR",),
        "json": ("JSON", "VARCHAR"),
        "uuid": ("UUID", "VARCHAR"),
        "boolean": ("BOOLEAN", "BIGINT"),
        "raw": ("VARCHAR",),
    }
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V02": "exact numbers have no infinity",
        "V06": "there are no object identifiers",
        "V10": "dates that do not exist are refused by DuckDB itself",
        "V11": "no second of 60 is taken",
        "V21": "texts are checked by DuckDB",
        "V25": "a field holds values of its own type only",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._path = place / f"{secrets.token_hex(4)}.duckdb"
        self._run()

    def _run(self, *statements: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self._path)) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in ("SET TimeZone = 'UTC'", *statements):
                found = connection.execute(statement)
                rows = found.fetchall()
            return rows

    def settings(self) -> str:
        return f"{{connector: duckdb, path: {self._path}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family == "boolean":
            return plain
        if family == "bytes":
            return f"from_hex('{plain}')"
        try:
            quoted = "decode(from_hex('" + plain.encode().hex() + "'))"
        except UnicodeEncodeError as error:
            raise Cannot(plain) from error
        if family in ("text", "char"):
            return quoted
        spelled = plain.replace(" BC", " (BC)")
        expression = f"CAST({quoted} AS JSON)" if family == "json" else f"CAST('{spelled}' AS {native})"
        try:
            duckdb.execute(f"SELECT {expression}")
        except duckdb.Error as error:
            raise Cannot(plain) from error
        return expression

    def plant(self, table: Table) -> None:
        fields = ", ".join(f"{_quoted(name)} {native}" for name, native in table.fields.items())
        key = ", ".join(map(_quoted, table.key))
        statements = [f"CREATE TABLE {_quoted(table.name)} ({fields}, PRIMARY KEY ({key}))", "BEGIN"]
        for row in table.rows:
            names, values = ", ".join(map(_quoted, row)), ", ".join(map(str, row.values()))
            statements.append(f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({values})")
        self._run(*statements, "COMMIT")

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        where = f"CAST({_quoted(table.key[0])} AS VARCHAR) = '{key}'"
        self._run(f"UPDATE {_quoted(table.name)} SET {_quoted(name)} = {planted} WHERE {where}")

    def raw(self, table: Table) -> Raw:
        key = " || '|' || ".join(f"CAST({_quoted(part)} AS VARCHAR)" for part in table.key)
        wanted = ", ".join(_selected(_quoted(name), native) for name, native in table.fields.items())
        rows = self._run(f"SELECT {key}, {wanted} FROM {_quoted(table.name)}")
        return {
            row[0]: {
                name: NULL if value is None else _meaning(value, native)
                for (name, native), value in zip(table.fields.items(), row[1:], strict=True)
            }
            for row in rows
        }

    def close(self) -> None:
        for path in self._path.parent.glob(self._path.name + "*"):
            path.unlink()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _selected(column: str, native: str) -> str:
    if native in ("DOUBLE", "FLOAT"):
        return f"CAST({column} AS DOUBLE)"
    if native == "BLOB":
        return f"hex({column})"
    if native == "DATE":
        return f"CASE WHEN isfinite({column}) THEN CAST({column} - DATE '1970-01-01' AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
    if native.startswith("TIMESTAMP"):
        count = f"epoch_ns({column})" if native == "TIMESTAMP_NS" else f"CAST(epoch_us({column}) AS HUGEINT) * 1000"
        return f"CASE WHEN isfinite({column}) THEN CAST({count} AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
    return f"CAST({column} AS VARCHAR)"


def _meaning(value: Any, native: str) -> Meaning:
    base = native.split("(", maxsplit=1)[0]
    if isinstance(value, float):
        return meaning.of_float(value)
    text = str(value)
    match base:
        case "DECIMAL" | "BIGINT" | "UBIGINT" | "INTEGER" | "SMALLINT" | "UTINYINT" | "HUGEINT":
            return meaning.of_number(text)
        case "BLOB":
            return Meaning("bytes", bytes.fromhex(text))
        case "DATE":
            return Meaning("date", text if "inf" in text else int(text.removesuffix(" days").removesuffix(" day")))
        case "TIMESTAMP" | "TIMESTAMP_NS" | "TIMESTAMP_MS" | "TIMESTAMP_S" | "TIMESTAMPTZ":
            return Meaning("instant" if base == "TIMESTAMPTZ" else "moment", text if "inf" in text else int(text))
        case "TIME":
            return meaning.of_time(text) if not text.startswith("24") else Meaning("time", meaning.DAY_NS)
        case "JSON":
            return meaning.of_json(text)
        case "UUID":
            return Meaning("uuid", text)
        case "BOOLEAN":
            return Meaning("bool", text == "true")
        case "VARCHAR" | "ENUM":
            return Meaning("text", text)
    return Meaning(f"duckdb {native}", text)
