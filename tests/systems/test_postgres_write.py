"""What is written to PostgreSQL stands there exactly, or is refused by position; triggers, identities and rights included."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.connectors.postgres import Connector
from dovetail.testing.servers.postgres import Server

CREATE, UPDATE, DELETE = Verb


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def system(postgres_url: str) -> Iterator[Connector]:
    connector = Connector(url=postgres_url, timeout_s=20)
    yield connector
    connector.close()


def made(system: Connector, admin: psycopg.Connection, sql: str, name: str = "t") -> Dataset:
    admin.execute(sql.encode())
    found = system.describe().dataset(name)
    assert found is not None
    return found


def batch(dataset: Dataset, **columns: list[object]) -> pa.RecordBatch:
    arrays = [pa.array(values, dataset.field(name).type.arrow()) for name, values in columns.items()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def told(receipt: Receipt) -> list[tuple[int, str, str]]:
    return [(one.position, one.code, one.field) for one in receipt.rejects]


def rows(admin: psycopg.Connection, sql: str) -> list[tuple]:
    return admin.execute(sql.encode()).fetchall()


def test_values_that_a_column_would_change_are_refused(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (id int PRIMARY KEY, n numeric(5,2), v varchar(3), c char(3), r real, ts timestamp(0), tm time(3), s smallint, i int)",
    )
    cases = {
        "v": (["abc", "abcd", "abc "], [1, 2]),
        "c": (["abc", "a ", "abcd"], [1, 2]),
        "r": ([0.5, 0.1, float("nan"), -0.0], [1]),
        "ts": ([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 0, 1)], [1]),
        "tm": ([dt.time(1, 0, 0, 1000), dt.time(1, 0, 0, 1)], [1]),
        "s": ([32767, 32768, -32769], [1, 2]),
        "i": ([2**31 - 1, 2**31], [1]),
    }
    first = 0
    for name, (values, bad) in cases.items():
        keys = list(range(first, first + len(values)))
        receipt = system.apply(dataset, Change(CREATE, batch(dataset, id=keys, **{name: values})))
        assert told(receipt) == [(at, "DV-445", name) for at in bad], name
        first += 10
    wide = pa.array([Decimal("1.10"), Decimal("1.005"), Decimal("1000.00")], pa.decimal128(38, 18))
    receipt = system.apply(dataset, Change(CREATE, pa.record_batch({"id": pa.array([91, 92, 93]), "n": wide})))
    assert told(receipt) == [(1, "DV-445", "n"), (2, "DV-445", "n")]
    assert rows(admin, "SELECT id, n FROM t WHERE n IS NOT NULL") == [(91, Decimal("1.10"))]


def test_decimals_of_another_scale_never_wrap_around(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, n numeric, m numeric(38,30))")
    numbers = [Decimal(329211991165250083874877563307990), Decimal(5), Decimal(12345678901)]
    sent = pa.record_batch({"id": pa.array([1, 2, 3]), "n": pa.array(numbers, pa.decimal128(38, 0))})
    assert told(system.apply(dataset, Change(CREATE, sent))) == [(0, "DV-445", "n")]
    sent = pa.record_batch({"id": pa.array([11, 12, 13]), "m": pa.array([5, 12345678901, -7])})
    assert told(system.apply(dataset, Change(CREATE, sent))) == [(1, "DV-445", "m")]
    assert rows(admin, "SELECT coalesce(n, m) FROM t ORDER BY id") == [(5,), (12345678901,), (5,), (-7,)]


def test_columns_of_another_kind_are_refused(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
    naive = pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("us"))
    for columns in (
        {"id": ["7"]},
        {"id": pa.array([1]), "at": naive},
        {"id": pa.array([True])},
        {"id": pa.array([1.0])},
    ):
        with pytest.raises(Refused):
            system.apply(dataset, Change(CREATE, pa.record_batch(columns)))
    with pytest.raises(SchemaDrift):
        system.apply(dataset, Change(CREATE, pa.record_batch({"id": pa.array([1]), "nope": ["x"]})))


def test_what_a_trigger_rewrites_is_held(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, name text, stamp int DEFAULT 0);
        CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := upper(NEW.name); NEW.stamp := 1; RETURN NEW; END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tidy()""",
    )
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, id=[2, 1], name=["b", None])))
    assert receipt.held.to_pylist() == [{"id": 2, "name": "B"}, {"id": 1, "name": None}]
    receipt = system.apply(dataset, Change(UPDATE, batch(dataset, id=[1, 9, 2], name=["x", "y", "z"])))
    assert (receipt.applied, receipt.missed) == (2, (1,))
    assert receipt.held.to_pylist() == [{"id": 1, "name": "X"}, {"id": None, "name": None}, {"id": 2, "name": "Z"}]


