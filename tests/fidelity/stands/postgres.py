"""PostgreSQL: planted by SQL literals, read back as texts, bits and seconds that the server computes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql
from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table

_PROBED: dict[tuple[str, str], bool] = {}

_EXTRAS = (
    Column("V06", "oid", "oid", {"oid_largest": "4294967295", "oid_beyond_31": "2147483648", "oid_nought": "0"}),
    Column(
        "V09",
        "timetz",
        "timetz",
        {"zone_east": "'12:00:00+15:59'", "zone_west": "'12:00:00-15:59'", "zone_24": "'24:00:00+00'"},
    ),
    Column(
        "V15",
        "interval",
        "interval",
        {
            "month": "'1 month'",
            "thirty_days": "'30 days'",
            "month_and_hours": "'1 month -1 day +25:00:00.000001'",
            "longest": "'178000000 years'",
            "negative_year": "'-1 year -2 mons'",
            "micro": "'00:00:00.000001'",
        },
    ),
    Column("V18", "char", "char(5)", {"padded": "'ab   '", "blanks_only": "'     '"}),
    Column("V26", "json", "jsonb", {"jsonb_order": """'{"bb":1,"a":2}'""", "jsonb_digits": "'[1.10, 1e3]'"}),
    Column("V27", "int[]", "int[]", {"two_dimensions": "'{{1,2},{3,4}}'", "null_element": "'{1,NULL}'", "no_element": "'{}'"}),
    Column("V27", "text[]", "text[]", {"quoted_elements": """'{"a,b","NULL",""}'"""}),
    Column("V27", "int4range", "int4range", {"range": "'[1,5)'", "empty_range": "'empty'", "open_range": "'(,5)'"}),
    Column("V27", "inet", "inet", {"network": "'10.0.0.1/24'", "host": "'::1'"}),
    Column("V27", "bit(4)", "bit(4)", {"bits": "B'0101'"}),
    Column("V27", "bit varying", "bit varying", {"bits_varying": "B'01'", "no_bits": "B''"}),
    Column("V27", "money", "money", {"money": "'-92233720368547758.08'", "money_small": "'1.10'"}),
    Column("V27", "xml", "xml", {"xml": "'<a b=\"1\"/>'"}),
    Column("V27", "point", "point", {"point": "'(0.1,-0)'"}),
    Column("V27", "mood", "mood", {"label": "'sad'", "odd_label": "'so-so é'"}),
)


class Stand:
    """One database of its own on the tests' server."""

    connector = "postgres"
    key = "bigint"
    sources: ClassVar[Mapping[str, str]] = {
        "float": "double precision",
        "single": "real",
        "number": "numeric",
        "price": "numeric(12,3)",
        "integer": "bigint",
        "unsigned": "numeric(20,0)",
        "date": "date",
        "moment": "timestamp",
        "instant": "timestamptz",
        "time": "time",
        "text": "text",
        "bytes": "bytea",
        "char": "char(5)",
        "json": "json",
        "uuid": "uuid",
        "boolean": "boolean",
    }
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "float": ("double precision", "real", "numeric(20,4)"),
        "single": ("real", "double precision"),
        "number": ("numeric", "numeric(38,10)", "double precision"),
        "price": ("numeric(12,3)", "numeric(5,2)", "double precision"),
        "integer": ("bigint", "smallint", "double precision"),
        "unsigned": ("numeric(20,0)", "bigint"),
        "date": ("date", "timestamp"),
        "moment": ("timestamp", "timestamp(3)", "date"),
        "V13/moment": ("timestamp", "timestamptz"),
        "instant": ("timestamptz", "timestamptz(3)"),
        "V13/instant": ("timestamptz", "timestamp"),
        "time": ("time", "time(3)"),
        "text": ("text",),
        "V17/text": ("text", "char(5)"),
        "V24/text": ("varchar(5)", "mood", "bigint"),
        "V24/integer": ("smallint", "int"),
        "V24/float": ("real", "bigint"),
        "V30/text": ("text", "varchar(5)"),
        "bytes": ("bytea",),
        "char": ("char(5)", "varchar(5)", "text"),
        "json": ("json", "jsonb", "text"),
        "uuid": ("uuid", "text"),
        "boolean": ("boolean", "bigint"),
        "raw": ("text",),
    }
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V10": "dates that do not exist are refused by the server itself",
        "V21": "a database in UTF-8 holds nothing else",
        "V25": "a field holds values of its own type only",
        "V20": "no text holds the character NUL",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._admin = servers["postgres"]
        self._name = f"fidelity_{secrets.token_hex(6)}"
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name)))
        self._url = self._admin.rsplit("/", 1)[0] + "/" + self._name
        self._open = psycopg.connect(self._url, autocommit=True)
        self._open.execute("SET timezone = 'UTC'")
        self._open.execute("SET extra_float_digits = 3")
        self._open.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'so-so é')")
        self._alias = f"postgres_{place.name}"
        self.extras = tuple(one for one in _EXTRAS if one.native != "xml" or self._knows("'<a/>'::xml"))

    def _knows(self, expression: str) -> bool:
        try:
            self._open.execute(f"SELECT {expression}")
        except psycopg.Error:
            return False
        return True

    def settings(self) -> str:
        return f"{{connector: postgres, url: '${{secret:{self._alias}}}'}}"

    def secrets(self) -> Mapping[str, str]:
        return {self._alias: self._url}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family == "bytes":
            return f"'\\x{plain}'::bytea"
        if "\0" in plain or any(0xD800 <= ord(char) < 0xE000 for char in plain):
            raise Cannot(plain)
        quoted = sql.Literal(plain).as_string(self._open)
        if (native, plain) not in _PROBED:
            try:
                self._open.execute(f"SELECT CAST({quoted} AS {native})::text")
            except psycopg.Error:
                _PROBED[native, plain] = False
            else:
                _PROBED[native, plain] = True
        if not _PROBED[native, plain]:
            raise Cannot(plain)
        return f"CAST({quoted} AS {native})"

    def plant(self, table: Table) -> None:
        fields = ", ".join(f"{_quoted(name)} {native}" for name, native in table.fields.items())
        key = ", ".join(map(_quoted, table.key))
        with self._open.transaction():
            self._open.execute(f"CREATE TABLE {_quoted(table.name)} ({fields}, PRIMARY KEY ({key}))")
            for row in table.rows:
                names = ", ".join(map(_quoted, row))
                values = ", ".join(map(str, row.values()))
                self._open.execute(f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({values})")

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        self._open.execute(
            f"UPDATE {_quoted(table.name)} SET {_quoted(name)} = {planted} WHERE {_quoted(table.key[0])}::text = %s", [key]
        )

    def raw(self, table: Table) -> Raw:
        key = " || '|' || ".join(f"{_quoted(part)}::text" for part in table.key)
        wanted = ", ".join(_selected(_quoted(name), native) for name, native in table.fields.items())
        rows = self._open.execute(f"SELECT {key}, {wanted} FROM {_quoted(table.name)}").fetchall()
        return {
            row[0]: {
                name: _meaning(text, native) for (name, native), text in zip(table.fields.items(), row[1:], strict=True)
            }
            for row in rows
        }

    def close(self) -> None:
        self._open.close()
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._name)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _selected(column: str, native: str) -> str:
    base = native.split("(", maxsplit=1)[0]
    if base in ("double precision", "real"):
        return f"encode(float8send({column}::float8), 'hex')"
    if base == "date":
        return f"CASE WHEN isfinite({column}) THEN ({column} - DATE '1970-01-01')::text ELSE {column}::text END"
    if base in ("timestamp", "timestamptz"):
        return f"CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::text ELSE {column}::text END"
    if base == "time":
        return f"(extract(epoch FROM {column}) * 1000000)::text"
    if base == "bytea":
        return f"encode({column}, 'hex')"
    return f"{column}::text"


def _meaning(text: str | None, native: str) -> Meaning:
    base = native.split("(", maxsplit=1)[0]
    if text is None:
        return NULL
    match base:
        case "double precision" | "real":
            return meaning.of_bits(text)
        case "numeric" | "bigint" | "int" | "smallint" | "oid":
            return meaning.of_number(text)
        case "date":
            return Meaning("date", text if "inf" in text else int(text))
        case "timestamp" | "timestamptz" | "time":
            kind = {"timestamp": "moment", "timestamptz": "instant", "time": "time"}[base]
            return Meaning(kind, text if "inf" in text else int(Decimal(text) * 1000))
        case "bytea":
            return Meaning("bytes", bytes.fromhex(text))
        case "json" | "jsonb":
            return meaning.of_json(text)
        case "uuid":
            return Meaning("uuid", text)
        case "boolean":
            return Meaning("bool", text == "true")
        case "text" | "varchar" | "char" | "mood":
            return Meaning("text", text)
    return Meaning(f"postgres {native}", text)
