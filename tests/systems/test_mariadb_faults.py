"""What MariaDB and the network do wrong becomes one class of error each, in time, and nothing is left half done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pymysql
import pytest
from tests.systems.maria import Admin

from dovetail.errors import AccessDenied, Fenced, Full, Overdue, Remedy, SchemaDrift, SystemFault, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.mariadb import Connector, fence, insert
from dovetail.systems.connectors.mariadb.faults import fault
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers import mariadb

BIG = 20_000


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Admin]:
    opened = Admin(mariadb_url)
    opened.rows("CREATE TABLE item (id bigint PRIMARY KEY, name text, n int)")
    opened.rows(f"INSERT INTO item SELECT seq, repeat('x', 200), seq FROM seq_1_to_{BIG}")
    yield opened
    opened.close()


@pytest.fixture
def system(mariadb_url: str, admin: Admin) -> Iterator[Connector]:
    connector = Connector(url=mariadb_url, timeout_s=3)
    yield connector
    connector.close()


@pytest.fixture
def item(system: Connector) -> Dataset:
    found = system.describe().dataset("item")
    assert found is not None
    return found


@pytest.fixture
def proxy(mariadb_server: mariadb.Server) -> Iterator[Proxy]:
    with Proxy(mariadb_server.port) as between:
        yield between


@pytest.fixture
def far(mariadb_server: mariadb.Server, mariadb_url: str, proxy: Proxy, admin: Admin) -> Iterator[Connector]:
    """The same database, at the other end of a network."""
    database = mariadb_url.rpartition("/")[2]
    url = mariadb_server.url(database, port=proxy.port) + "?ssl-mode=DISABLED"
    connector = Connector(url=url, timeout_s=1.5, batch_rows=1000)
    yield connector
    connector.close()


def creation(first: int, count: int = 5) -> Change:
    keys = pa.array(range(first, first + count), pa.int64())
    names = pa.array(["y" * 300] * count)
    return Change(Verb.CREATE, pa.RecordBatch.from_arrays([keys, names], ["id", "name"]))


def update(number: int) -> Change:
    return Change(Verb.UPDATE, pa.record_batch({"id": pa.array([number]), "n": pa.array([0])}))


def count(admin: Admin) -> int:
    return int(admin.rows("SELECT count(*) FROM item")[0][0])


def test_a_killed_server_is_unreachable_and_then_back() -> None:
    with mariadb.server(durable=True) as own:
        url = own.create("shop")
        own.run("CREATE TABLE item (id bigint PRIMARY KEY, name text)", "shop")
        system = Connector(url=url, timeout_s=10)
        item = system.describe().dataset("item")
        system.apply(item, creation(1))
        epoch = system.raise_epoch("p")
        with pytest.raises(Unreachable), system.transaction() as transaction:  # noqa: PT012 - all of it is undone
            transaction.fence("p", epoch)
            assert transaction.apply(item, creation(100, 2000)).applied == 2000
            own.kill()
            transaction.apply(item, creation(5000))
        with pytest.raises(Unreachable) as refused:
            list(system.read(item, ["id"]))
        assert refused.value.remedy is Remedy.RETRY
        own.start()
        assert sum(one.num_rows for one in system.read(item, ["id"])) == 5
        assert system.apply(item, creation(300, 1000)).applied == 1000
        own.stop()
        own.start()
        assert sum(one.num_rows for one in system.read(item, ["id"])) == 1005
        assert system.raise_epoch("p") == epoch + 1
        system.close()


def test_idle_connections_that_the_server_closed_are_replaced(system: Connector, item: Dataset, admin: Admin) -> None:
    ours = "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    numbers = [number for (number,) in admin.rows(ours)]
    assert numbers
    for number in numbers:
        admin.rows(f"KILL {number}")
    time.sleep(0.1)
    assert system.apply(item, creation(BIG + 1)).applied == 5


def test_a_revoked_right_is_denied(mariadb_server: mariadb.Server, mariadb_url: str, admin: Admin) -> None:
    database = mariadb_url.rpartition("/")[2]
    admin.rows("CREATE OR REPLACE USER clerk@'127.0.0.1' IDENTIFIED BY 'clerk'")
    admin.rows(f"GRANT SELECT, UPDATE ON {database}.item TO clerk@'127.0.0.1'")
    clerk = Connector(url=mariadb_server.url(database, user="clerk", password="clerk"))
    item = clerk.describe().dataset("item")
    try:
        for rows in (5, 5000):  # by statements, and in bulk
            with pytest.raises(AccessDenied, match="INSERT command denied"):
                clerk.apply(item, creation(BIG + 1, rows))
        with pytest.raises(AccessDenied) as no_ledger:
            clerk.raise_epoch("p")
        assert no_ledger.value.hint == (
            f"GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON `{database}`.* TO 'clerk'@'127.0.0.1';"
        )
        admin.rows(no_ledger.value.hint)
        clerk.close()  # a connection learns of rights in a database when it is made
        assert clerk.raise_epoch("p") == 1
        assert clerk.apply(item, creation(BIG + 1, 5000)).applied == 5000
        admin.rows(f"REVOKE ALL PRIVILEGES ON {database}.* FROM clerk@'127.0.0.1'")
        admin.rows(f"REVOKE UPDATE ON {database}.item FROM clerk@'127.0.0.1'")
        clerk.close()
        with pytest.raises(AccessDenied):
            clerk.apply(item, update(1))
    finally:
        clerk.close()
        admin.rows("DROP USER clerk@'127.0.0.1'")


def test_what_changed_since_it_was_described_is_drift(system: Connector, item: Dataset, admin: Admin) -> None:
    admin.rows("ALTER TABLE item RENAME COLUMN name TO title")
    with pytest.raises(SchemaDrift):
        system.apply(item, creation(BIG + 1))
    admin.rows("DROP TABLE item")
    with pytest.raises(SchemaDrift):
        system.apply(item, creation(1))


def test_a_locked_row_is_overdue(system: Connector, item: Dataset, admin: Admin) -> None:
    admin.rows("BEGIN; SELECT 1 FROM item WHERE id = 2 FOR UPDATE")
    started = time.monotonic()
    with pytest.raises(Overdue):
        system.apply(item, Change(Verb.DELETE, pa.record_batch({"id": pa.array([1, 2])})))
    assert time.monotonic() - started < 5
    admin.rows("ROLLBACK")
    assert count(admin) == BIG


def test_a_locked_table_is_overdue(system: Connector, item: Dataset, admin: Admin) -> None:
    admin.rows("LOCK TABLES item WRITE")
    started = time.monotonic()
    with pytest.raises(Overdue):
        system.apply(item, update(1))
    assert time.monotonic() - started < 5
    admin.rows("UNLOCK TABLES")
    assert system.apply(item, update(1)).applied == 1


def test_a_deadlock_is_to_be_tried_again(system: Connector, item: Dataset, mariadb_url: str, admin: Admin) -> None:
    """The transaction is gone as a whole; nothing of it may be written by what follows."""
    other = Admin(mariadb_url)
    other.rows("BEGIN")
    other.rows(f"UPDATE item SET n = -1 WHERE id > {BIG - 2000} OR id = 2")  # it weighs more, so the other gives way
    with pytest.raises(Overdue) as gave_way, system.transaction() as transaction:  # noqa: PT012
        transaction.apply(item, update(1))
        waiting = threading.Thread(target=lambda: other.rows("UPDATE item SET n = -1 WHERE id = 1"))
        waiting.start()
        time.sleep(0.3)
        transaction.apply(item, Change(Verb.UPDATE, pa.record_batch({"id": pa.array([2, 3]), "n": pa.array([0, 0])})))
    waiting.join()
    other.rows("COMMIT")
    other.close()
    assert (gave_way.value.code, gave_way.value.remedy) == ("DV-314", Remedy.RETRY)
    assert admin.rows("SELECT n FROM item WHERE id IN (1, 2, 3)") == [(-1,), (-1,), (3,)]


@pytest.mark.parametrize("at", [b"LOAD DATA", b"INSERT INTO", b"COMMIT", b"information_schema"])
def test_a_stalled_peer_is_given_up(far: Connector, proxy: Proxy, item: Dataset, admin: Admin, at: bytes) -> None:
    far.describe()
    proxy.plan(Break(how=How.STALL, at=at))
    started = time.monotonic()
    with pytest.raises((Overdue, Unreachable)):
        far.apply(item, creation(BIG + 1, 5 if at == b"INSERT INTO" else 3000))
    spent = time.monotonic() - started
    assert 1 < spent < 4, spent
    proxy.heal()
    time.sleep(0.1)
    assert count(admin) == BIG


@pytest.mark.parametrize("at_bytes", [1, 10_000, 200_000, 1_000_000])
def test_a_reset_while_rows_are_sent_leaves_none(
    far: Connector, proxy: Proxy, item: Dataset, admin: Admin, at_bytes: int
) -> None:
    far.describe()
    proxy.plan(Break(how=How.RESET, armed_by=b"LOAD DATA", after_bytes=at_bytes))
    with pytest.raises(Unreachable):
        far.apply(item, creation(BIG + 1, 5000))
    assert count(admin) == BIG
    assert far.apply(item, creation(BIG + 1, 5000)).applied == 5000


def test_a_lost_answer_to_commit_is_told_and_the_ledger_knows(
    far: Connector, proxy: Proxy, item: Dataset, admin: Admin
) -> None:
    for delivered in (True, False):
        epoch = far.raise_epoch("p")
        chunk = 1 if delivered else 2
        proxy.plan(Break(how=How.RESET, at=b"COMMIT", delivered=delivered))
        with pytest.raises(Unreachable) as unknown, far.transaction() as transaction:  # noqa: PT012
            transaction.fence("p", epoch)
            transaction.apply(item, creation(BIG + 1000 * chunk, 600))
            transaction.record([LedgerEntry("p", chunk, "r", b"")])
        assert unknown.value.code == "DV-309"
        far.raise_epoch("p")
        assert (chunk in [entry.chunk for entry in far.ledger("p")]) is delivered
        assert count(admin) == BIG + 600


def test_a_holder_that_hangs_is_ended(
    system: Connector, item: Dataset, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "PATIENCE_S", 1)
    epoch = system.raise_epoch("p")
    with pytest.raises(Unreachable), system.transaction() as zombie:  # noqa: PT012
        zombie.fence("p", epoch)
        zombie.apply(item, creation(BIG + 1, 1000))
        assert system.raise_epoch("p") == epoch + 1
        zombie.record([LedgerEntry("p", 1, "r", b"")])
    assert count(admin) == BIG
    with pytest.raises(Fenced), system.transaction() as late:
        late.fence("p", epoch)
    assert admin.rows("SELECT count(*) FROM dovetail_ledger") == [(0,)]


def test_somebody_elses_lock_on_the_fence_is_not_ended(
    system: Connector, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "PATIENCE_S", 1)
    system.raise_epoch("p")
    admin.rows("BEGIN; SELECT * FROM dovetail_fence FOR UPDATE")
    with pytest.raises(Overdue):
        system.raise_epoch("p")
    assert admin.rows("SELECT 1") == [(1,)]
    admin.rows("ROLLBACK")


def test_a_partition_stays_free_for_the_next_when_its_holder_is_done(system: Connector, item: Dataset) -> None:
    """The name by which a holder could be ended goes with its transaction, also where that is undone."""
    epoch = system.raise_epoch("p")
    with system.transaction() as transaction:
        transaction.fence("p", epoch)
    with pytest.raises(ZeroDivisionError), system.transaction() as transaction:  # noqa: PT012
        transaction.fence("p", epoch)
        raise ZeroDivisionError
    with system._sessions.lend() as session:
        ended = session.rows("SELECT is_used_lock(?1)", [fence._name(session, "p")])
    assert ended == [(None,)]


def test_our_tables_are_made_outside_of_transactions(system: Connector, item: Dataset, admin: Admin) -> None:
    """A definition commits what stands open; so none is made where work stands open."""
    with pytest.raises(Fenced), system.transaction() as transaction:  # noqa: PT012
        transaction.apply(item, creation(BIG + 1))
        transaction.fence("nobody's", 1)
    assert count(admin) == BIG


def test_a_transaction_that_the_server_ended_is_told(system: Connector, item: Dataset) -> None:
    epoch = system.raise_epoch("p")
    with pytest.raises(SystemFault) as told, system.transaction() as transaction:  # noqa: PT012
        transaction.fence("p", epoch)
        transaction.session.run("CREATE TABLE other (id int)")  # a definition commits what stands open
        transaction.apply(item, creation(BIG + 1))
    assert told.value.code == "DV-347"


def test_a_server_that_asks_for_another_file_is_given_none(system: Connector, item: Dataset, monkeypatch) -> None:
    from dovetail.systems.connectors.mariadb import pipe

    monkeypatch.setattr(pipe, "STREAM", "/etc/passwd")  # what the server asks for is not what we have
    with pytest.raises(Unreachable):
        system.apply(item, creation(BIG + 1, 1000))


def test_a_full_disk_is_full() -> None:
    assert isinstance(fault(pymysql.OperationalError(1114, "The table 't' is full"), "x", 1), Full)
    assert isinstance(fault(pymysql.OperationalError(1021, "Disk full"), "x", 1), Full)


def test_a_table_that_runs_full_in_bulk_is_no_rejected_row(system: Connector, item: Dataset, monkeypatch) -> None:
    """What hits all rows ends the call; the rows are not to blame."""
    real = insert.load

    def full(*given: object) -> object:
        real(*given)
        raise pymysql.OperationalError(1114, "The table 'item' is full")

    monkeypatch.setattr(insert, "load", full)
    with pytest.raises(Full):
        system.apply(item, creation(BIG + 1, 1000))
    assert sum(one.num_rows for one in system.read(item, ["id"])) == BIG


def test_refusals_tell_no_values(system: Connector, item: Dataset, admin: Admin) -> None:
    admin.rows(
        """CREATE TRIGGER tell BEFORE INSERT ON item FOR EACH ROW
        BEGIN DECLARE said text DEFAULT concat('no ', NEW.name);
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END"""
    )
    change = Change(Verb.CREATE, pa.record_batch({"id": pa.array([BIG + 1]), "name": ["secret-name"]}))
    receipt = system.apply(item, change)
    assert receipt.applied == 0
    assert "secret" not in receipt.rejects[0].reason
    assert receipt.rejects[0].code == "DV-444"
