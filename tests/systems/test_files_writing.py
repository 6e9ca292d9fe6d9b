"""Files as targets: what is not touched stays byte by byte, and whatever dies, a file and its ledger are whole."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dovetail.errors import Overdue, Refused, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt, Verb
from dovetail.systems.connectors.csv import Connector as Csv
from dovetail.systems.connectors.jsonl import Connector as JSONLines
from dovetail.systems.connectors.parquet import Connector as Parquet
from dovetail.systems.files.declared import Declared
from dovetail.systems.protocol import Target

KEYED = {"a": Declared(key=("id",))}


def change(
    dataset: Dataset, verb: Verb, rows: list[dict[str, object]], expected: list[dict[str, object]] | None = None
) -> Change:
    def batch(given: list[dict[str, object]]) -> pa.RecordBatch:
        names = list(given[0])
        kinds = [dataset.field(name).type.arrow() for name in names]
        arrays = [pa.array([row[name] for row in given], kind) for name, kind in zip(names, kinds, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names)

    return Change(verb, batch(rows), None if expected is None else batch(expected))


def apply(system: Target, verb: Verb, rows: list[dict[str, object]]) -> Receipt:
    dataset = system.describe().dataset("a")
    return system.apply(dataset, change(dataset, verb, rows))


def ours(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".dovetail-*"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_edited_csv_keeps_its_ways(tmp_path: Path, encoding: str) -> None:
    text = 'id;"näme";price\r\n1;"a ""b""";1,50\r\n\r\n2;ü;2,00\r\n3;"two\r\nlines";\r\n4;x;7'
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    system = Csv(path=tmp_path, datasets=KEYED, encoding="cp1252" if encoding == "cp1252" else None)
    assert apply(system, Verb.UPDATE, [{"id": 2, "price": Decimal("3.10")}]).applied == 1
    apply(system, Verb.UPDATE, [{"id": 1, "näme": "new"}])
    apply(system, Verb.DELETE, [{"id": 3}])
    receipt = apply(
        system, Verb.CREATE, [{"id": 5, "näme": "a;b", "price": None}, {"id": 6, "näme": "", "price": None}]
    )
    assert receipt.applied == 2
    written = (tmp_path / "a.csv").read_bytes().decode(encoding)
    assert written == ('id;"näme";price\r\n1;"new";1,50\r\n\r\n2;ü;3,10\r\n4;x;7\r\n5;"a;b";\r\n6;"";\r\n')


def test_a_csv_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,n,p\n1,é,1.50\n".encode("cp1252"))
    system = Csv(path=tmp_path, datasets=KEYED, encoding="cp1252")
    receipt = apply(system, Verb.CREATE, [{"id": 2, "n": "日本", "p": None}, {"id": 3, "n": "ok", "p": None}])
    assert [(one.position, one.code, one.field) for one in receipt.rejects] == [(0, "DV-445", "n")]
    assert (tmp_path / "a.csv").read_bytes() == "id,n,p\n1,é,1.50\n3,ok,\n".encode("cp1252")


def test_types_stay_when_values_would_say_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,code\n1,x\n")
    apply(Csv(path=tmp_path, datasets=KEYED), Verb.UPDATE, [{"id": 1, "code": "007"}])
    fresh = Csv(path=tmp_path, datasets=KEYED)
    assert [str(one.type) for one in fresh.describe().dataset("a").fields] == ["integer", "text"]
    (tmp_path / "a.csv").write_text("id,code,more\n1,2,3\n")
    kinds = [str(one.type) for one in Csv(path=tmp_path, datasets=KEYED).describe().dataset("a").fields]
    assert kinds == ["integer", "integer", "integer"], "another header is another file"


