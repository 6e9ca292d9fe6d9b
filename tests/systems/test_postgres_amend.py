"""Rows that stand in PostgreSQL are changed and looked up exactly, in binary form or as texts, by the index of their key."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Verb
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.sql import refusal

_ALL_TYPES = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN amount AS numeric(12, 2);
CREATE TABLE old (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(12, 2),
    free numeric, x text, v varchar(20), c char(5), d date, tm time, ts timestamp, tz timestamptz, u uuid, j json,
    jb jsonb, by bytea, m mood, a amount, o int4range);
INSERT INTO old VALUES
    (1, true, -5, 70000, -9007199254740993, 0.1, 0.1, -12.30, 0.000000001, 'NULL', 'a"b\\', 'ab', '0001-01-01',
     '23:59:59.999999', '1999-12-31 23:59:59.5', '2001-02-03 04:05:06+03', '0f000000-0000-4000-8000-00000000000a',
     '{"a" : 1}', '{"a": 1}', '\\x0001ff', 'sad', 1.5, '[1,5)'),
    (2, false, 0, 0, 0, 'nan', '-0', 0, 0, '', '', '', '9999-12-31', '00:00', '2000-01-01', '2000-01-01 00:00+00',
     '00000000-0000-0000-0000-000000000000', '""', 'null', '', 'glad', 0, 'empty'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL);
CREATE TABLE t (LIKE old INCLUDING ALL);
"""


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["binary", "text"])
def system(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Connector]:
    connector = Connector(url=postgres_url, timeout_s=20, carrier=request.param)
    yield connector
    connector.close()


def dataset(system: Connector, name: str) -> Dataset:
    found = system.describe().dataset(name)
    assert found is not None
    return found


def held(system: Connector, of: Dataset) -> pa.RecordBatch:
    whole = pa.Table.from_batches(list(system.read(of, of.names))).sort_by("id").combine_chunks()
    return whole.to_batches()[0]


def same(admin: psycopg.Connection) -> list[tuple]:
    """The rows of `t` that differ from `old`, by their texts."""
    query = "SELECT id FROM old FULL JOIN t USING (id) WHERE old::text IS DISTINCT FROM t::text ORDER BY id"
    return admin.execute(query.encode()).fetchall()


def test_values_of_every_type_are_set_and_expected_exactly(system: Connector, admin) -> None:
    admin.execute(_ALL_TYPES.encode())
    admin.execute(b"INSERT INTO t (id) VALUES (1), (2), (3)")
    t = dataset(system, "t")
    empty, full = held(system, t), held(system, dataset(system, "old"))
    with system.transaction() as transaction:
        receipt = transaction.apply(t, Change(Verb.UPDATE, full, empty))
    assert (receipt.applied, receipt.rejects) == (3, ())
    assert same(admin) == []
    with system.transaction() as transaction:
        receipt = transaction.apply(t, Change(Verb.UPDATE, empty, full))
    assert (receipt.applied, receipt.rejects) == (3, ())
    assert same(admin) == [(1,), (2,)]
    with system.transaction() as transaction:
        assert transaction.apply(t, Change(Verb.UPDATE, full, full)).missed == (0, 1)


def test_a_row_that_moved_in_any_field_is_missed(system: Connector, admin) -> None:
    admin.execute(_ALL_TYPES.encode())
    admin.execute(b"INSERT INTO t SELECT * FROM old")
    t = dataset(system, "t")
    rows = held(system, t)
    changes = {
        "b": "false", "i2": "-6", "i4": "70001", "i8": "i8 + 1", "f4": "0.1000001", "f8": "0.10000000000000002",
        "n": "-12.31", "free": "0.000000002", "x": "'null'", "v": "'a\"b'", "c": "'ac'", "d": "'0001-01-02'",
        "tm": "'23:59:59.999998'", "ts": "'1999-12-31 23:59:59.6'", "tz": "tz + interval '1 us'",
        "u": "'0f000000-0000-4000-8000-00000000000b'", "j": "'{\"a\":1}'", "jb": "'{\"a\": 2}'", "by": "'\\x0001fe'",
        "m": "'glad'", "a": "1.51", "o": "'[1,6)'",
    }  # fmt: skip
    for name, value in changes.items():
        admin.execute(f"BEGIN; UPDATE t SET {name} = {value} WHERE id = 1; COMMIT".encode())
        with system.transaction() as transaction:
            some = rows.select(["id", name])
            assert transaction.apply(t, Change(Verb.UPDATE, some, some)).missed == (0,), name
            assert transaction.apply(t, Change(Verb.DELETE, rows.select(["id"]).slice(0, 1), some.slice(0, 1))).missed
        admin.execute(f"UPDATE t SET {name} = old.{name} FROM old WHERE old.id = t.id".encode())
    assert same(admin) == []


