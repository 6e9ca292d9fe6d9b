"""What is created in MariaDB stands there exactly, or is refused by position; in bulk as row by row."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.systems.maria import Admin, batch, made, told

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.mariadb import Connector, insert
from dovetail.testing.conformance.values import VALUES

CREATE, UPDATE, DELETE = Verb
NEVER = 10**9


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


def create(system: Connector, dataset: Dataset, rows: pa.RecordBatch) -> Receipt:
    with system.transaction() as transaction:
        return transaction.apply(dataset, Change(CREATE, rows))


def shape(receipt: Receipt) -> tuple[object, ...]:
    keys = None if receipt.keys is None else receipt.keys.to_pydict()
    held = None if receipt.held is None else [str(column) for column in receipt.held.columns]
    return receipt.applied, receipt.missed, [(one.position, one.code) for one in receipt.rejects], keys, held


def both(system: Connector, monkeypatch: pytest.MonkeyPatch, name: str, fill) -> list[tuple[object, ...]]:
    """What is answered, and what stands there byte by byte, when rows come in bulk and when each has its statement."""
    found = []
    for least in (2, NEVER):
        monkeypatch.setattr(insert, "LOAD_LEAST", least)
        found.append(fill(f"{name}_{'rows' if least == NEVER else 'bulk'}"))
    return found


@pytest.mark.parametrize("name", list(VALUES))
def test_bulk_and_rows_write_the_same_hostile_values(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind, values = VALUES[name]
    loads: list[int] = []
    singly: list[int] = []
    real, one_by_one = insert.load, insert.carry_out
    monkeypatch.setattr(insert, "load", lambda *given: loads.append(1) or real(*given))
    monkeypatch.setattr(insert, "carry_out", lambda *given: singly.append(insert.LOAD_LEAST) or one_by_one(*given))

    def fill(table: str) -> tuple[object, ...]:
        system.create(
            Dataset(
                table,
                DatasetKind.TABLE,
                (Field("id", Type(Kind.INTEGER), nullable=False), Field("v", kind)),
                ("id",),
            )
        )
        dataset = system.describe().dataset(table)
        rows = batch(dataset, id=list(range(len(values) + 1)), v=[*values, None])
        receipt = create(system, dataset, rows)
        stored = admin.rows(f"SELECT id, hex(v), v IS NULL FROM `{table}` ORDER BY id")
        return shape(receipt), stored, [str(one) for one in system.read(dataset, ["id", "v"])]

    bulk, rows = both(system, monkeypatch, "h", fill)
    assert loads, "nothing came in bulk"
    if name not in ("json", "instants"):  # of which the server itself refuses some
        assert 2 not in singly, "rows that came in bulk were sent once more"
    assert bulk == rows
    assert len(bulk[1]) == bulk[0][0]


ODD = """
CREATE TABLE {name} (id int PRIMARY KEY, e enum('a','B','it''s','1') , s set('x','y','z'), c char(3), v varchar(3),
  vb varbinary(3), b binary(2), bt bit(9), flag bit(1), f float, d decimal(5,2), du decimal(4,0) unsigned,
  ub bigint unsigned, ti tinyint, yr year, ts timestamp NULL, dt3 datetime(3), tm time, l1 varchar(9) CHARACTER SET latin1,
  u3 varchar(9) CHARACTER SET utf8mb3, tt tinytext, tb tinyblob, j json, u uuid, sj varchar(9) CHARACTER SET sjis,
  fd float(7,2), ip inet6, big decimal(50,10), ok tinyint(1))