def test_what_a_later_trigger_rewrites_is_held(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, n int);
        CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET n = n + 1 WHERE id = NEW.id AND n < 100; RETURN NULL; END $$;
        CREATE TRIGGER later AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION later()""",
    )
    assert system.apply(dataset, Change(CREATE, batch(dataset, id=[1], n=[5]))).held.to_pylist() == [{"id": 1, "n": 6}]


def test_rows_that_a_trigger_leaves_out_or_gives_other_keys(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, name text);
        CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.name = 'out' THEN RETURN NULL; END IF;
            IF NEW.name = 'moved' THEN NEW.id := NEW.id + 1000; END IF;
            IF NEW.name = 'no' THEN RAISE EXCEPTION 'no'; END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER judge BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION judge()""",
    )
    change = Change(CREATE, batch(dataset, id=[1, 2, 3, 4, 5], name=["a", "out", "moved", "no", "b"]))
    receipt = system.apply(dataset, change)
    assert told(receipt) == [(1, "DV-444", ""), (3, "DV-444", "")]
    assert receipt.keys.column("id").to_pylist() == [1, None, 1003, None, 5]
    assert rows(admin, "SELECT id, name FROM t ORDER BY id") == [(1, "a"), (5, "b"), (1003, "moved")]


def test_json_and_opaque_values_are_held_as_the_system_spells_them(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, j jsonb, p interval, a int[])")
    change = Change(
        CREATE, batch(dataset, id=[1, 2], j=['{"b":1,"a":2}', None], p=["36 hours", "1 month"], a=["{ 1,2}", None])
    )
    receipt = system.apply(dataset, change)
    assert receipt.held.to_pylist() == [
        {"id": 1, "j": '{"a": 2, "b": 1}', "p": "36:00:00", "a": "{1,2}"},
        {"id": 2, "j": None, "p": "1 mon", "a": None},
    ]
    assert system.apply(dataset, change).applied == 2, "the same row, spelled otherwise"
    held = next(iter(system.read(dataset, dataset.names)))
    receipt = system.apply(dataset, Change(UPDATE, batch(dataset, id=[1], p=["2 days"]), held.slice(0, 1)))
    assert (receipt.applied, receipt.held.to_pylist()) == (1, [{"id": 1, "p": "2 days"}])


@pytest.mark.parametrize("always", ["ALWAYS", "BY DEFAULT"])
def test_identities_are_drawn_or_given(system: Connector, admin, always: str) -> None:
    dataset = made(system, admin, f"CREATE TABLE t (id int GENERATED {always} AS IDENTITY PRIMARY KEY, name text)")
    reserved = system.reserve(dataset, 2)
    change = Change(CREATE, pa.RecordBatch.from_arrays([reserved.column(0), pa.array(["a", "b"])], ["id", "name"]))
    assert system.apply(dataset, change).keys.column("id").to_pylist() == [1, 2]
    assert system.apply(dataset, change).applied == 2
    assert system.apply(dataset, Change(CREATE, batch(dataset, name=["c", "d"]))).keys.column("id").to_pylist() == [
        3,
        4,
    ]
    mixed = system.apply(dataset, Change(CREATE, batch(dataset, id=[None, 77], name=["e", "f"])))
    assert mixed.keys.column("id").to_pylist()[1] == 77
    assert mixed.applied == 2
    assert rows(admin, "SELECT name FROM t ORDER BY name") == [(name,) for name in "abcdef"]


def test_keys_drawn_by_defaults(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, n int)")
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, n=[1, 2])))
    assert len(set(receipt.keys.column("id").to_pylist())) == 2
    assert len(set(system.reserve(dataset, 3).column("id").to_pylist())) == 3
    fixed = made(system, admin, "CREATE TABLE f (id text DEFAULT 'only' PRIMARY KEY, n int)", "f")
    with pytest.raises(Refused):
        system.reserve(fixed, 0)
    receipt = system.apply(fixed, Change(CREATE, batch(fixed, n=[1, 2])))
    assert receipt.keys.column("id").to_pylist() == ["only", None]
    assert told(receipt) == [(1, "DV-448", "id")]