def test_without_a_key_or_with_a_ragged_record_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,n\n1,x\n2\n")
    with pytest.raises(Refused, match="no key"):
        apply(Csv(path=tmp_path), Verb.CREATE, [{"id": 5, "n": "y"}])
    with pytest.raises(SystemFault, match="1 cells instead of 2") as caught:
        apply(Csv(path=tmp_path, datasets=KEYED), Verb.CREATE, [{"id": 5, "n": "y"}])
    assert caught.value.where == "a.csv:3"
    assert (tmp_path / "a.csv").read_text() == "id,n\n1,x\n2\n"


def test_an_edited_jsonl_keeps_its_lines(tmp_path: Path) -> None:
    text = '{"id":1, "n":"a","deep":{"x":[1.50,1e2]}}\n\n{ "id" : 2 }\nnonsense\n{"id":3,"n":"c"}'
    (tmp_path / "a.jsonl").write_text(text)
    system = JSONLines(path=tmp_path, datasets=KEYED)
    apply(system, Verb.UPDATE, [{"id": 3, "n": "é"}])
    apply(system, Verb.CREATE, [{"id": 4, "n": None, "deep": '{"y": 1.10}'}])
    assert (tmp_path / "a.jsonl").read_text() == (
        '{"id":1, "n":"a","deep":{"x":[1.50,1e2]}}\n\n{ "id" : 2 }\nnonsense\n{"id": 3, "n": "é"}\n'
        '{"id": 4, "deep": {"y": 1.10}}\n'
    )
    apply(system, Verb.UPDATE, [{"id": 1, "n": "z"}])
    assert '{"id": 1, "n": "z", "deep": {"x": [1.50, 1e+2]}}' in (tmp_path / "a.jsonl").read_text()


def test_an_edited_parquet_keeps_its_schema(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("id", pa.int32(), nullable=False),
            pa.field("when", pa.timestamp("ns")),
            pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
            pa.field("deep", pa.list_(pa.int64())),
        ],
        metadata={"owner": "somebody"},
    )
    rows = [{"id": at, "when": at, "kind": "ab"[at % 2], "deep": [at]} for at in range(10)]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "a.parquet", compression="gzip", row_group_size=4)
    system = Parquet(path=tmp_path, datasets=KEYED)
    apply(system, Verb.UPDATE, [{"id": 5, "kind": "new"}, {"id": 6, "kind": None}])
    apply(system, Verb.DELETE, [{"id": 0}])
    receipt = apply(system, Verb.CREATE, [{"id": 2**40, "kind": "x"}, {"id": 11, "kind": "x"}])
    assert [one.field for one in receipt.rejects] == ["id"]
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.schema_arrow.field("when").type == pa.timestamp("ns")
    assert file.schema_arrow.metadata[b"owner"] == b"somebody"
    assert file.metadata.row_group(0).column(0).compression == "GZIP"
    read = file.read(["id", "kind", "deep.list.element"]).to_pydict()
    assert read["id"] == [*range(1, 10), 11]
    assert read["kind"] == ["b", "a", "b", "a", "new", None, "b", "a", "b", "x"]
    assert read["deep"] == [*([at] for at in range(1, 10)), None]


@pytest.mark.parametrize(("kind", "ending"), [(Csv, "csv"), (JSONLines, "jsonl"), (Parquet, "parquet")])
def test_a_reader_keeps_its_snapshot_and_nothing_is_left_over(tmp_path: Path, kind: type, ending: str) -> None:
    seed(kind(path=tmp_path), 20_000)
    system = kind(path=tmp_path, batch_rows=1000)
    dataset = system.describe().dataset("a")
    stream = system.read(dataset, ["id"])
    first = len(next(stream))
    assert apply(system, Verb.DELETE, [{"id": 19_999}, {"id": 0}]).applied == 2
    assert first + sum(map(len, stream)) == 20_000
    assert sum(map(len, system.read(dataset, ["id"]))) == 19_998
    assert ours(tmp_path) == [f".dovetail-{ending}.json", f".dovetail-{ending}.lock"]


