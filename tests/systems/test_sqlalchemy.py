"""What is true of the SQLAlchemy connector beyond the promises of the kit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from dovetail.errors import DeclarationError, Overdue, Refused
from dovetail.model.catalog import Dataset
from dovetail.model.change import UNREADABLE, Change, LedgerEntry, Verb
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlalchemy import Connector
from dovetail.systems.connectors.sqlalchemy.kinds import logical, single
from dovetail.systems.connectors.sqlalchemy.ours import named

PEOPLE = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(20), paid DECIMAL(12, 2), born DATE, at DATETIME, code VARCHAR(5));
INSERT INTO person VALUES (1, 'Ada', 1.10, '1815-12-10', '2024-01-31 10:11:12.000000', 'a');
INSERT INTO person VALUES (2, 'Bob', 0.1, 'not a date', '9999-12-31 23:59:59.999999', 'b');
INSERT INTO person VALUES (3, '50% off: \\now', 123456789.123456789, NULL, 'infinity', NULL);
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = sqlite3.connect(tmp_path / "a.db")
    made.executescript(PEOPLE)
    made.close()
    return tmp_path / "a.db"


@pytest.fixture
def connector(file: Path) -> Iterator[Connector]:
    opened = Connector(url=f"sqlite:///{file}", timeout_s=10, options={"timeout": 0.2})
    yield opened
    opened.close()


def person(connector: Connector) -> Dataset:
    found = connector.describe().dataset("person")
    assert found is not None
    return found


def rows(connector: Connector, *names: str) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(connector.read(person(connector), names))).to_pylist()


def test_a_value_that_its_type_does_not_hold_is_unreadable(connector: Connector) -> None:
    found = {row["id"]: row for row in rows(connector, "id", "paid", "born", "at")}
    assert str(found[1]["paid"]) == "1.10"
    assert found[1][UNREADABLE] is None
    assert found[2]["born"] is None
    assert "born" in found[2][UNREADABLE]
    assert found[3]["paid"] is None
    assert found[3]["at"] is None
    assert "paid" in found[3][UNREADABLE]
    assert "at" in found[3][UNREADABLE]
    assert "123456789" not in found[3][UNREADABLE]


def test_what_the_database_makes_of_a_value_is_told(connector: Connector, file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute(
            "CREATE TRIGGER cut AFTER UPDATE OF name ON person BEGIN "
            "UPDATE person SET name = upper(new.name) WHERE id = new.id; END"
        )
    dataset = person(connector)
    batch = pa.RecordBatch.from_pydict({"id": [1, 2], "name": ["eve", "BOB"]})
    with connector.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.UPDATE, batch))
    assert receipt.applied == 2
    assert receipt.held is not None
    assert receipt.held.column("name").to_pylist() == ["EVE", "BOB"]


def test_a_decimal_that_the_driver_would_round_is_told(connector: Connector) -> None:
    from decimal import Decimal

    dataset = person(connector)
    paid = pa.array([Decimal("9007199254.74"), Decimal("1.15")], pa.decimal128(12, 2))
    batch = pa.RecordBatch.from_arrays([pa.array([10, 11]), paid], ["id", "paid"])
    with connector.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.CREATE, batch))
    assert receipt.applied == 2
    assert receipt.held is None
    assert [str(row["paid"]) for row in rows(connector, "id", "paid") if row["id"] > 9] == ["9007199254.74", "1.15"]


def test_without_savepoints_rows_are_written_one_by_one(
    connector: Connector, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(sa.engine.default.DefaultDialect, "do_savepoint", refused)
    dataset = person(connector)
    batch = pa.RecordBatch.from_pydict({"id": [7, 1, 8], "name": ["a", "taken", "b"]})
    with connector.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.CREATE, batch))
    assert receipt.applied == 2
    assert [(one.position, one.code) for one in receipt.rejects] == [(1, "DV-448")]
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT id, name FROM person WHERE id IN (1, 7, 8)").fetchall() == [
            (1, "Ada"),
            (7, "a"),
            (8, "b"),
        ]


def test_keys_that_the_database_draws_are_told(connector: Connector) -> None:
    from dataclasses import replace

    dataset = person(connector)
    drawn = replace(dataset, fields=tuple(replace(one, drawn=one.name == "id") for one in dataset.fields))
    with connector.transaction() as transaction:
        receipt = transaction.apply(drawn, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"name": ["x", "y"]})))
    assert receipt.keys is not None
    assert receipt.keys.column("id").to_pylist() == [4, 5]
    assert {row["id"]: row["name"] for row in rows(connector, "id", "name")}[5] == "y"


def test_unique_values_change_places(connector: Connector, file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("CREATE UNIQUE INDEX codes ON person (code)")
    dataset = person(connector)
    batch = pa.RecordBatch.from_pydict({"id": [1, 2], "code": ["b", "a"]})
    with connector.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.UPDATE, batch)).applied == 2
    assert {row["id"]: row["code"] for row in rows(connector, "id", "code")} == {1: "b", 2: "a", 3: None}


def test_a_delete_takes_no_other_rows_with_it(connector: Connector, file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute(
            "CREATE TABLE pet (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES person (id) ON DELETE CASCADE)"
        )
        other.execute("INSERT INTO pet VALUES (1, 2)")
    dataset = person(connector)
    with connector.transaction() as transaction:
        receipt = transaction.apply(dataset, Change(Verb.DELETE, pa.RecordBatch.from_pydict({"id": [1, 2]})))
    assert [(one.position, one.code) for one in receipt.rejects] == [(1, "DV-443")]
    assert sorted(row["id"] for row in rows(connector, "id")) == [2, 3]


def test_a_locked_file_is_waited_for_and_given_up(connector: Connector, file: Path) -> None:
    dataset = person(connector)
    connector.raise_epoch("p")
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Overdue):
            connector.apply(dataset, Change(Verb.DELETE, pa.RecordBatch.from_pydict({"id": [1]})))


def test_no_call_outlives_its_deadline(file: Path) -> None:
    slow = Connector(url=f"sqlite:///{file}", timeout_s=0.5)
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT count(*) AS c FROM n"
    )
    began = time.monotonic()
    with pytest.raises(Overdue):
        list(slow.query(endless))
    assert time.monotonic() - began < 5
    assert len(slow.describe().datasets) == 1
    slow.close()


def test_a_query_keeps_its_signs(file: Path) -> None:
    sql = "SELECT id, name FROM person WHERE name LIKE '50% off: \\%' -- all: of them"
    asked = Connector(url=f"sqlite:///{file}", queries={"offers": (sql, ("id",))})
    found = asked.describe().dataset("offers")
    assert found is not None
    assert pa.Table.from_batches(list(asked.read(found, ["name"]))).to_pylist() == [{"name": "50% off: \\now"}]
    keys = pa.RecordBatch.from_pydict({"id": [3, 1]})
    assert [batch.num_rows for batch in asked.lookup(found, ["name"], keys)] == [1]
    asked.close()


def test_a_query_that_writes_is_refused(connector: Connector, file: Path) -> None:
    with pytest.raises(Refused):
        list(connector.query("DELETE FROM person"))
    with pytest.raises(DeclarationError):
        Connector(url=f"sqlite:///{file}", queries={"q": ("DELETE FROM person", ())}).describe()


def test_a_large_ledger_entry_is_kept_in_pieces(connector: Connector) -> None:
    entry = LedgerEntry("a partition", 3, "run", bytes(range(256)) * 400)
    epoch = connector.raise_epoch("a partition")
    with connector.transaction() as transaction:
        transaction.fence("a partition", epoch)
        transaction.record([entry, LedgerEntry("a partition", 4, "run", b"")])
    assert list(connector.ledger("a partition")) == [entry, LedgerEntry("a partition", 4, "run", b"")]
    assert connector.last_chunk("a partition") == 4


def test_partitions_that_look_alike_are_kept_apart() -> None:
    names = {str(named(name)) for name in ("shop", "SHOP", "shop ", "shöp", "x" * 300, "x" * 301)}
    assert len(names) == 6
    assert max(map(len, names)) <= 160


def test_a_password_is_never_shown() -> None:
    connector = Connector(url="postgresql+psycopg://ada:s3cret@h/x")
    assert "s3cret" not in repr(connector)
    with pytest.raises(DeclarationError) as raised:
        Connector(url="s3cret")
    assert "s3cret" not in str(raised.value)


def test_types_are_known_by_their_generic_classes() -> None:
    from sqlalchemy.dialects import mssql, mysql, oracle, postgresql

    kinds = {
        mysql.BIGINT(unsigned=True): Kind.DECIMAL,
        mysql.INTEGER(unsigned=True): Kind.INTEGER,
        mysql.TINYINT(display_width=1): Kind.BOOLEAN,
        mysql.SET("a", "b"): Kind.TEXT,
        mysql.YEAR(): Kind.OPAQUE,
        mssql.BIT(): Kind.BOOLEAN,
        mssql.DATETIMEOFFSET(): Kind.INSTANT,
        mssql.UNIQUEIDENTIFIER(): Kind.UUID,
        mssql.DATETIME2(): Kind.TIMESTAMP,
        mssql.MONEY(): Kind.OPAQUE,
        oracle.DATE(): Kind.TIMESTAMP,
        oracle.NUMBER(12, 2): Kind.DECIMAL,
        oracle.CLOB(): Kind.TEXT,
        oracle.RAW(16): Kind.BYTES,
        postgresql.INET(): Kind.OPAQUE,
        postgresql.ARRAY(sa.Integer): Kind.OPAQUE,
        postgresql.INTERVAL(): Kind.OPAQUE,
        postgresql.JSONB(): Kind.JSON,
        postgresql.TIME(timezone=True): Kind.OPAQUE,
        sa.Numeric(50, 10): Kind.OPAQUE,
        sa.types.NullType(): Kind.OPAQUE,
    }
    assert {str(type(native)): logical(native).kind for native in kinds} == {
        str(type(native)): kind for native, kind in kinds.items()
    }
    assert single(sa.Float())
    assert not single(sa.Double())


def test_a_float_that_may_have_lost_digits_is_no_decimal() -> None:
    from dovetail.model.catalog import Field
    from dovetail.model.type import Type
    from dovetail.systems.connectors.sqlalchemy.carry import carry

    batch = carry([[0.1, 0.1 + 0.2]], [Field("x", Type(Kind.DECIMAL))], {})
    assert [str(value) for value in batch.column("x").to_pylist()] == ["0.100000000000000000", "None"]
    assert "may have lost digits" in batch.column(UNREADABLE)[1].as_py()


def test_a_collation_makes_no_keys_equal(connector: Connector, file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE word (id TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER)")
        other.execute("INSERT INTO word VALUES ('Ada', 1)")
    dataset = connector.describe().dataset("word")
    assert dataset is not None
    assert list(connector.lookup(dataset, ["n"], pa.RecordBatch.from_pydict({"id": ["ada", "ADA"]}))) == []
    batch = pa.RecordBatch.from_pydict({"id": ["ada"], "n": [2]})
    with connector.transaction() as transaction:
        assert transaction.apply(dataset, Change(Verb.UPDATE, batch)).missed == (0,)
        assert [one.code for one in transaction.apply(dataset, Change(Verb.CREATE, batch)).rejects] == ["DV-448"]