def test_keys_are_drawn_without_rights_on_the_sequence(
    system: Connector, admin, postgres_server: Server, postgres_url: str
) -> None:
    admin.execute(
        "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk'; GRANT USAGE ON SCHEMA public TO clerk"
    )
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n int); GRANT ALL ON t TO clerk",
    )
    clerk = Connector(url=postgres_server.url(postgres_url.rpartition("/")[2], user="clerk", password="clerk"))
    try:
        with pytest.raises(Refused):
            clerk.reserve(dataset, 0)
        assert clerk.apply(dataset, Change(CREATE, batch(dataset, n=[5, 6]))).keys.column("id").to_pylist() == [1, 2]
        words = {topic: said for topic, _, said in clerk.examine([dataset])}["t"]
        assert words.endswith('GRANT USAGE ON SEQUENCE public.t_id_seq TO "clerk";')
        admin.execute(words.partition(": ")[2].encode())
        assert clerk.reserve(dataset, 2).num_rows == 2
    finally:
        clerk.close()
        admin.execute("DROP OWNED BY clerk; DROP ROLE clerk")


def test_generated_columns_and_views_are_refused(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id * 2) STORED); CREATE VIEW v AS TABLE t",
    )
    with pytest.raises(Refused):
        system.apply(dataset, Change(CREATE, batch(dataset, id=[1], d=[2])))
    view = system.describe().dataset("v")
    with pytest.raises(Refused):
        system.apply(view, Change(CREATE, pa.record_batch({"id": pa.array([1])})))


def test_each_rule_has_its_code(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1);
        CREATE TABLE t (id int PRIMARY KEY, u text UNIQUE, a int, b int, m mood NOT NULL DEFAULT 'ok', ref int REFERENCES other,
        n int CHECK (n > 0), span int4range, EXCLUDE USING gist (span WITH &&), UNIQUE (a, b)); CREATE UNIQUE INDEX part ON t (n) WHERE n > 5;
        INSERT INTO t VALUES (1, 'x', 1, 1, 'ok', 1, 7, '[1,5)')""",
    )
    cases = [
        ({"id": 1, "u": "other"}, "DV-448", "id"),
        ({"u": "x"}, "DV-441", "u"),
        ({"a": 1, "b": 1}, "DV-441", "a"),
        ({"n": 7}, "DV-441", "n"),
        ({"m": None}, "DV-442", "m"),
        ({"m": "bad"}, "DV-445", ""),
        ({"ref": 5}, "DV-443", "ref"),
        ({"n": -1}, "DV-444", "n"),
        ({"span": "[2,3)"}, "DV-444", "span"),
        ({"span": "nonsense"}, "DV-445", ""),
    ]
    for case, code, field in cases:
        columns = {name: [value] for name, value in {"id": 2, **case}.items()}
        receipt = system.apply(dataset, Change(CREATE, batch(dataset, **columns)))
        assert told(receipt) == [(0, code, field)], case
    admin.execute("INSERT INTO t (id) VALUES (50)")
    receipt = system.apply(dataset, Change(UPDATE, batch(dataset, id=[1, 50], u=["y", "y"])))
    assert told(receipt) == [(1, "DV-441", "u")]
    other = system.describe().dataset("other")
    assert told(system.apply(other, Change(DELETE, batch(other, id=[1])))) == [(0, "DV-443", "")]


def test_rows_that_refer_to_each_other_come_in_any_order(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t, n int CHECK (n > 0))")
    change = Change(CREATE, batch(dataset, id=[3, 2, 9, 1, 4, 5], parent=[2, 1, 77, None, 3, 9], n=[1, 1, 1, 1, 0, 1]))
    receipt = system.apply(dataset, change)
    assert told(receipt) == [(2, "DV-443", "parent"), (4, "DV-444", "n"), (5, "DV-443", "parent")]
    assert rows(admin, "SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,)]
    receipt = system.apply(dataset, Change(DELETE, batch(dataset, id=[1, 2])))
    assert told(receipt) == [(0, "DV-443", ""), (1, "DV-443", "")]
    assert system.apply(dataset, Change(DELETE, batch(dataset, id=[1, 2, 3]))).applied == 3


def test_deferred_constraints_answer_at_once(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, o int REFERENCES o DEFERRABLE INITIALLY DEFERRED)",
    )
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, id=[1, 2], o=[None, 5])))
    assert told(receipt) == [(1, "DV-443", "o")]


def test_a_key_that_no_constraint_guards(system: Connector, admin) -> None:
    found = made(system, admin, "CREATE TABLE t (code text, n int); INSERT INTO t VALUES ('a', 1), ('b', 1), ('b', 2)")
    dataset = Dataset(found.name, found.kind, found.fields, key=("code",))
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, code=["a", "c"], n=[5, 6])))
    assert told(receipt) == [(0, "DV-448", "code")]
    receipt = system.apply(dataset, Change(UPDATE, batch(dataset, code=["a", "b", "c"], n=[10, 11, 12])))
    assert (receipt.applied, told(receipt)) == (2, [(1, "DV-447", "code")])
    assert rows(admin, "SELECT code, n FROM t ORDER BY code, n") == [("a", 10), ("b", 1), ("b", 2), ("c", 12)]
    assert told(system.apply(dataset, Change(DELETE, batch(dataset, code=["b"])))) == [(0, "DV-447", "code")]


def test_rows_without_any_key_are_created(system: Connector, admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (n int CHECK (n > 0))")
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, n=[1, 0, None])))
    assert (receipt.applied, told(receipt), receipt.keys) == (2, [(1, "DV-444", "n")], None)
    with pytest.raises(Refused):
        system.apply(dataset, Change(DELETE, batch(dataset, n=[1])))


def test_partitioned_tables(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
        CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (5, 'five')""",
    )
    receipt = system.apply(dataset, Change(CREATE, batch(dataset, id=[5, 15, 25], v=["a", "b", "c"])))
    assert told(receipt) == [(0, "DV-448", "id"), (2, "DV-444", "")]
    assert system.apply(dataset, Change(UPDATE, batch(dataset, id=[5, 15], v=["x", "y"]))).applied == 2


