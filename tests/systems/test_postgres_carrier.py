"""New rows that travel in binary form stand there exactly as those that travel as text, whatever their values."""

from __future__ import annotations

import datetime as dt
import random
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import DeclarationError
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.testing.conformance.promise import PROMISES
from dovetail.testing.conformance.trial import Outcome, examine
from dovetail.testing.servers.postgres import Pool, Server

TYPES = {
    "bool": "boolean",
    "i2": "smallint",
    "i4": "integer",
    "i8": "bigint",
    "f4": "real",
    "f8": "double precision",
    "n12_2": "numeric(12,2)",
    "n5": "numeric(5,0)",
    "n4_4": "numeric(4,4)",
    "n18_3": "numeric(18,3)",
    "n19_5": "numeric(19,5)",
    "n38_0": "numeric(38,0)",
    "n38_38": "numeric(38,38)",
    "n38_17": "numeric(38,17)",
    "free": "numeric",
    "t": "text",
    "v": "varchar(9)",
    "c": "char(9)",
    "b": "bytea",
    "d": "date",
    "tm": "time",
    "ts": "timestamp",
    "ts0": "timestamp(0)",
    "tz": "timestamptz",
    "u": "uuid",
    "j": "json",
    "jb": "jsonb",
    "mood": "mood",
    "small": "small",
}
MORE = {"a": "int[]", "m": "money", "r": "int4range"}
NAMES = list(TYPES)


