"""What is written to SQLite is read back as the same values, or its row is refused with a reason."""

# ruff: noqa: DTZ901 - stamps without a zone are what is tested

from __future__ import annotations

import datetime as dt
import math
import sqlite3
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.sqlite import Connector
from dovetail.systems.sql import refusal


def opened(path: Path, script: str, **settings: object) -> Connector:
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    return Connector(path=path, **settings)


def rows(dataset: Dataset, **columns: list[object]) -> pa.RecordBatch:
    arrays = [pa.array(values, dataset.field(name).type.arrow()) for name, values in columns.items()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def create(dataset: Dataset, **columns: list[object]) -> Change:
    return Change(Verb.CREATE, rows(dataset, **columns))


def written(system: Connector, dataset: Dataset, change: Change) -> Receipt:
    with system.transaction() as transaction:
        return transaction.apply(dataset, change)


def contents(path: Path, sql: str = "SELECT * FROM t ORDER BY 1") -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


def read(system: Connector, dataset: Dataset) -> list[dict[str, object]]:
    return [row for batch in system.read(dataset, dataset.names) for row in batch.to_pylist()]


UTC = dt.UTC
HOSTILE: dict[str, list[object]] = {
    "TEXT": ["", " ", "a ", "a\0b", "e\u0301", "é", "\u202e", "👩‍👩‍👧", "5", "007", "1e5", "NULL", "x" * 1_000_000],
    "STRING": ["", "a", "5", "007", "1e5", " 7 ", "0x10", "nan", "+1", ".5", "9" * 30],
    "JSON": ['{"a": 1}', "5", "5.0", "0.1", "1e5", "null", '"x"', "123456789012345678901234", "-0"],
    "": ["5", "x", "1.50"],
    "INTEGER": [0, -1, 2**63 - 1, -(2**63)],
    "BOOLEAN": [True, False],
    "REAL": [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e15, 2.0**53 + 2, 1.0],
    "DECIMAL(12,2)": [Decimal(text) for text in ("0", "0.01", "-0.01", "9999999999.99", "1.10", "100")],
    "DECIMAL(20,4)": [
        Decimal(text) for text in ("0.0001", "1234567890123456.7891", "1234567890123456", "99999999999.9999")
    ],
    "NUMERIC": [
        Decimal(text)
        for text in ("0.1", "1E-18", "12345678901234567890", "9223372036854775807", "0.123456789012345678")
    ],
    "DECIMAL(38,0)": [
        Decimal(text)
        for text in ("9223372036854775808", "99999999999999999999999999999999999999", "18446744073709551616")
    ],
    "DECIMAL_TEXT(38,18)": [
        Decimal("12345678901234567890.123456789012345678"),
        Decimal("0.000000000000000001"),
        Decimal(0),
    ],
    "BLOB": [b"", b"\x00", b"\xff" * 100],
    "DATE": [dt.date.min, dt.date(2024, 2, 29), dt.date.max],
    "TIME": [dt.time.min, dt.time.max, dt.time(10, 11, 12), dt.time(10, 11, 12, 100)],
    "TIMESTAMP": [
        dt.datetime.min,
        dt.datetime.max,
        dt.datetime(2024, 1, 31, 10, 11, 12),
        dt.datetime(1969, 12, 31, 23, 59, 59, 1),
    ],
    "TIMESTAMPTZ": [dt.datetime(2024, 1, 31, 10, 11, 12, 5, tzinfo=UTC), dt.datetime(1, 1, 2, tzinfo=UTC)],
    "UUID": ["0b6a1f66-3c1f-4e5e-9f3b-1c2d3e4f5a6b"],
}
MAY_BE_REFUSED = {
    "STRING": {"5", "007", "1e5", " 7 ", "+1", ".5", "9" * 30},
    "JSON": {"5.0", "1e5", "123456789012345678901234", "-0"},
    "REAL": {"-0.0", "nan"},
    "DECIMAL(20,4)": {"1234567890123456.7891"},
    "NUMERIC": {"0.123456789012345678", "12345678901234567890"},
    "DECIMAL(38,0)": {"99999999999999999999999999999999999999", "9223372036854775808", "18446744073709551616"},
}


@pytest.mark.parametrize("declared", HOSTILE)
def test_exact_or_refused(tmp_path: Path, declared: str) -> None:
    values = [*HOSTILE[declared], None]
    system = opened(tmp_path / "a.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})")
    dataset = system.describe().dataset("t")
    numbers = list(range(len(values)))
    change = create(dataset, id=numbers, x=values)
    receipt = written(system, dataset, change)
    refused = {reject.position for reject in receipt.rejects}
    assert {reject.code for reject in receipt.rejects} <= {refusal.UNFIT}
    assert {str(values[at]) for at in refused} == MAY_BE_REFUSED.get(declared, set())
    assert receipt.applied == len(values) - len(refused)
    expected = [values[at] for at in numbers if at not in refused]
    found = read(system, dataset)
    assert [row["x"] for row in found] == expected
    assert all("dovetail_unreadable" not in row for row in found)
    again = system.apply(dataset, Change(Verb.CREATE, change.rows))
    assert again.applied == receipt.applied, "what was read back equals what was sent"
    for at, value in enumerate(values):
        for reject in receipt.rejects:
            assert len(str(value)) < 4 or reject.position != at or str(value) not in reject.reason


@pytest.mark.parametrize("year", [-5, 0, 10_000, 200_000])
def test_years_that_iso_texts_cannot_hold_are_refused(tmp_path: Path, year: int) -> None:
    system = opened(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE, s TIMESTAMP, i TIMESTAMPTZ)")
    dataset = system.describe().dataset("t")
    days = round((year - 1970) * 365.2425)
    for name in ("d", "s", "i"):
        number = days if name == "d" else days * 86_400_000_000
        values = pa.array([number, None], pa.int32() if name == "d" else pa.int64()).cast(
            dataset.field(name).type.arrow()
        )
        batch = pa.RecordBatch.from_arrays([values], [name])
        receipt = written(system, dataset, Change(Verb.CREATE, batch))
        assert [(reject.position, reject.code, reject.field) for reject in receipt.rejects] == [
            (0, refusal.UNFIT, name)
        ]
    assert contents(tmp_path / "a.db", "SELECT d, s, i FROM t") == [(None, None, None)] * 3


CONSTRAINED = """
CREATE TABLE parent (id INTEGER PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, name TEXT NOT NULL, age INT CONSTRAINT adult CHECK (age >= 18),
  parent INT REFERENCES parent, UNIQUE (name, age) ON CONFLICT REPLACE);
INSERT INTO t VALUES (1, 'taken@x', 'Ada', 30, 1);
"""


def test_each_refused_row_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", CONSTRAINED)
    dataset = system.describe().dataset("t")
    change = create(
        dataset,
        id=[10, 1, 11, 12, 13, 14, 15, 10],
        mail=["a", "b", "taken@x", "c", "d", "e", "f", "g"],
        name=["N0", "N1", "N2", None, "N4", "N5", "Ada", "N7"],
        age=[20, 20, 20, 20, 3, 20, 30, 20],
        parent=[1, 1, 1, 1, 1, 99, 1, None],
    )
    receipt = written(system, dataset, change)
    assert [(reject.position, reject.code, reject.field) for reject in receipt.rejects] == [
        (1, refusal.TAKEN, "id"),
        (2, refusal.DOUBLE, "mail"),
        (3, refusal.MISSING, "name"),
        (4, refusal.RULED_OUT, ""),
        (5, refusal.ORPHAN, "parent"),
        (6, refusal.DOUBLE, "name"),
        (7, refusal.TAKEN, "id"),
    ]
    assert "adult" in receipt.rejects[3].reason
    assert not any("taken@x" in reject.reason for reject in receipt.rejects)
    assert receipt.applied == 1
    assert receipt.keys["id"].to_pylist() == [10, None, None, None, None, None, None, None]
    assert contents(tmp_path / "a.db") == [(1, "taken@x", "Ada", 30, 1), (10, "a", "N0", 20, 1)], (
        "ON CONFLICT REPLACE of the table must not remove Ada"
    )


def test_updates_and_deletes_refuse_likewise(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", CONSTRAINED + "INSERT INTO t VALUES (2, 'b', 'Bob', 40, 1);")
    catalog = system.describe()
    dataset = catalog.dataset("t")
    receipt = written(system, dataset, Change(Verb.UPDATE, rows(dataset, id=[1, 2], name=["Ada", "Ada"], age=[30, 30])))
    assert [(reject.position, reject.code) for reject in receipt.rejects] == [(1, refusal.DOUBLE)]
    assert len(contents(tmp_path / "a.db")) == 2, "ON CONFLICT REPLACE must not remove anything in an update either"
    parent = catalog.dataset("parent")
    receipt = written(system, parent, Change(Verb.DELETE, rows(parent, id=[1, 7])))
    assert ([reject.code for reject in receipt.rejects], receipt.missed) == ([refusal.ORPHAN], (1,))


def test_keys_that_the_system_draws_come_back_row_for_row(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", CONSTRAINED)
    dataset = system.describe().dataset("t")
    names = [f"n{number}" for number in range(1_000)]
    names[500] = None
    receipt = written(system, dataset, create(dataset, name=names))
    assert receipt.applied == 999
    found = dict(contents(tmp_path / "a.db", "SELECT id, name FROM t WHERE id > 1"))
    keys = receipt.keys["id"].to_pylist()
    assert keys[500] is None
    assert [found.get(key) for key in keys] == [name or None for name in names]
    mixed = written(system, dataset, create(dataset, id=[None, 5_000, None], name=["p", "q", "r"]))
    assert mixed.keys["id"].to_pylist() == [5_001, 5_000, 5_002]


def test_keys_with_a_default_come_back_too(tmp_path: Path) -> None:
    system = opened(
        tmp_path / "a.db", "CREATE TABLE t (k TEXT PRIMARY KEY DEFAULT (hex(randomblob(8))), v INT) WITHOUT ROWID"
    )
    dataset = system.describe().dataset("t")
    receipt = written(system, dataset, create(dataset, v=[1, 2, 3]))
    assert [dict(contents(tmp_path / "a.db"))[key] for key in receipt.keys["k"].to_pylist()] == [1, 2, 3]


def test_sequences_are_respected(tmp_path: Path) -> None:
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INT); INSERT INTO t (v) VALUES (1), (2), (3); DELETE FROM t;"
    system = opened(tmp_path / "a.db", script)
    dataset = system.describe().dataset("t")
    assert written(system, dataset, create(dataset, v=[7])).keys["id"].to_pylist() == [4], "3 was given before"
    assert system.reserve(dataset, 0)["id"].to_pylist() == []
    assert system.reserve(dataset, 3)["id"].to_pylist() == [5, 6, 7]
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t (v) VALUES (8)")
    assert contents(tmp_path / "a.db")[-1] == (8, 8), "the application is given none of the reserved keys"
    assert system.reserve(dataset, 1)["id"].to_pylist() == [9]


def test_reserve_in_a_sequence_never_used(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INT)")
    dataset = system.describe().dataset("t")
    assert system.reserve(dataset, 2)["id"].to_pylist() == [1, 2]
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t (v) VALUES (8)")
    assert contents(tmp_path / "a.db") == [(3, 8)]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT /* AUTOINCREMENT */)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT DEFAULT 'AUTOINCREMENT'); CREATE TABLE u (i INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (id TEXT PRIMARY KEY)",
        "CREATE TABLE t (id INT)",
    ],
)
def test_reserve_refuses_what_it_cannot_promise(tmp_path: Path, script: str) -> None:
    system = opened(tmp_path / "a.db", script)
    with pytest.raises(Refused):
        system.reserve(system.describe().dataset("t"), 0)


