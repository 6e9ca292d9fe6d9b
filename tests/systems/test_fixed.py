"""Records of fixed width as old programs write them: what is read of them, and that nothing is ever cut."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import DeclarationError, SystemFault
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.systems.connectors.fixed import Connector
from dovetail.systems.connectors.fixed.layout import Layout, Mark, Span

LAYOUT = Layout(
    {
        "id": Span(1, 5, type="integer", pad="0"),
        "name": Span(6, 10),
        "price": Span(16, to=24, type="decimal", decimals=2, pad="0"),
        "day": Span(25, 8, type="date", form="YYYYMMDD", nulls=("00000000",)),
        "due": Span(34, 6, type="decimal(6, 1)", sign="trailing"),
    },
    key=("id",),
    length=40,
)
"""Character 33 belongs to no field, nor does 40."""

FIRST = "00001Ada       00012345020250131#   1.5*"
SECOND = "00002Zoë       -0000050000000000#  2.5--"


def system(folder: Path, **layouts: Layout) -> Connector:
    return Connector(path=folder, datasets=layouts or {"a": LAYOUT})


def rows(found: Connector, name: str = "a") -> list[dict[str, object]]:
    dataset = found.describe().dataset(name)
    return [row for batch in found.read(dataset, dataset.names) for row in batch.to_pylist()]


def apply(found: Connector, verb: Verb, given: list[dict[str, object]], name: str = "a") -> Receipt:
    dataset = found.describe().dataset(name)
    names = list(given[0])
    arrays = [pa.array([row[one] for row in given]) for one in names]
    kinds = [dataset.field(one).type.arrow() for one in names]
    wide = [kind if pa.types.is_decimal(kind) is False else array.type for array, kind in zip(arrays, kinds, strict=True)]
    cast = [array.cast(kind) for array, kind in zip(arrays, wide, strict=True)]
    return found.apply(dataset, Change(verb, pa.RecordBatch.from_arrays(cast, names)))


def test_values_are_those_of_the_layout(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{FIRST}\r\n{SECOND}\r\n", newline="")
    found = system(tmp_path)
    dataset = found.describe().dataset("a")
    assert [str(one.type) for one in dataset.fields] == ["integer", "text(10)", "decimal(9, 2)", "date", "decimal(6, 1)"]
    assert "40 characters" in dataset.comment
    assert "CRLF" in dataset.comment
    assert rows(found) == [
        {"id": 1, "name": "Ada", "price": Decimal("1234.50"), "day": dt.date(2025, 1, 31), "due": Decimal("1.5")},
        {"id": 2, "name": "Zoë", "price": Decimal("-5.00"), "day": None, "due": Decimal("-2.5")},
    ]


def test_what_is_not_touched_stays_byte_by_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + f"{FIRST}\r\nshort\r\n{SECOND}".encode())
    found = system(tmp_path)
    assert apply(found, Verb.UPDATE, [{"id": 1, "price": Decimal("-0.07"), "day": None}]).applied == 1
    third = {"id": 77, "name": None, "price": Decimal("9999999.99"), "day": dt.date(1, 2, 3), "due": Decimal("-9.5")}
    assert apply(found, Verb.CREATE, [third]).applied == 1
    assert (tmp_path / "a.txt").read_bytes().decode() == (
        "\ufeff00001Ada       -0000000700000000#   1.5*\r\nshort\r\n"
        f"{SECOND}\r\n00077          99999999900010203   9.5- \r\n"
    )
    assert rows(found)[-1] == {**third, UNREADABLE: None}
    assert apply(found, Verb.DELETE, [{"id": 2}]).applied == 1
    assert "Zoë" not in (tmp_path / "a.txt").read_text()


def test_a_record_of_another_length_is_held_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{FIRST}\n{SECOND[:-1]}\n{SECOND}x\n\n{SECOND}\n")
    found = rows(system(tmp_path))
    told = [row[UNREADABLE] for row in found]
    assert told[0] is None
    assert told[1] == "id: the record has 39 characters instead of 40 (a.txt:2)"
    assert told[2] == "id: the record has 41 characters instead of 40 (a.txt:3)"
    assert told[3] == "id: the record has 0 characters instead of 40 (a.txt:4)"
    assert [row["id"] for row in found] == [1, None, None, None, 2]
    padded = Layout(LAYOUT.fields, length=40, short="pad")
    (tmp_path / "a.txt").write_text(f"{FIRST[:20]}\n")
    assert rows(system(tmp_path, a=padded))[0]["due"] is None


def test_values_that_are_none_are_held(tmp_path: Path) -> None:
    wrong = ["0000xAda", "00003" + " " * 10 + "12,4567890", "00004" + " " * 19 + "20250231"]
    (tmp_path / "a.txt").write_text("".join(f"{one:40}\n" for one in wrong))
    told = [row[UNREADABLE] for row in rows(system(tmp_path))]
    assert [words.partition(":")[0] for words in told] == ["id", "price", "day"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 100_000),
        ("id", -10_000),
        ("name", "eleven char"),
        ("name", "blank at "),
        ("name", ""),
        ("name", "two\nlines"),
        ("name", "日本"),
        ("price", Decimal("-9999999.99")),
        ("due", Decimal("10000.0")),
    ],
)
def test_nothing_is_cut(tmp_path: Path, field: str, value: object) -> None:
    (tmp_path / "a.txt").write_bytes(f"{FIRST}\n".encode("cp1252"))
    found = Connector(path=tmp_path, datasets={"a": LAYOUT}, encoding="cp1252")
    given = {"id": 5, "name": "ok", "price": Decimal("1.00"), "due": Decimal("1.0"), field: value}
    receipt = apply(found, Verb.CREATE, [given])
    assert [(one.code, one.field) for one in receipt.rejects] == [("DV-445", field)]
    assert (tmp_path / "a.txt").read_bytes() == f"{FIRST}\n".encode("cp1252")


@pytest.mark.parametrize(("encoding", "end"), [("cp037", "none"), ("cp500", "lf"), ("cp1252", "crlf")])
def test_old_encodings(tmp_path: Path, encoding: str, end: str) -> None:
    ends = {"none": "", "lf": "\n", "crlf": "\r\n"}[end]
    (tmp_path / "a.dat").write_bytes(f"{FIRST}{ends}{SECOND}{ends}".encode(encoding))
    layout = Layout(LAYOUT.fields, ("id",), 40, encoding, end)
    found = system(tmp_path, a=layout)
    assert [row["name"] for row in rows(found)] == ["Ada", "Zoë"]
    assert apply(found, Verb.UPDATE, [{"id": 2, "name": "Über"}]).applied == 1
    expected = f"{FIRST}{ends}{SECOND.replace('Zoë ', 'Über')}{ends}"
    assert (tmp_path / "a.dat").read_bytes() == expected.encode(encoding)
    undeclared = Layout(LAYOUT.fields, ("id",), 40, encoding)
    assert len(rows(system(tmp_path, a=undeclared))) == 2, "line ends are looked up"


def test_bytes_that_are_no_text_stay_and_are_held(tmp_path: Path) -> None:
    raw = FIRST.encode().replace(b"Ada", b"A\x81a")
    (tmp_path / "a.txt").write_bytes(raw + b"\n" + SECOND.encode("cp1252") + b"\n")
    found = Connector(path=tmp_path, datasets={"a": LAYOUT}, encoding="cp1252")
    assert rows(found)[0][UNREADABLE] == "name: not text in the file's encoding (a.txt:1)"
    assert apply(found, Verb.UPDATE, [{"id": 2, "name": "x"}]).applied == 1
    assert (tmp_path / "a.txt").read_bytes().startswith(raw)


def test_records_of_several_types(tmp_path: Path) -> None:
    heads = Layout({"order": Span(2, 3, type="integer")}, ("order",), 8, file="orders", only=Mark(1, "H"))
    lines = Layout({"line": Span(2, 3, type="integer"), "item": Span(5, 4)}, ("line",), 8, file="orders", only=Mark(1, "L"))
    (tmp_path / "orders.txt").write_text("H  1    \nL  1nut \nL  2bolt\n?  9oops\nH  2    \n")
    found = system(tmp_path, heads=heads, lines=lines)
    assert [one.name for one in found.describe().datasets] == ["heads", "lines"]
    assert [row["order"] for row in rows(found, "heads")] == [1, None, 2]
    assert rows(found, "heads")[1][UNREADABLE] == "order: the record is of no type that is declared (orders.txt:4)"
    assert [row["item"] for row in rows(found, "lines")] == ["nut", "bolt"]
    assert apply(found, Verb.UPDATE, [{"line": 2, "item": "pin"}], "lines").applied == 1
    assert apply(found, Verb.CREATE, [{"line": 3, "item": "rod"}], "lines").applied == 1
    assert apply(found, Verb.DELETE, [{"order": 2}], "heads").applied == 1
    assert (tmp_path / "orders.txt").read_text() == "H  1    \nL  1nut \nL  2pin \n?  9oops\nL  3rod \n"


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (Layout({"a": Span(0, 3)}), "`start` from 1"),
        (Layout({"a": Span(1, 3, 3)}), "either `width` or `to`"),
        (Layout({"a": Span(1, 3), "b": Span(3, 2)}), "a and b overlap"),
        (Layout({"a": Span(1, 9)}, length=5), "ends after the record"),
        (Layout({"a": Span(1, 9, pad="ab")}), "`pad` is one character"),
        (Layout({"a": Span(1, 9, decimals=2)}), "`decimals`"),
        (Layout({"a": Span(1, 9)}, encoding="klingon"), "no encoding is called"),
        (Layout({"a": Span(1, 9)}, line_end="none"), "one byte a character"),
        (Layout({"a": Span(1, 9)}, line_end="cr"), "`line_end` is"),
        (Layout({"a": Span(1, 9)}, key=("b",)), "no field 'b'"),
    ],
)
def test_layouts_that_cannot_be_meant(tmp_path: Path, layout: Layout, words: str) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(DeclarationError, match=words):
        system(tmp_path, a=layout).describe()


def test_without_a_layout(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("x\n")
    with pytest.raises(SystemFault, match="layout of b is not declared") as caught:
        Connector(path=tmp_path).describe()
    assert caught.value.code == "DV-356"
