"""MariaDB is read in the order of a key from any place, beside writers; keys that it calls equal are told apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.mariadb import Connector
from dovetail.systems.connectors.mariadb.address import parse

ROWS = 130
STEP = 40
UUIDS = "concat(left(md5(seq), 8), '-0000-', elt(1 + seq % 2, '1', '4'), '000-8000-', right(md5(seq), 12))"


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Any]:
    connection = pymysql.connect(**parse(mariadb_url).parameters(), autocommit=True, charset="utf8mb4")
    with connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def system(mariadb_url: str) -> Iterator[Connector]:
    connector = Connector(url=mariadb_url, batch_rows=STEP, timeout_s=20)
    yield connector
    connector.close()


def made(system: Connector, admin: Any, *statements: str) -> Dataset:
    for statement in statements:
        admin.execute(statement)
    found = system.describe().dataset("t")
    assert found is not None
    return found


def stepped(system: Connector, dataset: Dataset) -> list[object]:
    """The field `n` of all rows, begun anew after every batch."""
    seen: list[object] = []
    after = None
    while True:
        reading = system.read_after(dataset, [*dataset.key, "n"], after=after)
        part = next(reading)
        reading.close()
        seen += part.column("n").to_pylist()
        if part.num_rows < STEP:
            return seen
        after = part.select(list(dataset.key)).slice(STEP - 1)


@pytest.mark.parametrize(
    ("columns", "key", "values"),
    [
        ("id int", "id", "-seq"),
        ("id bigint unsigned", "id", "18446744073709551615 - seq"),
        ("id decimal(30,3)", "id", "seq / 8"),
        ("id double", "id", "sqrt(seq)"),
        ("id float", "id", "sqrt(seq)"),
        ("id uuid", "id", UUIDS),
        ("id datetime(6)", "id", "date_sub('2024-01-01', INTERVAL seq MICROSECOND)"),
        ("id timestamp(6) default 0", "id", "date_sub('2024-01-01', INTERVAL seq MICROSECOND)"),
        ("id time(6)", "id", "sec_to_time(seq / 7)"),
        ("id varbinary(30)", "id", "unhex(md5(seq))"),
        ("id varchar(30) character set latin1", "id", "concat(char(65 + seq % 50), seq, 'é')"),
        ("id varchar(30) collate utf8mb4_unicode_ci", "id", "concat(seq % 3, 'ß', seq)"),
        ("id varchar(30) character set sjis", "id", "concat('日', seq)"),
        ("a varchar(9), b int", "a, b", "elt(1 + seq % 4, 'é', 'E', 'f', 'F'), seq"),
        ("a enum('z', 'a', 'm'), b int", "a, b", "elt(1 + seq % 3, 'z', 'a', 'm'), seq"),
        ("a set('z', 'a', 'm'), b int", "a, b", "elt(1 + seq % 4, 'z', 'a', 'a,m', ''), seq"),
        ("a tinyint(1), b bit(10), c date", "a, b, c", "seq % 2, seq, '2024-01-01'"),
        ("id inet6", "id", "concat('::', hex(seq * 100))"),
        ("id decimal(50,1)", "id", "seq * 7"),
        ("id year, b int", "id, b", "1901 + seq % 100, seq"),
    ],
)
def test_keys_of_every_type_mark_places(system: Connector, admin: Any, columns: str, key: str, values: str) -> None:
    create = f"CREATE TABLE t ({columns}, n int, PRIMARY KEY ({key}))"
    dataset = made(system, admin, create, f"INSERT INTO t SELECT {values}, seq FROM seq_1_to_{ROWS}")
    seen = stepped(system, dataset)
    assert sorted(seen) == list(range(1, ROWS + 1))
    whole = [row for batch in system.read_after(dataset, ["n"]) for row in batch.column("n").to_pylist()]
    assert seen == whole


def test_a_declared_key_whose_values_the_server_calls_equal_loses_no_row(system: Connector, admin: Any) -> None:
    spellings = "concat(elt(1 + seq % 4, 'a', 'A', 'á', 'a '), floor(seq / 4) * 0)"
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (k varchar(30), b int, n int)",
        f"INSERT INTO t SELECT {spellings}, seq, seq FROM seq_1_to_{ROWS}",
    )
    assert sorted(stepped(system, replace(dataset, key=("k", "b")))) == list(range(1, ROWS + 1))
    admin.execute("CREATE TABLE u AS SELECT DISTINCT binary k AS k FROM t")
    text = "CAST(k AS CHAR(9) CHARACTER SET utf8mb4) COLLATE utf8mb4_general_ci"
    admin.execute(f"CREATE VIEW v AS SELECT {text} AS k FROM u")
    view = system.describe().dataset("v")
    keyed = replace(view, key=("k",))
    found = [key for batch in system.read_after(keyed, ["k"]) for key in batch.column("k").to_pylist()]
    assert sorted(found) == ["A0", "a 0", "a0", "á0"]
    for at, key in enumerate(found):
        after = system.read_after(keyed, ["k"], after=pa.record_batch({"k": [key]}))
        assert [key for batch in after for key in batch.column("k").to_pylist()] == found[at + 1 :]


def test_rows_whose_key_is_null_come_first_and_after_no_place(system: Connector, admin: Any) -> None:
    dataset = made(
        system, admin, "CREATE TABLE t (k int, n int)", "INSERT INTO t VALUES (2, 2), (NULL, 0), (1, 1), (3, 3)"
    )
    keyed = replace(dataset, key=("k",))
    assert [row for batch in system.read_after(keyed, ["n"]) for row in batch.column("n").to_pylist()] == [0, 1, 2, 3]
    after = system.read_after(keyed, ["n"], after=pa.record_batch({"k": [1]}))
    assert [row for batch in after for row in batch.column("n").to_pylist()] == [2, 3]


def test_the_order_of_a_large_table_is_that_of_its_index(system: Connector, admin: Any) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (a varchar(9) CHARACTER SET latin1, b int, n int, PRIMARY KEY (a, b))",
        "INSERT INTO t SELECT concat('é', seq % 7), seq, seq FROM seq_1_to_20000",
        "ANALYZE TABLE t",
    )
    after = pa.record_batch({"a": ["é6"], "b": [19000]})
    assert next(system.read_after(dataset, ["n"], after=after)).num_rows == STEP
    admin.execute("SHOW GLOBAL STATUS LIKE 'Sort_rows'")
    before = int(admin.fetchone()[1])
    assert sum(batch.num_rows for batch in system.read_after(dataset, ["n"])) == 20000
    admin.execute("SHOW GLOBAL STATUS LIKE 'Sort_rows'")
    assert int(admin.fetchone()[1]) - before < STEP, "nothing but the catalog's answer was sorted"


def test_a_reading_in_order_is_one_snapshot_beside_a_writer(system: Connector, admin: Any) -> None:
    dataset = made(
        system, admin, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT seq, 0 FROM seq_1_to_2000"
    )
    reading = system.read_after(dataset, ["id", "n"])
    batches = [next(reading)]
    writer = threading.Thread(target=admin.execute, args=("UPDATE t SET n = 1, id = id + 5000",))
    writer.start()
    writer.join()
    batches += list(reading)
    assert [key for batch in batches for key in batch.column("id").to_pylist()] == list(range(1, 2001))
    assert {value for batch in batches for value in batch.column("n").to_pylist()} == {0}


def test_without_a_key_there_is_no_order(system: Connector, admin: Any) -> None:
    dataset = made(system, admin, "CREATE TABLE t (n int)")
    with pytest.raises(Refused, match="no key"):
        next(system.read_after(dataset, ["n"]))
    nowhere = pa.record_batch({"n": pa.array([None], pa.int64())})
    with pytest.raises(Refused, match="marks no place"):
        next(system.read_after(replace(dataset, key=("n",)), ["n"], after=nowhere))