GUARDED = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, price DECIMAL(9,2), at TIMESTAMP, v REAL, raw INTEGER);
INSERT INTO t VALUES (1, 'ada', 1.5, '2024-01-31T10:11:12', 0.1, 7), (2, NULL, NULL, NULL, NULL, 'odd');
"""


@pytest.mark.parametrize(
    ("field", "held", "other"),
    [
        ("name", "ada", "ADA"),
        ("name", "ada", "ada "),
        ("price", Decimal("1.50"), Decimal("1.51")),
        ("at", dt.datetime(2024, 1, 31, 10, 11, 12), dt.datetime(2024, 1, 31, 10, 11, 13)),
        ("v", 0.1, 0.1 + 2**-54),
        ("raw", 7, 8),
        ("raw", 7, None),
    ],
)
def test_guards_compare_exact_values(tmp_path: Path, field: str, held: object, other: object) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    target = "raw" if field != "raw" else "name"
    new: object = 70 if target == "raw" else "new"

    def guarded(expected: object) -> Change:
        return Change(
            Verb.UPDATE, rows(dataset, id=[1], **{target: [new]}), rows(dataset, id=[1], **{field: [expected]})
        )

    assert written(system, dataset, guarded(other)).missed == (0,)
    assert written(system, dataset, guarded(held)).applied == 1


def test_null_equals_null_and_the_unreadable_equals_nothing(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    expected = rows(dataset, id=[2], name=[None], price=[None], at=[None], v=[None])
    assert written(system, dataset, Change(Verb.UPDATE, rows(dataset, id=[2], name=["x"]), expected)).applied == 1
    for value in (None, 0):
        expected = rows(dataset, id=[2], raw=[value])
        assert written(system, dataset, Change(Verb.UPDATE, rows(dataset, id=[2], name=["y"]), expected)).missed == (0,)
        assert written(system, dataset, Change(Verb.DELETE, rows(dataset, id=[2]), expected)).missed == (0,)
    assert contents(tmp_path / "a.db")[1][1] == "x"


def test_only_the_fields_given_are_touched_and_absent_rows_are_missed(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    receipt = written(system, dataset, Change(Verb.UPDATE, rows(dataset, id=[9, 1], name=["x", "Eve"])))
    assert (receipt.applied, receipt.missed) == (1, (0,))
    assert contents(tmp_path / "a.db")[0] == (1, "Eve", 1.5, "2024-01-31T10:11:12", 0.1, 7)
    receipt = written(system, dataset, Change(Verb.DELETE, rows(dataset, id=[1, 9])))
    assert (receipt.applied, receipt.missed) == (1, (1,))


def test_a_key_differing_in_case_only_is_another_row(tmp_path: Path) -> None:
    system = opened(
        tmp_path / "a.db", "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v INT); INSERT INTO t VALUES ('abc', 1)"
    )
    dataset = system.describe().dataset("t")
    assert written(system, dataset, Change(Verb.UPDATE, rows(dataset, k=["ABC"], v=[2]))).missed == (0,)
    assert written(system, dataset, Change(Verb.DELETE, rows(dataset, k=["ABC"]))).missed == (0,)
    assert written(system, dataset, create(dataset, k=["ABC"], v=[2])).rejects[0].code == refusal.TAKEN
    assert contents(tmp_path / "a.db") == [("abc", 1)]


def test_a_declared_key_that_nothing_enforces(tmp_path: Path) -> None:
    system = opened(
        tmp_path / "a.db", "CREATE TABLE t (k TEXT, v INT); INSERT INTO t VALUES ('a', 1), ('b', 2), ('b', 3)"
    )
    found = system.describe().dataset("t")
    dataset = Dataset(name="t", kind=found.kind, fields=found.fields, key=("k",))
    receipt = written(system, dataset, create(dataset, k=["a", "c"], v=[5, 6]))
    assert [(reject.position, reject.code) for reject in receipt.rejects] == [(0, refusal.TAKEN)]
    for change in (Change(Verb.UPDATE, rows(dataset, k=["b"], v=[9])), Change(Verb.DELETE, rows(dataset, k=["b"]))):
        assert [reject.code for reject in written(system, dataset, change).rejects] == [refusal.AMBIGUOUS]
    assert contents(tmp_path / "a.db", "SELECT count(*) FROM t") == [(4,)]


def test_a_declared_key_that_a_unique_constraint_enforces(tmp_path: Path) -> None:
    system = opened(
        tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE); INSERT INTO t (k) VALUES ('a')"
    )
    found = system.describe().dataset("t")
    dataset = Dataset("t", found.kind, found.fields, key=("k",), uniques=found.uniques)
    receipt = written(system, dataset, create(dataset, k=["a", "b"]))
    assert [(reject.position, reject.code, reject.field) for reject in receipt.rejects] == [(0, refusal.TAKEN, "k")]


def test_applying_twice_equals_once(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    changes = [
        create(dataset, id=[3, 4], name=["c", "d"], price=[Decimal("1.10"), None]),
        Change(Verb.UPDATE, rows(dataset, id=[1], name=["new"]), rows(dataset, id=[1], name=["ada"])),
        Change(Verb.DELETE, rows(dataset, id=[4, 9]), rows(dataset, id=[4, 9], name=["d", "x"])),
    ]
    for change in changes:
        first = system.apply(dataset, change)
        after = contents(tmp_path / "a.db")
        second = system.apply(dataset, change)
        assert (first.applied, first.missed, first.rejects) == (second.applied, second.missed, second.rejects)
        assert first.applied == change.rows.num_rows
        assert contents(tmp_path / "a.db") == after
    clash = system.apply(dataset, create(dataset, id=[3], name=["another"], price=[None]))
    assert [reject.code for reject in clash.rejects] == [refusal.TAKEN]


TRIGGERED = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
CREATE TRIGGER tidy AFTER INSERT ON t BEGIN UPDATE t SET name = trim(new.name) WHERE id = new.id; END;
CREATE TRIGGER tidy_again AFTER UPDATE OF name ON t WHEN new.name <> trim(new.name)
  BEGIN UPDATE t SET name = trim(new.name) WHERE id = new.id; END;
CREATE TRIGGER ignore BEFORE INSERT ON t WHEN new.name = 'ignore' BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER forbid BEFORE INSERT ON t WHEN new.name = 'forbid' BEGIN SELECT RAISE(ABORT, 'secret words'); END;
CREATE TRIGGER bomb BEFORE INSERT ON t WHEN new.name = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END;
"""