def seed(system: Target, count: int) -> None:
    from dovetail.model.catalog import DatasetKind, Field
    from dovetail.model.type import Kind, Type

    fields = (Field("id", Type(Kind.INTEGER), nullable=False), Field("n", Type(Kind.TEXT)))
    system.create(Dataset("a", DatasetKind.TABLE, fields, ("id",)))
    dataset = system.describe().dataset("a")
    numbers = pa.array(range(count), pa.int64())
    system.apply(
        dataset, Change(Verb.CREATE, pa.RecordBatch.from_arrays([numbers, numbers.cast("string")], ["id", "n"]))
    )


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    seed(Csv(path=tmp_path), 1)
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with Csv(path=tmp_path).transaction():
            holds.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait(10)
    try:
        with pytest.raises(Overdue, match="another writer"):
            apply(Csv(path=tmp_path, timeout_s=0.1), Verb.DELETE, [{"id": 0}])
    finally:
        done.set()
        thread.join()
    assert apply(Csv(path=tmp_path, timeout_s=0.1), Verb.DELETE, [{"id": 0}]).applied == 1


_DYING = """
    import os, sys
    from pathlib import Path
    import dovetail.systems.files.store as store
    import dovetail.systems.files.manifest as manifest
    from dovetail.model.change import Change, LedgerEntry, Verb
    from dovetail.systems.connectors.{kind} import Connector
    import pyarrow as pa
    folder, place = Path(sys.argv[1]), int(sys.argv[2])
    steps = 0
    def step(name, at):
        global steps
        steps += 1
        if steps == place:
            os.kill(os.getpid(), 9)
    sys.addaudithook(lambda name, at: step(name, at) if watching and name in ("os.rename", "open", "os.remove") else None)
    watching = False
    system = Connector(path=folder)
    dataset = system.describe().dataset("a")
    ids = pa.array([100, 101], pa.int64())
    with system.transaction() as transaction:
        watching = True
        transaction.apply(dataset, Change(Verb.CREATE, pa.RecordBatch.from_arrays([ids], ["id"])))
        transaction.apply(dataset, Change(Verb.DELETE, pa.RecordBatch.from_arrays([pa.array([0])], ["id"])))
        transaction.record([LedgerEntry("p", 1, "r", b"x")])
    watching = False
    print("done", steps)
"""


@pytest.mark.parametrize(("kind", "stride"), [("csv", 2), ("jsonl", 5), ("parquet", 5)])
def test_a_kill_anywhere_leaves_both_or_neither(tmp_path: Path, kind: str, stride: int) -> None:
    connector = {"csv": Csv, "jsonl": JSONLines, "parquet": Parquet}[kind]
    program = textwrap.dedent(_DYING).replace("{kind}", kind)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    seen = set()
    place = 0
    while True:
        place += stride
        folder = tmp_path / str(place)
        folder.mkdir()
        seed(connector(path=folder), 3)
        before = (folder / f"a.{kind}").read_bytes()
        ended = subprocess.run(
            [sys.executable, "-c", program, folder, str(place)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        system = connector(path=folder)
        dataset = system.describe().dataset("a")
        ids = sorted(value for one in system.read(dataset, ["id"]) for value in one["id"].to_pylist())
        has_entry = bool(system.ledger("p"))
        assert (ids, has_entry) in (([0, 1, 2], False), ([1, 2, 100, 101], True)), f"killed at step {place}"
        assert has_entry or (folder / f"a.{kind}").read_bytes() == before
        seen.add(has_entry)
        with system.transaction() as transaction:
            transaction.record([LedgerEntry("p", 2, "r", b"")])
        assert len(ours(folder)) == 2, "the next writer clears away what the dead one left"
        again = sorted(value for one in system.read(dataset, ["id"]) for value in one["id"].to_pylist())
        assert again == ids
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr
    assert seen == {True, False}
    assert place > 10, "the kills landed before, between and after"
