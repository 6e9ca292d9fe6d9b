"""MariaDB: planted by SQL literals without strict mode, read back as texts, bits and bytes that the server computes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pymysql
from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table

UTF8 = "utf8mb4 COLLATE utf8mb4_bin"
_CI = "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
_MB3 = "varchar(40) CHARACTER SET utf8mb3"
_LATIN = "varchar(40) CHARACTER SET latin1"
_LABELS = "enum('a','b ä','')"
_EXTRAS = (
    Column("V05", "tiny_unsigned", "tinyint unsigned", {"unsigned_8": "255"}),
    Column("V10", "date", "date", {"zero": "'0000-00-00'", "no_day": "'2024-01-00'", "no_month": "'2024-00-15'"}),
    Column("V10", "moment", "datetime(6)", {"zero_moment": "'0000-00-00 00:00:00'"}),
    Column("V10", "instant", "timestamp(6) null", {"zero_instant": "'0000-00-00 00:00:00'"}),
    Column("V18", "char", "char(5)", {"stored_blanks": "'ab   '"}),
    Column("V22", "three", _MB3, {"three_bytes_only": "'€'"}),
    Column("V23", "latin", _LATIN, {"latin_e": "'é'", "euro": "'€'"}),
    Column("V24", "enumeration", _LABELS, {"label": "'b ä'", "error_label": "'x'", "empty_label": "''"}),
    Column("V25", "boolean", "tinyint(1)", {"two": "2", "minus": "-1"}),
    Column("V26", "json", "json", {"text_json": """'{"b":1,"a":1,"a":2}'"""}),
    Column("V27", "set", "set('x','y z')", {"labels": "'x,y z'", "no_label_at_all": "''"}),
    Column("V27", "bits", "bit(9)", {"nine_bits": "b'100000001'"}),
    Column("V27", "bit", "bit(1)", {"one_bit": "b'1'"}),
    Column("V27", "year", "year", {"year_zero": "0", "year_2155": "2155"}),
    Column("V27", "point", "point", {"point": "ST_GeomFromText('POINT(1 0.1)')"}),
    Column("V03", "wide", "decimal(65,30)", {"digits_65": "'" + "9" * 35 + "." + "9" * 30 + "'"}),
)


class Stand:
    """One database of its own on the tests' server."""

    connector = "mariadb"
    key = "bigint"
    sources: ClassVar[Mapping[str, str]] = {
        "float": "double",
        "single": "float",
        "number": "decimal(38,10)",
        "price": "decimal(12,3)",
        "integer": "bigint",
        "unsigned": "bigint unsigned",
        "date": "date",
        "moment": "datetime(6)",
        "instant": "timestamp(6) null",
        "time": "time(6)",
        "text": "longtext",
        "bytes": "longblob",
        "char": "char(5)",
        "json": "json",
        "uuid": "uuid",
        "boolean": "tinyint(1)",
    }
    targets: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "float": ("double", "float", "decimal(20,4)"),
        "single": ("float", "double"),
        "number": ("decimal(38,10)", "double"),
        "price": ("decimal(12,3)", "decimal(5,2)", "double"),
        "integer": ("bigint", "smallint", "int unsigned", "double"),
        "unsigned": ("bigint unsigned", "bigint"),
        "date": ("date", "datetime(6)"),
        "moment": ("datetime(6)", "datetime(3)", "datetime", "date"),
        "V13/moment": ("datetime(6)", "timestamp(6) null"),
        "instant": ("timestamp(6) null", "timestamp null"),
        "V13/instant": ("timestamp(6) null", "datetime(6)"),
        "time": ("time(6)", "time(3)"),
        "text": ("longtext", _CI),
        "V22/text": ("longtext", _MB3, _LATIN),
        "V23/text": ("longtext", _CI, _MB3, _LATIN),
        "V24/text": ("varchar(5)", _LABELS, "bigint", "tinytext"),
        "V24/integer": ("smallint", "int", "tinyint unsigned"),
        "V24/float": ("float", "bigint"),
        "V30/text": ("longtext", "varchar(5)"),
        "bytes": ("longblob", "varbinary(10)"),
        "char": ("char(5)", "varchar(5)", "longtext"),
        "json": ("json", "longtext"),
        "uuid": ("uuid", "char(36)"),
        "boolean": ("tinyint(1)", "bigint"),
        "raw": ("longtext",),
    }
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V02": "exact numbers have no infinity",
        "V06": "there are no object identifiers",
        "V07": "dates have no infinity",
        "V15": "there are no intervals",
        "V21": "texts are checked by the server",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._admin = servers["mariadb"]
        self._name = f"fidelity_{secrets.token_hex(6)}"
        self._open = _connect(self._admin)
        self._run("SET sql_mode = '', time_zone = '+00:00'")
        self._run(f"CREATE DATABASE {self._name} CHARACTER SET {UTF8}")
        self._open.select_db(self._name)
        self._alias = f"mariadb_{place.name}"

    def _run(self, statement: str, values: tuple[object, ...] | None = None) -> Any:
        with self._open.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def settings(self) -> str:
        return f"{{connector: mariadb, url: '${{secret:{self._alias}}}'}}"

    def secrets(self) -> Mapping[str, str]:
        return {self._alias: self._admin.rsplit("/", 1)[0] + "/" + self._name}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family in ("float", "single", "number", "price", "integer", "unsigned"):
            return _number(family, plain)
        if family == "boolean":
            return "1" if plain == "true" else "0"
        if family == "bytes":
            return f"x'{plain}'"
        try:
            content = plain.encode()
        except UnicodeEncodeError as error:
            raise Cannot(plain) from error
        if family == "instant":
            return self._stamp(plain)
        if family in ("date", "moment") and ("BC" in plain or "infinity" in plain or plain[4:5] != "-"):
            raise Cannot(plain)
        if family == "json" and self._run("SELECT JSON_VALID(%s)", (plain,))[0][0] != 1:
            raise Cannot(plain)
        return f"CONVERT(x'{content.hex()}' USING utf8mb4)"

    def _stamp(self, plain: str) -> str:
        found = meaning.of_moment(_with_minutes(plain))
        if found.kind != "instant" or not isinstance(found.value, int):
            raise Cannot(plain)
        micros = found.value // 1000
        if not 0 < micros < 2**31 * 1_000_000:
            raise Cannot(plain)
        return f"FROM_UNIXTIME({micros // 1_000_000}.{micros % 1_000_000:06d})"

    def plant(self, table: Table) -> None:
        fields = ", ".join(f"{_quoted(name)} {native}" for name, native in table.fields.items())
        key = ", ".join(map(_quoted, table.key))
        self._run(f"CREATE TABLE {_quoted(table.name)} ({fields}, PRIMARY KEY ({key})) ENGINE=InnoDB ROW_FORMAT=DYNAMIC")
        for row in table.rows:
            names = ", ".join(map(_quoted, row))
            values = ", ".join(map(str, row.values()))
            self._run(f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({values})")
        self._open.commit()

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        where = f"CAST({_quoted(table.key[0])} AS CHAR) = {_literal(key)}"
        self._run(f"UPDATE {_quoted(table.name)} SET {_quoted(name)} = {planted} WHERE {where}")
        self._open.commit()

    def raw(self, table: Table) -> Raw:
        self._open.commit()
        key = ", '|', ".join(f"CAST({_quoted(part)} AS CHAR)" for part in table.key)
        wanted = ", ".join(_selected(_quoted(name), native) for name, native in table.fields.items())
        rows = self._run(f"SELECT CONCAT({key}), {wanted} FROM {_quoted(table.name)}")
        return {
            str(row[0]): {
                name: NULL if hexed is None else _meaning(bytes.fromhex(str(hexed)), native)
                for (name, native), hexed in zip(table.fields.items(), row[1:], strict=True)
            }
            for row in rows
        }

    def close(self) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self._name}")
        self._open.close()


