"""Records of fixed width: planted and read back character by character."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table
from tests.fidelity.stands.csv import FILE_SOURCES, FILE_TARGETS, of_text, with_minutes

WIDTH = 40
_EXTRAS = (
    Column("V25", "integer", "integer", {"fraction": "1.5", "padded_integer": "007", "word": "abc"}),
    Column("V25", "date", "date", {"german_date": "31.12.2024"}),
)


class Stand:
    """One folder of files."""

    connector = "fixed"
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
        layouts = {
            table.name: {
                "key": list(table.key),
                "fields": {
                    name: {"start": at * WIDTH + 1, "width": WIDTH, "type": native, "align": "left"}
                    for at, (name, native) in enumerate(table.fields.items())
                },
            }
            for table in self._tables.values()
        }
        return f"{{connector: fixed, path: {self._folder}, datasets: {json.dumps(layouts, ensure_ascii=False)}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        if family == "raw":
            return bytes.fromhex(plain).ljust(WIDTH, b" ")
        text = f"\\x{plain}" if family == "bytes" else plain if family in ("text", "char", "json") else with_minutes(plain)
        if len(text) > WIDTH or not text.strip(" ") or text != text.strip(" ") or "\n" in text:
            raise Cannot(plain)
        try:
            return text.ljust(WIDTH).encode()
        except UnicodeEncodeError as error:
            raise Cannot(plain) from error

    def plant(self, table: Table) -> None:
        self._tables[table.name] = table
        lines = [b"".join(_bytes(row.get(name)) for name in table.fields) for row in table.rows]
        self._path(table).write_bytes(b"".join(line + b"\n" for line in lines))

    def _path(self, table: Table) -> Path:
        return self._folder / f"{table.name}.txt"

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        at = list(table.fields).index(name)
        lines = [_cells(line) for line in self._path(table).read_bytes().split(b"\n") if line]
        for cells in lines:
            if cells[0].decode().strip() == key:
                cells[at] = _bytes(planted)
        self._path(table).write_bytes(b"".join(b"".join(cells) + b"\n" for cells in lines))

    def raw(self, table: Table) -> Raw:
        found = {}
        for line in self._path(table).read_bytes().split(b"\n"):
            if line:
                cells = dict(zip(table.fields, _cells(line), strict=False))
                key = "|".join(cells[part].decode().rstrip(" ") for part in table.key)
                found[key] = {name: _meaning(cells.get(name, b""), native) for name, native in table.fields.items()}
        return found

    def close(self) -> None:
        for path in self._folder.glob("*.txt"):
            path.unlink()


def _bytes(planted: object) -> bytes:
    return planted if isinstance(planted, bytes) else str("" if planted is None else planted).ljust(WIDTH).encode()


def _cells(line: bytes) -> list[bytes]:
    """A record in parts of so many characters; a byte that is no character counts as one."""
    text = line.decode("utf-8", "surrogateescape")
    return [text[at : at + WIDTH].encode("utf-8", "surrogateescape") for at in range(0, len(text), WIDTH)]


def _meaning(cell: bytes, native: str) -> Meaning:
    try:
        text = cell.decode().rstrip(" ")
    except UnicodeDecodeError:
        return Meaning("broken", cell)
    return of_text(text, native) if text else NULL
