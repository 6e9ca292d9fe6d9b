"""What is created in MariaDB stands there exactly, or is refused by position; in bulk as row by row."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.systems.maria import Admin, batch, made, told

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
    real = insert.load
    monkeypatch.setattr(insert, "load", lambda *given: loads.append(1) or real(*given))

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
