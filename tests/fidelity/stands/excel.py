"""Excel workbooks: planted by openpyxl, read back from the cells' own XML."""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as ET

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import IllegalCharacterError
from tests.fidelity import meaning
from tests.fidelity.meaning import NULL, Meaning
from tests.fidelity.stand import Cannot, Column, Raw, Table
from tests.fidelity.stands.csv import FILE_SOURCES, FILE_TARGETS, declared, of_text

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SERIAL_MAX = 10_000_000
_SERIAL_ERROR = 2
_EPOCH = dt.date(1899, 12, 30)
_FIRST = dt.datetime(1900, 3, 1)
_EXTRAS = (
    Column("V25", "integer", "integer", {"text_number": "7", "fraction": 1.5, "word": "abc", "error": "#N/A"}),
    Column("V25", "boolean", "boolean", {"five": 5, "word_true": "true"}),
    Column("V25", "text", "text", {"number_in_text": 7, "truth_in_text": True}),
    Column("V30", "text", "text", {"open_formula": "=1+1"}),
)


class Stand:
    """One workbook, a sheet a table."""

    connector = "excel"
    key = "integer"
    sources: ClassVar[Mapping[str, str]] = {
        family: native for family, native in FILE_SOURCES.items() if family not in ("raw", "unsigned")
    } | {"number": "decimal(15, 4)"}
    targets = FILE_TARGETS
    extras = _EXTRAS
    fixed: ClassVar[tuple[object, ...]] = ("=1+1",)
    absent: ClassVar[Mapping[str, str]] = {
        "V02": "numbers are finite",
        "V06": "there are no object identifiers",
        "V10": "dates are counted, so each exists",
        "V15": "there are no intervals",
        "V20": "a cell holds no such character",
        "V21": "XML holds characters only",
    }

    def __init__(self, place: Path, servers: Mapping[str, str]) -> None:
        self._path = place / "book.xlsx"
        self._tables: dict[str, Table] = {}

    def settings(self) -> str:
        return f"{{connector: excel, path: {self._path}, datasets: {declared(self._tables)}}}"

    def secrets(self) -> Mapping[str, str]:
        return {}

    def literal(self, family: str, native: str, plain: str) -> object:
        try:
            value = _value(family, plain)
            WriteOnlyCell(openpyxl.Workbook(write_only=True).create_sheet(), value)
        except (ValueError, OverflowError, IllegalCharacterError) as error:
            raise Cannot(plain) from error
        return value

    def plant(self, table: Table) -> None:
        self._tables[table.name] = table
        book = openpyxl.load_workbook(self._path) if self._path.exists() else openpyxl.Workbook()
        if not self._path.exists():
            book.remove(book.worksheets[0])
        sheet = book.create_sheet(table.name)
        for at, name in enumerate(table.fields, 1):
            sheet.cell(1, at, name)
        for number, row in enumerate(table.rows, 2):
            for at, name in enumerate(table.fields, 1):
                _set(sheet, number, at, row.get(name))
        book.save(self._path)

    def put(self, table: Table, key: str, name: str, planted: object) -> None:
        book = openpyxl.load_workbook(self._path)
        sheet = book[table.name]
        names = list(table.fields)
        for number in range(2, sheet.max_row + 1):
            if str(sheet.cell(number, names.index(table.key[0]) + 1).value) == key:
                _set(sheet, number, names.index(name) + 1, planted)
        book.save(self._path)

    def raw(self, table: Table) -> Raw:
        found = {}
        names = list(table.fields)
        for row in _rows(self._path, table.name):
            cells = {name: row.get(at) for at, name in enumerate(names)}
            parts = [cells[part] for part in table.key]
            if any(parts):
                key = "|".join(_plain(part[1]) if part else "" for part in parts)
                found[key] = {name: _meaning(cells[name], native) for name, native in table.fields.items()}
        return found

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


def _set(sheet: object, row: int, column: int, value: object) -> None:
    cell = sheet.cell(row, column)  # type: ignore[attr-defined]
    cell.value = value
    if isinstance(value, str) and value not in ("=1+1", "#N/A"):
        cell.data_type = "s"


