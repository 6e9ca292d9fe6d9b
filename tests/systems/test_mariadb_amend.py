"""Rows of MariaDB are changed only while they hold what is expected, exactly; and none goes or moves by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.systems.maria import Admin, batch, made, told

from dovetail.errors import Refused, SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Verb
from dovetail.systems.connectors.mariadb import Connector, insert

CREATE, UPDATE, DELETE = Verb


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Admin]:
    opened = Admin(mariadb_url)
    yield opened
    opened.close()


@pytest.fixture
def system(mariadb_url: str) -> Iterator[Connector]:
    connector = Connector(url=mariadb_url, timeout_s=20)
    yield connector
    connector.close()


def change(system: Connector, dataset: Dataset, verb: Verb, rows: pa.RecordBatch, expected=None) -> Receipt:
    with system.transaction() as transaction:
        return transaction.apply(dataset, Change(verb, rows, expected))


KINDS: dict[str, tuple[str, object, list[object]]] = {
    "utf8": ("varchar(20)", "é", ["e\u0301", "E", "é ", "É", "", None]),
    "bin": ("varchar(20) COLLATE utf8mb4_bin", "a", ["a ", "A", None]),
    "latin": ("varchar(20) CHARACTER SET latin1", "é", ["e", "é ", "\u3042", None]),
    "sjis": ("varchar(20) CHARACTER SET sjis", "\u3042", ["a", "\U0001f44d", None]),
    "char": ("char(5)", "ab", ["AB", "ab ", None]),
    "text": ("longtext", "x\0y\\'\"", ["x\0y\\'", "X\0y\\'\"", None]),
    "enum": ("enum('a','b')", "a", ["b", "A", None]),
    "set": ("set('a','b')", "a,b", ["a", "A,b", None]),
    "blob": ("longblob", b"\0\xff'", [b"\0\xff", b"\0\xff' ", None]),
    "binary": ("binary(2)", b"a\0", [b"aa", None]),
    "float": ("float", 0.10000000149011612, [0.1, 0.10000000149011613, None]),
    "double": ("double", 0.1 + 0.2, [0.3, None]),
    "decimal": ("decimal(38,10)", Decimal("1234567890123456789012345678.0000000001"), [Decimal(1234567890123456789012345678), None]),
    "big": ("decimal(50,2)", "1" * 48 + ".25", ["1" * 48 + ".26", "1" * 48, None]),
    "ubig": ("bigint unsigned", Decimal(2**64 - 1), [Decimal(2**64 - 2), None]),
    "bigint": ("bigint", 2**53 + 1, [2**53, None]),
    "bit": ("bit(40)", 2**39 + 1, [2**39, None]),
    "bool": ("tinyint(1)", True, [False, None]),
    "date": ("date", dt.date(1, 2, 3), [dt.date(1, 2, 4), None]),
    "time": ("time(6)", dt.time(23, 59, 59, 999999), [dt.time(23, 59, 59), None]),
    "datetime": ("datetime(6)", dt.datetime(9999, 12, 31, 23, 59, 59, 999999), [dt.datetime(9999, 12, 31, 23, 59, 59), None]),
    "timestamp": ("timestamp(6) NULL", dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC), [dt.datetime(2024, 3, 31, 2, 30, tzinfo=dt.UTC), None]),
    "year": ("year", 0, [2000, None]),
    "uuid": ("uuid", "0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07", ["0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b08", None]),
    "json": ("json", '{"a": 1}', ['{"a":1}', None]),
    "inet6": ("inet6", "::1", ["::2", None]),
    "point": ("point", "000000000101000000000000000000F03F0000000000000040", [None]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(KINDS))
def test_the_guard_is_exact_for_every_type(system: Connector, admin: Admin, name: str) -> None:
    kind, held, others = KINDS[name]
    dataset = made(system, admin, f"CREATE TABLE t (id int PRIMARY KEY, v {kind}, n int)")
    assert change(system, dataset, CREATE, batch(dataset, id=[1, 2], v=[held, None])).rejects == ()
    read = {one[0].as_py(): one[1] for batch_ in system.read(dataset, ["id", "v"]) for one in zip(*batch_.columns, strict=True)}
    assert read[1].as_py() == batch(dataset, v=[held]).column(0)[0].as_py()
    for other in others:
        if other is not None:  # not even where the field could not hold it
            nothing = change(system, dataset, UPDATE, batch(dataset, id=[2], n=[1]), batch(dataset, id=[2], v=[other]))
            assert nothing.missed == (0,), f"null was taken for {other!r}"
        answer = change(system, dataset, UPDATE, batch(dataset, id=[1], n=[1]), batch(dataset, id=[1], v=[other]))
        assert answer.missed == (0,), f"{held!r} was taken for {other!r}"
        answer = change(system, dataset, DELETE, batch(dataset, id=[1]), batch(dataset, id=[1], v=[other]))
        assert answer.missed == (0,), f"{held!r} was taken for {other!r}"
    both = batch(dataset, id=[1, 2], v=[held, None])
    assert change(system, dataset, UPDATE, batch(dataset, id=[1, 2], n=[1, 2]), both).applied == 2
    assert change(system, dataset, UPDATE, batch(dataset, id=[1, 2], v=[None, held]), both).applied == 2
    assert change(system, dataset, DELETE, batch(dataset, id=[2]), batch(dataset, id=[2], v=[held])).applied == 1


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_nopad_bin", "latin1_swedish_ci"])
def test_keys_are_met_byte_by_byte(system: Connector, admin: Admin, collation: str) -> None:
    charset = collation.partition("_")[0]
    dataset = made(
        system, admin, f"CREATE TABLE t (id varchar(20) CHARACTER SET {charset} COLLATE {collation} PRIMARY KEY, n int)"
    )
    assert change(system, dataset, CREATE, batch(dataset, id=["a", "é"], n=[1, 2])).applied == 2
    others = ["A", "a ", "e", "\u3042", "\U0001f44d"]
    absent = batch(dataset, id=others, n=[9] * len(others))
    assert sum(one.num_rows for one in system.lookup(dataset, ["n"], absent.select(["id"]))) == 0
    assert sum(one.num_rows for one in system.lookup(dataset, ["n"], batch(dataset, id=["a", "é"]))) == 2
    assert change(system, dataset, UPDATE, absent).missed == tuple(range(len(others)))
    assert change(system, dataset, DELETE, batch(dataset, id=others)).missed == tuple(range(len(others)))
    assert change(system, dataset, UPDATE, batch(dataset, id=["é", "a"], n=[3, 4])).applied == 2
    assert sorted(admin.rows("SELECT n FROM t")) == [(3,), (4,)]


def test_a_key_that_the_collation_calls_equal_is_refused_never_overwritten(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for least in (2, 10**9):
        monkeypatch.setattr(insert, "LOAD_LEAST", least)
        dataset = made(system, admin, "CREATE OR REPLACE TABLE t (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n int)")
        receipt = change(system, dataset, CREATE, batch(dataset, id=["abc", "ABC", "abc ", "x"], n=[1, 2, 3, 4]))
        assert [(at, code) for at, code, _ in told(receipt)] == [(1, "DV-448"), (2, "DV-448")]
        assert receipt.keys.column("id").to_pylist() == ["abc", None, None, "x"]
        assert admin.rows("SELECT id, n FROM t ORDER BY n") == [("abc", 1), ("x", 4)]


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL"])
def test_a_delete_is_never_carried_on_to_other_rows(system: Connector, admin: Admin, rule: str) -> None:
    dataset = made(
        system,
        admin,
        f"""CREATE TABLE t (id int PRIMARY KEY, n int);
        CREATE TABLE child (id int PRIMARY KEY, t int, FOREIGN KEY (t) REFERENCES t (id) ON DELETE {rule});
        INSERT INTO t VALUES (1, 1), (2, 2), (3, 3); INSERT INTO child VALUES (1, 2)""",
    )
    expected = batch(dataset, id=[1, 2, 3], n=[1, 2, 0])
    receipt = change(system, dataset, DELETE, batch(dataset, id=[1, 2, 3]), expected)
    assert (receipt.applied, receipt.missed, told(receipt)) == (1, (2,), [(1, "DV-443", "")])
    assert admin.rows("SELECT id, t FROM child") == [(1, 2)]
    assert admin.rows("SELECT id FROM t ORDER BY id") == [(2,), (3,)]


def test_a_row_that_others_of_its_own_table_point_to_goes_after_them(system: Connector, admin: Admin) -> None:
    for rule in ("CASCADE", "RESTRICT"):
        dataset = made(
            system,
            admin,
            f"""CREATE OR REPLACE TABLE t (id int PRIMARY KEY, up int, FOREIGN KEY (up) REFERENCES t (id) ON DELETE {rule});
            INSERT INTO t VALUES (1, NULL), (2, 1), (3, 2), (4, 4), (5, NULL), (6, 5)""",
        )
        receipt = change(system, dataset, DELETE, batch(dataset, id=[1, 2, 3, 4, 5]))
        kept = [3, 4] if rule == "RESTRICT" else [4]  # the server keeps a row that points to itself
        assert told(receipt) == [(at, "DV-443", "") for at in kept], rule
        assert [at for (at,) in admin.rows("SELECT id FROM t ORDER BY id")] == [*(at + 1 for at in kept), 6]


@pytest.mark.parametrize("filled", ["varchar(20)", "varchar(20) NOT NULL", "int NOT NULL", "decimal(8,2)"])
def test_unique_values_are_swapped(system: Connector, admin: Admin, filled: str) -> None:
    dataset = made(
        system,
        admin,
        f"CREATE TABLE t (id int PRIMARY KEY, code {filled} UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
    )
    one, two, three, four = (batch(dataset, code=[admin.rows(f"SELECT code FROM t WHERE id = {at}")[0][0]]).column(0)[0].as_py() for at in range(1, 5))
    swapped = batch(dataset, id=[1, 2, 3], code=[two, three, one])
    expected = batch(dataset, id=[1, 2, 3], code=[one, two, three])
    assert change(system, dataset, UPDATE, swapped, expected).applied == 3
    assert admin.rows("SELECT id FROM t ORDER BY code") == [(3,), (1,), (2,), (4,)]
    chain = batch(dataset, id=[3, 1], code=[two, four])  # somebody keeps the last value
    receipt = change(system, dataset, UPDATE, chain)
    assert [code for _, code, _ in told(receipt)] == ["DV-441", "DV-441"]
    assert admin.rows("SELECT id FROM t ORDER BY code") == [(3,), (1,), (2,), (4,)]


def test_a_key_that_no_index_guards(system: Connector, admin: Admin) -> None:
    made(system, admin, "CREATE TABLE t (id int, n int); INSERT INTO t VALUES (1, 1), (1, 2), (2, 3)")
    found = system.describe().dataset("t")
    dataset = Dataset(found.name, found.kind, found.fields, ("id",))
    receipt = change(system, dataset, UPDATE, batch(dataset, id=[1, 2], n=[8, 9]))
    assert (receipt.applied, told(receipt)) == (1, [(0, "DV-447", "id")])
    receipt = change(system, dataset, DELETE, batch(dataset, id=[1, 2]))
    assert (receipt.applied, told(receipt)) == (1, [(0, "DV-447", "id")])
    receipt = change(system, dataset, CREATE, batch(dataset, id=[1, 5], n=[8, 9]))
    assert told(receipt) == [(0, "DV-448", "id")]
    assert sorted(admin.rows("SELECT * FROM t")) == [(1, 1), (1, 2), (5, 9)]


def test_what_a_trigger_rewrites_is_held(system: Connector, admin: Admin) -> None:
    dataset = made(
        system,
        admin,
        """CREATE TABLE t (id int PRIMARY KEY, v varchar(20) NOT NULL);
        CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET NEW.v = upper(coalesce(NEW.v, 'none'));
        CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW SET NEW.v = concat(NEW.v, '!')""",
    )
    receipt = change(system, dataset, CREATE, batch(dataset, id=[1, 2], v=["a", None]))
    assert receipt.held.column("v").to_pylist() == ["A", "NONE"]
    receipt = change(system, dataset, UPDATE, batch(dataset, id=[2, 9, 1], v=["x", "y", "z"]))
    assert (receipt.missed, receipt.held.column("v").to_pylist()) == ((1,), ["x!", None, "z!"])


def test_what_cannot_be_taken_back_is_not_written(system: Connector, admin: Admin) -> None:
    for engine in ("MyISAM", "Aria", "MEMORY"):
        dataset = made(system, admin, f"CREATE OR REPLACE TABLE t (id int PRIMARY KEY) ENGINE={engine}")
        with pytest.raises(SystemFault) as refused:
            change(system, dataset, CREATE, batch(dataset, id=[1]))
        assert refused.value.code == "DV-346"
        assert "ENGINE=InnoDB" in refused.value.hint
        assert admin.rows("SELECT * FROM t") == []


def test_computed_fields_and_views_are_refused(system: Connector, admin: Admin) -> None:
    tables = "CREATE TABLE t (id int PRIMARY KEY, n int AS (id + 1) STORED, m int); CREATE VIEW w AS SELECT id FROM t"
    dataset = made(system, admin, tables)
    with pytest.raises(Refused):
        change(system, dataset, CREATE, batch(dataset, id=[1], n=[2]))
    view = system.describe().dataset("w")
    with pytest.raises(Refused):
        change(system, view, CREATE, batch(view, id=[1]))
    admin.rows("ALTER TABLE t DROP COLUMN m")
    with pytest.raises(SchemaDrift):
        change(system, dataset, CREATE, batch(dataset, id=[1], m=[2]))


def test_each_rule_has_its_code(system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    for least in (2, 10**9):
        monkeypatch.setattr(insert, "LOAD_LEAST", least)
        dataset = made(
            system,
            admin,
            """DROP TABLE IF EXISTS t; CREATE OR REPLACE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
            CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, f int REFERENCES p (id), c int CHECK (c > 0), m int NOT NULL,
              a int, b int, UNIQUE both_ (a, b));
            INSERT INTO t VALUES (1, 1, 1, 1, 1, 1, 1)""",
        )
        rows = batch(
            dataset,
            id=[1, 2, 3, 4, 5, 6, 7],
            u=[9, 1, 3, 4, 5, 6, 7],
            f=[1, 1, 8, 1, 1, 1, 1],
            c=[1, 1, 1, -1, 1, 1, 1],
            m=[1, 1, 1, 1, None, 1, 1],
            a=[1, 2, 3, 4, 5, 1, 7],
            b=[0, 2, 3, 4, 5, 1, 7],
        )
        receipt = change(system, dataset, CREATE, rows)
        assert [(at, code) for at, code, _ in told(receipt)] == [
            (0, "DV-448"), (1, "DV-441"), (2, "DV-443"), (3, "DV-444"), (4, "DV-442"), (5, "DV-441"),
        ]  # fmt: skip
        fields = {at: field for at, _, field in told(receipt)}
        assert (fields[0], fields[1], fields[4], fields[5]) == ("id", "u", "m", "a")
        assert admin.rows("SELECT id FROM t ORDER BY id") == [(1,), (7,)]