def test_rows_are_met_by_the_index_of_their_key(system: Connector, admin) -> None:
    admin.execute(b"CREATE TABLE t (id bigint PRIMARY KEY, n int)")
    admin.execute(b"INSERT INTO t SELECT n, n FROM generate_series(1, 50000) AS n")
    t, ids = dataset(system, "t"), pa.array(range(1, 10_001))
    change = Change(Verb.UPDATE, pa.record_batch({"id": ids, "n": ids}), pa.record_batch({"id": ids, "n": ids}))
    with system.transaction() as transaction:
        assert transaction.apply(t, change).applied == len(ids)
        assert transaction.apply(t, Change(Verb.DELETE, pa.record_batch({"id": ids}))).applied == len(ids)
    looked = pa.record_batch({"id": pa.array(range(20_001, 30_001))})
    assert sum(batch.num_rows for batch in system.lookup(t, ["id"], looked)) == len(looked)
    scans = b"SELECT pg_stat_clear_snapshot(), seq_scan FROM pg_stat_user_tables WHERE relname = 't'"
    before = 1  # the first one that fills the primary key's index
    system.close()
    time.sleep(0.2)
    assert admin.execute(scans).fetchone()[1] <= before


@pytest.mark.parametrize("kind", ["smallint", "integer", "bigint", "numeric(9)", "text"])
@pytest.mark.parametrize("wanted", [range(-100, 100), range(-100, 100, 2), [-90, 90], [], [5, 5, 7, None]])
def test_only_the_rows_asked_for_are_given(system: Connector, admin, kind: str, wanted: list[int]) -> None:
    admin.execute(f"CREATE TABLE t (id {kind} PRIMARY KEY, n int)".encode())
    admin.execute(b"INSERT INTO t SELECT n, n FROM generate_series(-95, 95) AS n WHERE n % 3 <> 0")
    t = dataset(system, "t")
    field = t.field("id")
    assert field is not None
    keys = pa.array([None if one is None else str(one) for one in wanted], pa.string()).cast(field.type.arrow())
    for fields, digest in ((["n", "id"], False), (["n"], False), (["id", "n"], True)):
        ask = system.digest_lookup if digest else system.lookup
        found = [row for batch in ask(t, fields, pa.record_batch({"id": keys})) for row in batch.to_pylist()]
        expected = sorted({one for one in wanted if one is not None and abs(one) <= 95 and one % 3})
        assert sorted(row["n"] for row in found) == expected, (fields, digest)


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_delete_is_never_carried_on_to_other_rows(system: Connector, admin: psycopg.Connection, rule: str) -> None:
    admin.execute(
        f"""CREATE TABLE parent (b text, a int, PRIMARY KEY (a, b));
        CREATE TABLE child (id int, y text, x int, FOREIGN KEY (x, y) REFERENCES parent (a, b) ON DELETE {rule});
        INSERT INTO parent VALUES ('x', 1), ('x', 2), ('x', 3);
        INSERT INTO child VALUES (1, 'x', 2), (2, NULL, NULL);"""
    )
    of = dataset(system, "parent")
    keys = pa.record_batch({"a": pa.array([1, 2, 3, 4], pa.int32()), "b": pa.array(["x"] * 4)})
    with system.transaction() as transaction:
        receipt = transaction.apply(of, Change(Verb.DELETE, keys))
    assert (receipt.applied, receipt.missed) == (2, (3,))
    assert [(reject.position, reject.code) for reject in receipt.rejects] == [(1, refusal.ORPHAN)]
    assert admin.execute("SELECT a FROM parent").fetchall() == [(2,)]
    assert admin.execute("SELECT id, x FROM child ORDER BY id").fetchall() == [(1, 2), (2, None)]


