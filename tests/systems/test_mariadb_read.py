"""What is read from MariaDB is exact, or unreadable with a reason; in one snapshot; keys to the byte."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb import Connector, gather
from dovetail.systems.connectors.mariadb.address import parse

FORMLESS = "a text that has no exact form in UTF-8"
BEYOND = "a time below zero, or of a day and more"
CASES: list[tuple[str, str, object]] = [
    ("tinyint(1)", "1", True),
    ("tinyint(1)", "0", False),
    (
        "tinyint(1)",
        "2",
        "a number other than 0 and 1 where a truth value is declared (see the setting tinyint_1)",
    ),
    ("tinyint(1) unsigned", "2", 2),
    ("tinyint", "-128", -128),
    ("smallint unsigned", "65535", 65535),
    ("mediumint", "-8388608", -8388608),
    ("int(10) unsigned zerofill", "42", 42),
    ("bigint", "-9223372036854775808", -(2**63)),
    ("bigint unsigned", "18446744073709551615", Decimal(2**64 - 1)),
    ("bit(1)", "b'1'", True),
    ("bit(8)", "b'10100101'", 165),
    ("bit(63)", "9223372036854775807", 2**63 - 1),
    ("bit(64)", "18446744073709551615", Decimal(2**64 - 1)),
    ("decimal(12,2)", "-1.10", Decimal("-1.10")),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(38,38)", "-0." + "9" * 38, Decimal("-0." + "9" * 38)),
    ("decimal(65,30)", "9" * 35 + "." + "9" * 30, "9" * 35 + "." + "9" * 30),
    ("float", "0.1", 0.10000000149011612),
    ("float", "16777217", 16777216.0),
    ("float(10,2)", "1234567.89", 1234567.875),
    ("double", "0.1", 0.1),
    ("double", "5e-324", 5e-324),
    ("double", "1.7976931348623157e308", 1.7976931348623157e308),
    ("double", "-0e0", 0.0),
    ("double(20,3)", "123456789.125", 123456789.125),
    ("year", "2155", 2155),
    ("year", "0", 0),
    ("date", "'0001-01-01'", dt.date(1, 1, 1)),
    ("date", "'9999-12-31'", dt.date(9999, 12, 31)),
    ("date", "'0000-00-00'", "a zero date"),
    ("date", "'2024-02-00'", "a date without a year, a month or a day"),
    ("date", "'0000-05-05'", "a date without a year, a month or a day"),
    ("time", "'23:59:59'", dt.time(23, 59, 59)),
    ("time(6)", "'00:00:00.000001'", dt.time(0, 0, 0, 1)),
    ("time(3)", "'12:00:00.500'", dt.time(12, 0, 0, 500000)),
    ("time", "'24:00:00'", BEYOND),
    ("time", "'-00:00:01'", BEYOND),
    ("time", "'838:59:59'", BEYOND),
    ("datetime", "'2024-02-29 12:00:00'", dt.datetime(2024, 2, 29, 12)),
    ("datetime(6)", "'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("datetime(3)", "'2024-01-01 00:00:00.125'", dt.datetime(2024, 1, 1, 0, 0, 0, 125000)),
    ("datetime", "'0000-00-00'", "a zero date"),
    ("datetime(6)", "'2024-00-01 10:00:00.5'", "a date without a year, a month or a day"),
    ("timestamp(6) null", "'2024-07-01 06:30:00.000001'", dt.datetime(2024, 7, 1, 6, 30, 0, 1, tzinfo=dt.UTC)),
    ("timestamp null", "'0000-00-00'", "a zero date"),
    ("char(5)", "'ab'", "ab"),
    ("varchar(5)", "'a  '", "a  "),
    ("varchar(9)", "'ü😀\\\\\\n\\0'", "ü😀\\\n\x00"),
    ("longtext", "''", ""),
    ("varchar(9) character set latin1", "'é€'", "é€"),
    ("varchar(9) character set utf16", "'ü😀'", "ü😀"),
    ("varchar(9) character set sjis", "'日本'", "日本"),
    ("varchar(9) character set ascii", "x'E9'", FORMLESS),
    ("varchar(9) character set hebrew", "x'A1'", FORMLESS),
    ("varchar(9) character set gbk", "x'A2E3'", FORMLESS),
    ("varchar(9) character set ucs2", "x'D83D'", FORMLESS),
    ("enum('a','it''s')", "'it''s'", "it's"),
    ("enum('a')", "''", ""),
    ("set('p','q','r')", "'r,p'", "p,r"),
    ("json", """'{"a":1,  "a":2}'""", '{"a":1,  "a":2}'),
    ("binary(4)", "x'00ff'", b"\x00\xff\x00\x00"),
    ("varbinary(4)", "x'5c00ff'", b"\\\x00\xff"),
    ("blob", "''", b""),
    ("inet6", "'::ffff:10.0.0.1'", "::ffff:10.0.0.1"),
    ("uuid", "'0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07'", "0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07"),
    ("point", "ST_GeomFromText('POINT(1 2)', 4326)", "E61000000101000000000000000000F03F0000000000000040"),
]


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Any]:
    """Whatever the application stores without being asked whether it should."""
    connection = pymysql.connect(**parse(mariadb_url).parameters(), autocommit=True, charset="utf8mb4")
    with connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = '', time_zone = '+00:00'")
        yield cursor


@pytest.fixture
def system(mariadb_url: str) -> Iterator[Connector]:
    connector = Connector(url=mariadb_url, batch_rows=1000, timeout_s=20)
    yield connector
    connector.close()


def described(system: Connector, name: str = "t") -> Dataset:
    found = system.describe().dataset(name)
    assert found is not None
    return found


def rows(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for one in batches for row in one.to_pylist()]


def test_every_value_is_exact_or_unreadable(system: Connector, admin) -> None:
    columns = ", ".join(f"c{at} {kind} NULL" for at, (kind, _, _) in enumerate(CASES))
    admin.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    admin.execute(f"INSERT INTO t VALUES (1, {', '.join(literal for _, literal, _ in CASES)})")
    admin.execute("INSERT INTO t (id) VALUES (2)")
    dataset = described(system)
    for at, (kind, literal, expected) in enumerate(CASES):
        first, second = rows(system.read(dataset, [f"c{at}", "id"]))
        held = first[f"c{at}"]
        if held is None:
            assert first[UNREADABLE] == f"c{at}: {expected}", f"{kind} {literal}"
        else:
            said = repr(held).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc")
            assert (said, first.get(UNREADABLE)) == (repr(expected), None), f"{kind} {literal}"
            arrow = next(system.read(dataset, [f"c{at}"])).column(0).type
            assert arrow == dataset.fields[at + 1].type.arrow()
        if kind.endswith("null") or not kind.startswith("timestamp"):
            assert (second[f"c{at}"], second.get(UNREADABLE)) == (None, None), kind


def test_a_short_number_of_tinyint_1_can_be_read_where_it_is_said_to_be_one(mariadb_url: str, admin) -> None:
    admin.execute("CREATE TABLE t (a tinyint(1))")
    admin.execute("INSERT INTO t VALUES (2), (-1), (NULL)")
    system = Connector(url=mariadb_url, tinyint_1="integer")
    assert [row["a"] for row in rows(system.read(described(system), ["a"]))] == [2, -1, None]


def test_one_bad_value_does_not_hide_the_others(system: Connector, admin) -> None:
    columns = "id int PRIMARY KEY, d date, ts timestamp NULL, tm time, b tinyint(1), n decimal(9,3)"
    admin.execute(f"CREATE TABLE t ({columns})")
    admin.execute(
        "INSERT INTO t SELECT seq, date_add('2020-01-01', INTERVAL seq DAY), '2020-01-01', '10:00', seq % 2, seq / 8"
        " FROM seq_1_to_2500"
    )
    admin.execute("UPDATE t SET d = '0000-00-00', tm = '24:00', b = 7 WHERE id = 1700")
    admin.execute("UPDATE t SET ts = '0000-00-00' WHERE id = 3")
    dataset = described(system)
    batches = list(system.read(dataset, dataset.names))
    assert [one.num_rows for one in batches] == [1000, 1000, 500]
    found = {row["id"]: row for row in rows(iter(batches))}
    marked = {key: row[UNREADABLE] for key, row in found.items() if row.get(UNREADABLE)}
    assert {key: words.count(":") for key, words in marked.items()} == {1700: 3, 3: 1}
    for number in (1, 1699, 2500):
        assert found[number]["d"] == dt.date(2020, 1, 1) + dt.timedelta(days=number)
        assert (found[number]["n"], found[number]["b"]) == (Decimal(number) / 8, number % 2 == 1)
        assert (found[number]["tm"], found[number]["ts"]) == (dt.time(10), dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


def test_numbers_that_were_widened_since_are_unreadable_not_wrapped(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, a decimal(38,18), b decimal(12,2), c bigint)")
    dataset = described(system)
    admin.execute("ALTER TABLE t MODIFY a decimal(65,18), MODIFY b decimal(65,20), MODIFY c decimal(40,1)")
    admin.execute("INSERT INTO t VALUES (1, 329211991165250083874877563307990, 1, 9223372036854775808)")
    admin.execute("INSERT INTO t VALUES (2, 1, 329211991165250083874877563307990123, 1.5), (3, 2, 2.5, 7)")
    found = rows(system.read(dataset, ["a", "b", "c"]))
    assert [(row["a"], row["b"]) for row in found] == [(None, 1), (1, None), (2, Decimal("2.5"))]
    assert [row["c"] for row in found] == [None, None, None], "7.0 is no whole number's text"


@pytest.mark.parametrize("length", [0, 250, 251, 65_535, 65_536, 2**24 - 8, 2**25 + 7])
def test_values_of_every_length_arrive_whole(system: Connector, admin, length: int) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, a longtext, b longblob, c int)")
    admin.execute(f"INSERT INTO t VALUES (1, repeat('x', {length}), NULL, 7), (2, NULL, repeat('y', {length}), 8)")
    admin.execute("INSERT INTO t SELECT 2 + seq, 'a', 'b', seq FROM seq_1_to_3")
    found = rows(system.read(described(system), ["a", "c", "b"]))
    assert found[0] == {"a": "x" * length, "b": None, "c": 7}
    assert found[1] == {"a": None, "b": b"y" * length, "c": 8}
    assert [row["c"] for row in found] == [7, 8, 1, 2, 3]


def test_a_value_too_long_to_carry_is_unreadable(system: Connector, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "FIELD_BYTES_MAX", 1000)
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, a longblob)")
    admin.execute("INSERT INTO t VALUES (1, repeat('x', 1001)), (2, 'y')")
    dataset = described(system)
    first, second = rows(system.read(dataset, ["id", "a"]))
    assert (first["a"], first[UNREADABLE], second["a"]) == (None, "a: longer than 64 MB", b"y")


def test_the_servers_own_settings_change_no_value(system: Connector, admin, mariadb_server) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, ts timestamp NULL, a varchar(9), f double)")
    admin.execute("INSERT INTO t VALUES (1, '2024-01-31 12:00:00', 'ä\\\\n', 0.1e0 + 0.2e0), (2, NULL, NULL, NULL)")
    changes = {"time_zone": "'+05:30'", "sql_mode": "'ANSI'", "sql_select_limit": "1", "character_set_server": "latin1"}
    for name, value in changes.items():
        mariadb_server.run(f"SET GLOBAL {name} = {value}")
    try:
        found = rows(system.read(described(system), ["id", "ts", "a", "f"]))
    finally:
        for name in changes:
            mariadb_server.run(f"SET GLOBAL {name} = DEFAULT")
        mariadb_server.run("SET GLOBAL character_set_server = utf8mb4")
    assert len(found) == 2
    assert found[0]["ts"] == dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)
    assert (found[0]["a"], found[0]["f"]) == ("ä\\n", 0.1 + 0.2)


def test_a_reading_is_one_snapshot(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(9))")
    admin.execute("INSERT INTO t SELECT seq, 'old' FROM seq_1_to_20000")
    stream = system.read(described(system), ["id", "v"])
    batches = [next(stream)]
    admin.execute("UPDATE t SET v = 'new'")
    admin.execute("INSERT INTO t VALUES (0, 'new')")
    batches += list(stream)
    assert sum(one.num_rows for one in batches) == 20000
    assert {value for one in batches for value in one.column("v").to_pylist()} == {"old"}


def test_a_look_up_is_one_snapshot_however_many_keys_it_has(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id varchar(9) PRIMARY KEY, v int)")
    admin.execute("INSERT INTO t SELECT concat('k', seq), 0 FROM seq_1_to_2000")
    found = system.lookup(described(system), ["v"], pa.record_batch({"id": [f"k{at}" for at in range(1, 2001)]}))
    seen = next(found).column("v").to_pylist()
    admin.execute("UPDATE t SET v = 1")
    seen += [row["v"] for row in rows(found)]
    assert seen == [0] * 2000


def test_long_keys_are_looked_up_within_a_packet(system: Connector, admin, mariadb_server) -> None:
    admin.execute("CREATE TABLE t (id varbinary(3000) PRIMARY KEY, n int)")
    admin.execute("INSERT INTO t SELECT rpad(seq, 3000, '.'), seq FROM seq_1_to_700")
    dataset = described(system)
    keys = pa.record_batch({"id": [str(at).encode().ljust(3000, b".") for at in range(1, 701)]})
    mariadb_server.run("SET GLOBAL max_allowed_packet = 1048576")
    try:
        system.close()
        found = rows(system.lookup(dataset, ["n"], keys))
    finally:
        mariadb_server.run("SET GLOBAL max_allowed_packet = 67108864")
    assert sorted(row["n"] for row in found) == list(range(1, 701))


def test_nothing_is_one_empty_batch(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, d date, a text, n decimal(5,2))")
    dataset = described(system)
    for found in (system.read(dataset, dataset.names), system.read_after(dataset, dataset.names)):
        (batch,) = found
        assert (batch.num_rows, batch.schema.types) == (0, [one.type.arrow() for one in dataset.fields])
    assert not rows(system.lookup(dataset, ["a"], pa.record_batch({"id": pa.array([1, 900], pa.int64())})))


def test_a_reading_left_early_leaves_nothing_behind(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(999))")
    admin.execute("INSERT INTO t SELECT seq, repeat('x', 900) FROM seq_1_to_20000")
    dataset = described(system)
    stream = system.read(dataset, ["id", "v"])
    assert next(stream).num_rows == 1000
    stream.close()
    assert sum(one.num_rows for one in system.read(dataset, ["id"])) == 20000


def test_keys_are_compared_byte_by_byte_whatever_their_collation(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id varchar(9) COLLATE utf8mb4_unicode_ci PRIMARY KEY, n int)")
    admin.execute("INSERT INTO t VALUES ('Straße', 1), ('b', 2), ('c ', 3)")
    dataset = described(system)
    found = [
        [row["n"] for row in rows(system.lookup(dataset, ["n"], pa.record_batch({"id": [key, "none"]})))]
        for key in ("Straße", "STRASSE", "straße", "B", "b", "b ", "c", "c ")
    ]
    assert found == [[1], [], [], [], [2], [], [], [3]]


def test_keys_of_several_parts_are_compared_byte_by_byte(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (a varchar(9) CHARACTER SET latin1, b int, c date, PRIMARY KEY (a, b, c))")
    admin.execute("INSERT INTO t SELECT concat('é', seq), seq, '2024-01-01' FROM seq_1_to_2000")
    keys = pa.record_batch({
        "a": [*(f"é{at}" for at in range(1, 1502)), "É7", None],
        "b": [*range(1, 1502), 7, 3],
        "c": [*[dt.date(2024, 1, 1)] * 1501, dt.date(2024, 1, 1), dt.date(2024, 1, 1)],
    })
    found = rows(system.lookup(described(system), ["b"], keys))
    assert sorted(row["b"] for row in found) == list(range(1, 1502))


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("bigint unsigned", Decimal(2**64 - 1)),
        ("decimal(38,2)", Decimal("1" * 36 + ".25")),
        ("decimal(45,1)", "1.5"),
        ("double", 0.1),
        ("float", 0.10000000149011612),
        ("datetime(6)", dt.datetime(2024, 1, 1, 0, 0, 0, 1)),
        ("timestamp(6) default 0", dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)),
        ("date", dt.date(1, 1, 1)),
        ("time", dt.time(1, 2, 3)),
        ("uuid", "0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07"),
        ("inet6", "::1"),
        ("varbinary(9)", b"\x00'\\"),
        ("enum('x','y''s')", "y's"),
        ("set('x','y')", "x,y"),
        ("bit(9)", 300),
        ("tinyint(1)", True),
        ("year", 2024),
        ("varchar(20) character set sjis", "日本'\\"),
    ],
)
def test_keys_of_every_type_are_found(system: Connector, admin, kind: str, key: object) -> None:
    admin.execute(f"CREATE TABLE t (id {kind}, PRIMARY KEY (id))")
    dataset = described(system)
    values = pa.array([key, None], dataset.fields[0].type.arrow())
    admin.execute("INSERT INTO t VALUES (%s)", [key.replace(tzinfo=None) if isinstance(key, dt.datetime) else key])
    assert [row["id"] for row in rows(system.lookup(dataset, ["id"], pa.record_batch({"id": values})))] == [key]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("smallint", pa.array([70_000, -1, 1], pa.int64())),
        ("double", pa.array([float("nan"), float("inf"), 1.0])),
        ("date", pa.array([2**30, -2**30, 0], pa.int32()).cast(pa.date32())),
        ("datetime(6)", pa.array([2**62, -2**62, 0], pa.timestamp("us"))),
        ("varchar(1)", pa.array(["too long", "", "x"])),
        ("varchar(1) character set ascii", pa.array(["ü", "?", "x"])),
        ("enum('x')", pa.array(["ü", "1", "x"])),
    ],
)
def test_a_key_that_the_type_cannot_hold_is_that_of_no_row(system: Connector, admin, kind: str, keys: pa.Array) -> None:
    admin.execute(f"CREATE TABLE t (id {kind} PRIMARY KEY)")
    admin.execute("INSERT INTO t VALUES (%s)", [keys[2].as_py()])
    dataset = described(system)
    for given, expected in ((keys, [keys[2].as_py()]), (keys.slice(0, 1), [])):
        found = rows(system.lookup(dataset, ["id"], pa.record_batch({"id": given})))
        assert [row["id"] for row in found] == expected


def test_close_whole_numbers_are_looked_up_as_a_range(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    admin.execute("INSERT INTO t SELECT seq, -seq FROM seq_1_to_3000")
    keys = pa.record_batch({"id": pa.array([*range(10, 1500, 2), 5000][:-1], pa.int64())})
    found = rows(system.lookup(described(system), ["n", "id"], keys))
    assert sorted(row["id"] for row in found) == list(range(10, 1500, 2))
    assert all(row["n"] == -row["id"] for row in found)


def test_queries_have_the_types_of_datasets(mariadb_url: str, admin) -> None:
    admin.execute("CREATE TABLE t (id bigint unsigned PRIMARY KEY, f float, b bit(3), a varchar(9), ok tinyint(1))")
    admin.execute("INSERT INTO t VALUES (1, 0.1, 5, 'ä', 1), (2, 0.2, 6, 'b', 0)")
    system = Connector(url=mariadb_url, queries={"q": ("SELECT id, f, b, a, ok FROM t WHERE id < 2;", ("id",))})
    dataset = described(system, "q")
    kinds = [Kind.DECIMAL, Kind.FLOAT, Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN]
    assert [field.type.kind for field in dataset.fields] == kinds
    expected = {"id": Decimal(1), "f": 0.10000000149011612, "b": 5, "a": "ä", "ok": True}
    assert rows(system.read(dataset, dataset.names)) == [expected]
    assert rows(system.lookup(dataset, dataset.names, pa.record_batch({"id": [Decimal(1), Decimal(2)]}))) == [expected]
    assert rows(system.read_after(dataset, ["id"], after=pa.record_batch({"id": [Decimal(0)]}))) == [{"id": Decimal(1)}]
    answer = rows(system.query("SELECT count(*) AS n, sum(f) AS s FROM t -- all of them"))
    assert answer == [{"n": 2, "s": 0.30000000447034836}]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t",
        "SELECT 1; DELETE FROM t",
        "SELECT 1) AS x; DELETE FROM t -- ",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT id, id FROM t",
        "SELECT nextval(s)",
        "",
    ],
)
def test_what_is_no_single_reading_statement_is_refused(system: Connector, admin, text: str) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
    admin.execute("CREATE SEQUENCE s")
    admin.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(Refused):
        list(system.query(text))
    admin.execute("SELECT count(*) FROM t")
    assert admin.fetchone() == (1,)


def test_a_field_or_dataset_that_is_gone_is_drift(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    dataset = described(system)
    with pytest.raises(SchemaDrift):
        list(system.read(dataset, ["nope"]))
    admin.execute("ALTER TABLE t DROP COLUMN n")
    with pytest.raises(SchemaDrift):
        list(system.read(dataset, ["n"]))
    with pytest.raises(SchemaDrift):
        list(system.read(replace(dataset, name="u"), ["id"]))


def test_parts_hold_every_row_once(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE t (id bigint unsigned PRIMARY KEY, n int)")
    admin.execute("INSERT INTO t SELECT seq * 3, seq FROM seq_1_to_1000")
    admin.execute("INSERT INTO t VALUES (18446744073709551615, 0)")
    dataset = described(system)
    parts = system.partitions(dataset, 4)
    found = [row["n"] for part in parts for row in rows(system.read_partition(dataset, ["n"], part))]
    assert (len(parts), sorted(found)) == (4, [*range(1001)])


def test_odd_names_are_names(system: Connector, admin) -> None:
    admin.execute("CREATE TABLE `a``b'\"?1 .%s` (`select ?1` int PRIMARY KEY, `üo`` %%d` varchar(9))")
    admin.execute("INSERT INTO `a``b'\"?1 .%s` VALUES (1, 'x')")
    dataset = described(system, "a`b'\"?1 .%s")
    found = rows(system.lookup(dataset, dataset.names, pa.record_batch({"select ?1": pa.array([1], pa.int64())})))
    assert found == [{"select ?1": 1, "üo` %%d": "x"}]


def test_the_clock_is_the_servers(system: Connector, admin) -> None:
    assert abs((system.now() - dt.datetime.fromtimestamp(time.time(), dt.UTC)).total_seconds()) < 60  # noqa: TID251