def _connect(url: str) -> pymysql.Connection[Any]:
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=parts.username or "root",
        password=parts.password or "",
        charset="utf8mb4",
        use_unicode=True,
        client_flag=0,
    )


def _with_minutes(plain: str) -> str:
    return plain + ":00" if plain[-3:-2] in "+-" else plain


def _number(family: str, plain: str) -> str:
    if plain.lower().lstrip("-") in ("nan", "inf", "infinity"):
        raise Cannot(plain)
    digits = plain.lstrip("-").split("e")[0].replace(".", "")
    if family == "number" and (len(plain.lstrip("-").split(".")[0]) > 28 or len(digits) > 38):
        raise Cannot(plain)
    return plain


def _literal(text: str) -> str:
    return f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _selected(column: str, native: str) -> str:
    base = native.split("(", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    if base in ("longblob", "varbinary", "point"):
        return f"HEX({column})"
    if base == "bit":
        return f"HEX(CAST(CAST({column} AS UNSIGNED) AS CHAR))"
    if base == "float":
        return f"HEX(CAST(CAST({column} AS DOUBLE) AS CHAR))"
    if base == "timestamp":
        return f"HEX(CAST(CAST({column} AS DATETIME(6)) AS CHAR))"
    return f"HEX(CONVERT(CAST({column} AS CHAR) USING utf8mb4))"


def _meaning(content: bytes, native: str) -> Meaning:
    base = native.split("(", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    if base in ("longblob", "varbinary"):
        return Meaning("bytes", content)
    if base == "point":
        return Meaning("mariadb point", content)
    text = content.decode()
    match base:
        case "double" | "float":
            return meaning.of_float(float(text))
        case "decimal" | "bigint" | "int" | "smallint" | "year":
            return meaning.of_number(text)
        case "tinyint" | "bit" if native in ("tinyint(1)", "bit(1)") and text in ("0", "1"):
            return Meaning("bool", text == "1")
        case "tinyint" | "bit":
            return meaning.of_number(text)
        case "date":
            return meaning.of_date(text)
        case "datetime" | "timestamp":
            found = meaning.of_moment(text)
            return found if base == "datetime" or found.kind == "broken" else Meaning("instant", found.value)
        case "time":
            return meaning.of_time(text)
        case "json":
            return meaning.of_json(text)
        case "uuid":
            return Meaning("uuid", text)
    return Meaning("text", text)
