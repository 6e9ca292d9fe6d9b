"""What a workbook is made of: its sheets, the texts that they share, the formats of numbers, and its way of dates."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format

from dovetail.errors import SystemFault
from dovetail.systems.files.place import faults

ROOT = "_rels/.rels"
"""The part of every package that says which part is the workbook."""

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TIMES = re.compile(r"[hs]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of cells: its title, the part that holds it, and whether people see it."""

    title: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Package:
    """A workbook without its cells. `texts` are the shared ones; `styles` what a number of each style is shown as."""

    path: Path
    book: str
    sheets: tuple[Sheet, ...]
    texts: tuple[str, ...]
    styles: tuple[str, ...]
    is_1904: bool

    def sheet(self, title: str) -> Sheet | None:
        """The sheet of that title."""
        return next((one for one in self.sheets if one.title == title), None)

    def shows(self, style: int) -> str:
        """What a number of that style is shown as: `number`, `date`, `timestamp`, `time` or `duration`."""
        return self.styles[style] if style < len(self.styles) else "number"


def shown(code: str) -> str:
    """What a format of numbers shows.

    >>> [shown(one) for one in ("General", "yyyy-mm-dd", "d.m.yy hh:mm", "h:mm:ss", "[h]:mm", '0.00 "days"')]
    ['number', 'date', 'timestamp', 'time', 'duration', 'number']
    """
    if is_timedelta_format(code):
        return "duration"
    if not is_date_format(code):
        return "number"
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    has_time = bool(_TIMES.search(bare))
    has_day = "y" in bare or "d" in bare or not has_time
    return "timestamp" if has_time and has_day else "time" if has_time else "date"


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The parts of a workbook; whatever is wrong with it leaves as Dovetail's error."""
    with faults(path.name):
        try:
            with zipfile.ZipFile(path) as parts:
                yield parts
        except (zipfile.BadZipFile, ET.ParseError, KeyError, IndexError, EOFError, NotImplementedError) as error:
            raise SystemFault(
                "the file is damaged, encrypted, or no Excel workbook (xlsx, xlsm)",
                where=path.name,
                hint="save it as xlsx, without a password",
                code="DV-337",
            ) from error


def look(path: Path) -> Package:
    """What a workbook is made of."""
    with opened(path) as parts:
        book = next(target for kind, target, _ in relations(parts, ROOT, "") if kind == "officeDocument")
        folder = PurePosixPath(book).parent
        links = list(relations(parts, f"{folder}/_rels/{PurePosixPath(book).name}.rels", str(folder)))
        parts_of = {name: (kind, target) for kind, target, name in links}
        root = ET.fromstring(parts.read(book))  # noqa: S314 - expat expands no entities beyond its bound
        sheets = []
        is_1904 = False
        for one in root.iter():
            if local(one.tag) == "sheet":
                link = next(value for name, value in one.attrib.items() if local(name) == "id" and name != "id")
                kind, target = parts_of[link]
                if kind == "worksheet":
                    sheets.append(Sheet(one.attrib["name"], target, one.attrib.get("state", "visible") != "visible"))
            elif local(one.tag) == "workbookPr":
                is_1904 = one.attrib.get("date1904", "0") in ("1", "true")
        part = {kind: target for kind, target, _ in links}
        texts = tuple(_texts(parts, part["sharedStrings"])) if "sharedStrings" in part else ()
        styles = tuple(map(shown, _formats(parts, part["styles"]))) if "styles" in part else ()
    return Package(path, book, tuple(sheets), texts, styles, is_1904)


def relations(parts: zipfile.ZipFile, part: str, folder: str) -> Iterator[tuple[str, str, str]]:
    """The links of a part: their kind, the part that they lead to, and their name."""
    for one in ET.fromstring(parts.read(part)):  # noqa: S314
        target = one.attrib["Target"]
        place = target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
        yield one.attrib["Type"].rpartition("/")[2], place.removeprefix("/"), one.attrib["Id"]


@cache
def local(tag: str) -> str:
    """A name without its namespace, of which there are two in use."""
    return tag.rpartition("}")[2]


def text_of(element: ET.Element) -> str:
    """The text of a shared or inline string: its runs, without readings for the ear."""
    if local(element.tag) == "rPh":
        return ""
    if local(element.tag) == "t":
        return unescaped(element.text or "")
    return "".join(text_of(one) for one in element)


def unescaped(text: str) -> str:
    r"""A text without Excel's own spelling of characters that XML does not keep.

    >>> unescaped("a_x000D_b _x005F_x0041_")
    'a\rb _x0041_'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def escaped(text: str) -> str:
    r"""A text in that spelling.

    >>> escaped("a\rb _x0041_")
    'a_x000D_b _x005F_x0041_'
    """
    return _ESCAPED.sub(r"_x005F\g<0>", text).replace("\r", "_x000D_")


def _texts(parts: zipfile.ZipFile, part: str) -> Iterator[str]:
    with parts.open(part) as stream:
        for _, element in ET.iterparse(stream):  # noqa: S314
            if local(element.tag) == "si":
                yield text_of(element)
                element.clear()


def _formats(parts: zipfile.ZipFile, part: str) -> Iterator[str]:
    root = ET.fromstring(parts.read(part))  # noqa: S314
    own = {one.attrib["numFmtId"]: one.attrib["formatCode"] for one in root.iter() if local(one.tag) == "numFmt"}
    for one in (style for styles in root.iter() if local(styles.tag) == "cellXfs" for style in styles):
        number = one.attrib.get("numFmtId", "0")
        yield own.get(number) or BUILTIN_FORMATS.get(int(number), "General")
