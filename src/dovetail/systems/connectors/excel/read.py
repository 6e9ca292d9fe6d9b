"""Rows of a sheet as batches: each value in its carrier, or the reason and the cell why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind
from dovetail.systems.connectors.excel.cells import DIGITS, Cell, digits, place
from dovetail.systems.connectors.excel.package import Package, Sheet
from dovetail.systems.connectors.excel.shape import Row, head
from dovetail.systems.files.carry import Carried, Spelling, carry
from dovetail.systems.files.known import empty

_MIDNIGHT = " 00:00:00"


def batches(
    package: Package, sheet: Sheet, fields: Sequence[Field], *, header_row: int | None, rows_max: int
) -> Iterator[pa.RecordBatch]:
    """Every row with a value in some named column, once, in the order of the sheet; at least one batch."""
    names, after = head(package, sheet, header_row)
    for one in fields:
        if one.name not in names.columns:
            raise SchemaDrift(f"the sheet has no field {one.name!r}", where=f"{sheet.title}.{one.name}")
    columns = {one.name: names.columns[one.name] for one in fields}
    where = f"{package.path.name} {sheet.title}"
    is_empty = True
    part: list[Row] = []
    for row in filled(after, names.columns):
        part.append(row)
        if len(part) == rows_max:
            is_empty = False
            yield _batch(part, fields, columns, where)
            part = []
    if part:
        yield _batch(part, fields, columns, where)
    elif is_empty:
        yield empty(fields)


def filled(found: Iterator[Row], columns: Mapping[str, int]) -> Iterator[Row]:
    """The rows that have something in one of those columns."""
    asked = set(columns.values())
    return (row for row in found if not asked.isdisjoint(row[1]))


def column(cells: Sequence[Cell | None], spelling: Spelling) -> tuple[Carried, dict[int, str]]:
    """Cells in the carrier of a type, and why some have no value."""
    faults: dict[int, str] = {}
    texts: list[str | None] = []
    for at, cell in enumerate(cells):
        text = None if cell is None else _spelled(cell, spelling)
        if cell is not None and text is None and not (cell.kind == "text" and not cell.text):
            faults[at] = cell.text if cell.kind == "fault" else f"more than {DIGITS} digits, which Excel does not keep"
        texts.append(text)
    carried = carry(pa.array(texts, pa.string()), spelling)
    return carried, faults | dict.fromkeys(carried.failed, carried.words)


def _spelled(cell: Cell, spelling: Spelling) -> str | None:
    """The text that stands for the cell among values of a type; `None` where it has none."""
    kind = spelling.type.kind
    if cell.kind == "fault" or (cell.kind == "text" and not cell.text and spelling.shape is not None):
        return None
    if cell.kind == "number" and kind is not Kind.FLOAT:
        whole = cell.text.lstrip("-").partition(".")[0]
        return cell.text if digits(cell.text) <= DIGITS and len(whole) <= DIGITS else None
    if cell.kind == "timestamp" and kind is Kind.DATE:
        return cell.text.removesuffix(_MIDNIGHT)
    return cell.text


def _batch(part: Sequence[Row], fields: Sequence[Field], columns: Mapping[str, int], where: str) -> pa.RecordBatch:
    reasons: dict[int, list[str]] = defaultdict(list)
    arrays = []
    for one in fields:
        at_column = columns[one.name]
        carried, faults = column([row.get(at_column) for _, row in part], Spelling(one.type, is_strict=False))
        arrays.append(carried.column)
        for at, words in faults.items():
            reasons[at].append(f"{one.name}: {words} ({where}!{place(at_column, part[at][0])})")
    names = [one.name for one in fields]
    if reasons:
        words_of = [("; ".join(reasons[at]) if at in reasons else None) for at in range(len(part))]
        names.append(UNREADABLE)
        arrays.append(pa.array(words_of, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names) if arrays else _bare(len(part))


def _bare(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))