def test_triggers_are_read_back_and_may_say_no(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", TRIGGERED)
    dataset = system.describe().dataset("t")
    receipt = written(
        system, dataset, create(dataset, name=[" a ", "ignore", "b", "forbid"], note=["n", "n", "n", "n"])
    )
    assert [(reject.position, reject.code) for reject in receipt.rejects] == [
        (1, refusal.RULED_OUT),
        (3, refusal.RULED_OUT),
    ]
    assert not any("secret" in reject.reason for reject in receipt.rejects)
    assert receipt.keys["id"].to_pylist() == [1, None, 2, None]
    assert receipt.held["name"].to_pylist() == ["a", None, "b", None]
    receipt = written(system, dataset, Change(Verb.UPDATE, rows(dataset, id=[9, 2], name=["x", " c "])))
    assert (receipt.missed, receipt.held["name"].to_pylist()) == ((0,), [None, "c"])


def test_a_trigger_that_rolls_back_loses_nothing_silently(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", TRIGGERED)
    dataset = system.describe().dataset("t")
    with pytest.raises(Refused) as caught, system.transaction() as transaction:
        transaction.apply(dataset, create(dataset, name=["a", "bomb", "c"]))
    assert [reject.position for reject in caught.value.rejects] == [1]
    assert contents(tmp_path / "a.db") == []


def test_strict_tables(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x INT, y ANY, z BLOB) STRICT")
    dataset = system.describe().dataset("t")
    assert written(system, dataset, create(dataset, x=[1], y=["a"], z=[b"1"])).applied == 1
    lying = Dataset("t", DatasetKind.TABLE, (dataset.fields[0], Field("x", Type(Kind.TEXT, native="TEXT"))), ("id",))
    assert [reject.code for reject in written(system, lying, create(lying, x=["words"])).rejects] == [refusal.UNFIT]


def test_what_cannot_be_written_at_all(tmp_path: Path) -> None:
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2)); CREATE VIEW v AS SELECT * FROM t; CREATE TABLE n (x)"
    system = opened(tmp_path / "a.db", script)
    catalog = system.describe()
    table, view, keyless = (catalog.dataset(name) for name in ("t", "v", "n"))
    with pytest.raises(Refused):
        written(system, table, create(table, a=[1], b=[2]))
    with pytest.raises(Refused):
        written(system, view, create(view, a=[1]))
    with pytest.raises(Refused):
        written(system, keyless, Change(Verb.DELETE, rows(keyless, x=["1"])))
    with pytest.raises(SchemaDrift):
        written(system, table, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"nope": [1]})))
    assert written(system, keyless, create(keyless, x=["1", "1"])).applied == 2