def _value(family: str, plain: str) -> object:
    match family:
        case "float" | "single" | "number" | "price":
            number = float(plain)
            if not math.isfinite(number):
                raise ValueError(plain)
            return number
        case "integer":
            return int(plain)
        case "boolean":
            return plain == "true"
        case "date":
            return _late(dt.datetime.fromisoformat(plain))
        case "moment":
            return _late(dt.datetime.fromisoformat(plain))
        case "time":
            return dt.time.fromisoformat(plain)
        case "bytes":
            return f"\\x{plain}"
    plain.encode()
    if not plain:
        raise ValueError("an empty cell")
    return plain


def _late(stamp: dt.datetime) -> dt.datetime:
    """A stamp of the calendar that all programs agree on."""
    if stamp < _FIRST:
        raise ValueError(stamp)
    return stamp


def _rows(path: Path, name: str) -> list[dict[int, tuple[str, str]]]:
    """The cells of a sheet below its first row: by column the kind and the text of each."""
    with zipfile.ZipFile(path) as book:
        shared = _shared(book)
        links = {one.get("Id"): one.get("Target", "") for one in _tree(book, "xl/_rels/workbook.xml.rels")}
        sheets = {one.get("name"): one for one in _tree(book, "xl/workbook.xml").iter(f"{_NS}sheet")}
        relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
        target = links[sheets[name].get(relation)].lstrip("/")
        tree = _tree(book, target if target.startswith("xl/") else f"xl/{target}")
    return [
        {_column(cell): text for cell in row if (text := _text(cell, shared)) is not None}
        for row in tree.iter(f"{_NS}row")
        if row.get("r") != "1"
    ]


def _tree(book: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(book.read(name))


def _shared(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    return ["".join(part.text or "" for part in one.iter(f"{_NS}t")) for one in _tree(book, "xl/sharedStrings.xml")]


def _column(cell: ET.Element) -> int:
    letters = re.sub(r"\d", "", cell.get("r", ""))
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _text(cell: ET.Element, shared: list[str]) -> tuple[str, str] | None:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "s", _unescaped("".join(part.text or "" for part in cell.iter(f"{_NS}t")))
    if cell.find(f"{_NS}f") is not None:
        return "f", str(cell.findtext(f"{_NS}v"))
    value = cell.findtext(f"{_NS}v")
    if value is None:
        return None
    return ("s", _unescaped(shared[int(value)])) if kind == "s" else ("s" if kind == "str" else kind, value)


def _unescaped(text: str) -> str:
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _plain(text: str) -> str:
    return str(int(float(text))) if re.fullmatch(r"\d+\.0", text) else text


def _meaning(cell: tuple[str, str] | None, native: str) -> Meaning:
    if cell is None:
        return NULL
    kind, text = cell
    base = native.split("(", maxsplit=1)[0]
    if kind == "b":
        truth = {"1": "true", "0": "false"}.get(text, text)
        return of_text(truth, native) if base in ("boolean", "text") else Meaning("broken", text)
    if kind == "s":
        return of_text(text, native)
    if kind != "n":
        return Meaning("broken", f"{kind} {text}")
    number = Decimal(repr(float(text))) or Decimal()  # Excel knows no negative zero
    micros = int((number * 86_400_000_000).to_integral_value()) if abs(number) < _SERIAL_MAX else -1
    if abs(micros - round(micros, -3)) <= _SERIAL_ERROR:
        micros = round(micros, -3)  # a serial number is a float of days
    first = (_EPOCH - dt.date(1970, 1, 1)).days * meaning.DAY_NS
    match base:
        case "float":
            return meaning.of_float(float(text) or 0.0)
        case "integer" | "decimal":
            return meaning.of_number(str(number))
        case "date" if micros % 86_400_000_000 == 0:
            return Meaning("date", (first + micros * 1000) // meaning.DAY_NS)
        case "timestamp":
            return Meaning("moment", first + micros * 1000)
        case "time" if micros < 86_400_000_000:
            return Meaning("time", micros * 1000)
    return Meaning("broken", text)