"""
CASES: dict[str, tuple[list[object], list[int]]] = {
    "e": (["a", "B", "it's", "1", "A", "b", "2", "", "a ", None], [4, 5, 6, 7, 8]),
    "s": (["", "x", "x,z", "z,x", "x,x", "X", "q", "x,", None], [3, 4, 5, 6, 7]),
    "c": (["abc", "a ", "abcd", "", "é\U0001f44dz", None], [1, 2]),
    "v": (["abc", "abc ", "abcd", "a  ", "\U0001f44d" * 3, None], [1, 2]),
    "vb": ([b"abc", b"abcd", b"\0\0", b"", None], [1]),
    "b": ([b"ab", b"a", b"abc", b"a\0", b"  ", None], [1, 2]),
    "bt": ([0, 511, 512, -1, None], [2, 3]),
    "flag": ([True, False, None], []),
    "f": ([0.5, 0.1, 1e39, -0.0, float("nan"), 16777216.0, None], [1, 2, 3, 4]),
    "d": ([Decimal("999.99"), Decimal("-0.01"), Decimal("0.00"), None], []),
    "du": ([Decimal(9999), Decimal(-1), Decimal(0), None], [1]),
    "ub": ([Decimal(2**64 - 1), Decimal(2**64), Decimal(-1), Decimal(0), None], [1, 2]),
    "ti": ([127, 128, -128, -129, None], [1, 3]),
    "yr": ([1901, 1900, 2155, 2156, 0, 99, None], [1, 3, 5]),
    "ts": ([0, 1_000_000, -1, 2_147_483_647_000_000, 2_147_483_648_000_000, 1_500_000, None], [0, 2, 4, 5]),
    "dt3": ([1_000, 1_001, None], [1]),
    "tm": ([0, 1_000_000, 1, 86_399_000_000, None], [2]),
    "l1": (["é", "€", "\u3042", "\U0001f44d", "a ", "\x81", None], [2, 3]),
    "u3": (["\uffff", "\U0001f44d", "\u3042", None], [1]),
    "tt": (["x" * 255, "x" * 256, "é" * 128, None], [1, 2]),
    "tb": ([b"x" * 255, b"x" * 256, None], [1]),
    "j": (["{}", " 1 ", "not json", "", None], [2, 3]),
    "u": (["0189a7e2-91b5-7b3c-8d41-3f6a2c5e9b07", "0189A7E2-91B5-7B3C-8D41-3F6A2C5E9B07", "x", None], [1, 2]),
    "sj": (["\u3042", "abc", "\U0001f44d", None], [2]),
    "big": (["1" * 40 + ".5", "1" * 41, "1e3", "x", None], [1, 2, 3]),
    "ok": ([True, False, None], []),
}


@pytest.mark.parametrize("name", list(CASES))
def test_values_that_a_column_would_change_are_refused(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values, bad = CASES[name]

    def fill(table: str) -> tuple[object, ...]:
        dataset = made(system, admin, ODD.format(name=table), table)
        receipt = create(system, dataset, batch(dataset, id=list(range(len(values))), **{name: values}))
        assert [at for at, _, _ in told(receipt)] == bad, receipt.rejects
        assert {field for _, _, field in told(receipt)} <= {name}
        assert {code for _, code, _ in told(receipt)} <= {"DV-445", "DV-444"}
        read = {}
        for one in system.read(dataset, ["id", name]):
            read |= dict(zip(one.column(0).to_pylist(), one.column(1), strict=True))
        sent = batch(dataset, **{name: values}).column(0)
        kept = [at for at in range(len(values)) if at not in bad]
        if receipt.held is not None:
            assert [read[at].as_py() for at in kept] == [receipt.held.column(name)[at].as_py() for at in kept]
        else:
            assert [read[at].as_py() for at in kept] == [sent[at].as_py() for at in kept]
        return shape(receipt), admin.rows(f"SELECT id, hex({name}) FROM {table} ORDER BY id")

    bulk, rows = both(system, monkeypatch, "odd", fill)
    assert bulk == rows


def test_keys_that_the_system_draws_come_back_row_for_row(system: Connector, admin: Admin) -> None:
    dataset = made(
        system, admin, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(9) UNIQUE); INSERT INTO t VALUES (7, 'x')"
    )
    values = [f"v{at}" for at in range(1500)]
    values[3] = values[700] = "x"
    receipt = create(system, dataset, batch(dataset, v=values))
    assert told(receipt) == [(3, "DV-441", "v"), (700, "DV-441", "v")]
    keys = receipt.keys.column("id").to_pylist()
    assert (keys[3], keys[700]) == (None, None)
    stands = dict(admin.rows("SELECT v, id FROM t"))
    assert [stands[value] for at, value in enumerate(values) if at not in (3, 700)] == [key for key in keys if key]
    mixed = create(system, dataset, batch(dataset, id=[None, 5000, None, 0], v=["a", "b", "c", "d"]))
    drawn = mixed.keys.column("id").to_pylist()
    assert drawn == [row[0] for row in admin.rows("SELECT id FROM t WHERE v IN ('a', 'b', 'c', 'd') ORDER BY v")]
    assert (drawn[1], drawn[3]) == (5000, 0)
    assert drawn[2] == 5001


def test_keys_drawn_by_defaults_are_drawn_ahead(system: Connector, admin: Admin) -> None:
    first = made(system, admin, "CREATE TABLE u (id uuid DEFAULT (uuid()) PRIMARY KEY, n int)", "u")
    second = made(
        system, admin, "CREATE SEQUENCE ids START 40; CREATE TABLE s (id bigint DEFAULT nextval(ids) PRIMARY KEY, n int)", "s"
    )
    for dataset in (first, second):
        receipt = create(system, dataset, batch(dataset, n=list(range(600))))
        keys = receipt.keys.column("id").to_pylist()
        assert len(set(keys)) == receipt.applied == 600
        stands = dict(admin.rows(f"SELECT n, id FROM {dataset.name}"))
        assert [str(stands[at]) for at in range(600)] == [str(key) for key in keys]
        more = system.reserve(dataset, 3).column("id").to_pylist()
        assert not set(more) & set(keys)
    third = made(system, admin, "CREATE TABLE a (id int AUTO_INCREMENT PRIMARY KEY)", "a")
    for dataset in (third, made(system, admin, "CREATE TABLE b (n int)", "b")):
        with pytest.raises(Refused):
            system.reserve(dataset, 1)


def test_rows_that_refer_to_each_other_come_in_any_order(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(table: str) -> tuple[object, ...]:
        dataset = made(
            system, admin, f"CREATE TABLE {table} (id int PRIMARY KEY, up int, FOREIGN KEY (up) REFERENCES {table} (id))", table
        )
        rows = batch(dataset, id=[1, 2, 3, 4, 5], up=[2, 3, None, 9, 4])
        return shape(create(system, dataset, rows)), admin.rows(f"SELECT id FROM {table} ORDER BY id")

    bulk, rows = both(system, monkeypatch, "tree", fill)
    assert bulk == rows
    assert bulk[1] == [(1,), (2,), (3,)]


def test_one_bad_row_of_many_leaves_the_others_to_the_bulk(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0))")
    singly: list[int] = []
    real = insert.carry_out
    monkeypatch.setattr(insert, "carry_out", lambda *given: singly.append(len(given[3])) or real(*given))
    bad = 17_000
    rows = batch(dataset, id=list(range(20_000)), n=[-1 if at == bad else 1 for at in range(20_000)])
    receipt = create(system, dataset, rows)
    assert told(receipt)[0][:2] == (bad, "DV-444")
    assert receipt.applied == 19_999
    assert sum(singly) <= 2 * insert.LOAD_LEAST
    taken = create(system, dataset, rows)
    assert len(taken.rejects) == 20_000
    assert {code for _, code, _ in told(taken)} == {"DV-448", "DV-444"}


def test_a_server_without_local_files_is_written_by_statements(
    mariadb_server, system: Connector, admin: Admin
) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, v text)")
    admin.rows("SET GLOBAL local_infile = 0")
    try:
        receipt = create(system, dataset, batch(dataset, id=list(range(3000)), v=["a\tb\\\n'"] * 3000))
        assert receipt.applied == 3000
        assert admin.rows("SELECT count(*), count(DISTINCT v), max(v) FROM t") == [(3000, 1, "a\tb\\\n'")]
    finally:
        admin.rows("SET GLOBAL local_infile = 1")


def test_what_is_longer_than_a_packet_comes_in_bulk_or_is_refused(mariadb_url: str, admin: Admin) -> None:
    ((before,),) = admin.rows("SELECT @@GLOBAL.max_allowed_packet")
    admin.rows("SET GLOBAL max_allowed_packet = 1048576")
    system = Connector(url=mariadb_url, timeout_s=20)
    try:
        dataset = made(system, admin, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v longtext, b longblob)")
        for keys in ([1, 2, 3], [None] * 3):
            rows = batch(dataset, id=keys, v=["x", "y\n" * 1_000_000, "z"], b=[b"", b"\0" * 900_000, None])
            receipt = create(system, dataset, rows)
            assert receipt.applied == 3
            found = {one["id"]: one for part in system.read(dataset, dataset.names) for one in part.to_pylist()}
            for at, key in enumerate(receipt.keys.column("id").to_pylist()):
                assert found[key] == {**rows.slice(at, 1).to_pylist()[0], "id": key}
            admin.rows("DELETE FROM t")
        many = batch(dataset, id=list(range(10, 1010)), b=[b"\0" * 4000] * 1000)
        assert create(system, dataset, many).applied == 1000
        change = Change(UPDATE, batch(dataset, id=[10, 11], v=["x" * 1_100_000, "y"]))
        with system.transaction() as transaction:
            receipt = transaction.apply(dataset, change)
        assert told(receipt) == [(0, "DV-445", "")]
        assert receipt.applied == 1
    finally:
        system.close()
        admin.rows(f"SET GLOBAL max_allowed_packet = {before}")


def test_tables_without_key_partitioned_and_of_defaults_alone(system: Connector, admin: Admin) -> None:
    loose = made(system, admin, "CREATE TABLE loose (n int, v varchar(9) DEFAULT 'd')", "loose")
    receipt = create(system, loose, batch(loose, n=[1, 1, None]))
    assert (receipt.applied, receipt.keys) == (3, None)
    assert admin.rows("SELECT n, v FROM loose ORDER BY n") == [(None, "d"), (1, "d"), (1, "d")]
    parted = made(
        system,
        admin,
        "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (10))",
        "parted",
    )
    receipt = create(system, parted, batch(parted, id=[1, 10, 9]))
    assert [at for at, _, _ in told(receipt)] == [1]
    dataset = made(system, admin, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v int NOT NULL DEFAULT 3)")
    receipt = create(system, dataset, batch(dataset, id=[None, None]))
    assert receipt.keys.column("id").to_pylist() == [1, 2]


def test_a_row_without_a_value_that_must_be_given_is_refused(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bulk the server would fill in a nought, an empty text, or the time that it is."""

    def fill(table: str) -> tuple[object, ...]:
        dataset = made(
            system, admin, f"CREATE TABLE {table} (id int PRIMARY KEY, n int NOT NULL, v text NOT NULL, ts timestamp NOT NULL)", table
        )
        rows = batch(dataset, id=[1, 2], n=[None, 1], v=["a", None], ts=[10**15, 10**15])
        receipt = create(system, dataset, rows)
        assert told(receipt) == [(0, "DV-442", "n"), (1, "DV-442", "v")]
        receipt = create(system, dataset, batch(dataset, id=[3, 4], n=[1, 1], ts=[10**15, 10**15]))
        assert [code for _, code, _ in told(receipt)] == ["DV-442", "DV-442"]
        return admin.rows(f"SELECT * FROM {table}")

    assert both(system, monkeypatch, "must", fill) == [[], []]