def test_create_makes_a_dataset_that_keeps_every_type(tmp_path: Path) -> None:
    fields = [Field("id", Type(Kind.INTEGER), nullable=False)]
    fields += [Field(str(kind), Type(kind)) for kind in Kind if kind is not Kind.OPAQUE]
    fields += [
        Field("money", Type(Kind.DECIMAL, precision=12, scale=2)),
        Field("big", Type(Kind.DECIMAL, precision=38, scale=6)),
    ]
    fields += [Field("short", Type(Kind.TEXT, length=9), nullable=False)]
    wanted = Dataset("made", DatasetKind.TABLE, tuple(fields), key=("id",), uniques=(("short", "money"),))
    system = opened(tmp_path / "a.db", "")
    system.create(wanted)
    system.create(wanted)
    made = system.describe().dataset("made")
    assert [(field.name, str(field.type), field.nullable) for field in made.fields] == [
        (field.name, str(field.type), field.nullable) for field in fields
    ]
    assert (made.key, made.uniques, made.fields[0].drawn) == (("id",), (("short", "money"),), True)


def test_the_statements_shown_are_those_that_run(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", "CREATE TABLE t (k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES ('a', 1)")
    dataset = system.describe().dataset("t")
    changes = [
        (create(dataset, k=["b"], v=[2]), ["k", "v"], []),
        (Change(Verb.UPDATE, rows(dataset, k=["a"], v=[3]), rows(dataset, k=["a"], v=[1])), ["v"], ["v"]),
        (Change(Verb.DELETE, rows(dataset, k=["a"]), rows(dataset, k=["a"], v=[3])), [], ["v"]),
    ]
    ran: list[str] = []
    for change, fields, expected in changes:
        with system._sessions.lend() as session:
            session.connection.set_trace_callback(ran.append)
        assert written(system, dataset, change).applied == 1
        for statement in system.statement(dataset, change.verb, fields, expected).split(";\n"):
            begins, _, _ = statement.partition("?")
            assert any(text.startswith(begins) for text in ran), statement


def test_empty_changes(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    for verb in Verb:
        receipt = written(system, dataset, Change(verb, rows(dataset, id=[], name=[])))
        assert (receipt.applied, receipt.missed, receipt.rejects) == (0, (), ())


def test_sliced_batches_are_read_from_their_offset(tmp_path: Path) -> None:
    system = opened(tmp_path / "a.db", GUARDED)
    dataset = system.describe().dataset("t")
    whole = rows(dataset, id=[0, 5, 6], price=[Decimal("9.99"), Decimal("1.01"), Decimal("2.02")], v=[9.0, 1.0, 2.0])
    assert written(system, dataset, Change(Verb.CREATE, whole.slice(1))).applied == 2
    assert contents(tmp_path / "a.db", "SELECT id, price, v FROM t WHERE id > 4") == [(5, 1.01, 1.0), (6, 2.02, 2.0)]


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_delete_is_never_carried_on_to_other_rows(tmp_path, rule):
    path = tmp_path / "t.db"
    system = opened(
        path,
        f"""CREATE TABLE t (a INTEGER, b TEXT, up INTEGER, PRIMARY KEY (a, b));
        CREATE TABLE child (id INTEGER PRIMARY KEY, x INTEGER, y TEXT,
            FOREIGN KEY (x, y) REFERENCES t ON DELETE {rule});
        INSERT INTO t VALUES (1, 'x', NULL), (2, 'x', NULL), (3, 'x', NULL);
        INSERT INTO child VALUES (1, 2, 'x'), (2, NULL, NULL);""",
    )
    dataset = system.describe().dataset("t")
    receipt = written(system, dataset, Change(Verb.DELETE, rows(dataset, a=[1, 2, 3], b=["x"] * 3)))
    assert [(reject.position, reject.code) for reject in receipt.rejects] == [(1, refusal.ORPHAN)]
    assert contents(path) == [(2, "x", None)]
    assert contents(path, "SELECT * FROM child") == [(1, 2, "x"), (2, None, None)]


def test_a_row_that_others_of_its_own_table_point_to_goes_after_them(tmp_path):
    path = tmp_path / "t.db"
    system = opened(
        path,
        """CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE);
        INSERT INTO t VALUES (1, NULL), (2, 1), (3, 2), (4, 4);""",
    )
    dataset = system.describe().dataset("t")
    receipt = written(system, dataset, Change(Verb.DELETE, rows(dataset, id=[1, 2, 3, 4])))
    assert (receipt.applied, contents(path)) == (4, [])
    path.unlink()


def test_where_keys_are_not_checked_nothing_is_carried_on(tmp_path):
    path = tmp_path / "t.db"
    system = opened(
        path,
        """CREATE TABLE t (id INTEGER PRIMARY KEY);
        CREATE TABLE child (x INTEGER REFERENCES t (id) ON DELETE CASCADE);
        INSERT INTO t VALUES (1); INSERT INTO child VALUES (1);""",
        foreign_keys=False,
    )
    dataset = system.describe().dataset("t")
    assert written(system, dataset, Change(Verb.DELETE, rows(dataset, id=[1]))).applied == 1
    assert contents(path, "SELECT * FROM child") == [(1,)]
