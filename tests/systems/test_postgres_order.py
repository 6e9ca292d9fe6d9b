"""PostgreSQL is read in the order of a key from any place, beside writers; digests and versions tell every change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Verb
from dovetail.systems.connectors.postgres import Connector, columnar


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["text", "binary"])
def system(postgres_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    monkeypatch.setattr(columnar, "ROWS_MIN", 0)
    connector = Connector(url=postgres_url, batch_rows=40, timeout_s=20, carrier=request.param)
    yield connector
    connector.close()


def made(system: Connector, admin: psycopg.Connection, sql: str) -> Dataset:
    admin.execute(sql.encode())
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
        if part.num_rows < 40:
            return seen
        after = part.select(list(dataset.key)).slice(39)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT -g, g FROM generate_series(1, 200) g",
        "CREATE TABLE t (id uuid PRIMARY KEY, n int); INSERT INTO t SELECT md5(g::text)::uuid, g FROM generate_series(1, 200) g",
        (
            "CREATE TABLE t (a text, b int, n int, PRIMARY KEY (a, b));"
            " INSERT INTO t SELECT chr(65 + g % 50), g, g FROM generate_series(1, 200) g"
        ),
        (
            "CREATE TYPE mood AS ENUM ('z', 'a', 'm'); CREATE TABLE t (a mood, b int, n int, PRIMARY KEY (a, b));"
            " INSERT INTO t SELECT (ARRAY['z', 'a', 'm'])[1 + g % 3]::mood, g, g FROM generate_series(1, 200) g"
        ),
        (
            "CREATE TABLE t (id inet PRIMARY KEY, n int);"
            " INSERT INTO t SELECT ('10.0.0.0'::inet + g), g FROM generate_series(1, 200) g"
        ),
        "CREATE TABLE t (id numeric PRIMARY KEY, n int); INSERT INTO t SELECT g / 8.0, g FROM generate_series(1, 200) g",
        (
            "CREATE TABLE t (id timestamptz PRIMARY KEY, n int);"
            " INSERT INTO t SELECT now() - g * interval '1 us', g FROM generate_series(1, 200) g"
        ),
        "CREATE TABLE t (id char(5) PRIMARY KEY, n int); INSERT INTO t SELECT g::text, g FROM generate_series(1, 200) g",
    ],
)
def test_keys_of_every_type_mark_places(system: Connector, admin: psycopg.Connection, sql: str) -> None:
    dataset = made(system, admin, sql)
    seen = stepped(system, dataset)
    assert sorted(seen) == list(range(1, 201))
    assert [n for one in system.read_after(dataset, ["n"]) for n in one.column(0).to_pylist()] == seen


def test_rows_without_a_key_come_last_and_mark_no_place(system: Connector, admin: psycopg.Connection) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (a int, b int, n int); INSERT INTO t VALUES (1, NULL, 3), (NULL, 1, 4), (1, 2, 1)",
    )
    dataset = replace(dataset, key=("a", "b"))
    assert [n for one in system.read_after(dataset, ["n"]) for n in one.column(0).to_pylist()] == [1, 3, 4]
    place = pa.record_batch({"a": pa.array([1], pa.int64()), "b": pa.array([2], pa.int64())})
    assert [n for one in system.read_after(dataset, ["n"], after=place) for n in one.column(0).to_pylist()] == [3, 4]
    with pytest.raises(Refused):
        list(system.read_after(dataset, ["n"], after=place.set_column(1, "b", pa.nulls(1, pa.int64()))))
    with pytest.raises(Refused):
        list(system.read_after(replace(dataset, key=()), ["n"]))


def test_one_thread_reads_while_another_writes(system: Connector, admin: psycopg.Connection) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE u (id int PRIMARY KEY, n int); CREATE TABLE t (id int PRIMARY KEY, n int);"
        "INSERT INTO t SELECT g, g FROM generate_series(1, 2000) g",
    )
    copy = system.describe().dataset("u")
    assert copy is not None
    reading = system.read_after(dataset, ["id", "n"])
    first = next(reading)  # opened here, read on there
    batches = [first]
    reader = threading.Thread(target=lambda: batches.extend(reading))
    reader.start()
    with system.transaction() as transaction:
        transaction.apply(copy, Change(Verb.CREATE, first))
        transaction.apply(dataset, Change(Verb.CREATE, pa.record_batch({"id": pa.array([9999], pa.int64())})))
    reader.join()
    assert sum(one.num_rows for one in batches) == 2000, "one snapshot"
    assert admin.execute("SELECT count(*) FROM u").fetchone() == (40,)


def test_what_was_never_analysed_is_read_by_its_index(system: Connector, admin: psycopg.Connection) -> None:
    made(
        system,
        admin,
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, g FROM generate_series(1, 900) g",
    )
    with system._sessions.lend() as session, session.reading():
        reader, dataset = system._reader, system.describe().dataset("t")
        assert dataset is not None
        from dovetail.systems.connectors.postgres.order import plan

        assert plan(session, dataset, reader.place(dataset)) == {"enable_sort": "off"}
        admin.execute("ANALYZE t")
    with system._sessions.lend() as session, session.reading():
        assert plan(session, dataset, reader.place(dataset)) == {}


def test_digests_see_what_the_hashes_of_types_do_not(system: Connector, admin: psycopg.Connection) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, i bigint, f float8, c char(3), a int[], s timestamptz, x text);"
        "INSERT INTO t VALUES (1, 5, 0, 0, 'a', '{1,2}', '2024-01-01+00', 'a'), (2, 5, 0, 0, 'a', '{1,2}', '2024-01-01+00', 'b')",
    )
    names = list(dataset.names)
    assert system.digestible(dataset, names)
    before = system.digest_total(dataset, names)
    for edit, back in (
        ("n = -5", "n = 5"),
        ("n = 5.00", "n = 5"),
        ("i = 4294967297", "i = 0"),
        ("f = '-0'", "f = 0"),
        ("a = '[0:1]={1,2}'", "a = '{1,2}'"),
        ("a = '{2,1}'", "a = '{1,2}'"),
        ("s = s + interval '4294.967297 s'", "s = '2024-01-01+00'"),
        ("x = CASE id WHEN 1 THEN 'b' ELSE 'a' END", "x = CASE id WHEN 1 THEN 'a' ELSE 'b' END"),
        ("x = NULL", "x = CASE id WHEN 1 THEN 'a' ELSE 'b' END"),
    ):
        admin.execute(f"UPDATE t SET {edit}".encode())
        assert system.digest_total(dataset, names) != before, edit
        admin.execute(f"UPDATE t SET {back}".encode())
        assert system.digest_total(dataset, names) == before, back


def test_versions_say_nothing_where_they_could_mislead(system: Connector, admin: psycopg.Connection) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    assert list(system.versions(dataset).values()) == [2]
    admin.execute("CREATE TABLE child () INHERITS (t)")
    assert system.versions(dataset) == {}
    admin.execute("DROP TABLE child; CREATE DOMAIN d AS int; ALTER TABLE t ADD n d")
    assert system.versions(dataset) == {}
    admin.execute("CREATE VIEW v AS SELECT * FROM t")
    view = system.describe().dataset("v")
    assert view is not None
    assert system.versions(view) == {}


def test_rows_of_several_statements_have_no_one_version(system: Connector, admin: psycopg.Connection) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE); INSERT INTO t VALUES (1, 1)")
    rows = pa.record_batch({"id": pa.array([2, 3, 4, 5], pa.int64()), "n": pa.array([2, 1, 4, 5], pa.int64())})
    with system.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.CREATE, rows))
    assert (receipt.applied, len(receipt.rejects)) == (3, 1)
    counted = system.versions(dataset)
    assert receipt.version is None or counted[receipt.version] == 3
    with system.transaction() as transaction:
        receipt = transaction.apply(
            dataset, Change(Verb.UPDATE, rows.slice(2).set_column(1, "n", pa.array([7, 8], pa.int64())))
        )
    assert receipt.version is not None
    assert system.versions(dataset)[receipt.version] == 2