def test_a_time_that_is_missing_is_not_filled_in(mariadb_url: str, admin: Admin) -> None:
    """As servers used to do for a TIMESTAMP that must be filled."""
    admin.rows("SET GLOBAL explicit_defaults_for_timestamp = 0")
    system = Connector(url=mariadb_url, timeout_s=20)
    try:
        dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, ts timestamp NOT NULL)")
        receipt = create(system, dataset, batch(dataset, id=[1, 2], ts=[None, 10**15]))
        assert told(receipt) == [(0, "DV-442", "ts")]
        with system.transaction() as transaction:
            receipt = transaction.apply(dataset, Change(UPDATE, batch(dataset, id=[2], ts=[None])))
        assert told(receipt) == [(0, "DV-442", "ts")]
        made_here = Dataset(
            "made",
            DatasetKind.TABLE,
            (
                Field("id", Type(Kind.INTEGER), nullable=False),
                Field("a", Type(Kind.INSTANT)),
                Field("b", Type(Kind.INSTANT)),
            ),
            ("id",),
        )
        system.create(made_here)
        found = system.describe().dataset("made")
        assert create(system, found, batch(found, id=[1], a=[None], b=[10**15])).applied == 1
        assert admin.rows("SELECT a IS NULL, b IS NULL FROM made") == [(1, 0)]
    finally:
        system.close()
        admin.rows("SET GLOBAL explicit_defaults_for_timestamp = 1")


