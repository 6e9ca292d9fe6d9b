"""SQLite is read in the order of a key from any place, beside writers of the same file, whatever its journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Verb
from dovetail.systems.connectors.sqlite import Connector


@pytest.fixture(params=["wal", "delete"])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {request.param}")
    yield connection
    connection.close()


@pytest.fixture
def system(tmp_path: Path, file: sqlite3.Connection) -> Iterator[Connector]:
    connector = Connector(path=tmp_path / "a.db", batch_rows=40, timeout_s=3)
    yield connector
    connector.close()


def made(system: Connector, file: sqlite3.Connection, sql: str, name: str = "t") -> Dataset:
    file.executescript(sql)
    found = system.describe().dataset(name)
    assert found is not None
    return found


def numbers(system: Connector, dataset: Dataset, after: pa.RecordBatch | None = None) -> list[object]:
    return [n for one in system.read_after(dataset, ["n"], after=after) for n in one.column(0).to_pylist()]


FILL = "WITH RECURSIVE g (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM g WHERE g < 200) INSERT INTO t SELECT"


@pytest.mark.parametrize(
    "sql",
    [
        f"CREATE TABLE t (id integer PRIMARY KEY, n int); {FILL} -g, g FROM g",
        f"CREATE TABLE t (id text PRIMARY KEY, n int); {FILL} 'k' || g, g FROM g",
        f"CREATE TABLE t (id text COLLATE NOCASE PRIMARY KEY, n int); {FILL} char(65 + g % 20) || g, g FROM g",
        f"CREATE TABLE t (a text, b int, n int, PRIMARY KEY (a, b)) WITHOUT ROWID; {FILL} char(65 + g % 30), g, g FROM g",
        f"CREATE TABLE t (a int, b blob, n int, PRIMARY KEY (a, b)); {FILL} g % 5, CAST(g AS blob), g FROM g",
        f"CREATE TABLE t (id timestamp PRIMARY KEY, n int); {FILL} strftime('%Y-%m-%d %H:%M:%S', g * 86400, 'unixepoch'), g FROM g",
    ],
)
def test_keys_of_every_type_mark_places(system: Connector, file: sqlite3.Connection, sql: str) -> None:
    dataset = made(system, file, sql)
    seen: list[object] = []
    after = None
    while True:
        reading = system.read_after(dataset, [*dataset.key, "n"], after=after)
        part = next(reading)
        reading.close()
        seen += part.column("n").to_pylist()
        if part.num_rows < 40:
            break
        after = part.select(list(dataset.key)).slice(39)
    assert sorted(map(int, map(str, seen))) == list(range(1, 201))
    assert numbers(system, dataset) == seen


def test_the_file_can_be_written_between_batches(system: Connector, file: sqlite3.Connection) -> None:
    dataset = made(system, file, f"CREATE TABLE t (id integer PRIMARY KEY, n int); {FILL} g, g FROM g")
    copy = made(system, file, "CREATE TABLE u (id integer PRIMARY KEY, n int)", "u")
    for one in system.read_after(dataset, ["id", "n"]):
        with system.transaction() as transaction:
            assert transaction.apply(copy, Change(Verb.CREATE, one)).applied == one.num_rows
    assert file.execute("SELECT count(*), sum(n) FROM u").fetchone() == (200, 20100)


def test_large_rows_come_in_small_pages(
    system: Connector, file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dovetail.systems.connectors.sqlite import read

    monkeypatch.setattr(read, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(read, "_SLICE_ROWS", 8)
    monkeypatch.setattr(read, "_LARGE_SLICE_ROWS", 8)
    dataset = made(
        system, file, f"CREATE TABLE t (id integer PRIMARY KEY, n int, x text); {FILL} g, g, hex(zeroblob(1000)) FROM g"
    )
    batches = list(system.read_after(dataset, ["n", "x"]))
    assert [n for one in batches for n in one.column(0).to_pylist()] == list(range(1, 201))
    assert max(one.num_rows for one in batches) == 8


def test_a_place_that_is_spelled_otherwise_is_refused(system: Connector, file: sqlite3.Connection) -> None:
    dataset = made(
        system,
        file,
        "CREATE TABLE t (id timestamp PRIMARY KEY, n int);"
        "INSERT INTO t VALUES ('2024-01-01T09:00:00', 1), ('2024-01-01 10:00:00', 2)",
    )
    [batch] = system.read_after(dataset, ["id", "n"])
    assert batch.column("n").to_pylist() == [2, 1], "as texts are sorted"
    assert numbers(system, dataset, batch.select(["id"]).slice(0, 1)) == [1]
    with pytest.raises(Refused):
        numbers(system, dataset, batch.select(["id"]).slice(1, 1))


def test_there_are_no_digests(system: Connector, file: sqlite3.Connection) -> None:
    dataset = made(system, file, "CREATE TABLE t (id integer PRIMARY KEY)")
    with pytest.raises(Refused):
        list(system.read_after(dataset, ["id"], digest=True))
