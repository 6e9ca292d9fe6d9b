"""JSON lines: planted as raw tokens, read back with every name and digit kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table
from tests.fidelity.stands.csv import FILE_SOURCES, FILE_TARGETS, declared, of_text, with_minutes

_NUMBERS = ("float", "single", "number", "price", "integer", "unsigned")
_ODD = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"', "NaN": '"NaN"'}
_ODD |= {"Infinity": '"Infinity"', "-Infinity": '"-Infinity"'}
_EXTRAS = (
    Column("V25", "float", "float", {"text_in_float": '"1.5"', "beyond_floats": "1e400", "more_digits": "0.1000000000000000055"}),
    Column("V25", "integer", "integer", {"fraction": "1.5", "text_in_integer": '"7"', "whole_decimal": "7.0", "truth": "true"}),
    Column("V25", "boolean", "boolean", {"five": "5", "word_true": '"true"'}),
    Column("V25", "text", "text", {"number_in_text": "7", "object_in_text": "{}", "truth_in_text": "true"}),
    Column("V25", "date", "date", {"number_date": "20241231", "empty_date": '""'}),
)


class Stand:
    """One folder of files."""

    connector = "jsonl"
    key = "integer"
    sources = FILE_SOURCES
    targets = FILE_TARGETS
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V06": "there are no object identifiers",
        "V15": "there are no intervals",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._folder = place
        self._tables: dict[str, Table] = {}

    def settings(self) -> str:
        return f"{{connector: jsonl, path: {self._folder}, datasets: {declared(self._tables)}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family in _NUMBERS:
            return _ODD.get(plain, plain)
        if family == "json" and meaning.of_json(plain).kind == "broken":
            raise Cannot(plain)
        if family in ("boolean", "json"):
            return plain
        if family == "bytes":
            return json.dumps(f"\\x{plain}")
        if family == "raw":
            return b'"' + bytes.fromhex(plain) + b'"'
        return json.dumps(with_minutes(plain))

    def plant(self, table: Table) -> None:
        """An empty file has no names, so a table without rows gets one of nulls, under the key 0."""
        self._tables[table.name] = table
        rows = table.rows or [dict.fromkeys(table.fields, "null") | dict.fromkeys(table.key, "0")]
        with self._path(table).open("wb") as file:
            names = dict.fromkeys(table.fields, b"null")
            for at, row in enumerate(rows):
                whole = names | {name: _bytes(value) for name, value in row.items()}
                given = whole if not at else {name: _bytes(value) for name, value in row.items()}
                file.write(_line(given))

    def _path(self, table: Table) -> Path:
        return self._folder / f"{table.name}.jsonl"

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        lines = self._path(table).read_bytes().splitlines(keepends=True)
        for at, line in enumerate(lines):
            row = _row(line)
            if _plain(row.get(table.key[0])) == key:
                tokens = {one: json.dumps(value, default=_spelled).encode() for one, value in row.items()}
                lines[at] = _line(tokens | {name: _bytes(planted)})
        self._path(table).write_bytes(b"".join(lines))

    def raw(self, table: Table) -> Raw:
        found = {}
        for line in self._path(table).read_bytes().split(b"\n"):
            if line:
                row = _row(line)
                key = "|".join(_plain(row.get(part)) for part in table.key)
                found[key] = {name: _meaning(row.get(name), native) for name, native in table.fields.items()}
        nothing = "|".join("0" for _ in table.key)
        if all(value == NULL for name, value in found.get(nothing, {}).items() if name not in table.key):
            found.pop(nothing, None)
        return found

    def close(self) -> None:
        for path in self._folder.glob("*.jsonl"):
            path.unlink()


def _line(tokens: Mapping[str, bytes]) -> bytes:
    return b"{" + b", ".join(json.dumps(name).encode() + b": " + token for name, token in tokens.items()) + b"}\n"


def _row(line: bytes) -> dict[str, object]:
    """The names and values of one line, numbers with every digit; bytes that are no text stay told apart."""
    pairs = meaning.parse_json(line.decode("utf-8", "surrogateescape"))
    assert isinstance(pairs, list)
    return dict(pairs)


def _bytes(planted: object) -> bytes:
    return planted if isinstance(planted, bytes) else b"null" if planted is None else str(planted).encode()


def _plain(value: object) -> str:
    return str(value)


def _spelled(value: object) -> object:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else float(str(value))


def _meaning(value: object, native: str) -> Meaning:
    base = native.split("(", maxsplit=1)[0]
    if value is None:
        return NULL
    if base == "json":
        return meaning.of_nested(value)
    if isinstance(value, bool):
        return Meaning("bool", value)
    if isinstance(value, Decimal):
        return meaning.of_decimal_float(str(value)) if base == "float" else meaning.of_number(str(value))
    if not isinstance(value, str):
        return Meaning("broken", str(value))
    if any(0xD800 <= ord(char) < 0xE000 for char in value):
        return Meaning("broken", value)
    if base == "float" and value in ("NaN", "Infinity", "-Infinity"):
        return meaning.of_float(float(value))
    return of_text(value, native) if base not in ("integer", "decimal", "float", "boolean") else Meaning("broken", value)
