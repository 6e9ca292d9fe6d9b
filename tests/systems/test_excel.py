"""Excel workbooks as people have them: what is read of them, and that only the cells meant are written."""

from __future__ import annotations

import datetime as dt
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table

from dovetail.errors import Full, Refused, SchemaDrift, SystemFault
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.systems.connectors.excel import Connector, write
from dovetail.systems.connectors.excel.shape import DeclaredSheet


def book(path: Path, rows: list[list[Any]], title: str = "orders", **formats: str) -> Path:
    """A workbook of one sheet; `formats` are formats of numbers, by cell."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cell, code in formats.items():
        sheet[cell].number_format = code
    made.save(path)
    return path


def patch(path: Path, part: str, *pairs: tuple[str, str]) -> None:
    """Change the text of a part, as another program would have written it."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    text = parts[part].decode()
    for before, after in pairs:
        assert before in text, text
        text = text.replace(before, after)
    with zipfile.ZipFile(path, "w") as new:
        for name, content in (parts | {part: text.encode()}).items():
            new.writestr(name, content)


def table(system: Connector, name: str = "orders") -> tuple[dict[str, str], list[dict[str, object]]]:
    dataset = system.describe().dataset(name)
    rows = [row for batch in system.read(dataset, dataset.names) for row in batch.to_pylist()]
    return {one.name: str(one.type) for one in dataset.fields}, rows


def apply(system: Connector, verb: Verb, rows: list[dict[str, object]]) -> Receipt:
    dataset = system.describe().dataset("orders")
    names = list(rows[0])
    arrays = [pa.array([row[name] for row in rows], dataset.field(name).type.arrow()) for name in names]
    return system.apply(dataset, Change(verb, pa.RecordBatch.from_arrays(arrays, names)))


KEYED = {"orders": DeclaredSheet(key=("id",))}
SHEET = "xl/worksheets/sheet1.xml"


def test_types_are_those_of_whole_columns(tmp_path: Path) -> None:
    day, stamp = dt.date(2025, 2, 28), dt.datetime(2025, 2, 28, 13, 5, 9)
    rows = [
        ["Orders of the year"],
        [],
        ["id", "code", "price", "day", "at", "clock", "paid", "mixed", "rate", "nothing"],
        [1, "007", 1.5, day, stamp, dt.time(8, 30), True, 5, 0.1 + 0.2],
        [2, "008", 20, day, day, dt.time(0), False, "five", 1.25],
        [],
        [3, "", None, None, None, None, None, None, None],
    ]
    path = book(tmp_path / "a.xlsx", rows)
    patch(path, SHEET, ("<v>0.3</v>", f"<v>{0.1 + 0.2!r}</v>"))
    system = Connector(path=path)
    kinds, found = table(system)
    assert kinds == {
        "id": "integer",
        "code": "text",
        "price": "decimal(38, 1)",
        "day": "date",
        "at": "timestamp",
        "clock": "time",
        "paid": "boolean",
        "mixed": "text",
        "rate": "float",
        "nothing": "text",
    }
    assert found[0] == {
        "id": 1,
        "code": "007",
        "price": Decimal("1.5"),
        "day": day,
        "at": stamp,
        "clock": dt.time(8, 30),
        "paid": True,
        "mixed": "5",
        "rate": 0.1 + 0.2,
        "nothing": None,
    }
    assert (found[1]["mixed"], found[1]["at"]) == ("five", dt.datetime(2025, 2, 28))
    assert len(found) == 3
    assert "names in row 3" in system.describe().dataset("orders").comment


@pytest.mark.parametrize("is_1904", [False, True])
def test_both_calendars(tmp_path: Path, is_1904: bool) -> None:
    serials = [[0], [1], [59], [60], [61], [45658], [2958465], [2958466], [-1]]
    formats = {f"A{at}": "yyyy-mm-dd" for at in range(2, 11)}
    path = book(tmp_path / "a.xlsx", [["day"], *serials], **formats)
    if is_1904:
        patch(path, "xl/workbook.xml", ("<workbookPr />", '<workbookPr date1904="1"/>'))
    _, found = table(Connector(path=path, datasets={"orders": DeclaredSheet(types={"day": "date"})}))
    days = [None if row["day"] is None else row["day"].isoformat() for row in found]
    if is_1904:
        assert days[:3] == ["1904-01-01", "1904-01-02", "1904-02-29"]
        assert days[5] == "2029-01-02"
    else:
        assert days[:5] == [None, "1900-01-01", "1900-02-28", None, "1900-03-01"], "29 February 1900 never was"
        assert days[5:] == ["2025-01-01", "9999-12-31", None, None]
    assert all((row["day"] is None) == bool(row.get(UNREADABLE)) for row in found)


