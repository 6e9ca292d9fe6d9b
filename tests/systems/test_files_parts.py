"""Datasets of many files, files that are still being written, and files to which rows are only added."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.systems.far_places import SftpServer

from dovetail.errors import DeclarationError, Refused, SchemaDrift, Unreachable
from dovetail.model.change import UNREADABLE, Change, LedgerEntry, Receipt, Verb
from dovetail.systems.connectors.csv import Connector as Csv
from dovetail.systems.connectors.jsonl import Connector as JSONLines
from dovetail.systems.connectors.parquet import Connector as Parquet
from dovetail.systems.files import steady
from dovetail.systems.files.declared import Declared

DAILY = {"orders": Declared(key=("id",), parts="orders-*.csv", file_field="source", write="append")}


def csv(folder: Path, **more: Any) -> Csv:
    return Csv(path=folder, **{"datasets": DAILY, **more})


def rows(system: Any, name: str = "orders") -> list[dict[str, object]]:
    dataset = system.describe().dataset(name)
    return [row for batch in system.read(dataset, dataset.names) for row in batch.to_pylist()]


def apply(system: Any, verb: Verb, given: list[dict[str, object]], name: str = "orders") -> Receipt:
    dataset = system.describe().dataset(name)
    return system.apply(dataset, Change(verb, pa.RecordBatch.from_pylist(given)))


def test_all_files_of_a_pattern_are_one_dataset(tmp_path: Path) -> None:
    (tmp_path / "orders-01.csv").write_text("id,price,note\n1,1.50,\n2,2,\n")
    (tmp_path / "orders-02.csv").write_text("price;id;note\n3;3;x\n")
    (tmp_path / "other.csv").write_text("id\n9\n")
    system = csv(tmp_path)
    catalog = system.describe()
    assert [one.name for one in catalog.datasets] == ["orders", "other"]
    found = catalog.dataset("orders")
    assert {one.name: str(one.type) for one in found.fields} == {
        "id": "integer",
        "price": "decimal(38, 2)",
        "note": "text",
        "source": "text",
    }
    assert (found.rows, "2 files orders-*.csv" in found.comment) == (3, True)
    assert rows(system) == [
        {"id": 1, "price": Decimal("1.50"), "note": None, "source": "orders-01.csv"},
        {"id": 2, "price": Decimal("2.00"), "note": None, "source": "orders-01.csv"},
        {"id": 3, "price": Decimal("3.00"), "note": "x", "source": "orders-02.csv"},
    ]
    keys = pa.RecordBatch.from_pydict({"id": [3, 4]})
    looked = [row for batch in system.lookup(found, ["source"], keys) for row in batch.to_pylist()]
    assert looked == [{"source": "orders-02.csv"}]
    (tmp_path / "orders-03.csv").write_text("id,price,note\n4,007,y\n")
    assert [row["price"] for row in rows(system)] == ["1.50", "2", "3", "007"], "one code makes a text of its field"


def test_files_of_a_folder_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "a.csv").write_text("id\n1\n")
    declared = {"orders": Declared(key=("id",), parts="orders/*.csv", write="append")}
    system = csv(tmp_path, datasets=declared)
    assert apply(system, Verb.CREATE, [{"id": 2}]).applied == 1
    assert [row["id"] for row in rows(system)] == [2, 1]
    assert sorted(one.name for one in (tmp_path / "orders").iterdir()) == ["00000001.csv", "a.csv"]
    server = SftpServer(tmp_path)
    try:
        assert [row["id"] for row in rows(Csv(path=server.address, access=server.access, datasets=declared))] == [2, 1]
    finally:
        server.close()


def test_other_formats(tmp_path: Path) -> None:
    (tmp_path / "orders-1.jsonl").write_text('{"id": 1, "n": null}\n')
    (tmp_path / "orders-2.jsonl").write_text('{"id": 2, "more": "x", "n": 5}\n')
    pq.write_table(pa.table({"id": [1]}), tmp_path / "orders-1.parquet")
    pq.write_table(pa.table({"id": pa.array([2], pa.int32())}), tmp_path / "orders-2.parquet")
    lines = JSONLines(path=tmp_path, datasets={"orders": Declared(parts="orders-*.jsonl")})
    assert rows(lines) == [{"id": 1, "n": None, "more": None}, {"id": 2, "n": 5, "more": "x"}]
    tables = Parquet(path=tmp_path, datasets={"orders": Declared(parts="orders-*.parquet")})
    assert rows(tables) == [{"id": 1}, {"id": 2}]


def test_parts_must_have_the_same_fields(tmp_path: Path) -> None:
    (tmp_path / "orders-1.csv").write_text("id,a\n1,2\n")
    (tmp_path / "orders-2.csv").write_text("id,b\n1,2\n")
    with pytest.raises(SchemaDrift, match=r"orders-2.csv and orders-1.csv have other fields: a, b"):
        csv(tmp_path).describe()
    for bad in ("../*.csv", "/etc/*", "a/b/*.csv"):
        with pytest.raises(DeclarationError):
            Declared(parts=bad)


def test_new_rows_are_a_file_of_their_own(tmp_path: Path) -> None:
    old = tmp_path / "orders-01.csv"
    old.write_text("id;price\n1;1,50\n")
    before = old.stat()
    system = csv(tmp_path)
    epoch = system.raise_epoch("p")
    dataset = system.describe().dataset("orders")
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
        first = pa.RecordBatch.from_pydict({"id": [2, 1], "price": [Decimal("2.25"), None]})
        kind = pa.schema([("id", pa.int64()), ("price", dataset.field("price").type.arrow())])
        receipt = transaction.apply(dataset, Change(Verb.CREATE, first.cast(kind)))
        assert [(one.position, one.code) for one in receipt.rejects] == [(1, "DV-448")], "the key is in another file"
        again = transaction.apply(dataset, Change(Verb.CREATE, first.slice(0, 1).cast(kind)))
        assert [one.code for one in again.rejects] == ["DV-448"], "and in the one that is being written"
        third = pa.RecordBatch.from_pydict({"id": [3], "price": [None]}).cast(kind)
        assert transaction.apply(dataset, Change(Verb.CREATE, third)).applied == 1
        transaction.record([LedgerEntry("p", 1, "r", b"")])
    assert (old.stat().st_mtime_ns, old.stat().st_ino) == (before.st_mtime_ns, before.st_ino), "others are not touched"
    assert sorted(one.name for one in tmp_path.glob("orders*")) == ["orders-00000002.csv", "orders-01.csv"]
    assert [(row["id"], row["price"], row["source"]) for row in rows(system)] == [
        (2, Decimal("2.25"), "orders-00000002.csv"),
        (3, None, "orders-00000002.csv"),
        (1, Decimal("1.50"), "orders-01.csv"),
    ]
    assert apply(system, Verb.CREATE, [{"id": 3}]).applied == 1, "applied again it is the same"
    for verb in (Verb.UPDATE, Verb.DELETE):
        with pytest.raises(Refused, match="stand in many files"):
            apply(system, verb, [{"id": 1}])
    replacing = csv(tmp_path, datasets={"orders": Declared(key=("id",), parts="orders-*.csv")})
    with pytest.raises(Refused, match="`write: append`"):
        apply(replacing, Verb.CREATE, [{"id": 9}])


def test_what_dies_before_its_end_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "orders-01.csv").write_text("id\n1\n")
    system = csv(tmp_path)
    dataset = system.describe().dataset("orders")
    with pytest.raises(ZeroDivisionError), system.transaction() as transaction:  # noqa: PT012
        transaction.apply(dataset, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"id": [2]})))
        raise ZeroDivisionError
    assert [row["id"] for row in rows(system)] == [1]
    assert not list(tmp_path.glob("*.new"))


def test_a_committed_part_is_read_before_it_is_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders-01.csv").write_text("id\n1\n")
    with monkeypatch.context() as patch:
        patch.setattr("dovetail.systems.files.place.Disk.move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(csv(tmp_path), Verb.CREATE, [{"id": 2}])
    assert [row["id"] for row in rows(csv(tmp_path))] == [2, 1]
    assert csv(tmp_path).raise_epoch("p") == 1
    assert [row["id"] for row in rows(csv(tmp_path))] == [2, 1]
    assert (tmp_path / "orders-00000001.csv").exists()


def test_append_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,n\n1,a\n")
    system = csv(tmp_path, datasets={"orders": Declared(key=("id",), write="append")})
    assert apply(system, Verb.CREATE, [{"id": 2, "n": "b"}]).applied == 1
    for verb in (Verb.UPDATE, Verb.DELETE):
        with pytest.raises(Refused, match="new rows are added, nothing else"):
            apply(system, verb, [{"id": 1, "n": "x"}] if verb is Verb.UPDATE else [{"id": 1}])
    assert (tmp_path / "orders.csv").read_text() == "id,n\n1,a\n2,b\n"
    with pytest.raises(DeclarationError, match="replace or append"):
        Declared(write="overwrite")


def test_unfinished_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("orders-1.csv", "orders-2.csv.tmp", "orders-3.csv.part", ".orders-4.csv", "~$orders-5.csv", "b.csv~"):
        (tmp_path / name).write_text("id\n1\n")
    declared = {"orders": Declared(parts="*orders-*")}
    assert len(rows(csv(tmp_path, datasets=declared))) == 1
    assert [one.name for one in csv(tmp_path, datasets=declared).describe().datasets] == ["orders"]
    marked = csv(tmp_path, datasets=declared, ready=".done")
    assert marked.describe().datasets == ()
    (tmp_path / "orders-1.done").touch()
    assert len(rows(marked)) == 1
    (tmp_path / "x.csv").write_text("id\n1\n")
    (tmp_path / "x.csv.done").touch()
    assert [one.name for one in marked.describe().datasets] == ["orders", "x"]


def test_a_file_is_read_once_its_writer_is_done(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("id\n")
    system = csv(tmp_path, datasets={}, settle_s=0.4)

    def write() -> None:
        for number in range(5):
            time.sleep(0.1)
            with path.open("a") as file:
                file.write(f"{number}\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert [row["id"] for row in rows(system)] == [0, 1, 2, 3, 4]
    finally:
        writer.join()
    started = time.perf_counter()
    assert len(rows(system)) == 5
    assert time.perf_counter() - started < 0.3, "a file that was seen at rest is not waited for again"


def test_a_file_that_is_written_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("id\n" + "".join(f"{at}\n" for at in range(50_000)))
    system = csv(tmp_path, datasets={}, batch_rows=1000)
    dataset = system.describe().dataset("orders")
    stream: Iterator[pa.RecordBatch] = system.read(dataset, ["id"])
    next(stream)
    with path.open("a") as file:
        file.write("x\n")
    with pytest.raises(Unreachable, match="changed while it was read") as caught:
        list(stream)
    assert caught.value.code == "DV-351"


def test_a_part_that_changes_or_goes_while_others_are_read(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"orders-{number}.csv").write_text(f"id\n{number}\n")
    system = csv(tmp_path)
    dataset = system.describe().dataset("orders")
    for harm in (
        lambda: (tmp_path / "orders-0.csv").write_text("id\n77\n"),
        (tmp_path / "orders-0.csv").unlink,
    ):
        stream = system.read(dataset, ["id"])
        next(stream)
        harm()
        with pytest.raises(Unreachable):
            list(stream)
    stream = system.read(dataset, ["id"])
    assert next(stream).to_pylist() == [{"id": 1}]
    (tmp_path / "orders-9.csv").write_text("id\n9\n")
    assert [row["id"] for batch in stream for row in batch.to_pylist()] == [2], "what arrives is for the next time"
    assert steady._TRIES > 1


def test_unreadable_values_name_their_file(tmp_path: Path) -> None:
    (tmp_path / "orders-1.csv").write_text("id,n\n1,2\n")
    (tmp_path / "orders-2.csv").write_text("id,n\n2,x\n3\n")
    declared = {"orders": Declared(parts="orders-*.csv", types={"n": "integer"})}
    told = [row.get(UNREADABLE) for row in rows(csv(tmp_path, datasets=declared))]
    assert told[0] is None
    assert "orders-2.csv:2" in str(told[1])
    assert "orders-2.csv:3" in str(told[2])
