"""Locks, full disks, killed processes, two workers: what SQLite promises when things go wrong."""

# ruff: noqa: PT012 - what stands in the transaction is part of what fails

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from dovetail.errors import AccessDenied, Fenced, Full, Overdue, Refused, Remedy, SchemaDrift, SystemFault, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.sqlite import Connector
from dovetail.systems.connectors.sqlite.session import fault

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.executescript(TABLE)
    connection.close()
    return tmp_path / "a.db"


def dataset_of(system: Connector) -> Dataset:
    found = system.describe().dataset("t")
    assert found is not None
    return found


def creating(*values: str) -> Change:
    return Change(Verb.CREATE, pa.RecordBatch.from_pydict({"v": list(values)}))


def count(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_a_locked_file_is_overdue_and_then_works(path: Path) -> None:
    system = Connector(path=path, timeout_s=0.3)
    dataset = dataset_of(system)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Overdue) as caught:
        system.apply(dataset, creating("b"))
    assert 0.2 < time.monotonic() - began < 2
    assert caught.value.remedy is Remedy.RETRY
    other.execute("ROLLBACK")
    assert system.apply(dataset, creating("b")).applied == 1


def test_a_reader_that_stays_holds_up_the_commit_and_nothing_is_half_written(path: Path) -> None:
    system = Connector(path=path, timeout_s=0.3)
    dataset = dataset_of(system)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    with pytest.raises(Overdue), system.transaction() as transaction:
        transaction.apply(dataset, creating("b"))
    other.execute("ROLLBACK")
    assert count(path) == 1
    with system.transaction() as transaction:
        transaction.apply(dataset, creating("b"))
    assert count(path) == 2


def test_others_may_read_while_a_large_transaction_is_open(path: Path) -> None:
    system = Connector(path=path)
    dataset = dataset_of(system)
    other = sqlite3.connect(path, timeout=0)
    with system.transaction() as transaction:
        transaction.apply(dataset, creating(*("x" * 1_000 for _ in range(10_000))))
        assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert other.execute("SELECT count(*) FROM t").fetchone() == (10_001,)


def test_a_full_disk_is_full_and_rolls_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = Connector(path=path)
    dataset = dataset_of(system)
    with system._sessions.lend() as session:
        session.connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(Full), system.transaction() as transaction:
        transaction.apply(dataset, creating("b"))
        transaction.apply(dataset, creating(*("x" * 3_000 for _ in range(50))))
    assert count(path) == 1


def test_errors_inside_a_transaction_are_ours_before_it_ends(path: Path) -> None:
    system = Connector(path=path)
    dataset = dataset_of(system)
    with pytest.raises(SchemaDrift), system.transaction() as transaction:
        gone = Dataset("gone", dataset.kind, dataset.fields, dataset.key)
        try:
            transaction.apply(gone, creating("b"))
        except sqlite3.Error:
            pytest.fail("the driver's own exception left the connector")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM nowhere", SchemaDrift),
        ("SELECT t.nowhere FROM t", SchemaDrift),
        ("INSERT INTO t (nowhere) VALUES (1)", SchemaDrift),
        ("INSERT INTO t VALUES (1, 2)", Refused),
        ("SELEC", SystemFault),
        ("DELETE FROM t", AccessDenied),
        ("ATTACH '/nowhere/at/all.db' AS x", Unreachable),
    ],
)
def test_each_error_has_its_class(path: Path, statement: str, expected: type[SystemFault]) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA query_only = {int(expected is AccessDenied)}")
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(statement)
    assert type(fault(caught.value, "here", 1)) is expected


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    system = Connector(path=path)
    dataset = dataset_of(system)
    epoch = system.raise_epoch("p")
    with pytest.raises(ZeroDivisionError), system.transaction() as transaction:
        transaction.fence("p", epoch)
        transaction.apply(dataset, creating("b"))
        transaction.record([LedgerEntry("p", 1, "run", b"")])
        raise ZeroDivisionError
    assert count(path) == 1
    assert system.ledger("p") == []


def test_deferred_references_are_refused_at_the_commit(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, t REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    system = Connector(path=path)
    child = system.describe().dataset("c")
    with pytest.raises(Refused), system.transaction() as transaction:
        transaction.apply(child, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"t": ["99"]})))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM c").fetchone() == (0,)