def test_row_security(system: Connector, admin, postgres_server: Server, postgres_url: str) -> None:
    admin.execute(
        "DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN PASSWORD 'tenant'; GRANT USAGE ON SCHEMA public TO tenant"
    )
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, owner text); GRANT ALL ON t TO tenant; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON t TO tenant USING (owner = 'me') WITH CHECK (owner = 'me')""",
    )
    tenant = Connector(url=postgres_server.url(postgres_url.rpartition("/")[2], user="tenant", password="tenant"))
    try:
        with tenant.transaction() as transaction:
            receipt = transaction.apply(
                dataset, Change(CREATE, batch(dataset, id=[1, 2, 3], owner=["me", "you", "me"]))
            )
        assert receipt.applied == 2
        assert [one.position for one in receipt.rejects] == [1]
        assert ("t", "warn") in [line[:2] for line in tenant.examine([dataset])]
    finally:
        tenant.close()
        admin.execute("DROP OWNED BY tenant; DROP ROLE tenant")


def test_the_guard_is_exact_for_every_type(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, j json, p point, f real, c char(4), n numeric, touched int);
        INSERT INTO t VALUES (1, '{"a":  1}', '(1,2)', 0.1, 'ab', 1.50), (2, NULL, NULL, 'NaN', NULL, 'NaN')""",
    )
    whole = (
        pa.Table.from_batches(list(system.read(dataset, ["id", "j", "p", "f", "c"]))).combine_chunks().to_batches()[0]
    )
    change = Change(UPDATE, batch(dataset, id=whole.column("id").to_pylist(), touched=[1, 1]), whole)
    assert system.apply(dataset, change).applied == 2
    other = batch(dataset, id=[1, 2], touched=[2, 2]), batch(dataset, id=[1, 2], n=[Decimal("1.5"), None])
    receipt = system.apply(dataset, Change(UPDATE, *other))
    assert (receipt.applied, receipt.missed) == (1, (1,)), (
        "NaN was read as null with a reason; null is not what it holds"
    )


def test_writing_is_fast(system: Connector, admin) -> None:
    dataset = made(
        system,
        admin,
        "CREATE TABLE t (id bigint PRIMARY KEY, n int, flag boolean, name text, h text, price numeric(12,2), f float8, d date, ts timestamp, note text)",
    )
    size = 20_000

    def chunk(first: int) -> pa.RecordBatch:
        keys = range(first, first + size)
        return batch(
            dataset, id=list(keys), n=[7] * size, flag=[True] * size, name=[f"name {key}" for key in keys], h=[f"{key:032x}" for key in keys],
            price=[Decimal(key).scaleb(-2) for key in keys], f=[key / 3 for key in keys], d=[dt.date(2024, 1, 1)] * size,
            ts=[dt.datetime(2024, 1, 1)] * size, note=[None] * size,
        )  # fmt: skip

    chunks = [chunk(first) for first in range(0, 3 * size, size)]
    started = time.perf_counter()
    for one in chunks:
        assert system.apply(dataset, Change(CREATE, one)).applied == size
    created = 3 * size / (time.perf_counter() - started)
    started = time.perf_counter()
    for one in chunks:
        new = one.select(["id"]).append_column("name", pa.array(["new"] * size))
        assert system.apply(dataset, Change(UPDATE, new, one.select(["id", "name", "price"]))).applied == size
    updated = 3 * size / (time.perf_counter() - started)
    started = time.perf_counter()
    assert system.apply(dataset, Change(CREATE, chunks[0].set_column(1, "n", pa.array([8] * size)))).applied == 0
    refused = size / (time.perf_counter() - started)
    print(f"created {created:,.0f}, updated {updated:,.0f}, refused {refused:,.0f} rows a second")
    assert min(created, updated, refused) > 5_000
