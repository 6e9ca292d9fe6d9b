"""Makes a workbook with one sheet, or one more sheet in a workbook."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape, quoteattr

from dovetail.errors import SystemFault
from dovetail.systems.connectors.excel.package import Package, opened
from dovetail.systems.connectors.excel.patch import Changes, patched
from dovetail.systems.connectors.excel.values import Content
from dovetail.systems.connectors.excel.write import copy
from dovetail.systems.files.place import faults

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS = "http://schemas.openxmlformats.org/package/2006/content-types"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TITLE = re.compile(r"[^\x00-\x1f\[\]:*?/\\\ufffe\uffff\ud800-\udfff]{1,31}")
_SHEET = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData/></worksheet>'
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs></styleSheet>'
)


def make(beside: Path, title: str, names: Sequence[str]) -> None:
    """A workbook with one sheet that holds names alone."""
    _check(title, names)
    parts = {
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_KINDS}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f"{_override('xl/worksheets/sheet1.xml')}</Types>",
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_LINKS}">{_link("rId1", "officeDocument", "xl/workbook.xml")}'
        "</Relationships>",
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name={quoteattr(title)} sheetId="1" r:id="rId1"/></sheets><calcPr calcId="0"/></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_LINKS}">'
        f"{_link('rId1', 'worksheet', 'worksheets/sheet1.xml')}{_link('rId2', 'styles', 'styles.xml')}"
        "</Relationships>",
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": _named(names),
    }
    with faults(beside.name), zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as fresh:
        for name, text in parts.items():
            fresh.writestr(name, text)


def add(package: Package, beside: Path, title: str, names: Sequence[str]) -> None:
    """The workbook with one more sheet, after the others."""
    _check(title, names)
    if title.lower() in {one.title.lower() for one in package.sheets}:
        raise _refused(title, "another sheet has that title, but for capitals")
    folder = PurePosixPath(package.book).parent
    links = f"{folder}/_rels/{PurePosixPath(package.book).name}.rels"
    with opened(package.path) as parts:
        taken = set(parts.namelist())
        part = next(one for n in range(1, 10**6) if (one := f"{folder}/worksheets/dovetail{n}.xml") not in taken)
        book, linked = parts.read(package.book).decode("utf-8-sig"), parts.read(links).decode("utf-8-sig")
        kinds = parts.read("[Content_Types].xml").decode("utf-8-sig")
        name = f"dovetail{len(re.findall(r'<Relationship ', linked)) + 1}"
        number = max((int(one) for one in re.findall(r'sheetId="(\d+)"', book)), default=0) + 1
        end = re.search(r"</(\w+:)?sheets>", book)
        if end is None:
            raise SystemFault("the workbook lists no sheets", where=package.path.name, code="DV-337")
        entry = (
            f'<{end[1] or ""}sheet xmlns:dovetail="{_OFFICE}" name={quoteattr(title)} sheetId="{number}" '
            f'dovetail:id="{name}"/>'
        )
        replaced = {
            package.book: book[: end.start()] + entry + book[end.start() :],
            links: linked.replace("</Relationships>", f"{_link(name, 'worksheet', f'/{part}')}</Relationships>"),
            "[Content_Types].xml": kinds.replace("</Types>", f"{_override(part)}</Types>"),
            part: _named(names),
        }
        copy(parts, beside, {one: text.encode() for one, text in replaced.items()}, frozenset())


def _named(names: Sequence[str]) -> str:
    cells = {column: Content("inlineStr", name) for column, name in enumerate(names, 1)}
    return patched(_SHEET, Changes({}, frozenset(), frozenset(), (cells,), 0), lambda *_: 0, "")


def _link(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{escape(target)}"/>'


def _override(part: str) -> str:
    return f'<Override PartName="/{escape(part)}" ContentType="{_TYPE}.worksheet+xml"/>'


def _check(title: str, names: Sequence[str]) -> None:
    if not _TITLE.fullmatch(title) or title.startswith("'") or title.endswith("'"):
        raise _refused(title, "a title has at most 31 characters, and none of []:*?/\\")
    for name in names:
        if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", name):
            raise _refused(title, f"the name {name!r} cannot stand in a cell")


def _refused(title: str, words: str) -> SystemFault:
    return SystemFault(f"no sheet can be called {title!r}", where=title, hint=words, code="DV-338")