def test_sliced_batches_are_written_from_their_offset(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(table: str) -> tuple[object, ...]:
        dataset = made(system, admin, f"CREATE TABLE {table} (id int PRIMARY KEY, v text, b blob, ok tinyint(1))", table)
        whole = batch(dataset, id=[1, 2, 3, 4], v=["a", "b\\", None, "d"], b=[b"1", None, b"\0", b"4"], ok=[True, False, None, True])
        assert create(system, dataset, whole.slice(1, 2)).applied == 2
        return admin.rows(f"SELECT * FROM {table} ORDER BY id")

    assert both(system, monkeypatch, "slice", fill) == [[(2, "b\\", None, 0), (3, None, b"\0", None)]] * 2


def test_the_statements_shown_are_those_that_run(system: Connector, admin: Admin) -> None:
    dataset = made(system, admin, "CREATE TABLE t (id int PRIMARY KEY, v text, n int)")
    assert system.statement(dataset, CREATE, ["id", "v"], []) == "INSERT INTO `t` (`id`, `v`) VALUES (?1, ?2)"
    assert system.statement(dataset, UPDATE, ["id", "v"], ["n"]) == (
        "UPDATE `t` SET `v` = ?1 WHERE `t`.`id` = ?2 AND `t`.`n` <=> ?3"
    )
    assert system.statement(dataset, DELETE, ["id"], ["v"]) == (
        "DELETE FROM `t` WHERE `t`.`id` = ?1 AND CAST(CAST(`t`.`v` AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> ?2"
    )
