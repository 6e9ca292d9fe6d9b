"""Writes a workbook anew: the cells of one sheet change, every other part is copied as it is."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dovetail.errors import Full, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.excel.package import Package, Sheet, opened, relations
from dovetail.systems.connectors.excel.patch import Changes, patched, uncomputed
from dovetail.systems.connectors.excel.shape import head
from dovetail.systems.connectors.excel.values import SHOWN, contents
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.place import faults

ROWS_MAX = 1_048_576
"""The rows of a sheet."""

_FORMAT_IDS = {"date": 14, "timestamp": 22, "time": 21}
_STYLES = re.compile(r"<(\w+:)?cellXfs\b([^>]*)>(.*?)</(?:\w+:)?cellXfs>", re.DOTALL)
_CALCULATION = re.compile(r"<((?:\w+:)?calcPr)\b([^>]*?)(/?)>")
_TYPES = "[Content_Types].xml"


def rewrite(package: Package, beside: Path, dataset: Dataset, edit: Edit, *, header_row: int | None) -> None:
    """The workbook anew, with the edit."""
    sheet = package.sheet(dataset.name)
    if sheet is None:
        raise SystemFault(f"there is no sheet {dataset.name}", where=package.path.name, code="DV-305")
    styles = _Styles(package, _shown(package, dataset, sheet, header_row))
    changes = _changes(package, sheet, dataset, edit, header_row=header_row)
    replaced: dict[str, bytes] = {}
    with opened(package.path) as parts:
        for one in package.sheets:
            text = _text(parts, one.part)
            if one.part == sheet.part:
                text = patched(text, changes, styles.style, f"{package.path.name} {sheet.title}")
            fresh = uncomputed(text)
            if one.part == sheet.part or fresh != text:
                replaced[one.part] = fresh.encode()
        replaced |= styles.parts(parts)
        replaced |= _longer_tables(parts, sheet, changes)
        gone = _recalculated(package, parts, replaced)
        copy(parts, beside, replaced, gone)


def copy(parts: zipfile.ZipFile, beside: Path, replaced: Mapping[str, bytes], gone: frozenset[str]) -> None:
    """The package anew, with those parts in place of others, and without some."""
    with faults(beside.name), zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as fresh:
        for one in parts.infolist():
            if one.filename in gone:
                continue
            if one.filename in replaced:
                fresh.writestr(one, replaced[one.filename], zipfile.ZIP_DEFLATED)
            else:
                with parts.open(one) as old, fresh.open(one, "w") as new:
                    shutil.copyfileobj(old, new)
        for name in replaced.keys() - set(parts.namelist()):
            fresh.writestr(name, replaced[name])


@dataclass(slots=True)
class _Styles:
    """The styles that cells of new contents take: their own where it shows the value rightly, else the column's, else a
    new one."""

    package: Package
    columns: Mapping[int, tuple[str, int]]
    """By column, what must be shown, and the style of a cell that shows it (0 where there is none)."""
    added: list[str] | None = None

    def style(self, column: int, now: int) -> int:
        """The style of a cell of a column that has the style `now`."""
        shows, known = self.columns.get(column, ("number", 0))
        if now and self.package.shows(now) == shows:
            return now
        if shows == "number" or known:
            return known
        self.added = self.added or []
        if shows not in self.added:
            self.added.append(shows)
        return len(self.package.styles) + self.added.index(shows)

    def parts(self, parts: zipfile.ZipFile) -> dict[str, bytes]:
        """The part of the styles with those that are new."""
        if not self.added:
            return {}
        folder = PurePosixPath(self.package.book).parent
        links = relations(parts, f"{folder}/_rels/{PurePosixPath(self.package.book).name}.rels", str(folder))
        part = next((target for kind, target, _ in links if kind == "styles"), "")
        found = _STYLES.search(_text(parts, part)) if part else None
        if found is None:
            raise SystemFault("the workbook has no styles", where=self.package.path.name, code="DV-337")
        prefix = found[1] or ""
        fresh = "".join(
            f'<{prefix}xf numFmtId="{_FORMAT_IDS[one]}" fontId="0" fillId="0" borderId="0" applyNumberFormat="1"/>'
            for one in self.added
        )
        count = f' count="{len(self.package.styles) + len(self.added)}"'
        start = f"<{prefix}cellXfs{re.sub(r' count=.[0-9]+.', '', found[2])}{count}>"
        text = found.string[: found.start()] + start + found[3] + fresh + f"</{prefix}cellXfs>"
        return {part: (text + found.string[found.end() :]).encode()}


def _shown(package: Package, dataset: Dataset, sheet: Sheet, header_row: int | None) -> dict[int, tuple[str, int]]:
    """By column, what its cells must show, and a style that some cell of it has for that."""
    names, _ = head(package, sheet, header_row)
    wanted = {names.columns[one.name]: SHOWN.get(one.type.kind, "number") for one in dataset.fields}
    return {column: (shows, _known(package, shows)) for column, shows in wanted.items()}


def _known(package: Package, shows: str) -> int:
    if shows == "number":
        return 0
    return next((at for at in range(len(package.styles)) if package.shows(at) == shows), 0)


def _changes(package: Package, sheet: Sheet, dataset: Dataset, edit: Edit, *, header_row: int | None) -> Changes:
    names, after = head(package, sheet, header_row)
    numbers: list[int] = []
    last, named = names.row, set(names.columns.values())
    for last, row in after:
        if not named.isdisjoint(row):
            numbers.append(last)
    if last + len(edit.added) > ROWS_MAX:
        raise Full(f"a sheet has {ROWS_MAX:,} rows", where=f"{package.path.name} {sheet.title}")
    fresh = {
        names.columns[one.name]: contents(edit.rows.column(one.name), one, is_1904=package.is_1904)
        for one in dataset.fields
        if one.name in edit.rows.schema.names
    }
    return Changes(
        {numbers[position]: {column: of[at] for column, of in fresh.items()} for position, at in edit.changed.items()},
        frozenset(numbers[position] for position in edit.removed),
        frozenset(names.columns.values()),
        tuple({column: of[at] for column, of in fresh.items()} for at in edit.added),
        last,
    )


def _longer_tables(parts: zipfile.ZipFile, sheet: Sheet, changes: Changes) -> dict[str, bytes]:
    """Tables of the sheet that end with its last row take the new rows in; one with a row of totals stays as it is."""
    links = f"{PurePosixPath(sheet.part).parent}/_rels/{PurePosixPath(sheet.part).name}.rels"
    found: dict[str, bytes] = {}
    if not changes.added or links not in parts.namelist():
        return found
    last = changes.last + len(changes.added)
    for kind, part, _ in relations(parts, links, str(PurePosixPath(sheet.part).parent)):
        text = _text(parts, part) if kind == "table" else ""
        if text and not re.search(r'totalsRowCount="[1-9]', text):
            found[part] = re.sub(rf'(\bref="[A-Z]+[0-9]+:[A-Z]+){changes.last}"', rf'\g<1>{last}"', text).encode()
    return found


def _recalculated(package: Package, parts: zipfile.ZipFile, replaced: dict[str, bytes]) -> frozenset[str]:
    """Let Excel compute everything when it opens the workbook; the part that lists formulas in their order goes."""
    book = replaced.get(package.book, parts.read(package.book)).decode()
    found = _CALCULATION.search(book)
    if found is not None and "fullCalcOnLoad" not in found[2]:
        again = f'<{found[1]}{found[2]} fullCalcOnLoad="1"{found[3]}>'
        replaced[package.book] = (book[: found.start()] + again + book[found.end() :]).encode()
    folder = PurePosixPath(package.book).parent
    links = f"{folder}/_rels/{PurePosixPath(package.book).name}.rels"
    chain = next((target for kind, target, _ in relations(parts, links, str(folder)) if kind == "calcChain"), None)
    if chain is None:
        return frozenset()
    name = re.escape(PurePosixPath(chain).name)
    for part, tag in ((links, "Relationship"), (_TYPES, "Override")):
        text = replaced.get(part, parts.read(part)).decode()
        replaced[part] = re.sub(rf'<{tag}\b[^>]*{name}"[^>]*/>', "", text).encode()
    return frozenset((chain,))


def _text(parts: zipfile.ZipFile, part: str) -> str:
    try:
        return parts.read(part).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SystemFault("a part of the workbook is not UTF-8", where=part, code="DV-337") from error
