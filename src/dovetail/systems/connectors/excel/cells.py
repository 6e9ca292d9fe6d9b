"""The cells of a sheet, row by row, as they are written: what each holds, and what nobody may take for its value."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from xml.etree import ElementTree as ET

from openpyxl.utils import get_column_letter, range_boundaries

from dovetail.systems.connectors.excel.package import Package, Sheet, local, opened, text_of, unescaped
from dovetail.systems.connectors.excel.serial import day, moment, time_of_day

DIGITS = 15
"""Excel keeps so many digits of a number."""

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]+)")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*ref=\"([A-Z0-9:]+)\"")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BLOCK_BYTES = 2**20
_LONGEST_TAG = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell holds: its kind (`text`, `number`, `boolean`, `date`, `timestamp`, `time` or `fault`), the value as
    text (of a fault: why it has none), and whether it comes of a formula."""

    kind: str
    text: str
    is_computed: bool = False


def rows(package: Package, sheet: Sheet) -> Iterator[tuple[int, dict[int, Cell]]]:
    """The rows that have cells with content: their numbers, and their cells by column, counted from 1."""
    with opened(package.path) as parts:
        covered = _covered(parts, sheet)
        with parts.open(sheet.part) as stream:
            number = 0
            for _, element in ET.iterparse(stream):  # noqa: S314 - expat has bounds of its own
                if local(element.tag) != "row":
                    continue
                number = int(element.attrib.get("r", number + 1))
                found = dict(_row(package, element))
                for column in covered.pop(number, ()):
                    found[column] = Cell("fault", "the cell is merged into another one")
                if found:
                    yield number, found
                element.clear()


def has_formulas(package: Package, sheet: Sheet) -> bool:
    """Whether any cell of the sheet has a formula."""
    with opened(package.path) as parts, parts.open(sheet.part) as stream:
        rest = b""
        while block := stream.read(_BLOCK_BYTES):
            rest = rest[-_LONGEST_TAG:] + block
            if _FORMULA.search(rest):
                return True
    return False


def place(column: int, row: int) -> str:
    """The name of a cell.

    >>> place(28, 3)
    'AB3'
    """
    return f"{get_column_letter(column)}{row}"


@cache
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_of(name: str) -> int:
    """The column of a cell's name.

    >>> column_of("AB3")
    28
    """
    return _column(name.rstrip("0123456789"))


def number_text(raw: str) -> str:
    """A number in plain digits: those that tell its 64-bit float from all others.

    >>> [number_text(one) for one in ("1", "1.5E3", "0.1", "-0", "1E-7", "30.000000000000004")]
    ['1', '1500', '0.1', '0', '0.0000001', '30.000000000000004']
    """
    if len(raw) <= DIGITS and raw.isascii() and raw.isdigit() and (raw[0] != "0" or raw == "0"):
        return raw
    number = Decimal(repr(float(raw)))
    return f"{number.normalize() if number else abs(number.to_integral()):f}"


def digits(text: str) -> int:
    """How many digits a number in plain digits has, without zeros before and behind.

    >>> digits("0.00120"), digits("1200")
    (2, 2)
    """
    return len(text.lstrip("-").replace(".", "").strip("0"))


def _row(package: Package, row: ET.Element) -> Iterator[tuple[int, Cell]]:
    column = 0
    for element in row:
        if local(element.tag) != "c":
            continue
        column = column_of(element.attrib["r"]) if "r" in element.attrib else column + 1
        cell = _cell(package, element)
        if cell is not None:
            yield column, cell


def _cell(package: Package, element: ET.Element) -> Cell | None:
    value, inline, is_computed = None, None, False
    for one in element:
        match local(one.tag):
            case "v":
                value = one.text or ""
            case "is":
                inline = text_of(one)
            case "f":
                is_computed = True
    kind = element.attrib.get("t", "n")
    if inline is not None:
        return Cell("text", inline, is_computed)
    if value is None or (not value.strip() and kind != "str"):
        return Cell("fault", "a formula that was never computed", is_computed) if is_computed else None
    match kind:
        case "s":
            return Cell("text", package.texts[int(value)], is_computed)
        case "str":
            return Cell("text", unescaped(value), is_computed)
        case "b":
            return Cell("boolean", "true" if value.strip() in ("1", "true") else "false", is_computed)
        case "e":
            return Cell("fault", f"the error {value}", is_computed)
        case "d":
            return Cell("timestamp", value.removesuffix("Z"), is_computed)
    return _number(package, value.strip(), int(element.attrib.get("s", "0")), is_computed=is_computed)


def _number(package: Package, raw: str, style: int, *, is_computed: bool) -> Cell:
    shows = package.shows(style)
    try:
        if shows == "number":
            return Cell("number", number_text(raw), is_computed)
        if shows == "duration":
            return Cell("fault", "a duration", is_computed)
        serial = float(raw)
        if shows == "date" and serial.is_integer():
            return Cell("date", day(int(serial), is_1904=package.is_1904), is_computed)
        if shows == "time" and 0 <= serial < 1:
            return Cell("time", time_of_day(serial), is_computed)
        return Cell("timestamp", moment(serial, is_1904=package.is_1904), is_computed)
    except (ValueError, OverflowError):
        words = "no number" if shows == "number" else "a number that is no date"
        return Cell("fault", words, is_computed)


def _covered(parts: zipfile.ZipFile, sheet: Sheet) -> dict[int, list[int]]:
    """The columns, by row, of cells that others cover; only the first cell of a merged range holds its value."""
    found: dict[int, list[int]] = {}
    with parts.open(sheet.part) as stream:
        rest = b""
        while block := stream.read(_BLOCK_BYTES):
            rest += block
            for one in _MERGED.finditer(rest):
                left, top, right, bottom = range_boundaries(one[1].decode())
                for row in range(top, bottom + 1):
                    found.setdefault(row, []).extend(
                        column for column in range(left, right + 1) if (column, row) != (left, top)
                    )
            last = rest.rfind(b"<")
            rest = rest[last:] if len(rest) - last < _LONGEST_TAG else b""
    return found