def test_a_row_that_others_of_its_own_table_point_to_goes_after_them(
    system: Connector, admin: psycopg.Connection
) -> None:
    admin.execute(
        """CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE);
        INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 4), (5, NULL), (6, 5);"""
    )
    of = dataset(system, "tree")
    keys = pa.record_batch({"id": pa.array([1, 2, 3, 4, 5], pa.int32())})
    with system.transaction() as transaction:
        receipt = transaction.apply(of, Change(Verb.DELETE, keys))
    assert (receipt.applied, [reject.position for reject in receipt.rejects]) == (4, [4])
    assert admin.execute("SELECT id FROM tree ORDER BY id").fetchall() == [(5,), (6,)]


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("text NOT NULL", ["A", "B", "C", "D"], ["B", "A", "D", "E"]),
        ("text", ["A", "B", "C", "D"], ["B", "C", "A", "D"]),
        ("int NOT NULL CHECK (v > 0)", [1, 2, 3, 4], [2, 3, 4, 1]),
        ("int2 NOT NULL", [1, 2, 3, 4], [4, 3, 2, 1]),
        ("numeric(12, 2) NOT NULL", [1, 2, 3, 4], [2, 3, 4, 5]),
    ],
)
def test_unique_values_are_released_before_they_are_taken(
    system: Connector, admin: psycopg.Connection, column: str, before: list, after: list
) -> None:
    admin.execute(f"CREATE TABLE slot (id int PRIMARY KEY, v {column}, w int, UNIQUE (v))")
    with admin.cursor() as cursor:
        cursor.executemany("INSERT INTO slot VALUES (%s, %s, 0)", list(enumerate(before)))
    of = dataset(system, "slot")
    kind = of.field("v").type.arrow()
    ids = pa.array(range(4), pa.int32())
    rows = pa.record_batch({"id": ids, "v": pa.array([str(v) for v in after]).cast(kind)})
    expected = pa.record_batch({"id": ids, "v": pa.array([str(v) for v in before]).cast(kind)})
    with system.transaction() as transaction:
        receipt = transaction.apply(of, Change(Verb.UPDATE, rows, expected))
    assert (receipt.applied, receipt.rejects, receipt.version) == (4, (), None)
    assert [v for (v,) in admin.execute("SELECT v FROM slot ORDER BY id").fetchall()] == after


def test_a_circle_that_another_row_keeps_open_is_refused_and_nothing_is_parked(
    system: Connector, admin: psycopg.Connection
) -> None:
    admin.execute(
        """CREATE TABLE slot (id int PRIMARY KEY, v text NOT NULL UNIQUE);
        INSERT INTO slot VALUES (1, 'A'), (2, 'B'), (3, 'C'), (4, 'D'), (5, 'other');"""
    )
    of = dataset(system, "slot")
    rows = pa.record_batch({"id": pa.array([1, 2, 3, 4], pa.int32()), "v": ["B", "A", "D", "other"]})
    expected = pa.record_batch({"id": pa.array([1, 2, 3, 4], pa.int32()), "v": ["A", "B", "C", "D"]})
    with system.transaction() as transaction:
        receipt = transaction.apply(of, Change(Verb.UPDATE, rows, expected))
    assert (receipt.applied, sorted(reject.position for reject in receipt.rejects)) == (2, [2, 3])
    assert {reject.code for reject in receipt.rejects} == {refusal.DOUBLE}
    held = admin.execute("SELECT v FROM slot ORDER BY id").fetchall()
    assert [v for (v,) in held] == ["B", "A", "C", "D", "other"]


def test_a_parked_row_is_the_one_that_was_expected(system: Connector, admin: psycopg.Connection) -> None:
    admin.execute(
        "CREATE TABLE slot (id int PRIMARY KEY, v text NOT NULL UNIQUE); INSERT INTO slot VALUES (1, 'A'), (2, 'B');"
    )
    of = dataset(system, "slot")
    rows = pa.record_batch({"id": pa.array([1, 2], pa.int32()), "v": ["B", "A"]})
    expected = pa.record_batch({"id": pa.array([1, 2], pa.int32()), "v": ["A", "another"]})
    with system.transaction() as transaction:
        receipt = transaction.apply(of, Change(Verb.UPDATE, rows, expected))
    assert (receipt.applied, receipt.missed) == (0, (1,))
    assert admin.execute("SELECT v FROM slot ORDER BY id").fetchall() == [("A",), ("B",)]
