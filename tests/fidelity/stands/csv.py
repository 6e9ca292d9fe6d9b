"""Files of delimited values: planted and read back byte by byte, by a reader of a few lines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table

FILE_SOURCES: Mapping[str, str] = {
    "float": "float",
    "single": "float",
    "number": "decimal(38, 18)",
    "price": "decimal(12, 3)",
    "integer": "integer",
    "unsigned": "decimal(20, 0)",
    "date": "date",
    "moment": "timestamp",
    "instant": "instant",
    "time": "time",
    "text": "text",
    "raw": "text",
    "bytes": "bytes",
    "char": "text(5)",
    "json": "json",
    "uuid": "uuid",
    "boolean": "boolean",
}
FILE_TARGETS: Mapping[str, tuple[str, ...]] = {
    "float": ("float", "decimal(20, 4)"),
    "single": ("float",),
    "number": ("decimal", "decimal(38, 10)", "float"),
    "price": ("decimal(12, 3)", "decimal(5, 2)", "float"),
    "integer": ("integer", "float"),
    "unsigned": ("decimal(20, 0)", "integer"),
    "date": ("date", "timestamp"),
    "moment": ("timestamp", "date"),
    "V13/moment": ("timestamp", "instant"),
    "instant": ("instant",),
    "V13/instant": ("instant", "timestamp"),
    "time": ("time",),
    "text": ("text",),
    "V24/text": ("text(5)", "integer"),
    "V24/float": ("float", "integer"),
    "V30/text": ("text", "text(5)"),
    "bytes": ("bytes",),
    "char": ("text(5)", "text"),
    "json": ("json", "text"),
    "uuid": ("uuid", "text"),
    "boolean": ("boolean", "integer"),
    "raw": ("text",),
}
FILE_EXTRAS = (
    Column("V25", "float", "float", {"word_in_float": "abc", "beyond_floats": "1e400", "more_digits": "0.1000000000000000055"}),
    Column("V25", "integer", "integer", {"fraction": "1.5", "padded_integer": "007", "plus": "+7", "word": "abc"}),
    Column("V25", "boolean", "boolean", {"five": "5", "yes_word": "yes"}),
    Column("V25", "date", "date", {"german_date": "31.12.2024", "year_two": "24-12-31"}),
    Column("V25", "number", "decimal(10, 2)", {"three_places": "1.005", "exponent": "1e2", "grouped": '"1,000.00"'}),
)


def with_minutes(plain: str) -> str:
    """A time stamp whose zone has hours and minutes."""
    return re.sub(r"([+-]\d\d)$", r"\1:00", plain) if ":" in plain else plain


class Stand:
    """One folder of files."""

    connector = "csv"
    key = "integer"
    sources = FILE_SOURCES
    targets = FILE_TARGETS
    extras = (*FILE_EXTRAS,)
    fixed: ClassVar[tuple[object, ...]] = ()
    absent: ClassVar[Mapping[str, str]] = {
        "V06": "there are no object identifiers",
        "V15": "there are no intervals",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._folder = place
        self._tables: dict[str, Table] = {}

    def settings(self) -> str:
        return f"{{connector: {self.connector}, path: {self._folder}, datasets: {declared(self._tables)}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family == "bytes":
            return f"\\x{plain}".encode()
        if family == "raw":
            return b'"' + bytes.fromhex(plain) + b'"'
        if family in ("text", "char", "json"):
            content = plain.replace('"', '""').encode("utf-8", "surrogatepass")
            return b'"' + content + b'"'
        return with_minutes(plain).encode()

    def plant(self, table: Table) -> None:
        self._tables[table.name] = table
        lines = [b",".join(_cell(name) for name in table.fields)]
        lines += [b",".join(_bytes(row.get(name)) for name in table.fields) for row in table.rows]
        (self._folder / f"{table.name}.csv").write_bytes(b"\n".join(lines) + b"\n")

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        path = self._folder / f"{table.name}.csv"
        head, *rows = _records(path.read_bytes())
        names = [_decoded(cell) for cell in head]
        for row in rows:
            if _decoded(row[names.index(table.key[0])]) == key:
                row[names.index(name)] = _bytes(planted)
        path.write_bytes(b"".join(b",".join(row) + b"\n" for row in (head, *rows)))

    def raw(self, table: Table) -> Raw:
        head, *rows = _records((self._folder / f"{table.name}.csv").read_bytes())
        names = [_decoded(cell) for cell in head]
        found = {}
        for row in rows:
            cells = dict(zip(names, row, strict=True))
            key = "|".join(_decoded(cells[part]) for part in table.key)
            found[key] = {name: _meaning(cells[name], native) for name, native in table.fields.items()}
        return found

    def close(self) -> None:
        for path in self._folder.glob("*.csv"):
            path.unlink()


def declared(tables: Mapping[str, Table]) -> str:
    """What is declared about tables of files."""
    found = {name: {"key": list(table.key), "types": dict(table.fields)} for name, table in tables.items()}
    return json.dumps(found, ensure_ascii=False)


def of_text(text: str, native: str) -> Meaning:
    """What a text means in a field of a declared type."""
    base = native.split("(", maxsplit=1)[0]
    match base:
        case "integer" | "decimal" if re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII):
            return meaning.of_number(text)
        case "float" if re.fullmatch(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?)", text, re.ASCII):
            return meaning.of_decimal_float(text)
        case "float" if text in ("nan", "inf", "-inf"):
            return meaning.of_float(float(text))
        case "boolean" if text.lower() in ("true", "false"):
            return Meaning("bool", text.lower() == "true")
        case "date":
            return meaning.of_date(text)
        case "timestamp" | "instant":
            found = meaning.of_moment(text)
            return found if (found.kind == "instant") == (base == "instant") else Meaning("broken", text)
        case "time":
            return meaning.of_time(text)
        case "uuid":
            return Meaning("uuid", text)
        case "json":
            return meaning.of_json(text)
        case "bytes" if re.fullmatch(r"\\x([0-9a-f]{2})*", text):
            return Meaning("bytes", bytes.fromhex(text[2:]))
        case "text":
            return Meaning("text", text)
    return Meaning("broken", text)


def _meaning(cell: bytes, native: str) -> Meaning:
    if not cell:
        return NULL
    try:
        text = _decoded(cell)
    except UnicodeDecodeError:
        return Meaning("broken", cell)
    return of_text(text, native) if text or native.startswith(("text", "json")) else NULL


def _cell(name: str) -> bytes:
    return b'"' + name.replace('"', '""').encode() + b'"'


def _bytes(planted: object) -> bytes:
    return planted if isinstance(planted, bytes) else b"" if planted is None else str(planted).encode()


def _decoded(cell: bytes) -> str:
    text = cell.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _records(content: bytes) -> list[list[bytes]]:
    """The cells of all records as they stand, quotes included."""
    records: list[list[bytes]] = [[]]
    start, quoted = 0, False
    for at in range(len(content)):
        byte = content[at : at + 1]
        if byte == b'"':
            quoted = not quoted
        elif byte in (b",", b"\n") and not quoted:
            records[-1].append(content[start:at])
            start = at + 1
            if byte == b"\n":
                records.append([])
    return [record for record in records if record]


__all__ = ["FILE_EXTRAS", "FILE_SOURCES", "FILE_TARGETS", "Cannot", "Stand", "declared", "of_text", "with_minutes"]