@pytest.mark.parametrize("is_1904", [False, True])
def test_days_are_written_as_they_are_read(tmp_path: Path, is_1904: bool) -> None:
    path = book(tmp_path / "a.xlsx", [["id", "day"], [1, dt.date(2025, 1, 1)]])
    if is_1904:
        patch(path, "xl/workbook.xml", ("<workbookPr />", '<workbookPr date1904="1"/>'))
    days = [(1904, 1, 1), (1904, 2, 29), (2000, 2, 29), (2024, 12, 31), (9999, 12, 31)]
    days = days if is_1904 else [(1900, 1, 1), (1900, 2, 28), (1900, 3, 1), *days]
    system = Connector(path=path, datasets=KEYED)
    rows = [{"id": at, "day": dt.date(*day)} for at, day in enumerate(days, 2)]
    assert apply(system, Verb.CREATE, rows).applied == len(rows)
    assert table(system)[1][1:] == rows


def test_what_has_no_exact_value_is_told_with_its_cell(tmp_path: Path) -> None:
    rows = [["id", "n", "hours"], [1, 1, 0.5], [2, "#N/A", 1.5], [3, 3, 0.25], [4, 4, 0.25], [5, 5, 0.25], [6, 6, 6]]
    path = book(tmp_path / "a.xlsx", rows, C3="[h]:mm")
    made = openpyxl.load_workbook(path)
    sheet = made["orders"]
    sheet["B3"].value, sheet["B3"].data_type = "#N/A", "e"
    sheet["B4"] = "=A4*1"
    sheet.merge_cells("B5:C5")
    made.save(path)
    patch(
        path,
        SHEET,
        ('<c r="B6" t="n"><v>5</v></c>', '<c r="B6"><v>1234567890123456</v></c>'),
        ('<c r="B7" t="n"><v>6</v></c>', '<c r="B7"><v>1.23456789012345E15</v></c>'),
    )
    kinds, found = table(Connector(path=path))
    assert kinds["n"] == "integer"
    told = [row[UNREADABLE] or "" for row in found]
    assert told[0] == ""
    assert "n: the error #N/A (a.xlsx orders!B3)" in told[1]
    assert "hours: a duration (a.xlsx orders!C3)" in told[1]
    assert "n: a formula that was never computed (a.xlsx orders!B4)" in told[2]
    assert "hours: the cell is merged into another one (a.xlsx orders!C5)" in told[3]
    assert "more than 15 digits" in told[4]
    assert "more than 15 digits" in told[5], "a zero at the end may have been another digit"
    assert [row["n"] for row in found] == [1, None, None, 4, None, None]


def test_formulas_are_read_and_never_written(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["id", "n", "double"], [1, 2, "=B2*2"], [2, 3, "=B3*2"]])
    patch(path, SHEET, ("<f>B2*2</f><v />", "<f>B2*2</f><v>4</v>"), ("<f>B3*2</f><v />", "<f>B3*2</f><v>6</v>"))
    system = Connector(path=path, datasets=KEYED)
    dataset = system.describe().dataset("orders")
    assert [one.computed for one in dataset.fields] == [False, False, True]
    assert [row["double"] for row in table(system)[1]] == [4, 6]
    refused = apply(system, Verb.UPDATE, [{"id": 1, "double": 9}])
    assert [one.field for one in refused.rejects] == ["double"]
    assert apply(system, Verb.UPDATE, [{"id": 1, "n": 5}]).applied == 1
    formulas = openpyxl.load_workbook(path)["orders"]
    assert [formulas[cell].value for cell in ("B2", "C2", "C3")] == [5, "=B2*2", "=B3*2"]
    told = [row[UNREADABLE] for row in table(system)[1]]
    assert all("never computed" in words for words in told), "what stood there before may be wrong now"
    with zipfile.ZipFile(path) as parts:
        assert b'fullCalcOnLoad="1"' in parts.read("xl/workbook.xml")


