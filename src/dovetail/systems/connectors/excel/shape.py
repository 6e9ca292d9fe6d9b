"""What a sheet holds: the row of its names, its fields, and the type that all cells of a column have."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from openpyxl.utils import get_column_letter

from dovetail.errors import SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, Kind, Type
from dovetail.systems.connectors.excel.cells import DIGITS, Cell, digits, rows
from dovetail.systems.connectors.excel.package import Package, Sheet
from dovetail.systems.files.carry import Spelling
from dovetail.systems.files.declared import check_names, declared_type

HEAD_ROWS = 50
"""The row of the names is looked for among so many first rows with content."""

Row = tuple[int, dict[int, Cell]]


@dataclass(frozen=True, slots=True)
class DeclaredSheet:
    """What stands under one sheet: the fields of its key, types that are not to be detected, the number of the row that
    holds the names, and whether rows are only added (`write: append`)."""

    key: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    header_row: int | None = None
    write: str = "replace"


NOTHING = DeclaredSheet()
"""A sheet that nobody declared anything about."""


@dataclass(frozen=True, slots=True)
class Head:
    """The row of the names, and the column of each field."""

    row: int
    columns: Mapping[str, int]


@dataclass(slots=True)
class _Column:
    """What has been seen of one column."""

    kinds: set[str] = field(default_factory=set)
    scale: int = 0
    whole: int = 0
    is_long: bool = False
    is_computed: bool = False

    def see(self, cell: Cell) -> None:
        self.is_computed = self.is_computed or cell.is_computed
        if cell.kind == "fault" or (cell.kind == "text" and not cell.text):
            return
        self.kinds.add(cell.kind)
        if cell.kind == "number":
            whole, _, part = cell.text.lstrip("-").partition(".")
            self.scale, self.whole = max(self.scale, len(part)), max(self.whole, len(whole))
            self.is_long = self.is_long or (bool(part) and digits(cell.text) > DIGITS)

    def type(self) -> Type:
        if self.kinds == {"number"}:
            return self._number()
        kinds = {"boolean": Kind.BOOLEAN, "date": Kind.DATE, "time": Kind.TIME, "timestamp": Kind.TIMESTAMP}
        single = next(iter(self.kinds)) if len(self.kinds) == 1 else ""
        if self.kinds == {"date", "timestamp"}:
            single = "timestamp"
        kind = kinds.get(single, Kind.TEXT)
        return Type(kind, native=str(kind))

    def _number(self) -> Type:
        if self.is_long or self.scale + self.whole > DECIMAL_PRECISION_MAX:
            return Type(Kind.FLOAT, native="number")
        if not self.scale:
            return Type(Kind.INTEGER, native="number")
        return Type(Kind.DECIMAL, precision=DECIMAL_PRECISION_MAX, scale=self.scale, native="number")


def head(package: Package, sheet: Sheet, header_row: int | None) -> tuple[Head, Iterator[Row]]:
    """The row of the names, and the rows after it. It is the one declared, or the first of texts that are all different
    with two thirds at least of the cells that any of the first rows has."""
    where = f"{package.path.name} {sheet.title}"
    found = rows(package, sheet)
    if header_row is not None:
        first = next((one for one in found if one[0] >= header_row), None)
        if first is None or first[0] != header_row:
            raise _no_names(where, f"row {header_row} is empty")
        return _named(first, where), found
    start = list(itertools.islice(found, HEAD_ROWS))
    if not start:
        return Head(0, {}), iter(())
    widest = max(sum(cell.kind != "fault" for cell in row.values()) for _, row in start)
    for at, (number, row) in enumerate(start):
        texts = [cell.text for cell in row.values() if cell.kind == "text" and cell.text.strip()]
        if len(texts) == len(row) == len(set(texts)) and 3 * len(texts) >= 2 * widest:
            return _named((number, row), where), itertools.chain(start[at + 1 :], found)
    raise _no_names(where, "no row of names was found")


def detect(package: Package, sheet: Sheet, declared: DeclaredSheet) -> tuple[Dataset, Mapping[str, Spelling], Head]:
    """What a sheet holds and how it is spelled, from all its cells and from what is declared."""
    names, after = head(package, sheet, declared.header_row)
    where = f"{package.path.name} {sheet.title}"
    check_names(declared.key, list(names.columns), where)
    check_names(tuple(declared.types), list(names.columns), where)
    given = {name: declared_type(words, f"{where}: {name}") for name, words in declared.types.items()}
    seen = {column: _Column() for column in names.columns.values()}
    count = 0
    for _, row in after:
        is_filled = False
        for column, cell in row.items():
            one = seen.get(column)
            if one is not None:
                one.see(cell)
                is_filled = True
        count += is_filled
    fields = tuple(
        Field(
            name,
            given.get(name) or seen[column].type(),
            nullable=name not in declared.key,
            computed=seen[column].is_computed,
        )
        for name, column in names.columns.items()
    )
    spellings = {one.name: Spelling(one.type, is_strict=False) for one in fields}
    words = f"sheet, names in row {names.row}" + (", hidden" if sheet.is_hidden else "")
    words += ", days counted from 1904" if package.is_1904 else ""
    return Dataset(sheet.title, DatasetKind.TABLE, fields, declared.key, rows=count, comment=words), spellings, names


def _named(row: Row, where: str) -> Head:
    number, cells = row
    columns: dict[str, int] = {}
    for column in range(min(cells), max(cells) + 1):
        cell = cells.get(column)
        name = cell.text if cell is not None and cell.kind != "fault" else ""
        columns[name or f"column_{get_column_letter(column)}"] = column
    often = Counter(cell.text for cell in cells.values() if cell.text and cell.kind != "fault")
    doubled = [name for name, count in often.items() if count > 1]
    if doubled:
        raise SystemFault(
            f"several fields are called {doubled[0]!r}",
            where=f"{where}!{number}",
            hint="give each field a name of its own in the first row",
            code="DV-331",
        )
    return Head(number, columns)


def _no_names(where: str, words: str) -> SystemFault:
    hint = "declare it: `datasets: {SHEET: {header_row: 3}}`"
    return SystemFault(f"the names of the fields are not known: {words}", where=where, hint=hint, code="DV-353")