def test_fence_and_ledger(path: Path) -> None:
    system = Connector(path=path)
    assert system.ledger("p") == ()
    system.forget("p", 5)
    with pytest.raises(Fenced), system.transaction() as transaction:
        transaction.fence("p", 1)
    assert [system.raise_epoch("p"), system.raise_epoch("p"), system.raise_epoch("q")] == [1, 2, 1]
    with pytest.raises(Fenced), system.transaction() as transaction:
        transaction.fence("p", 1)
    entries = [LedgerEntry("p", chunk, f"run{chunk}", bytes([chunk, 0, 255])) for chunk in (3, 1, 2)]
    with system.transaction() as transaction:
        transaction.fence("p", 2)
        transaction.record([*entries, LedgerEntry("q", 9, "r", b"")])
    assert system.ledger("p") == sorted(entries, key=lambda entry: entry.chunk)
    system.forget("p", 2)
    assert [entry.chunk for entry in system.ledger("p")] == [3]
    assert [entry.chunk for entry in system.ledger("q")] == [9]
    assert [dataset.name for dataset in system.describe().datasets] == ["t"]


def test_raising_the_epoch_waits_for_the_former_holder(path: Path) -> None:
    system, late = Connector(path=path), Connector(path=path)
    dataset = dataset_of(system)
    epoch = system.raise_epoch("p")
    order: list[str] = []

    def take_over() -> None:
        order.append(f"epoch {late.raise_epoch('p')}")

    thread = threading.Thread(target=take_over)
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
        thread.start()
        time.sleep(0.3)
        transaction.apply(dataset, creating("b"))
        order.append("written")
    thread.join()
    assert order == ["written", "epoch 2"]
    with pytest.raises(Fenced), system.transaction() as transaction:
        transaction.fence("p", epoch)


KILLED = """
import os, signal, sys
import pyarrow as pa
from pathlib import Path
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.sqlite import Connector
system = Connector(path=Path(sys.argv[1]))
dataset = system.describe().dataset("t")
epoch = system.raise_epoch("p")
with system.transaction() as transaction:
    transaction.fence("p", epoch)
    values = ["x" * 500] * 20_000
    transaction.apply(dataset, Change(Verb.CREATE, pa.RecordBatch.from_pydict({"v": values})))
    transaction.record([LedgerEntry("p", 1, "r", b"")])
    if sys.argv[2] == "inside":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("where", "rows", "entries"), [("inside", 1, 0), ("after", 20_001, 1)])
def test_a_killed_process_leaves_all_or_nothing_and_no_lock(path: Path, where: str, rows: int, entries: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", KILLED, str(path), where], env=environment, timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    system = Connector(path=path, timeout_s=5)
    assert system.raise_epoch("p") == 2
    assert len(system.ledger("p")) == entries
    assert count(path) == rows


def test_two_writers_take_turns(path: Path) -> None:
    systems = [Connector(path=path), Connector(path=path)]
    dataset = dataset_of(systems[0])
    failures: list[Exception] = []

    def work(system: Connector, name: str) -> None:
        try:
            for number in range(20):
                with system.transaction() as transaction:
                    receipt = transaction.apply(dataset, creating(f"{name}{number}"))
                    assert receipt.applied == 1
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(systems[at % 2], f"w{at}-")) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(path) == 81


def test_closed_connectors_work_again(path: Path) -> None:
    system = Connector(path=path)
    dataset = dataset_of(system)
    system.close()
    assert system.apply(dataset, creating("b")).applied == 1


def test_examine_tells_what_an_operator_must_know(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE VIEW broken AS SELECT * FROM gone; CREATE TABLE s (k STRING)")
    system = Connector(path=path)
    datasets = system.describe().datasets
    lines = system.examine([*datasets, Dataset("vanished", datasets[0].kind, datasets[0].fields)])
    verdicts = {topic: verdict for topic, verdict, _ in lines}
    assert verdicts == {
        "version": "ok", "encoding": "ok", "integrity": "ok", "locking": "warn", "rights": "ok", "view broken": "warn",
        "s": "warn", "s.k": "warn", "t": "ok", "vanished": "bad",
    }  # fmt: skip
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'dovetail%'").fetchone() == (0,)