def test_only_the_cells_meant_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    sheet, other = made.active, made.create_sheet("notes")
    sheet.title = "orders"
    for row in (["id", "name", "day"], [1, "a", dt.date(2025, 1, 1)], [2, "b", None], [3, "c", None]):
        sheet.append(row)
    sheet["B3"].font = Font(bold=True)
    sheet["E2"] = "a remark beside"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=1, min_row=1, max_row=4))
    sheet.add_chart(chart, "G2")
    other["A1"] = "keep me"
    made.save(path)
    with zipfile.ZipFile(path) as parts:
        before = {name: parts.read(name) for name in parts.namelist()}
    system = Connector(path=path, datasets=KEYED)
    apply(system, Verb.UPDATE, [{"id": 2, "name": "new", "day": dt.date(2025, 3, 1)}])
    apply(system, Verb.DELETE, [{"id": 1}])
    apply(system, Verb.CREATE, [{"id": 9, "name": "added", "day": dt.date(1999, 12, 31)}])
    with zipfile.ZipFile(path) as parts:
        after = {name: parts.read(name) for name in parts.namelist()}
    assert {name for name in before if before[name] != after[name]} <= {SHEET, "xl/workbook.xml", "xl/styles.xml"}
    again = openpyxl.load_workbook(path)["orders"]
    assert [[cell.value for cell in row[:3]] for row in again["A1:C5"]] == [
        ["id", "name", "day"],
        [None, None, None],
        [2, "new", dt.datetime(2025, 3, 1)],
        [3, "c", None],
        [9, "added", dt.datetime(1999, 12, 31)],
    ]
    assert again["B3"].font.bold
    assert again["E2"].value == "a remark beside"
    assert [row["id"] for row in table(system)[1]] == [2, 3, 9], "a row that was cleared is none"


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "  blank ", "a\r\nb\tc", "_x0041_", "<&>\"'", "007", "", "😀"]
)
def test_text_is_text(tmp_path: Path, text: str) -> None:
    system = Connector(path=book(tmp_path / "a.xlsx", [["id", "name"], [1, "x"]]), datasets=KEYED)
    assert apply(system, Verb.CREATE, [{"id": 2, "name": text}]).applied == 1
    assert table(system)[1][1]["name"] == text
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx")["orders"]["B3"]
    assert cell.data_type != "f"
    assert (cell.value or "") == text or "_x" in str(cell.value), "openpyxl does not know every escape"


def test_what_a_cell_cannot_hold_is_rejected(tmp_path: Path) -> None:
    rows = [["id", "name", "price", "at"], [1, "x", 0.5, dt.datetime(2025, 1, 1, 1)]]
    system = Connector(path=book(tmp_path / "a.xlsx", rows), datasets=KEYED)
    stamp = dt.datetime(2025, 1, 1, 1)
    ok = {"id": 2, "name": "y", "price": Decimal("1.5"), "at": stamp}
    bad = [
        {"id": 3, "name": "nul\0"},
        {"id": 4, "name": "x" * 32_768},
        {"id": 10**15 + 1},
        {"id": 5, "price": Decimal("1234567890123456.5")},
        {"id": 6, "at": dt.datetime(1899, 12, 31)},
        {"id": 7, "at": dt.datetime(2025, 1, 1, 0, 0, 0, 1)},
    ]
    receipt = apply(system, Verb.CREATE, [ok, *({**ok, **one} for one in bad)])
    fields = ["name", "name", "id", "price", "at", "at"]
    assert [(one.position, one.field) for one in receipt.rejects] == list(enumerate(fields, 1))
    assert [row["id"] for row in table(system)[1]] == [1, 2]


def test_a_sheet_has_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = Connector(path=book(tmp_path / "a.xlsx", [["id"], [1], [2]]), datasets=KEYED)
    monkeypatch.setattr(write, "ROWS_MAX", 4)
    assert apply(system, Verb.CREATE, [{"id": 3}]).applied == 1
    before = (tmp_path / "a.xlsx").read_bytes()
    with pytest.raises(Full, match="4 rows"):
        apply(system, Verb.CREATE, [{"id": 4}])
    assert (tmp_path / "a.xlsx").read_bytes() == before


def test_a_table_takes_new_rows_in_and_rows_are_only_added(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["id", "n"], [1, 1], [2, 2]])
    made = openpyxl.load_workbook(path)
    made["orders"].add_table(Table(displayName="Orders", ref="A1:B3"))
    made.save(path)
    patch(path, "xl/worksheets/_rels/sheet1.xml.rels", ('"/xl/tables/', '"../tables/'))
    system = Connector(path=path, datasets={"orders": DeclaredSheet(key=("id",), write="append")})
    assert apply(system, Verb.CREATE, [{"id": 3, "n": 3}, {"id": 4, "n": 4}]).applied == 2
    table_made = openpyxl.load_workbook(path)["orders"].tables["Orders"]
    assert (table_made.ref, table_made.autoFilter.ref) == ("A1:B5", "A1:B5")
    with pytest.raises(Refused, match="new rows are added, nothing else"):
        apply(system, Verb.DELETE, [{"id": 3}])