def _number(random_: random.Random, precision: int, scale: int) -> Decimal:
    digits = random_.choice([0, 1, 2, precision // 2, precision])
    units = random_.choice(
        [0, 1, 10**digits - 1, random_.randrange(10 ** max(digits, 1)), 5 * 10 ** max(digits - 1, 0)]
    )
    return Decimal(f"{random_.choice([1, -1]) * min(units, 10**precision - 1)}E-{scale}")


def _value(random_: random.Random, name: str, carrier: pa.DataType) -> object:
    if random_.random() < 0.1:
        return None
    if pa.types.is_decimal(carrier):
        return _number(random_, carrier.precision, carrier.scale)
    if name in ("i2", "i4", "i8", "small"):
        bits = {"i2": 15, "i4": 31, "i8": 63, "small": 3}[name]
        return random_.choice(
            [0, 1, 2**bits - 1, random_.randrange(2**bits)] + ([-(2**bits)] if name != "small" else [])
        )
    if name == "f4":
        return struct.unpack(">f", struct.pack(">f", random_.uniform(-1e30, 1e30)))[0]
    if name == "f8":
        return random_.choice([0.0, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), random_.uniform(-1, 1)])
    if name in ("d", "tm", "ts", "ts0", "tz"):
        moment = dt.datetime(
            random_.choice([1, 1969, 1999, 2000, 2024, 9999]), 2, 28, 23, 59, 59, random_.choice([0, 1, 999999])
        )
        if name == "d":
            return moment.date()
        if name == "tm":
            return moment.time()
        return moment.replace(microsecond=0) if name == "ts0" else moment
    choices = {
        "bool": (True, False),
        "b": (b"", b"\0", bytes(range(256))),
        "u": (str(uuid.UUID(int=random_.getrandbits(128))), "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        "j": ('{"a":  1}', "[]", "1e400"),
        "jb": ('{"b":1,"a":2}', '"x"', "1.10"),
        "mood": ("glad", "sad 'n' low", "日本"),
    }
    texts = ("", " x", "NULL", "\\N", "\\.", 'a"b,c', "é\n", "日本語日本語日本語", "\U0010ffff", "\ufeff")
    return random_.choice(choices.get(name, texts))


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad ''n'' low', '日本')")
        connection.execute("CREATE DOMAIN small AS int CHECK (value < 8)")
        for table in ("by_binary", "by_text"):
            columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
            more = ", ".join(f"{name} {kind}" for name, kind in MORE.items())
            connection.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, {columns}, {more})".encode())
        yield connection


@contextmanager
def opened(url: str, carrier: str) -> Iterator[Connector]:
    system = Connector(url=url, timeout_s=30, carrier=carrier)
    yield system
    system.close()


def create(url: str, carrier: str, rows: pa.RecordBatch) -> Receipt:
    with opened(url, carrier) as system:
        found = system.describe().dataset(f"by_{carrier}")
        assert found is not None
        rows = pa.RecordBatch.from_arrays(
            [rows.column(name).cast(found.field(name).type.arrow()) for name in rows.schema.names], rows.schema.names
        )
        with system.transaction() as transaction:
            return transaction.apply(found, Change(Verb.CREATE, rows))


def random_rows(url: str, seed: int, count: int) -> pa.RecordBatch:
    with opened(url, "text") as system:
        found = system.describe().dataset("by_text")
    assert found is not None
    random_ = random.Random(seed)
    arrays = [pa.array(range(count), pa.int64())]
    for name in NAMES:
        carrier = found.field(name).type.arrow()
        arrays.append(pa.array([_value(random_, name, carrier) for _ in range(count)], carrier))
    return pa.RecordBatch.from_arrays(arrays, ["id", *NAMES])


def differences(admin: psycopg.Connection) -> list[tuple]:
    """Rows whose texts, the number of decimal places included, differ between the two tables."""
    found = []
    for name in ("id", *TYPES, *MORE):
        sql = f"SELECT one.id, one.{name}::text, two.{name}::text FROM by_binary one FULL JOIN by_text two USING (id)"
        same = f"WHERE one.{name}::text IS DISTINCT FROM two.{name}::text"
        found += [(name, *row) for row in admin.execute(f"{sql} {same}".encode())]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_both_carriers_write_the_same(postgres_url: str, admin: psycopg.Connection, seed: int) -> None:
    rows = random_rows(postgres_url, seed, 700)
    told = [create(postgres_url, carrier, rows) for carrier in ("binary", "text")]
    assert told[0].applied == told[1].applied == 700
    assert differences(admin) == []
    with opened(postgres_url, "binary") as system:
        found = system.describe().dataset("by_binary")
        assert found is not None
        back = pa.Table.from_batches(system.read_after(found, ["id", *NAMES]))
    for name in set(NAMES) - {"jb", "f8"}:
        assert back.column(name).to_pylist() == rows.column(name).to_pylist(), name
    assert [str(one) for one in back.column("f8").to_pylist()] == [str(one) for one in rows.column("f8").to_pylist()]


def test_slices_and_nulls_keep_their_place(postgres_url: str, admin: psycopg.Connection) -> None:
    whole = random_rows(postgres_url, 9, 300)
    nulls = pa.RecordBatch.from_arrays(
        [whole.column(0), *(pa.nulls(300, one.type) for one in whole.columns[1:])], whole.schema.names
    )
    rows = pa.Table.from_batches([whole.slice(13, 150), nulls.slice(200, 5)]).combine_chunks().to_batches()[0].slice(3)
    for carrier in ("binary", "text"):
        assert create(postgres_url, carrier, rows).applied == 152
    assert differences(admin) == []


def test_refused_rows_are_the_same(postgres_url: str, admin: psycopg.Connection) -> None:
    for table in ("by_binary", "by_text"):
        admin.execute(f"CREATE UNIQUE INDEX ON {table} (i8); ALTER TABLE {table} ALTER i4 SET NOT NULL".encode())
    rows = pa.record_batch(
        {
            "id": pa.array([1, 2, 3, 4, 4, 6], pa.int64()),
            "i8": pa.array([1, 1, 2, 3, 4, 5], pa.int64()),
            "i4": pa.array([1, 1, None, 1, 1, 1], pa.int64()),
            "small": pa.array([1, 1, 1, 9, 1, 2**40], pa.int64()),
            "t": pa.array(["a", "b", "c", "d", "e", "f"]),
        }
    )
    told = [create(postgres_url, carrier, rows) for carrier in ("binary", "text")]
    assert [(one.position, one.code) for one in told[0].rejects] == [
        (one.position, one.code) for one in told[1].rejects
    ]
    assert (told[0].applied, len(told[0].rejects)) == (2, 4)
    assert differences(admin) == []


def test_other_types_make_all_travel_as_text(postgres_url: str, admin: psycopg.Connection) -> None:
    rows = pa.record_batch(
        {"id": pa.array([1], pa.int64()), "a": ["{{1,2},{3,NULL}}"], "m": ["$1.10"], "r": ["[1,5)"], "n12_2": ["1.10"]}
    )
    for carrier in ("binary", "text"):
        assert create(postgres_url, carrier, rows).applied == 1
    assert differences(admin) == []
    assert admin.execute("SELECT a::text, m::text FROM by_binary").fetchall() == [("{{1,2},{3,NULL}}", "$1.10")]


def test_a_receipt_names_the_version_of_its_rows(postgres_url: str, admin: psycopg.Connection) -> None:
    admin.execute("CREATE TABLE plain (id bigint PRIMARY KEY, t text)")
    with opened(postgres_url, "binary") as system:
        plain, moody = (system.describe().dataset(name) for name in ("plain", "by_binary"))
        assert plain is not None
        assert moody is not None
        rows = pa.record_batch({"id": pa.array(range(5), pa.int64()), "t": ["a", "b", "c", "d", "e"]})
        told = system.apply(plain, Change(Verb.CREATE, rows))
        assert system.versions(plain) == {told.version: 5}
        assert system.apply(plain, Change(Verb.CREATE, rows)).version is None, "they stood there already"
        assert system.apply(moody, Change(Verb.CREATE, rows)).version is None
        assert system.versions(moody) == {}, "an enumeration's labels can change without a trace in the row"


def test_an_account_that_may_write_some_columns_writes_them(
    postgres_server: Server, postgres_url: str, admin: psycopg.Connection
) -> None:
    admin.execute("DROP ROLE IF EXISTS typist")
    admin.execute("CREATE ROLE typist LOGIN PASSWORD 'typist'")
    admin.execute("GRANT USAGE ON SCHEMA public TO typist")
    admin.execute("GRANT SELECT, INSERT (id, t), UPDATE (t) ON by_binary TO typist")
    url = postgres_server.url(postgres_url.rpartition("/")[2], user="typist", password="typist")
    try:
        with opened(url, "binary") as system, system.transaction() as transaction:
            found = system.describe().dataset("by_binary")
            assert found is not None
            rows = pa.record_batch({"id": pa.array([1, 2], pa.int64()), "t": ["a", "b"]})
            assert transaction.apply(found, Change(Verb.CREATE, rows)).applied == 2
            assert transaction.apply(found, Change(Verb.UPDATE, rows)).applied == 2
    finally:
        admin.execute("DROP OWNED BY typist")
        admin.execute("DROP ROLE typist")


def test_the_table_is_looked_at_until_it_is_known(
    postgres_url: str, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    true = Reader.columns
    monkeypatch.setattr(Reader, "columns", lambda self, *given: looked.append("") or true(self, *given))
    with opened(postgres_url, "binary") as system:
        found = system.describe().dataset("by_binary")
        assert found is not None
        for first in (1, 3):
            with system.transaction() as transaction:
                for at in (first, first + 1):
                    rows = pa.record_batch({"id": pa.array([at], pa.int64())})
                    assert transaction.apply(found, Change(Verb.CREATE, rows)).applied == 1
        assert len(looked) == 1
        admin.execute("ALTER TABLE by_binary ADD COLUMN later int")
        with system.transaction() as transaction:
            rows = pa.record_batch({"id": pa.array([5], pa.int64())})
            assert transaction.apply(found, Change(Verb.CREATE, rows)).applied == 1
    assert len(looked) == 2


def test_an_unknown_carrier_is_refused(postgres_url: str) -> None:
    with pytest.raises(DeclarationError):
        Connector(url=postgres_url, carrier="pigeon")


def test_hostile_values_travel_as_text_too(postgres_pool: Pool) -> None:
    @contextmanager
    def fresh() -> Iterator[Connector]:
        name = postgres_pool.take()
        with opened(postgres_pool.server.url(name), "text") as system:
            yield system
        postgres_pool.give_back(name)

    results = examine(fresh, [name for name in PROMISES if name.startswith("hostile_")])
    assert len(results) > 10
    assert [one for one in results if one.outcome is not Outcome.PASSED] == []
