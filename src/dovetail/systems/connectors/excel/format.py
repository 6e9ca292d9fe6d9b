"""Workbooks, as the verbs that all connectors of files share want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.systems.connectors.excel import make, package, write
from dovetail.systems.connectors.excel.cells import has_formulas, rows
from dovetail.systems.connectors.excel.package import Package, Sheet
from dovetail.systems.connectors.excel.read import batches
from dovetail.systems.connectors.excel.shape import NOTHING, DeclaredSheet, detect
from dovetail.systems.connectors.excel.values import unfit
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.known import Sign, known, sign_of
from dovetail.systems.files.manifest import Pinned


@dataclass(frozen=True, slots=True)
class Workbooks:
    """How sheets are looked at, read and written. In a folder of workbooks a sheet is called `WORKBOOK.SHEET`."""

    declared: Mapping[str, DeclaredSheet]
    rows_max: int
    only: str
    """The name of the one workbook, without its ending; empty in a folder of them."""
    _seen: dict[str, tuple[Sign, Pinned]] = field(default_factory=dict)
    _packages: dict[Path, tuple[Sign, Package]] = field(default_factory=dict)

    def holder(self, name: str) -> str:
        """The file that holds a dataset."""
        return self.only or name.partition(".")[0]

    def names(self, holder: str, path: Path) -> list[str]:
        """The datasets of a workbook."""
        titles = [one.title for one in self._package(path).sheets]
        return titles if self.only else [f"{holder}.{title}" for title in titles]

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """As it is pinned where its sheet still has the same fields, else as its cells say."""
        sign = sign_of(path)
        if pinned is not None and "header_row" in pinned.style:
            still = self._kept(name, path, pinned)
            if still is not None:
                return still
        seen = self._seen.get(name)
        if seen is None or seen[0] != sign:
            found, sheet = self._sheet(name, path)
            dataset, spellings, names = detect(found, sheet, self.declared.get(name, NOTHING))
            fresh = Pinned(replace(dataset, name=name), spellings, {"header_row": str(names.row)})
            self._seen[name] = seen = (sign, fresh)
        fresh = seen[1]
        if pinned is None or pinned.dataset.names != fresh.dataset.names:
            return fresh
        pairs = zip(pinned.dataset.fields, fresh.dataset.fields, strict=True)
        fields = tuple(replace(one, computed=other.computed) for one, other in pairs)
        key = fresh.dataset.key or pinned.dataset.key
        kept = replace(pinned.dataset, fields=fields, key=key, comment=fresh.dataset.comment)
        return replace(pinned, dataset=kept, style=fresh.style)

    def _kept(self, name: str, path: Path, pinned: Pinned) -> Pinned | None:
        """What is pinned, where a glance at the sheet shows that it still is so: the same names in the same row, and no
        formulas."""
        book, sheet = self._sheet(name, path)
        declared = self.declared.get(name, NOTHING)
        header_row = declared.header_row or _header_row(pinned)
        if header_row is None or has_formulas(book, sheet) or any(one.computed for one in pinned.dataset.fields):
            return None
        first = next((row for row in rows(book, sheet) if row[0] >= header_row), None)
        if first is None or first[0] != header_row:
            return None
        if [cell.text for _, cell in sorted(first[1].items())] != list(pinned.dataset.names):
            return None
        return replace(pinned, dataset=replace(pinned.dataset, key=declared.key or pinned.dataset.key))

    def rows(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every row with content, once, in the order of the sheet."""
        book, sheet = self._sheet(found.dataset.name, path)
        return batches(book, sheet, fields, header_row=_header_row(found), rows_max=self.rows_max)

    def ordered(self, path: Path, found: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """The same."""
        return self.rows(path, found, fields)

    def unfit(self, path: Path, found: Pinned, given: pa.RecordBatch) -> dict[int, str]:
        """Rows with a value that a cell cannot hold, or of a field that formulas compute."""
        fields = [known(found.dataset, name) for name in given.schema.names]
        return unfit(given, fields, is_1904=self._package(path).is_1904)

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """The workbook anew; only the cells of the edit change, and what formulas computed is forgotten."""
        book, sheet = self._sheet(found.dataset.name, path)
        dataset = replace(found.dataset, name=sheet.title)
        write.rewrite(book, beside, dataset, edit, header_row=_header_row(found))
        return replace(found, dataset=replace(found.dataset, rows=None))

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """A workbook with a sheet of names."""
        make.make(beside, self._title(dataset.name), dataset.names)
        return Pinned(dataset, style={"header_row": "1"})

    def add(self, path: Path, beside: Path, dataset: Dataset) -> Pinned:
        """The workbook with one more sheet."""
        make.add(self._package(path), beside, self._title(dataset.name), dataset.names)
        return Pinned(dataset, style={"header_row": "1"})

    def _title(self, name: str) -> str:
        return name if self.only else name.partition(".")[2]

    def _sheet(self, name: str, path: Path) -> tuple[Package, Sheet]:
        book = self._package(path)
        sheet = book.sheet(self._title(name))
        if sheet is None:
            raise SchemaDrift(f"there is no sheet {self._title(name)!r}", where=path.name)
        return book, sheet

    def _package(self, path: Path) -> Package:
        sign = sign_of(path)
        seen = self._packages.get(path)
        if seen is None or seen[0] != sign:
            self._packages.clear()
            self._packages[path] = seen = (sign, package.look(path))
        return seen[1]


def _header_row(found: Pinned) -> int | None:
    return int(found.style.get("header_row", "0")) or None
