"""Parquet files and JSON lines as sources: types as Arrow has them, numbers to their last digit."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dovetail.errors import SchemaDrift, SystemFault
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.jsonl import Connector as JSONLines
from dovetail.systems.connectors.parquet import Connector as Parquet
from dovetail.systems.files.declared import Declared
from dovetail.systems.protocol import Source

SOME_ID = uuid.UUID(int=7)


def rows(system: Source) -> list[dict[str, object]]:
    dataset = system.describe().datasets[0]
    return [row for batch in system.read(dataset, dataset.names) for row in batch.to_pylist()]


def types(system: Source) -> list[str]:
    return [str(one.type) for one in system.describe().datasets[0].fields]


def parquet(folder: Path, values: list[Any], kind: pa.DataType) -> Parquet:
    pq.write_table(pa.table({"a.b": pa.array(values, kind)}), folder / "a.parquet")
    return Parquet(path=folder)


@pytest.mark.parametrize(
    ("kind", "values", "logical", "read"),
    [
        (pa.uint8(), [255], "integer", [255]),
        (pa.uint64(), [2**64 - 1], "decimal(20, 0)", [Decimal(2**64 - 1)]),
        (pa.float32(), [0.5], "float", [0.5]),
        (pa.decimal128(38, 10), [Decimal("1.1000000000")], "decimal(38, 10)", [Decimal("1.1000000000")]),
        (pa.decimal256(76, 2), [Decimal(10**40), Decimal("1.50")], "decimal(38, 2)", [None, Decimal("1.50")]),
        (pa.timestamp("ns"), [1000, 1001], "timestamp", [dt.datetime(1970, 1, 1, 0, 0, 0, 1), None]),
        (pa.timestamp("s"), [-1], "timestamp", [dt.datetime(1969, 12, 31, 23, 59, 59)]),
        (pa.timestamp("ms", "Asia/Tokyo"), [0], "instant", [dt.datetime(1970, 1, 1, tzinfo=dt.UTC)]),
        (pa.time64("ns"), [2000, 1], "time", [dt.time(0, 0, 0, 2), None]),
        (pa.dictionary(pa.int8(), pa.string()), ["x", None], "text", ["x", None]),
        (pa.large_string(), ["x"], "text", ["x"]),
        (pa.binary(2), [b"ab"], "bytes", [b"ab"]),
        (pa.uuid(), [SOME_ID.bytes], "uuid", [str(SOME_ID)]),
        (pa.struct({"x": pa.decimal128(3, 2)}), [{"x": Decimal("1.10")}, None], "json", ['{"x": 1.10}', None]),
        (pa.map_(pa.string(), pa.int64()), [[("k", 1)], [("k", 1), ("k", 2)]], "json", ['{"k": 1}', None]),
        (pa.list_(pa.float64()), [[0.1], [float("nan")]], "json", ["[0.1]", None]),
        (pa.null(), [None], "text", [None]),
    ],
)
def test_arrow_types(tmp_path: Path, kind: pa.DataType, values: list[Any], logical: str, read: list[Any]) -> None:
    system = parquet(tmp_path, values, kind)
    assert types(system) == [logical]
    found = rows(system)
    assert [row["a.b"] for row in found] == read
    for row, value in zip(found, values, strict=True):
        assert (row["a.b"] is None and value is not None) == (row.get(UNREADABLE) is not None)


def test_parquet_row_groups_and_faults(tmp_path: Path) -> None:
    table = pa.table({"id": range(10_000), "s": [{"a": 1}] * 10_000, "s.a": ["text"] * 10_000})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=300)
    system = Parquet(path=tmp_path, datasets={"a": Declared(key=("id",))}, batch_rows=1000)
    dataset = system.describe().dataset("a")
    assert (dataset.rows, dataset.key) == (10_000, ("id",))
    batches = list(system.read(dataset, ["s.a", "id"]))
    assert [value for one in batches for value in one["id"].to_pylist()] == list(range(10_000))
    assert batches[0]["s.a"][0].as_py() == "text"
    pq.write_table(table.drop(["s.a"]), tmp_path / "a.parquet")
    with pytest.raises(SchemaDrift):
        list(system.read(dataset, ["s.a"]))
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    with pytest.raises(SystemFault, match="damaged"):
        system.describe()


def jsonl(folder: Path, *lines: str, **settings: Any) -> JSONLines:
    (folder / "a.jsonl").write_text("\n".join(lines))
    return JSONLines(path=folder, **settings)


@pytest.mark.parametrize(
    ("values", "logical", "read"),
    [
        (["1", "9007199254740993"], "integer", [1, 9007199254740993]),
        (["1.10", "2"], "decimal(38, 2)", [Decimal("1.10"), Decimal("2.00")]),
        (["0.1", "1e-10"], "decimal(38, 10)", [Decimal("0.1000000000"), Decimal("1E-10")]),
        (["123456789012345678901234567890", "1"], "decimal(38, 0)", [Decimal(123456789012345678901234567890), 1]),
        (["1e300", "0.5"], "float", [1e300, 0.5]),
        (["1e300", "0.12345678901234567890"], "json", None),
        (["true", "null"], "boolean", [True, None]),
        (['"2024-02-29"', '"2024-03-01"'], "date", [dt.date(2024, 2, 29), dt.date(2024, 3, 1)]),
        (['"2024-02-29"', '"x"'], "text", ["2024-02-29", "x"]),
        (['"7"', '"8"'], "text", ["7", "8"]),
        (['""', "null"], "text", ["", None]),
        (["1", '"x"'], "json", ["1", '"x"']),
        (['{"b":1.50,"a":[null]}', "[]"], "json", ['{"b": 1.50, "a": [null]}', "[]"]),
        (['"\\ud800"', '"x"'], "text", [None, "x"]),
        (['{"a":1,"a":2}', "1"], "json", [None, "1"]),
    ],
)
def test_json_values(tmp_path: Path, values: list[str], logical: str, read: list[Any] | None) -> None:
    system = jsonl(tmp_path, *(f'{{"id": {at}, "v": {value}}}' for at, value in enumerate(values)))
    assert types(system) == ["integer", logical]
    found = rows(system)
    if read is not None:
        assert [row["v"] for row in found] == read
    for row, value in zip(found, values, strict=True):
        assert (row["v"] is None and value != "null") == (row.get(UNREADABLE) is not None)


def test_json_lines_that_are_wrong_are_held(tmp_path: Path) -> None:
    system = jsonl(
        tmp_path, '\ufeff{"id": 1, "n": "x"}', "", "nonsense", '{"id": 2, "id": 3, "n": "y"}', "[1]", '{"n": NaN}', "{}"
    )
    assert [(row["id"], row["n"], row[UNREADABLE]) for row in rows(system)] == [
        (1, "x", None),
        (None, None, "id: the line is not JSON (a.jsonl:3)"),
        (None, "y", "id: the name occurs twice in the line (a.jsonl:4)"),
        (None, None, "id: the line is no object (a.jsonl:5)"),
        (None, None, "id: the line is not JSON (a.jsonl:6)"),
        (None, None, None),
    ]


def test_json_lines_declared_and_sampled(tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "v": number}) for number in range(20)] + ['{"id": 20, "v": 1.5}']
    sampled = jsonl(tmp_path, *lines, sample_rows=5)
    assert types(sampled) == ["integer", "integer"]
    assert rows(sampled)[-1][UNREADABLE] == "v: not an integer as the field has (a.jsonl:21)"
    declared = jsonl(tmp_path, *lines, datasets={"a": Declared(key=("id",), types={"v": "decimal(9, 1)"})})
    assert types(declared) == ["integer", "decimal(9, 1)"]
    assert rows(declared)[-1]["v"] == Decimal("1.5")
    (tmp_path / "a.jsonl").write_bytes('{"id": 1}'.encode("utf-16"))
    with pytest.raises(SystemFault, match="UTF-16"):
        declared.describe()
