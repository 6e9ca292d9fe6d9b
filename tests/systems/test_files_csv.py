"""Files of delimited values: how they are written is found out, and no value changes on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import DeclarationError, SchemaDrift, SystemFault, UnknownName
from dovetail.model.change import UNREADABLE, Change, Verb
from dovetail.systems.connectors.csv import Connector
from dovetail.systems.files.declared import Declared


def write(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(raw)
    return folder


def rows(connector: Connector, name: str = "a") -> list[dict[str, object]]:
    dataset = connector.describe().dataset(name)
    return [row for batch in connector.read(dataset, dataset.names) for row in batch.to_pylist()]


def types(connector: Connector, name: str = "a") -> dict[str, str]:
    return {one.name: str(one.type) for one in connector.describe().dataset(name).fields}


def column(folder: Path, values: list[str], **settings: object) -> tuple[str, list[object]]:
    write(folder, "id,v\n" + "".join(f"{at},{value}\n" for at, value in enumerate(values)))
    connector = Connector(path=folder, **settings)
    return types(connector)["v"], [row["v"] for row in rows(connector)]


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "", "-20"], "integer", [1, None, -20]),
        (["007", "8"], "text", ["007", "8"]),
        (["+1", "2"], "text", ["+1", "2"]),
        (["-0"], "decimal(38, 2)", [Decimal("0.00")]),
        (["1234567890123456789"], "text", ["1234567890123456789"]),
        (["1.10", "2", "-3.5"], "decimal(38, 2)", [Decimal("1.10"), Decimal("2.00"), Decimal("-3.50")]),
        (["0" * 2 + ".5"], "text", ["00.5"]),
        (["1e5", "2.5"], "float", [1e5, 2.5]),
        (["true", "false", ""], "boolean", [True, False, None]),
        (["1", "0"], "integer", [1, 0]),
        (["2024-02-29"], "date", [dt.date(2024, 2, 29)]),
        (["2024-02-29", "2023-02-29"], "text", ["2024-02-29", "2023-02-29"]),
        (["31.12.2024"], "text", ["31.12.2024"]),
        (["2024-01-01 10:00:00", "2024-01-01T10:00:00.5"], "timestamp", None),
        (["2024-01-01T10:00:00+02:00"], "instant", [dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)]),
        (["10:00:00"], "time", [dt.time(10)]),
        (["1", "NULL", "\\N"], "integer", [1, None, None]),
        (["Null", "NULL", "x"], "text", ["Null", "NULL", "x"]),
        (["0.1", "0.12345678901234567890123456789012345678901"], "text", None),
        (["", ""], "text", [None, None]),
    ],
)
def test_types_are_those_of_all_values(tmp_path: Path, values: list[str], kind: str, read: list[object] | None) -> None:
    if values == ["-0"]:
        values = ["-0", "1.25"]
        read = [Decimal("0.00"), Decimal("1.25")]
    found, got = column(tmp_path, values)
    assert found == kind
    if read is not None:
        assert got == read


def test_a_type_is_detected_from_the_last_value_too(tmp_path: Path) -> None:
    values = [str(number) for number in range(300_000)]
    assert column(tmp_path, values)[0] == "integer"
    assert column(tmp_path, [*values, "1.5"])[0] == "decimal(38, 1)"
    assert column(tmp_path, [*values, "x"])[0] == "text"


def test_a_value_beyond_the_sample_is_held_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, 'id,v\n1,"two\nlines"\n\n2,x\n3,y\nA4,z\n007,w\n')
    found = rows(Connector(path=tmp_path, sample_rows=3))
    assert [row["id"] for row in found] == [1, 2, 3, None, None]
    marks = [row[UNREADABLE] for row in found if row[UNREADABLE]]
    assert marks == ["id: not a whole number of 64 bits (a.csv:7)", "id: not a whole number of 64 bits (a.csv:8)"]


def test_declared_types_come_first(tmp_path: Path) -> None:
    write(tmp_path, "id,zip,price\n007,01234,x\n8,5,1.5\n")
    declared = {"a": Declared(key=("id",), types={"id": "integer", "zip": "text", "price": "decimal(12, 2)"})}
    found = rows(Connector(path=tmp_path, datasets=declared))
    assert [(row["id"], row["zip"], row["price"]) for row in found] == [(7, "01234", None), (8, "5", Decimal("1.50"))]
    assert found[0][UNREADABLE] == "price: not a decimal number that fits (a.csv:2)"
    assert Connector(path=tmp_path, datasets=declared).describe().dataset("a").key == ("id",)
    with pytest.raises(UnknownName, match="zip"):
        Connector(path=tmp_path, datasets={"a": Declared(key=("zipp",))}).describe()
    with pytest.raises(DeclarationError, match="did you mean decimal"):
        Connector(path=tmp_path, datasets={"a": Declared(types={"price": "decimall"})}).describe()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    lines = [delimiter.join(line) for line in (["id", "n, m; o|p"], ["1", "x"], ["2", '"a,b;c|d\te"'])]
    lines[0] = delimiter.join(["id", '"n, m; o|p"'])
    write(tmp_path, end.join(lines))
    assert rows(Connector(path=tmp_path)) == [{"id": 1, "n, m; o|p": "x"}, {"id": 2, "n, m; o|p": "a,b;c|d\te"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, "näme,id\r\nÄÖ é,1\r\n,2\r\n".encode(encoding))
    is_marked = encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")
    found = rows(Connector(path=tmp_path, encoding=None if is_marked else encoding))
    assert found == [{"näme": "ÄÖ é", "id": 1}, {"näme": None, "id": 2}]


def test_a_wrong_encoding_is_told(tmp_path: Path) -> None:
    write(tmp_path, "id,n\n1,é\n2,x\n".encode("cp1252"))
    found = rows(Connector(path=tmp_path))
    assert [row["n"] for row in found] == [None, "x"]
    assert "a.csv:2" in str(found[0][UNREADABLE])
    write(tmp_path, "id,né\n1,x\n".encode("cp1252"))
    with pytest.raises(SystemFault, match="declare the encoding"):
        Connector(path=tmp_path).describe()
    write(tmp_path, "id,n\n1,x\n".encode("utf-16-le"))
    with pytest.raises(SystemFault, match="UTF-16"):
        Connector(path=tmp_path).describe()
    write(tmp_path, "id,n\n1,\x81\n".encode("latin-1"))
    assert "not text" in str(rows(Connector(path=tmp_path, encoding="cp1252"))[0][UNREADABLE])
    write(tmp_path, "id,n\n1,xyz\n".encode("utf-16")[:-1])
    with pytest.raises(SystemFault, match="middle of a character"):
        rows(Connector(path=tmp_path))


def test_the_decimal_comma(tmp_path: Path) -> None:
    write(tmp_path, "id;price;code\n1;1,50;1.234\n2;-20,05;2.345\n3;7;x\n")
    connector = Connector(path=tmp_path)
    assert [row["price"] for row in rows(connector)] == [Decimal("1.50"), Decimal("-20.05"), Decimal("7.00")]
    assert "decimal comma" in connector.describe().dataset("a").comment
    write(tmp_path, "id;amount\n1;1,234\n2;2,345\n")
    assert types(Connector(path=tmp_path)) == {"id": "integer", "amount": "text"}, "it may group thousands"
    assert types(Connector(path=tmp_path, decimal=","))["amount"] == "decimal(38, 3)"


def test_empty_is_null_and_quoted_empty_is_text(tmp_path: Path) -> None:
    write(tmp_path, 'a,b,n\n,"",1\n"x",NULL,""\n"NULL",y,3\n')
    assert [(row["a"], row["b"]) for row in rows(Connector(path=tmp_path))] == [
        (None, ""),
        ("x", "NULL"),
        ("NULL", "y"),
    ]
    declared = rows(Connector(path=tmp_path, nulls=("NULL",), quoted_empty="null"))
    assert [(row["a"], row["b"]) for row in declared] == [(None, None), ("x", None), ("NULL", "y")]
    assert [row["n"] for row in declared] == [1, None, 3]


def test_ragged_records_are_held_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, 'id,a,b\n1,x,y\n2,x\n\n3,"p\nq",y\n4,x,y,z\n5,x,y\n')
    found = rows(Connector(path=tmp_path))
    assert sorted(row["id"] for row in found if row["id"]) == [1, 3, 5]
    assert sorted(str(row.get(UNREADABLE)) for row in found if row.get(UNREADABLE)) == [
        "id: the record has 2 cells instead of 3 (a.csv:3)",
        "id: the record has 4 cells instead of 3 (a.csv:7)",
    ]
    assert Connector(path=tmp_path).describe().dataset("a").rows == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('id,a\n1,"x\n2,y\n', "never closed"),
        ('id,a\n1,"x', "never closed"),
        ('"id,a\n1,x\n', "quoted name"),
        ("id,a,id\n1,2,3\n", "several fields are called 'id'"),
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: str, words: str) -> None:
    write(tmp_path, content)
    with pytest.raises(SystemFault, match=words):
        rows(Connector(path=tmp_path))


def test_odd_names_odd_cells_and_no_names(tmp_path: Path) -> None:
    write(tmp_path, ',"a ""q"".b",🐘\n1,x\0y,"5"" disk"\n2,5" disk,\x01\n')
    found = rows(Connector(path=tmp_path))
    assert found == [
        {"field_1": 1, 'a "q".b': "x\0y", "🐘": '5" disk'},
        {"field_1": 2, 'a "q".b': '5" disk', "🐘": "\x01"},
    ]
    assert rows(Connector(path=tmp_path, header=False))[0]["field_2"] == 'a "q".b'
    for content in ("", "id,a", "id,a\n", "\n"):
        write(tmp_path, content)
        assert rows(Connector(path=tmp_path)) == []
    write(tmp_path, "id\n1\n\n3\n")
    assert rows(Connector(path=tmp_path)) == [{"id": 1}, {"id": None}, {"id": 3}]


def test_a_stray_quote_is_told_across_blocks(tmp_path: Path) -> None:
    pad = "".join(f"{number},{'x' * 60},y\n" for number in range(60_000))
    write(tmp_path, f'id,a,b\n{pad}-1,"x" y,z\n{pad}-2,"q"\n-3,""z,z\n')
    found = rows(Connector(path=tmp_path))
    assert [row["id"] for row in found if row["id"] is not None and row["id"] < 0] == []
    assert len(found) == 120_003
    assert sum(row.get(UNREADABLE) is not None for row in found) == 3


def test_text_after_a_closing_quote_is_held(tmp_path: Path) -> None:
    write(tmp_path, 'id,a,b\n1,"x"y,z\n2,5" disk,"q"\n3,"a""b",c\n')
    found = rows(Connector(path=tmp_path))
    assert [row["id"] for row in found] == [None, 2, 3]
    assert found[0][UNREADABLE] == "id: text follows a closing quote (a.csv:2)"


def test_long_values_and_many_small_batches(tmp_path: Path) -> None:
    long = "é" * 3_000_000
    write(tmp_path, f'id,a\n1,x\n2,"{long}"\n3,y\n')
    connector = Connector(path=tmp_path, batch_rows=2)
    dataset = connector.describe().dataset("a")
    batches = list(connector.read(dataset, ["a"]))
    assert [value for batch in batches for value in batch["a"].to_pylist()] == ["x", long, "y"]
    assert max(len(batch) for batch in batches) <= 2


def test_folders_and_single_files(tmp_path: Path) -> None:
    write(tmp_path, "id\n1\n")
    write(tmp_path, "id\n1\n", "b.tsv")
    write(tmp_path, "x", ".hidden.csv")
    write(tmp_path, "x", "c.xlsx")
    assert [one.name for one in Connector(path=tmp_path).describe().datasets] == ["a", "b"]
    assert [one.name for one in Connector(path=tmp_path / "b.tsv").describe().datasets] == ["b"]
    write(tmp_path, "id\n1\n", "b.csv")
    with pytest.raises(DeclarationError, match=r"b\.csv and b\.tsv"):
        Connector(path=tmp_path).describe()
    with pytest.raises(SystemFault, match="not there"):
        Connector(path=tmp_path / "none").describe()


def test_a_field_that_is_gone_is_drift(tmp_path: Path) -> None:
    connector = Connector(path=write(tmp_path, "id,a\n1,2\n"))
    dataset = connector.describe().dataset("a")
    write(tmp_path, "id,b\n1,2\n")
    with pytest.raises(SchemaDrift):
        list(connector.read(dataset, ["a"]))


@pytest.mark.parametrize(
    "settings",
    [{"delimiter": ",,"}, {"batch_rows": 0}, {"decimal": "x"}, {"quoted_empty": "no"}, {"quote": "é"}],
)
def test_wrong_settings(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        Connector(path=tmp_path, **settings)
    with pytest.raises(DeclarationError, match="no encoding"):
        Connector(path=write(tmp_path, "a\n"), encoding="utf8000").describe()


def test_formulas_are_kept_or_guarded(tmp_path: Path) -> None:
    texts = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "''=1", "plain", "'", "a=1", "", "-"]
    for formulas in ("keep", "escape"):
        folder = tmp_path / formulas
        folder.mkdir()
        (folder / "a.csv").write_text("id,text,n\n0,x,-1\n")
        system = Connector(path=folder, datasets={"a": Declared(key=("id",))}, formulas=formulas)
        dataset = system.describe().dataset("a")
        rows = pa.RecordBatch.from_pydict({"id": list(range(1, 13)), "text": texts, "n": [-5] * 12})
        assert system.apply(dataset, Change(Verb.CREATE, rows)).applied == len(texts)
        written = (folder / "a.csv").read_text()
        assert ("'=cmd" in written, ",-5" in written) == (formulas == "escape", True)
        read = pa.Table.from_batches(system.read(dataset, ["text"]))["text"].to_pylist()
        assert read == ["x", *texts], "and back again, exactly"
    written = (tmp_path / "keep" / "a.csv").read_text()
    assert written.startswith("id,text,n\n0,x,-1\n1,=cmd|' /C calc'!A0,-5\n2,+1,-5\n"), "kept byte by byte"
    with pytest.raises(DeclarationError):
        Connector(path=tmp_path, formulas="hide")


def test_other_texts_for_true_and_false(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,paid\n1,t\n2,f\n3,\n")
    plain = Connector(path=tmp_path).describe().dataset("a")
    assert str(plain.field("paid").type) == "text", "a letter is a letter until somebody says otherwise"
    system = Connector(path=tmp_path, datasets={"a": Declared(key=("id",))}, booleans=("t", "f"))
    dataset = system.describe().dataset("a")
    assert str(dataset.field("paid").type) == "boolean"
    rows = pa.RecordBatch.from_pydict({"id": [4, 5], "paid": [True, False]})
    assert system.apply(dataset, Change(Verb.CREATE, rows)).applied == 2
    assert (tmp_path / "a.csv").read_text() == "id,paid\n1,t\n2,f\n3,\n4,t\n5,f\n"
    again = Connector(path=tmp_path, booleans=("t", "f"))
    read = pa.Table.from_batches(again.read(again.describe().dataset("a"), ["paid"]))["paid"].to_pylist()
    assert read == [True, False, None, True, False]


def test_what_was_detected_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id;preis\r\n1;1,50\r\n".encode("utf-16"))
    system = Connector(path=tmp_path)
    lines = {topic: (verdict, words) for topic, verdict, words in system.examine(system.describe().datasets)}
    assert lines["a"][0] == "ok"
    for words in ("utf-16-le with BOM", "delimiter semicolon", "CRLF", "decimal comma", "id integer", "preis decimal"):
        assert words in lines["a"][1]
    keyed = Connector(path=tmp_path, datasets={"a": Declared(key=("id",))})
    rows = pa.RecordBatch.from_pydict({"id": [2]})
    keyed.apply(keyed.describe().dataset("a"), Change(Verb.CREATE, rows))
    words = Connector(path=tmp_path).describe().dataset("a").comment
    assert "utf-16-le with BOM" in words
    assert "types kept" in words
