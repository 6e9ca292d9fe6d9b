"""What is read from PostgreSQL is exact, or unreadable with a reason; in one snapshot; fast."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import SchemaDrift
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.postgres import Connector, columnar

CASES: list[tuple[str, str, object]] = [
    ("boolean", "true", True),
    ("smallint", "-32768", -32768),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("numeric(12,2)", "1.10", Decimal("1.10")),
    ("numeric", "1.5", Decimal("1.500000000000000000")),
    ("numeric", "1.50000000000000000000000000", Decimal("1.500000000000000000")),
    ("numeric", "99999999999999999999.999999999999999999", Decimal("99999999999999999999.999999999999999999")),
    ("numeric", "123456789012345678901", "the number has more digits than decimal128(38, 18) holds"),
    ("numeric", "329211991165250083874877563307990", "the number has more digits than decimal128(38, 18) holds"),
    ("numeric", "0.0000000000000000001", "the number has more digits than decimal128(38, 18) holds"),
    ("numeric", "'NaN'", "not a number"),
    ("numeric", "'-Infinity'", "the number is infinite"),
    ("numeric(10,2)", "'NaN'", "not a number"),
    (
        "numeric(38,38)",
        "-0.99999999999999999999999999999999999999",
        Decimal("-0.99999999999999999999999999999999999999"),
    ),
    ("numeric(38,0)", "99999999999999999999999999999999999999", Decimal("9" * 38)),
    ("numeric(38,18)", "99999999999999999999.999999999999999999", Decimal("99999999999999999999.999999999999999999")),
    (
        "numeric(46,2)",
        "12345678901234567890123456789012345678901234.50",
        "12345678901234567890123456789012345678901234.50",
    ),
    ("real", "0.1", 0.10000000149011612),
    ("double precision", "'NaN'", float("nan")),
    ("double precision", "'-0'", -0.0),
    ("double precision", "5e-324", 5e-324),
    ("double precision", "'-Infinity'", float("-inf")),
    ("text", r"E'\\N'", "\\N"),
    ("text", r"E'a\r\n\"b,'", 'a\r\n"b,'),
    ("text", "''", ""),
    ("char(5)", "'ab'", "ab"),
    ("char(5)", "'  '", ""),
    ("varchar(3)", "'a  '", "a  "),
    ("bytea", r"'\x00ff5c78'", b"\x00\xff\\x"),
    ("bytea", "''", b""),
    ("date", "'0001-01-01'", dt.date(1, 1, 1)),
    ("date", "'9999-12-31'", dt.date(9999, 12, 31)),
    ("date", "'10000-01-01'", "beyond the years 1 to 9999"),
    ("date", "'0044-03-15 BC'", "beyond the years 1 to 9999"),
    ("date", "'infinity'", "infinite"),
    ("time", "'23:59:59.999999'", dt.time(23, 59, 59, 999999)),
    ("time", "'24:00'", "24:00, the end of a day, is no time of a day"),
    ("timestamp", "'2024-02-29 12:00:00.000001'", dt.datetime(2024, 2, 29, 12, 0, 0, 1)),
    ("timestamp", "'-infinity'", "infinite"),
    ("timestamp", "'294276-12-31 23:59:59'", "beyond the years 1 to 9999"),
    ("timestamp", "'4713-01-01 BC'", "beyond the years 1 to 9999"),
    ("timestamptz", "'2024-07-01 12:00:00+05:30'", dt.datetime(2024, 7, 1, 6, 30, tzinfo=dt.UTC)),
    ("timestamptz", "'infinity'", "infinite"),
    ("timestamptz", "'0001-12-31 00:00:00 BC'", "beyond the years 1 to 9999"),
    ("uuid", "'0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07'", "0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07"),
    ("json", """'{"a":1,  "a":2}'""", '{"a":1,  "a":2}'),
    ("jsonb", """'{"b":1,"a":2}'""", '{"a": 2, "b": 1}'),
    ("jsonb", "'1e400'", "1" + "0" * 400),
    ("int[]", "'{{1,2},{3,NULL}}'", "{{1,2},{3,NULL}}"),
    ("interval", "'178000000 years 1 month 2 days'", "178000000 years 1 mon 2 days"),
    ("money", "1.10::money", "$1.10"),
    ("oid", "4294967295", "4294967295"),
    ("int4range", "'[1,5)'", "[1,5)"),
    ("inet", "'10.0.0.0/8'", "10.0.0.0/8"),
    ("bit(3)", "B'101'", "101"),
    ("timetz", "'12:00+15:59'", "12:00:00+15:59"),
    ("point", "'(1,2)'", "(1,2)"),
]


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["text", "binary"])
def system(postgres_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    monkeypatch.setattr(columnar, "ROWS_MIN", 0)
    connector = Connector(url=postgres_url, batch_rows=1000, carrier=request.param)
    yield connector
    connector.close()


def test_every_value_is_exact_or_unreadable(system: Connector, admin) -> None:
    for number, (kind, literal, _) in enumerate(CASES):
        admin.execute(f"CREATE TABLE c{number} (id int PRIMARY KEY, v {kind})".encode())
        admin.execute(f"INSERT INTO c{number} VALUES (1, {literal}), (2, NULL)".encode())
    found = system.describe()
    for number, (kind, literal, expected) in enumerate(CASES):
        rows = [row for one in system.read(found.dataset(f"c{number}"), ["id", "v"]) for row in one.to_pylist()]
        first, second = sorted(rows, key=lambda row: row["id"])
        if first["v"] is None:
            assert first[UNREADABLE] == f"v: {expected}", f"{kind} {literal}"
        else:
            assert repr(first["v"]).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc") == repr(
                expected
            ), f"{kind} {literal}"
        assert second["v"] is None
        assert second.get(UNREADABLE) is None


def test_decimals_that_were_widened_since_are_unreadable_not_wrapped(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (a numeric(38,18), b numeric(12,2))")
    dataset = system.describe().dataset("t")
    admin.execute("ALTER TABLE t ALTER a TYPE numeric, ALTER b TYPE numeric")
    admin.execute(
        "INSERT INTO t VALUES (329211991165250083874877563307990, 1), (1, 329211991165250083874877563307990123), (2, 2.5)"
    )
    rows = next(iter(system.read(dataset, ["a", "b"]))).to_pylist()
    assert [(row["a"], row["b"]) for row in rows] == [(None, 1), (1, None), (2, Decimal("2.5"))]


def test_one_bad_value_does_not_hide_the_others(system: Connector, admin) -> None:
    admin.execute(
        "CREATE TABLE t (id int PRIMARY KEY, d date, n numeric, b boolean, f float8, u uuid, ts timestamptz, tm time)"
    )
    admin.execute(
        "INSERT INTO t SELECT i, date '2020-01-01' + i, i / 4.0, i % 2 = 0, i / 8.0, gen_random_uuid(), '2020-01-01 00:00+00', '10:00' "
        "FROM generate_series(1, 2500) AS i"
    )
    admin.execute("UPDATE t SET d = 'infinity', tm = '24:00' WHERE id = 1700")
    admin.execute("UPDATE t SET ts = 'infinity' WHERE id = 3")
    dataset = system.describe().dataset("t")
    batches = list(system.read(dataset, dataset.names))
    assert [one.num_rows for one in batches] == [1000, 1000, 500]
    rows = {row["id"]: row for one in batches for row in one.to_pylist()}
    marked = {key: row[UNREADABLE] for key, row in rows.items() if row.get(UNREADABLE)}
    assert marked == {1700: "d: infinite; tm: 24:00, the end of a day, is no time of a day", 3: "ts: infinite"}
    for number in (1, 1699, 2500):
        assert rows[number]["d"] == dt.date(2020, 1, 1) + dt.timedelta(days=number)
        assert (rows[number]["n"], rows[number]["b"], rows[number]["f"]) == (
            Decimal(number) / 4,
            number % 2 == 0,
            number / 8,
        )
        assert rows[number]["tm"] == dt.time(10)


def test_the_accounts_own_settings_change_no_value(system: Connector, admin, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    for setting in (
        "DateStyle = 'German'",
        "IntervalStyle = 'iso_8601'",
        "TimeZone = 'Asia/Kolkata'",
        "extra_float_digits = -3",
        "bytea_output = 'escape'",
    ):
        admin.execute(f"ALTER DATABASE {name} SET {setting}".encode())
    admin.execute("CREATE TABLE t (d date, ts timestamptz, f float8, b bytea, i interval)")
    admin.execute(
        "INSERT INTO t VALUES ('2024-01-31', '2024-01-31 12:00+00', 0.1::float8 + 0.2::float8, 'ab', '1 month')"
    )
    try:
        row = next(iter(system.read(system.describe().dataset("t"), ["d", "ts", "f", "b", "i"]))).to_pylist()[0]
    finally:
        admin.execute(f"ALTER DATABASE {name} RESET ALL".encode())
    assert row["ts"] == dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)
    assert (row["d"], row["f"], row["b"], row["i"]) == (dt.date(2024, 1, 31), 0.1 + 0.2, b"ab", "1 mon")


def test_a_reading_is_one_snapshot(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t AS SELECT i AS id, 'old' AS v FROM generate_series(1, 20000) AS i")
    dataset = system.describe().dataset("t")
    stream = iter(system.read(dataset, ["id", "v"]))
    batches = [next(stream)]
    admin.execute("UPDATE t SET v = 'new'")
    admin.execute("INSERT INTO t VALUES (0, 'new')")
    batches += list(stream)
    assert sum(one.num_rows for one in batches) == 20000
    assert {value for one in batches for value in one.column("v").to_pylist()} == {"old"}


def test_keys_are_compared_byte_by_byte_whatever_their_collation(system: Connector, admin) -> None:
    try:
        admin.execute("CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
    except psycopg.errors.FeatureNotSupported as reason:
        pytest.skip(str(reason))
    admin.execute("CREATE TABLE t (id text COLLATE loose PRIMARY KEY, n int)")
    admin.execute("INSERT INTO t VALUES ('Straße', 1), ('b', 2)")
    dataset = system.describe().dataset("t")
    found = [
        list(system.lookup(dataset, ["n"], pa.record_batch({"id": [key]})))
        for key in ("Straße", "STRASSE", "straße", "B", "b")
    ]
    assert [[row["n"] for one in batches for row in one.to_pylist()] for batches in found] == [[1], [], [], [], [2]]


def test_keys_without_case_are_compared_byte_by_byte(system: Connector, admin) -> None:
    admin.execute("CREATE EXTENSION citext")
    admin.execute("CREATE TABLE t (id citext PRIMARY KEY, n int); INSERT INTO t VALUES ('Abc', 1)")
    dataset = system.describe().dataset("t")
    found = [
        [row["n"] for one in system.lookup(dataset, ["n"], pa.record_batch({"id": [key]})) for row in one.to_pylist()]
        for key in ("Abc", "abc", "ABC")
    ]
    assert found == [[1], [], []]


def test_keys_of_odd_types_are_found(system: Connector, admin) -> None:
    for number, (kind, key) in enumerate(
        [("inet", "10.0.0.1"), ("char(4)", "ab"), ("numeric(40,1)", "1.5"), ("oid", "7"), ("int[]", "{1,2}")]
    ):
        admin.execute(f"CREATE TABLE k{number} (id {kind} PRIMARY KEY)".encode())
        admin.execute(f"INSERT INTO k{number} VALUES ('{key}')".encode())
        dataset = system.describe().dataset(f"k{number}")
        found = pa.Table.from_batches(list(system.lookup(dataset, ["id"], pa.record_batch({"id": [key, None]}))))
        assert found.column("id").to_pylist() == [key]


def test_a_key_that_the_type_cannot_hold_is_the_key_of_no_row(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t VALUES (1)")
    dataset = system.describe().dataset("t")
    assert [one.num_rows for one in system.lookup(dataset, ["id"], pa.record_batch({"id": pa.array([1, 70000])}))] == [
        1
    ]


def test_uuid_keys_are_read_in_parts(system: Connector, admin) -> None:
    admin.execute(
        "CREATE TABLE t (id uuid PRIMARY KEY); INSERT INTO t SELECT gen_random_uuid() FROM generate_series(1, 999)"
    )
    dataset = system.describe().dataset("t")
    parts = system.partitions(dataset, 4)
    sizes = [sum(one.num_rows for one in system.read_partition(dataset, ["id"], part)) for part in parts]
    assert (len(parts), sum(sizes)) == (4, 999)
    assert min(sizes) > 150
    with pytest.raises(SchemaDrift):
        list(system.read_partition(dataset, ["id"], "0' OR true --"))


def test_reading_is_fast(system: Connector, admin) -> None:
    admin.execute(
        "CREATE TABLE t AS SELECT i::bigint AS id, (i * 7)::int AS n, i % 2 = 0 AS flag, 'name ' || i AS name, md5(i::text) AS h, "
        "(i / 100.0)::numeric(12,2) AS price, i::float8 / 3 AS f, date '2020-01-01' + i % 1000 AS d, "
        "timestamp '2020-01-01' + i * interval '1 second' AS ts, CASE WHEN i % 3 = 0 THEN 'x' END AS note FROM generate_series(1, 200000) AS i"
    )
    admin.execute("VACUUM ANALYZE t")
    fast = Connector(url=system.url)
    dataset = fast.describe().dataset("t")
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        count = sum(one.num_rows for one in fast.read(dataset, dataset.names))
        rates.append(count / (time.perf_counter() - started))
    print(f"read {max(rates):,.0f} rows of 10 columns a second")
    assert max(rates) > 100_000, "a tenth of what it should be"
    fast.close()
