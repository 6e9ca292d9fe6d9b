"""A load adds rows to a file that is not in its place yet: each row is written once, and whatever dies or comes
meanwhile, no row is lost and none is there twice."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dovetail.errors import Fenced
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, LedgerEntry, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.csv import Connector as Csv
from dovetail.systems.connectors.jsonl import Connector as JSONLines
from dovetail.systems.connectors.parquet import Connector as Parquet
from dovetail.systems.files import grow
from dovetail.systems.files.declared import Declared

KINDS = [("csv", Csv), ("jsonl", JSONLines), ("parquet", Parquet)]
CHUNK = 2_500
FIELDS = (Field("id", Type(Kind.INTEGER), nullable=False), Field("n", Type(Kind.TEXT)))


@pytest.fixture(params=KINDS, ids=[kind for kind, _ in KINDS])
def made(request, tmp_path):
    """The ending, a maker of connectors over one folder, and a dataset of three rows."""
    ending, kind = request.param

    def connector():
        return kind(path=tmp_path, datasets={"a": Declared(key=("id",))}, timeout_s=5)

    connector().create(Dataset("a", DatasetKind.TABLE, FIELDS, ("id",)))
    dataset = connector().describe().dataset("a")
    connector().apply(dataset, create(range(3)))
    return ending, connector, connector().describe().dataset("a")


def create(numbers: range, text: str = 'x, "y"') -> Change:
    ids = pa.array(numbers, pa.int64())
    return Change(Verb.CREATE, pa.RecordBatch.from_arrays([ids, pa.array([text] * len(numbers))], ["id", "n"]))


def load(system, dataset: Dataset, numbers: range, chunk: int, **how) -> Receipt:
    with system.transaction() as transaction:
        receipt = transaction.apply(dataset, create(numbers, **how))
        transaction.record([LedgerEntry("p", chunk, "r", b"")])
    return receipt


def broken_off(system, dataset: Dataset, numbers: range) -> None:
    with system.transaction() as transaction:
        transaction.apply(dataset, create(numbers))
        raise KeyboardInterrupt


def fenced(system, dataset: Dataset, numbers: range, epoch: int) -> None:
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
        transaction.apply(dataset, create(numbers))


def chunks(count: int, first: int = 0) -> list[range]:
    return [range(10 + at * CHUNK, 10 + (at + 1) * CHUNK) for at in range(first, first + count)]


def outside(folder: Path, ending: str) -> list[int]:
    """What any other program finds in the file."""
    path = folder / f"a.{ending}"
    if ending == "csv":
        with path.open(newline="") as file:
            return [int(row["id"]) for row in csv.DictReader(file)]
    if ending == "jsonl":
        return [json.loads(line)["id"] for line in path.read_text().splitlines()]
    return pq.read_table(path)["id"].to_pylist()


def growing(folder: Path) -> Path:
    (found,) = folder.glob(".dovetail-*.new")
    return found


def test_rows_are_written_once_and_appear_at_once(made, tmp_path):
    ending, connector, dataset = made
    system = connector()
    sizes = []
    for at, numbers in enumerate(chunks(4), 1):
        assert load(system, dataset, numbers, at).applied == CHUNK
        sizes.append(growing(tmp_path).stat().st_size)
        assert outside(tmp_path, ending) == [0, 1, 2], "nobody sees half a load"
    steps = [later - former for former, later in pairwise(sizes)]
    assert max(steps) - min(steps) < 0.2 * max(steps), "no chunk writes the former ones again"
    assert [entry.chunk for entry in connector().ledger("p")] == [1, 2, 3, 4]
    system.close()
    assert outside(tmp_path, ending) == [0, 1, 2, *range(10, 10 + 4 * CHUNK)]
    assert not list(tmp_path.glob(".dovetail-*.new"))


def test_whoever_reads_finds_all_rows(made, tmp_path):
    ending, connector, dataset = made
    load(connector(), dataset, *chunks(1), 1)
    assert sum(map(len, connector().read(dataset, ["id"]))) == CHUNK + 3
    assert len(outside(tmp_path, ending)) == CHUNK + 3


def test_what_was_not_committed_is_cut_off(made, tmp_path):
    ending, connector, dataset = made
    first, second, third = chunks(3)
    load(connector(), dataset, first, 1)
    with pytest.raises(KeyboardInterrupt):
        broken_off(connector(), dataset, second)
    with growing(tmp_path).open("ab") as file:
        file.write(b'"half a rec')
    load(connector(), dataset, third, 2)
    connector().close()
    assert outside(tmp_path, ending) == [0, 1, 2, *first, *third]


@pytest.mark.parametrize("is_anew", [False, True], ids=["same process", "another process"])
def test_a_key_that_is_there_is_refused(made, tmp_path, is_anew):
    ending, connector, dataset = made
    system = connector()
    (first,) = chunks(1)
    load(system, dataset, first, 1)
    system = connector() if is_anew else system
    receipt = load(system, dataset, range(first[-1], first[-1] + CHUNK), 2)
    assert [(one.position, one.code) for one in receipt.rejects] == [(0, "DV-448")]
    assert receipt.applied == CHUNK - 1
    receipt = load(system, dataset, range(2, 2 + CHUNK), 3)
    assert {one.position for one in receipt.rejects} == {0, *range(8, CHUNK)}
    system.close()
    found = outside(tmp_path, ending)
    assert len(found) == len(set(found)) == 3 + 2 * CHUNK - 1 + 7


def test_rows_that_lack_a_value_are_refused_and_the_others_added(made, tmp_path):
    ending, connector, dataset = made
    ids = pa.array([None if at == 7 else 10 + at for at in range(CHUNK)], pa.int64())
    rows = pa.RecordBatch.from_arrays([ids, pa.array(["v"] * CHUNK)], ["id", "n"])
    system = connector()
    with system.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.CREATE, rows))
    assert [one.position for one in receipt.rejects] == [7]
    assert receipt.keys["id"][7].as_py() is None
    assert growing(tmp_path)
    system.close()
    assert len(outside(tmp_path, ending)) == 3 + CHUNK - 1


def test_another_kind_of_change_meets_what_was_added(made, tmp_path):
    ending, connector, dataset = made
    system = connector()
    (numbers,) = chunks(1)
    load(system, dataset, numbers, 1)
    rows = pa.RecordBatch.from_arrays([pa.array([numbers[0], 0], pa.int64())], ["id"])
    with system.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.DELETE, rows)).applied == 2
    assert outside(tmp_path, ending) == [1, 2, *numbers[1:]]


def test_a_file_that_is_dropped_meanwhile_keeps_its_rows_and_gets_the_added_ones(made, tmp_path):
    ending, connector, dataset = made
    first, second = chunks(2)
    system = connector()
    load(system, dataset, first, 1)
    other = tmp_path / "other"
    other.mkdir()
    drop = type(system)(path=other, datasets={"a": Declared(key=("id",))})
    drop.create(Dataset("a", DatasetKind.TABLE, FIELDS, ("id",)))
    drop.apply(dataset, create(range(first[0], first[0] + 2), text="dropped"))
    drop.apply(dataset, create(range(900_000, 900_001), text="dropped"))
    (other / f"a.{ending}").replace(tmp_path / f"a.{ending}")
    load(system, dataset, second, 2)
    system.close()
    assert outside(tmp_path, ending) == [first[0], first[1], 900_000, *first[2:], *second]
    texts = [value for one in connector().read(dataset, ["n"]) for value in one["n"].to_pylist()]
    assert texts.count("dropped") == 3


def test_a_file_that_is_taken_away_meanwhile_comes_back_whole(made, tmp_path):
    ending, connector, dataset = made
    system = connector()
    load(system, dataset, *chunks(1), 1)
    (tmp_path / f"a.{ending}").unlink()
    system.close()
    assert set(outside(tmp_path, ending)) >= set(chunks(1)[0])


def test_a_worker_that_was_overtaken_adds_nothing(made, tmp_path):
    ending, connector, dataset = made
    first, second, third = chunks(3)
    paused = connector()
    epoch = paused.raise_epoch("p")
    load(paused, dataset, first, 1)
    other = connector()
    other.raise_epoch("p")
    load(other, dataset, second, 2)
    with pytest.raises(Fenced):
        fenced(paused, dataset, third, epoch)
    paused.close()
    load(other, dataset, third, 3)
    other.close()
    assert outside(tmp_path, ending) == [0, 1, 2, *first, *second, *third]


def test_few_rows_are_in_place_at_once(made, tmp_path):
    ending, connector, dataset = made
    load(connector(), dataset, range(10, 20), 1)
    assert outside(tmp_path, ending) == [0, 1, 2, *range(10, 20)]
    assert grow.ROWS_MIN > 10


def test_a_big_row_and_odd_texts_are_read_back(made, tmp_path):
    _, connector, dataset = made
    odd = ["", " ", "a\nb", 'quo"te', "comma, semicolon;", "\t", "\\", "\u00e9\u4e2d", "null", "x" * 100_000, "\x01\x1f"]
    texts = [odd[at % len(odd)] if at % 12 else None for at in range(CHUNK)]
    rows = pa.RecordBatch.from_arrays([pa.array(range(10, 10 + CHUNK), pa.int64()), pa.array(texts)], ["id", "n"])
    system = connector()
    with system.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.CREATE, rows)).applied == CHUNK
    assert growing(tmp_path).stat().st_size > 10**6
    found = [value for one in connector().read(dataset, ["n"]) for value in one["n"].to_pylist()]
    assert found[3:] == texts
