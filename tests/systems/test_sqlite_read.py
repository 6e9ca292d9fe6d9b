"""What is read from SQLite is exact, or it is null and explained."""

# ruff: noqa: DTZ901 - stamps without a zone are what is tested

from __future__ import annotations

import datetime as dt
import math
import random
import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import AccessDenied, Overdue, Refused, SchemaDrift, SystemFault, Unreachable
from dovetail.model.catalog import Field
from dovetail.model.change import UNREADABLE
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.sqlite import Connector
from dovetail.systems.connectors.sqlite.carry import carry

UTC = dt.UTC


def system_with(path: Path, declared: str, values: list[object], **settings: object) -> Connector:
    """A table `t` with one column `x`, holding these values; text in a list is SQL."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})")
        for value in values:
            if isinstance(value, list):
                connection.execute(f"INSERT INTO t (x) VALUES ({value[0]})")
            else:
                connection.execute("INSERT INTO t (x) VALUES (?)", (value,))
    connection.close()
    return Connector(path=path, **settings)


def column(system: Connector, name: str = "x") -> tuple[list[object], list[str | None]]:
    dataset = system.describe().dataset("t")
    values: list[object] = []
    reasons: list[str | None] = []
    for batch in system.read(dataset, [name]):
        assert batch.schema.field(name).type == dataset.field(name).type.arrow()
        values += batch.column(name).to_pylist()
        marked = UNREADABLE in batch.schema.names
        reasons += batch.column(UNREADABLE).to_pylist() if marked else [None] * batch.num_rows
    return values, reasons


EXACT = [
    ("INTEGER", [0, -1, 2**63 - 1, -(2**63), None, "42", 2.0], [0, -1, 2**63 - 1, -(2**63), None, 42, 2]),
    ("BOOLEAN", [0, 1, None], [False, True, None]),
    ("TEXT", ["", " ", "a\0b", "e\u0301", "\u202e", "👩‍👩‍👧", None, 5], ["", " ", "a\0b", "e\u0301", "\u202e", "👩‍👩‍👧", None, "5"]),
    ("BLOB", [b"", b"\x00\xff", None], [b"", b"\x00\xff", None]),
    ("REAL", [0.1, -1.5, 5e-324, 1e308, ["1e400"], ["-1e400"], 7, None], [0.1, -1.5, 5e-324, 1e308, math.inf, -math.inf, 7.0, None]),
    ("DECIMAL(10,2)", [0.1, 12.3, 100, -0.01, "7.25", None, 99999999.99],
     [Decimal("0.10"), Decimal("12.30"), Decimal("100.00"), Decimal("-0.01"), Decimal("7.25"), None, Decimal("99999999.99")]),
    ("NUMERIC", [0.1, 3, 1.005, 123456789.123456], [Decimal("0.1"), Decimal(3), Decimal("1.005"), Decimal("123456789.123456")]),
    ("DECIMAL_TEXT(38, 18)", ["12345678901234567890.123456789012345678", "-0.000000000000000001"],
     [Decimal("12345678901234567890.123456789012345678"), Decimal("-0.000000000000000001")]),
    ("DATE", ["2024-02-29", "0001-01-01", "9999-12-31", None], [dt.date(2024, 2, 29), dt.date.min, dt.date.max, None]),
    ("TIME", ["10:11", "10:11:12", "10:11:12.000001", "23:59:59.999999"],
     [dt.time(10, 11), dt.time(10, 11, 12), dt.time(10, 11, 12, 1), dt.time.max]),
    ("TIMESTAMP", ["2024-01-31 10:11:12", "2024-01-31T10:11:12.5", "2024-01-31 10:11", "2024-01-31", "9999-12-31 23:59:59.999999"],
     [dt.datetime(2024, 1, 31, 10, 11, 12), dt.datetime(2024, 1, 31, 10, 11, 12, 500000), dt.datetime(2024, 1, 31, 10, 11),
      dt.datetime(2024, 1, 31), dt.datetime.max]),
    ("TIMESTAMPTZ", ["2024-01-31T10:11:12Z", "2024-01-31 10:11:12+05:30", "2024-01-31 10:11:12.25-0200"],
     [dt.datetime(2024, 1, 31, 10, 11, 12, tzinfo=UTC), dt.datetime(2024, 1, 31, 4, 41, 12, tzinfo=UTC),
      dt.datetime(2024, 1, 31, 12, 11, 12, 250000, tzinfo=UTC)]),
    ("UUID", ["0b6a1f66-3c1f-4e5e-9f3b-1c2d3e4f5a6b", None], ["0b6a1f66-3c1f-4e5e-9f3b-1c2d3e4f5a6b", None]),
    ("JSON", ['{"b": 1, "a": 1, "a": 2}', "5", "null", None], ['{"b": 1, "a": 1, "a": 2}', "5", "null", None]),
    ("", [1, "1", 1.5, None, "x"], ["1", "1", "1.5", None, "x"]),
    ("INTEGER", [None, None], [None, None]),
    ("TEXT", [], []),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "values", "expected"), EXACT)
def test_exact_values(tmp_path: Path, declared: str, values: list[object], expected: list[object]) -> None:
    assert column(system_with(tmp_path / "a.db", declared, values)) == (expected, [None] * len(expected))


UNREADABLES = [
    ("INTEGER", ["abc", 1.5, b"1", "12abc", 9.3e18]),
    ("BOOLEAN", [5, "true", -1, 0.5, b"1"]),
    ("TEXT", [b"blob", ["CAST(x'ff41' AS TEXT)"], ["CAST(x'eda080' AS TEXT)"]]),
    ("BLOB", ["text", 1, 1.5]),
    ("REAL", ["abc", b"1"]),
    ("DECIMAL(10,2)", [0.125, 1e9, "abc", ["1e400"], b"1", 100000000]),
    ("NUMERIC", [["1e30"], "x", ["-1e400"], 5e-324]),
    ("DECIMAL_TEXT(10,2)", ["1e3", " 1", "1.005", "", "0x10", "123456789.00", "١"]),
    ("DATE", ["2024-02-30", "31.1.2024", "20240131", "2024-1-31", "0000-00-00", "2024-01-31 00:00:00", 20240131, "10000-01-01", "2024-01-31\n"]),
    ("TIME", ["24:00:00", "838:59:59", "10", "10:11:60", "10:11:12.1234567", "-01:00"]),
    ("TIMESTAMP", ["x", "2024-02-30 10:00:00", "2024-01-31 10:11:60", "2024-01-31 10:11:12Z", 1706695872, "0000-01-01 00:00:00",
                   "2024-01-31 10:11:12.1234567", "2024-01-31 24:00:00", "now"]),
    ("TIMESTAMPTZ", ["2024-01-31 10:11:12", "x", "0001-01-01 00:00:00+01:00", "9999-12-31 23:59:59-01:00"]),
    ("UUID", ["0b6a1f66-3c1f-4e5e-9f3b-1c2d3e4f5a6b\n", "0B6A1F66-3C1F-4E5E-9F3B-1C2D3E4F5A6B", "x", b"0123456789abcdef"]),
    ("", [b"blob"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "value"), [(declared, value) for declared, values in UNREADABLES for value in values]
)
def test_unreadable_values_are_explained_without_being_shown(tmp_path: Path, declared: str, value: object) -> None:
    values, reasons = column(system_with(tmp_path / "a.db", declared, [None, value]))
    assert values == [None, None]
    assert reasons[0] is None
    assert reasons[1].startswith("x: ")
    if isinstance(value, str) and len(value) > 4:
        assert value not in reasons[1]


def test_one_bad_row_far_down_harms_no_other(tmp_path: Path) -> None:
    values: list[object] = [f"t{number}" for number in range(20_000)]
    values[5_000] = ["CAST(x'ff' AS TEXT)"]
    values[15_000] = b"blob"
    read, reasons = column(system_with(tmp_path / "a.db", "TEXT", values, batch_rows=700))
    assert len(read) == 20_000
    assert [at for at, reason in enumerate(reasons) if reason] == [5_000, 15_000]
    assert [at for at, value in enumerate(read) if value != values[at]] == [5_000, 15_000]


def test_decimals_of_cents_are_what_was_typed(tmp_path: Path) -> None:
    values = [number / 100 for number in range(0, 3_000_000, 7)]
    read, _ = column(system_with(tmp_path / "a.db", "DECIMAL(15,2)", values))
    assert read == [Decimal(number) / 100 for number in range(0, 3_000_000, 7)]


@pytest.mark.parametrize("scale", [2, 4, 9, 17])
def test_decimals_beyond_fifteen_digits_are_the_shortest_text_of_the_double(scale: int) -> None:
    chance = random.Random(scale)
    field = Field("x", Type(Kind.DECIMAL, precision=30, scale=scale))
    for _ in range(500):
        value = chance.randrange(10**15, 10**18) / 10**scale
        shortest = Decimal(repr(value))
        is_carried = shortest == round(shortest, scale)
        assert carry([(value,)], [field])["x"].to_pylist() == [shortest if is_carried else None]


def test_nothing_can_be_written_where_only_reading_is_meant(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", [1])
    with pytest.raises(AccessDenied), system._sessions.lend() as session, session.reading() as connection:
        connection.execute("DELETE FROM t")


def test_stamps_without_zone_take_the_systems(tmp_path: Path) -> None:
    values = ["2024-07-01 12:00:00", "2024-10-27 02:30:00", "2024-03-31 02:30:00"]
    read, reasons = column(system_with(tmp_path / "a.db", "TIMESTAMPTZ", values, timezone="Europe/Berlin"))
    assert read == [dt.datetime(2024, 7, 1, 10, tzinfo=UTC), None, None]
    assert [bool(reason) for reason in reasons] == [False, True, True], (
        "the zone has 2:30 twice in October, never in March"
    )


def test_a_read_is_one_snapshot_though_others_write(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", list(range(1_000)), batch_rows=10)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    rows = system.read(system.describe().dataset("t"), ["x"])
    first = next(rows)
    other.execute("DELETE FROM t WHERE id > 500")
    other.execute("UPDATE t SET x = -1")
    seen = [*first.column("x").to_pylist(), *(value for batch in rows for value in batch.column("x").to_pylist())]
    assert seen == list(range(1_000))


def test_an_abandoned_read_gives_its_snapshot_back(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", list(range(100)), batch_rows=10, timeout_s=1)
    rows = system.read(system.describe().dataset("t"), ["x"])
    next(rows)
    rows.close()
    with system.transaction():
        pass


def test_parts_hold_every_row_once(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", list(range(100)))
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t VALUES (-50, 100), (100000, 101)")
        connection.execute("CREATE TABLE w (k TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT)")
        connection.execute("INSERT INTO w VALUES ('a')")
    catalog = system.describe()
    dataset = catalog.dataset("t")
    for parts in (1, 2, 7, 1_000):
        names = system.partitions(dataset, parts)
        assert len(names) <= parts
        seen = [
            value
            for name in names
            for batch in system.read_partition(dataset, ["x"], name)
            for value in batch["x"].to_pylist()
        ]
        assert sorted(seen) == list(range(102))
    for name in ("w", "hidden"):
        assert len(system.partitions(catalog.dataset(name), 4)) == 1
    only = system.partitions(catalog.dataset("w"), 4)[0]
    assert [batch.to_pylist() for batch in system.read_partition(catalog.dataset("w"), ["k"], only)] == [[{"k": "a"}]]


def test_lookup_compares_keys_byte_by_byte(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v INT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("abc", 1), ("007", 2), ("é", 3), ("a|b", 4)])
    system = Connector(path=tmp_path / "a.db")
    dataset = system.describe().dataset("t")
    wanted = pa.RecordBatch.from_pydict({"k": ["ABC", "007", "7", "e\u0301", "é", "a|b", "a|b", None, "absent"]})
    found = [row["v"] for batch in system.lookup(dataset, ["v"], wanted) for row in batch.to_pylist()]
    assert sorted(found) == [2, 3, 4]


def test_batches_are_bounded_in_bytes_too(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "BLOB", [b"x" * 20_000] * 5_000)
    batches = list(system.read(system.describe().dataset("t"), ["x"]))
    assert sum(batch.num_rows for batch in batches) == 5_000
    assert max(batch.nbytes for batch in batches) < 64 * 2**20
    assert len(batches) > 2


def test_lookup_in_views_and_queries(tmp_path: Path) -> None:
    queries = {"q": ("SELECT upper(x) AS k, id FROM t", ("k",))}
    system = system_with(tmp_path / "a.db", "TEXT", ["a", "b", "c"], queries=queries)
    wanted = pa.RecordBatch.from_pydict({"k": ["B", "c"]})
    found = list(system.lookup(system.describe().dataset("q"), ["id"], wanted))
    assert [batch.to_pylist() for batch in found] == [[{"id": 2}]]


def test_lookup_of_composite_keys_in_any_number(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (a INT, b TEXT, v INT, PRIMARY KEY (a, b)) WITHOUT ROWID")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?)", [(number, str(number), number) for number in range(3_000)]
        )
    system = Connector(path=tmp_path / "a.db")
    dataset = system.describe().dataset("t")
    for count in (0, 1, 511, 512, 513, 2_000):
        wanted = pa.RecordBatch.from_pydict(
            {
                "b": pa.array([str(number) for number in range(count)], pa.string()),
                "a": pa.array(range(count), pa.int64()),
            }
        )
        found = [value for batch in system.lookup(dataset, ["v"], wanted) for value in batch["v"].to_pylist()]
        assert sorted(found) == list(range(count))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "SELECT 1; DELETE FROM t",
        "PRAGMA user_version = 5",
        "ATTACH 'x' AS y",
        "CREATE TABLE z (a)",
        "",
        "SELECT ?",
    ],
)
def test_query_refuses_whatever_would_write(tmp_path: Path, sql: str) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", [1, 2])
    with pytest.raises(Refused):
        list(system.query(sql))
    assert column(system)[0] == [1, 2]


def test_query(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "DECIMAL(9,2)", [1.5, 2])
    for _ in range(2):
        answer = pa.Table.from_batches(system.query("SELECT x, x * 2 AS twice, 'w' AS word FROM t -- both;"))
        assert answer.to_pylist()[0] == {"x": Decimal("1.50"), "twice": 3.0, "word": "w"}
    with pytest.raises(SchemaDrift):
        list(system.query("SELECT gone FROM t"))


def test_a_field_or_table_that_went_is_drift(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "TEXT", ["a"])
    dataset = system.describe().dataset("t")
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("ALTER TABLE t RENAME COLUMN x TO y")
    with pytest.raises(SchemaDrift):
        list(system.read(dataset, ["x"]))
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("DROP TABLE t")
    with pytest.raises(SchemaDrift):
        list(system.read(dataset, ["id"]))


def test_a_statement_that_takes_too_long_is_overdue(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
    system = system_with(tmp_path / "a.db", "TEXT", [], timeout_s=0.2)
    with pytest.raises(Overdue):
        list(system.query(endless))
    assert next(iter(system.query("SELECT 1 AS one")))["one"].to_pylist() == [1], "the connection can be used again"


def test_no_database_and_damaged_ones(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database at all, however long it may be " * 50)
    with pytest.raises(SystemFault, match="no SQLite database"):
        Connector(path=tmp_path / "text.db").describe()
    with pytest.raises(Unreachable):
        Connector(path=tmp_path).describe()


def test_a_file_that_was_replaced_is_the_new_one(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", [1])
    assert column(system)[0] == [1]
    (tmp_path / "a.db").unlink()
    system_with(tmp_path / "a.db", "INTEGER", [2])
    assert column(system)[0] == [2]


def test_several_threads(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", list(range(5_000)), batch_rows=100)
    dataset = system.describe().dataset("t")
    sums: list[int] = []

    def work() -> None:
        sums.extend(sum(sum(batch["x"].to_pylist()) for batch in system.read(dataset, ["x"])) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [sum(range(5_000))] * 20


def test_unknown_fields_are_drift_at_once(tmp_path: Path) -> None:
    system = system_with(tmp_path / "a.db", "INTEGER", [1])
    with pytest.raises(SchemaDrift):
        list(system.read(system.describe().dataset("t"), ["nope"]))
    dataset = system.describe().dataset("t")
    with pytest.raises(SchemaDrift):
        list(system.lookup(dataset, ["x"], pa.RecordBatch.from_pydict({"nope": [1]})))
