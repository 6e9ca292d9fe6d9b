"""What is true of DuckDB files beyond the promises of the kit."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dovetail.errors import AccessDenied, DovetailError, Overdue, Refused, SchemaDrift, SystemFault, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, Receipt, Verb
from dovetail.systems.connectors.duckdb import Connector

EVERY = {
    "small": ("UTINYINT", "200"),
    "wide": ("UBIGINT", "18446744073709551615"),
    "huge": ("HUGEINT", "12345678901234567890123456789012345678"),
    "big": ("BIGNUM", "123456789012345678901234567890123456789012345678901234567890"),
    "price": ("DECIMAL(38, 10)", "1234567890123456789012345678.0123456789"),
    "real": ("FLOAT", "0.1"),
    "mood": ("ENUM('it''s', 'sad')", "'it''s'"),
    "day": ("DATE", "DATE '0044-03-15 (BC)'"),
    "clock": ("TIME", "'23:59:59.999999'"),
    "fine": ("TIME_NS", "'23:59:59.999999'"),
    "zoned": ("TIMETZ", "'10:00:00+02:30'"),
    "second": ("TIMESTAMP_S", "'2024-01-31 10:11:12'"),
    "milli": ("TIMESTAMP_MS", "'2024-01-31 10:11:12.123'"),
    "nano": ("TIMESTAMP_NS", "'2024-01-31 10:11:12.123456'"),
    "instant": ("TIMESTAMPTZ", "'2024-01-31 10:11:12.123456+02'"),
    "span": ("INTERVAL", "INTERVAL '1 month -2 days 00:00:00.5'"),
    "bits": ("BIT", "'0101'"),
    "uid": ("UUID", "'0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07'"),
    "doc": ("JSON", "'{\"a\": 1.10}'"),
    "list": ("VARCHAR[]", "[NULL, 'NULL', 'a, b', '', ' x ', 'it''s']"),
    "pair": ("INTEGER[2]", "[1, NULL]"),
    "record": ('STRUCT("a b" INTEGER, c VARCHAR)', "{'a b': 1, 'c': NULL}"),
    "lookup": ("MAP(VARCHAR, INTEGER)", "MAP {'k=1': 1}"),
}
LOST = {
    "huge": ("HUGEINT", "170141183460469231731687303715884105727"),
    "day": ("DATE", "DATE 'infinity'"),
    "at": ("TIMESTAMP", "TIMESTAMP '-infinity'"),
    "instant": ("TIMESTAMPTZ", "'infinity'"),
    "second": ("TIMESTAMP_S", "'infinity'"),
    "nano": ("TIMESTAMP_NS", "'2024-01-31 10:11:12.123456789'"),
    "clock": ("TIME", "'24:00:00'"),
    "fine": ("TIME_NS", "'23:59:59.999999999'"),
    "choice": ("UNION(a INTEGER, b VARCHAR)", "union_value(a := 1)"),
    "any": ("VARIANT", "1::VARIANT"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    duckdb.connect(tmp_path / "a.duckdb").close()
    return tmp_path / "a.duckdb"


@pytest.fixture
def connector(file: Path) -> Iterator[Connector]:
    opened = Connector(path=file, timeout_s=10)
    yield opened
    opened.close()


def run(file: Path, *statements: str) -> list[Any]:
    with duckdb.connect(file) as other:
        return [other.execute(statement).fetchall() for statement in statements][-1]


def rows(connector: Connector, dataset: Dataset) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(connector.read(dataset, dataset.names))).to_pylist()


def described(connector: Connector, name: str = "t") -> Dataset:
    found = connector.describe().dataset(name)
    assert found is not None
    return found


def change(connector: Connector, dataset: Dataset, verb: Verb, **columns: pa.Array) -> Receipt:
    arrays = [pa.array(values, dataset.field(name).type.arrow()) for name, values in columns.items()]  # type: ignore[union-attr]
    with connector.transaction() as transaction:
        return transaction.apply(dataset, Change(verb, pa.RecordBatch.from_arrays(arrays, list(columns))))


def filled(file: Path, table: dict[str, tuple[str, str]]) -> None:
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in table.items())
    values = ", ".join(value for _, value in table.values())
    run(file, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})", f"INSERT INTO t VALUES (1, {values})")


def test_values_of_every_type_go_out_and_come_back(connector: Connector, file: Path) -> None:
    filled(file, EVERY)
    dataset = described(connector)
    (batch,) = connector.read(dataset, dataset.names)
    assert UNREADABLE not in batch.schema.names
    assert [name for name in EVERY if batch.column(name).null_count] == []
    rest = batch.set_column(0, "id", pa.array([2], pa.int64()))
    with connector.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.CREATE, rest)).rejects == ()
    names = ", ".join(f'"{name}"' for name in EVERY)
    assert run(file, f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM t)") == [(1,)]
    held = pa.Table.from_batches(list(connector.read(dataset, ["wide", "mood", "doc"]))).to_pylist()
    assert held[1] == {"wide": Decimal(18446744073709551615), "mood": "it's", "doc": '{"a": 1.10}'}
    assert dataset.field("mood").labels == ("it's", "sad")  # type: ignore[union-attr]


def test_what_a_carrier_cannot_hold_is_unreadable(connector: Connector, file: Path) -> None:
    filled(file, LOST)
    (row,) = rows(connector, described(connector))
    assert {name: row[name] for name in LOST} == dict.fromkeys(LOST)
    assert sorted(part.partition(":")[0] for part in row[UNREADABLE].split("; ")) == sorted(LOST)


def test_what_a_type_cannot_hold_is_refused(connector: Connector, file: Path) -> None:
    filled(
        file,
        {
            "small": ("UTINYINT", "1"),
            "second": ("TIMESTAMP_S", "NULL"),
            "real": ("FLOAT", "0"),
            "mood": ("ENUM('a')", "NULL"),
        },
    )
    dataset = described(connector)
    receipt = change(
        connector, dataset, Verb.CREATE, id=[2, 3, 4, 5], small=[256, -1, 255, 0], second=[None, None, 10**6, 5]
    )
    assert [(one.position, one.field) for one in receipt.rejects] == [(0, "small"), (1, "small"), (3, "second")]
    receipt = change(connector, dataset, Verb.UPDATE, id=[1, 4], real=[0.5, 0.1], mood=["a", "a"])
    assert [(one.position, one.field, one.code) for one in receipt.rejects] == [(1, "real", "DV-445")]


def test_no_day_becomes_infinite(connector: Connector, file: Path) -> None:
    run(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE, moment TIMESTAMP)")
    dataset = described(connector)
    days = pa.array([2**31 - 1, -(2**31) + 1, 0, None], pa.int32()).cast(pa.date32())
    moments = pa.array([0, 0, 2**63 - 1, -(2**63) + 1], pa.int64()).cast(pa.timestamp("us"))
    receipt = change(connector, dataset, Verb.CREATE, id=[1, 2, 3, 4], day=days, moment=moments)
    assert [(one.position, one.field) for one in receipt.rejects] == [
        (0, "day"),
        (1, "day"),
        (2, "moment"),
        (3, "moment"),
    ]


def test_signs_of_zero_and_no_numbers_survive_in_a_packed_file(connector: Connector, file: Path) -> None:
    run(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, x DOUBLE)")
    values = [-0.0, 0.0, float("nan"), float("-inf")] * 20_000
    dataset = described(connector)
    change(connector, dataset, Verb.CREATE, id=list(range(len(values))), x=values)
    run(file, "CHECKPOINT")
    found = pa.Table.from_batches(list(connector.read(dataset, ["id", "x"]))).sort_by("id").column("x").to_pylist()
    assert [repr(value) for value in found] == [repr(value) for value in values]


def test_a_collation_makes_no_keys_equal(connector: Connector, file: Path) -> None:
    run(file, "CREATE TABLE t (id VARCHAR COLLATE nocase PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES ('Ada', 1)")
    dataset = described(connector)
    assert change(connector, dataset, Verb.UPDATE, id=["ada"], n=[2]).missed == (0,)
    assert change(connector, dataset, Verb.DELETE, id=["ADA"]).missed == (0,)
    keys = pa.RecordBatch.from_pydict({"id": ["ada", "Ada"]})
    assert [batch.num_rows for batch in connector.lookup(dataset, ["n"], keys)] == [1]
    assert rows(connector, dataset) == [{"id": "Ada", "n": 1}]


def test_constraints_are_found_row_by_row(connector: Connector, file: Path) -> None:
    run(
        file,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "INSERT INTO parent VALUES (1)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent (id), n INTEGER CHECK (n > 0), u VARCHAR UNIQUE)",
    )
    dataset = described(connector)
    assert dataset.uniques == (("u",),)
    assert dataset.references[0].dataset == "parent"
    receipt = change(
        connector,
        dataset,
        Verb.CREATE,
        id=[1, 2, 3, 4, 5],
        p=[1, 9, 1, None, 1],
        n=[1, 1, 0, 1, 1],
        u=["a", "b", "c", "a", "d"],
    )
    assert [(one.position, one.code) for one in receipt.rejects] == [(1, "DV-443"), (2, "DV-444"), (3, "DV-441")]
    assert [row["id"] for row in rows(connector, dataset)] == [1, 5]
    swapped = change(connector, dataset, Verb.UPDATE, id=[1, 5], u=["d", "a"])
    assert (swapped.applied, swapped.rejects) == (2, ())
    parent = described(connector, "parent")
    assert [one.code for one in change(connector, parent, Verb.DELETE, id=[1]).rejects] == ["DV-443"]


def test_a_refused_row_undoes_nothing_that_came_before(connector: Connector, file: Path) -> None:
    run(
        file,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0))",
        "CREATE TABLE other (id INTEGER PRIMARY KEY)",
    )
    dataset, other = described(connector), described(connector, "other")
    one = Change(Verb.CREATE, pa.RecordBatch.from_pydict({"id": [1, 2]}))
    bad = Change(Verb.CREATE, pa.RecordBatch.from_pydict({"id": list(range(50)), "n": [at % 7 for at in range(50)]}))
    with connector.transaction() as transaction:
        assert transaction.apply(other, one).applied == 2
        assert len(transaction.apply(dataset, bad).rejects) == 8
        assert transaction.apply(other, one).rejects[1].code == "DV-448"
    assert len(rows(connector, dataset)) == 42
    assert len(rows(connector, other)) == 2


def test_a_table_with_triggers_is_read_again(connector: Connector, file: Path) -> None:
    run(
        file,
        "CREATE TABLE log (id INTEGER)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TRIGGER noted AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.id)",
    )
    dataset = described(connector)
    receipt = change(connector, dataset, Verb.CREATE, id=[2, 1, 1], name=["ada", "BOB", "again"])
    assert receipt.held is not None
    assert receipt.held.to_pydict() == {"id": [2, 1, None], "name": ["ada", "BOB", None]}
    assert run(file, "SELECT id FROM log ORDER BY id") == [(1,), (2,)]


def test_generated_columns_and_sequences_are_known(connector: Connector, file: Path) -> None:
    run(
        file,
        "CREATE SEQUENCE s START 7",
        "CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT nextval('s'), a INTEGER, b INTEGER GENERATED ALWAYS AS (a + 1))",
    )
    dataset = described(connector)
    assert [field.computed for field in dataset.fields] == [False, False, True]
    assert dataset.fields[0].drawn
    assert connector.reserve(dataset, 2).column("id").to_pylist() == [7, 8]
    receipt = change(connector, dataset, Verb.CREATE, a=[1, 2])
    assert receipt.keys is not None
    assert receipt.keys.column("id").to_pylist() == [9, 10]
    with pytest.raises(Refused):
        change(connector, dataset, Verb.CREATE, id=[1], b=[1])


def test_nothing_else_can_be_reached(connector: Connector, file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for sql in (f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')", f"SELECT * FROM '{tmp_path / 'secret.csv'}'"):
        with pytest.raises((AccessDenied, SchemaDrift)):
            list(connector.query(sql))
    for sql in (
        "ATTACH 'b.duckdb'",
        "COPY (SELECT 1) TO 'x.csv'",
        "SET threads = 1",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
    ):
        with pytest.raises(DovetailError):
            list(connector.query(sql))
    assert not list(tmp_path.glob("x.csv"))


def test_the_file_is_given_back_after_each_call(connector: Connector, file: Path) -> None:
    run(file, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    dataset = described(connector)
    reading = connector.read(dataset, ["id"])
    next(reading)
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    tried = subprocess.run(
        [sys.executable, "-c", hold, str(file)], capture_output=True, text=True, input="", check=False
    )
    assert "Could not set lock" in tried.stderr
    reading.close()  # type: ignore[attr-defined]
    other = subprocess.Popen([sys.executable, "-c", hold, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == b"open\n"
    brief = Connector(path=file, timeout_s=0.3)
    with pytest.raises(Unreachable) as raised:
        brief.describe()
    assert raised.value.code == "DV-368"
    threading.Timer(0.3, other.stdin.close).start()
    assert connector.describe().dataset("t") == dataset
    other.wait(10)


def test_a_program_that_has_the_file_open_otherwise_is_told(connector: Connector, file: Path) -> None:
    with duckdb.connect(file), pytest.raises(Unreachable) as raised:
        connector.describe()
    assert "close that connection" in raised.value.hint


def test_no_file_and_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        Connector(path=tmp_path / "none.duckdb").describe()
    assert not (tmp_path / "none.duckdb").exists()
    (tmp_path / "text.duckdb").write_text("no database " * 1000)
    with pytest.raises(SystemFault) as raised:
        Connector(path=tmp_path / "text.duckdb").describe()
    assert raised.value.code == "DV-367"


def test_no_statement_outlives_its_deadline(file: Path) -> None:
    brief = Connector(path=file, timeout_s=0.4)
    with pytest.raises(Overdue):
        list(
            brief.query(
                "SELECT count(*) AS n FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 11"
            )
        )
    assert brief.describe().datasets == ()
    brief.close()


def test_a_column_that_changed_its_type_is_drift(connector: Connector, file: Path) -> None:
    run(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)")
    dataset = described(connector)
    run(file, "ALTER TABLE t ALTER a TYPE VARCHAR")
    with pytest.raises(SchemaDrift):
        list(connector.read(dataset, ["a"]))