def test_shared_formulas_keep_their_row(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["id", "n"], [1, "=A2"], [2, "=A3"]])
    patch(
        path,
        SHEET,
        ("<f>A2</f><v />", '<f t="shared" ref="B2:B3" si="0">A2</f><v>1</v>'),
        ("<f>A3</f><v />", '<f t="shared" si="0"/><v>2</v>'),
    )
    system = Connector(path=path, datasets=KEYED)
    assert apply(system, Verb.DELETE, [{"id": 2}]).applied == 1
    with pytest.raises(Refused, match="other cells share"):
        apply(system, Verb.DELETE, [{"id": 1}])


def test_other_ways_to_write_the_same(tmp_path: Path) -> None:
    """Prefixed names, rows and cells without their numbers, inline texts: as other programs write them."""
    path = book(tmp_path / "a.xlsx", [["x"]])
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = (
        "<x:row><x:c t='inlineStr'><x:is><x:t>id</x:t></x:is></x:c>"
        "<x:c t='inlineStr'><x:is><x:r><x:t>na</x:t></x:r><x:r><x:t>me</x:t></x:r></x:is></x:c></x:row>"
        "<x:row><x:c><x:v>1E0</x:v></x:c><x:c t='str'><x:v>a</x:v></x:c></x:row>"
    )
    with zipfile.ZipFile(path) as old:
        text = old.read(SHEET).decode()
    patch(path, SHEET, (text, f'<x:worksheet xmlns:x="{space}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'))
    system = Connector(path=path, datasets=KEYED)
    assert table(system)[1] == [{"id": 1, "name": "a"}]
    assert apply(system, Verb.UPDATE, [{"id": 1, "name": "b"}]).applied == 1
    assert apply(system, Verb.CREATE, [{"id": 2, "name": "c"}]).applied == 1
    assert [row["name"] for row in table(system)[1]] == ["b", "c"]


def test_headers(tmp_path: Path) -> None:
    doubled = Connector(path=book(tmp_path / "a.xlsx", [["id", "id", "n"], [1, 2, 3]]))
    with pytest.raises(SystemFault, match="no row of names") as caught:
        doubled.describe()
    assert caught.value.code == "DV-353"
    declared = {"orders": DeclaredSheet(header_row=1)}
    with pytest.raises(SystemFault, match="several fields are called 'id'"):
        Connector(path=tmp_path / "a.xlsx", datasets=declared).describe()
    numbers = Connector(path=book(tmp_path / "b.xlsx", [[2024, 2025], [1, 2]]), datasets=declared)
    assert table(numbers) == ({"2024": "integer", "2025": "integer"}, [{"2024": 1, "2025": 2}])
    with pytest.raises(SystemFault, match="row 9 is empty"):
        Connector(path=tmp_path / "b.xlsx", datasets={"orders": DeclaredSheet(header_row=9)}).describe()


def test_a_folder_of_workbooks_and_new_sheets(tmp_path: Path) -> None:
    book(tmp_path / "north.xlsx", [["id"], [1]])
    book(tmp_path / "south.xlsx", [["id"], [2]])
    system = Connector(path=tmp_path)
    assert [one.name for one in system.describe().datasets] == ["north.orders", "south.orders"]
    dataset = system.describe().dataset("south.orders")
    assert [batch.to_pylist() for batch in system.read(dataset, ["id"])] == [[{"id": 2}]]
    alone = Connector(path=tmp_path / "north.xlsx")
    found = alone.describe().dataset("orders")
    for name in ("more", "made"):
        alone.create(type(found)(name, found.kind, found.fields, ("id",)))
    assert openpyxl.load_workbook(tmp_path / "north.xlsx").sheetnames == ["orders", "more", "made"]
    for title in ("a/b", "x" * 32, "MORE", ""):
        with pytest.raises(SystemFault):
            alone.create(type(found)(title, found.kind, found.fields, ("id",)))
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SystemFault, match="no Excel workbook"):
        Connector(path=tmp_path / "broken.xlsx").describe()
    with pytest.raises(SchemaDrift, match="no sheet"):
        list(Connector(path=tmp_path / "south.xlsx").read(type(found)("gone", found.kind, found.fields), ["id"]))
