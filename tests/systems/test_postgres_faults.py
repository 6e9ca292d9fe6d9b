"""What PostgreSQL and the network do wrong becomes one class of error each, in time, and nothing is left half done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from dovetail.errors import (
    AccessDenied,
    DovetailError,
    Fenced,
    Full,
    Overdue,
    Refused,
    Remedy,
    SchemaDrift,
    Unreachable,
)
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Verb
from dovetail.systems.connectors.postgres import Connector, fence
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers.postgres import Server, server

BIG = 40_000


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE item (id bigint PRIMARY KEY, name text, n int)")
        connection.execute(f"INSERT INTO item SELECT i, repeat('x', 200), i FROM generate_series(1, {BIG}) AS i")
        yield connection


@pytest.fixture
def system(postgres_url: str, admin: psycopg.Connection) -> Iterator[Connector]:
    connector = Connector(url=postgres_url, timeout_s=3)
    yield connector
    connector.close()


@pytest.fixture
def item(system: Connector) -> Dataset:
    found = system.describe().dataset("item")
    assert found is not None
    return found


@pytest.fixture
def proxy(postgres_server: Server) -> Iterator[Proxy]:
    with Proxy(postgres_server.port) as between:
        yield between


@pytest.fixture
def far(postgres_server: Server, postgres_url: str, proxy: Proxy, admin: psycopg.Connection) -> Iterator[Connector]:
    """The same database, at the other end of a network."""
    database = postgres_url.rpartition("/")[2]
    connector = Connector(url=postgres_server.url(database, port=proxy.port), timeout_s=1.5, batch_rows=1000)
    yield connector
    connector.close()


def creation(first: int, count: int = 5) -> Change:
    keys = pa.array(range(first, first + count), pa.int64())
    names = pa.array(["y" * 300] * count)
    return Change(Verb.CREATE, pa.RecordBatch.from_arrays([keys, names], ["id", "name"]))


def count(admin: psycopg.Connection) -> int:
    return admin.execute("SELECT count(*) FROM item").fetchone()[0]


def test_a_killed_server_is_unreachable_and_then_back(tmp_path) -> None:
    with server() as own:
        url = own.create("shop")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE TABLE item (id bigint PRIMARY KEY, name text)")
        system = Connector(url=url, timeout_s=5)
        item = system.describe().dataset("item")
        system.apply(item, creation(1))
        epoch = system.raise_epoch("p")
        with pytest.raises(Unreachable), system.transaction() as transaction:  # noqa: PT012 - all of it is undone
            transaction.fence("p", epoch)
            transaction.apply(item, creation(100))
            own.kill()
            transaction.apply(item, creation(200))
        with pytest.raises(Unreachable):
            list(system.read(item, ["id"]))
        own.start()
        assert sum(one.num_rows for one in system.read(item, ["id"])) == 5
        assert system.apply(item, creation(300)).applied == 5
        own.stop()
        with pytest.raises(Unreachable) as refused:
            system.describe()
        assert refused.value.remedy is Remedy.RETRY
        own.start()
        assert system.raise_epoch("p") == epoch + 1


def test_idle_connections_that_the_server_closed_are_replaced(system: Connector, item: Dataset, admin) -> None:
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dovetail'")
    time.sleep(0.1)
    assert system.describe().dataset("item") is not None


def test_a_revoked_right_is_denied_and_doctor_prints_the_grant(
    postgres_server: Server, postgres_url: str, admin
) -> None:
    database = postgres_url.rpartition("/")[2]
    admin.execute("DROP ROLE IF EXISTS clerk")
    admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
    admin.execute("GRANT USAGE ON SCHEMA public TO clerk")
    admin.execute("GRANT SELECT, UPDATE ON item TO clerk")
    clerk = Connector(url=postgres_server.url(database, user="clerk", password="clerk"))
    item = clerk.describe().dataset("item")
    try:
        assert sum(one.num_rows for one in clerk.read(item, ["id"])) == BIG
        with pytest.raises(AccessDenied, match="permission denied"):
            clerk.apply(item, creation(BIG + 1))
        with pytest.raises(AccessDenied) as no_ledger:
            clerk.raise_epoch("p")
        assert no_ledger.value.hint == 'GRANT CREATE ON SCHEMA "public" TO "clerk";'
        lines = {topic: (verdict, words) for topic, verdict, words in clerk.examine([item])}
        assert lines["item"] == ("warn", 'GRANT INSERT, DELETE ON "public"."item" TO "clerk";')
        assert lines["ledger"][0] == "bad"
        for words in (lines["item"][1], lines["ledger"][1].partition(": ")[2]):
            admin.execute(words.encode())
        assert clerk.apply(item, creation(BIG + 1)).applied == 5
        assert clerk.raise_epoch("p") == 1
        admin.execute("REVOKE SELECT ON item FROM clerk")
        with pytest.raises(AccessDenied):
            list(clerk.read(item, ["id"]))
        assert {line[0]: line[1] for line in clerk.examine([item])}["item"] == "bad"
    finally:
        clerk.close()
        admin.execute("DROP OWNED BY clerk")
        admin.execute("DROP ROLE clerk")


def test_what_changed_since_it_was_described_is_drift(system: Connector, item: Dataset, admin) -> None:
    admin.execute("ALTER TABLE item RENAME COLUMN name TO title")
    with pytest.raises(SchemaDrift):
        list(system.read(item, ["name"]))
    with pytest.raises(SchemaDrift):
        system.apply(item, creation(BIG + 1))
    admin.execute("DROP TABLE item")
    for verb in (
        lambda: list(system.read(item, ["id"])),
        lambda: system.apply(item, creation(1)),
        lambda: system.reserve(item, 1),
    ):
        with pytest.raises(SchemaDrift):
            verb()


def test_values_of_another_type_than_described_are_unreadable_not_guessed(
    system: Connector, item: Dataset, admin
) -> None:
    admin.execute("ALTER TABLE item ALTER COLUMN n TYPE text USING CASE WHEN id % 2 = 0 THEN 'word' ELSE n::text END")
    batch = next(iter(system.read(item, ["id", "n"])))
    told = dict(zip(batch.column("id").to_pylist(), batch.column("dovetail_unreadable").to_pylist(), strict=True))
    assert told[1] is None
    assert told[2] == "n: the value is no longer of the type integer"


def test_a_slow_statement_is_overdue(system: Connector, item: Dataset) -> None:
    started = time.monotonic()
    with pytest.raises(Overdue):
        list(system.query("SELECT pg_sleep(60) IS NULL AS slept"))
    assert time.monotonic() - started < 5
    assert system.describe()


def test_a_locked_row_is_overdue(system: Connector, item: Dataset, admin) -> None:
    with psycopg.connect(system.url) as other:
        other.execute("SELECT * FROM item WHERE id = 1 FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(Overdue, match="LockNotAvailable"):
            system.apply(item, Change(Verb.DELETE, pa.record_batch({"id": pa.array([1, 2])})))
        assert time.monotonic() - started < 5
    assert count(admin) == BIG


def test_a_deadlock_is_to_be_tried_again(system: Connector, item: Dataset, postgres_url: str) -> None:
    def change(number: int) -> Change:
        return Change(Verb.UPDATE, pa.record_batch({"id": pa.array([number]), "n": pa.array([0])}))

    with psycopg.connect(postgres_url) as other:
        other.execute("SET deadlock_timeout = '1min'")
        other.execute("UPDATE item SET n = 0 WHERE id = 2")
        with pytest.raises(Overdue) as gave_way, system.transaction() as transaction:  # noqa: PT012
            transaction.apply(item, change(1))
            waiting = threading.Thread(target=lambda: other.execute("UPDATE item SET n = 0 WHERE id = 1"))
            waiting.start()
            time.sleep(0.2)
            transaction.apply(item, change(2))
        waiting.join()
    assert (gave_way.value.code, gave_way.value.remedy) == ("DV-314", Remedy.RETRY)


def test_a_stalled_peer_is_given_up(far: Connector, proxy: Proxy, item: Dataset, admin) -> None:
    far.describe()
    for at, verb in (
        (b"COPY (", lambda: list(far.read(item, item.names))),
        (b"FROM STDIN", lambda: far.apply(item, creation(BIG + 1))),
        (b"pg_class", far.describe),
        (b"COMMIT\0", lambda: far.apply(item, creation(BIG + 1))),
    ):
        proxy.plan(Break(how=How.STALL, at=at))
        started = time.monotonic()
        with pytest.raises((Overdue, Unreachable)):
            verb()
        spent = time.monotonic() - started
        assert 1 < spent < 3.5, f"{at!r}: {spent}"
        proxy.heal()
    assert count(admin) == BIG


def test_a_peer_that_never_speaks_is_given_up() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(Unreachable):
            Connector(url=f"postgresql://a:b@127.0.0.1:{port}/c", timeout_s=1).describe()
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("at_bytes", [1, 10_000, 200_000, 1_000_000])
def test_a_reset_while_rows_are_sent_leaves_none(
    far: Connector, proxy: Proxy, item: Dataset, admin, at_bytes: int
) -> None:
    far.describe()
    proxy.plan(Break(how=How.RESET, armed_by=b"FROM STDIN", after_bytes=at_bytes))
    with pytest.raises(Unreachable):
        far.apply(item, creation(BIG + 1, 5000))
    assert count(admin) == BIG
    assert far.apply(item, creation(BIG + 1, 5000)).applied == 5000


def test_a_lost_answer_to_commit_is_told_and_the_ledger_knows(
    far: Connector, proxy: Proxy, item: Dataset, admin
) -> None:
    for delivered in (True, False):
        epoch = far.raise_epoch("p")
        chunk = 1 if delivered else 2
        proxy.plan(Break(how=How.RESET, at=b"COMMIT\0", delivered=delivered))
        with pytest.raises(Unreachable) as unknown, far.transaction() as transaction:  # noqa: PT012
            transaction.fence("p", epoch)
            transaction.apply(item, creation(BIG + 10 * chunk))
            transaction.record([LedgerEntry("p", chunk, "r", b"")])
        assert unknown.value.code == "DV-309"
        far.raise_epoch("p")
        is_in_ledger = chunk in [entry.chunk for entry in far.ledger("p")]
        assert is_in_ledger is delivered
        assert count(admin) == BIG + 5


def test_a_holder_that_hangs_is_ended(system: Connector, item: Dataset, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "PATIENCE_S", 0.3)
    epoch = system.raise_epoch("p")
    with pytest.raises(Unreachable), system.transaction() as zombie:  # noqa: PT012
        zombie.fence("p", epoch)
        zombie.apply(item, creation(BIG + 1))
        assert system.raise_epoch("p") == epoch + 1
        zombie.record([LedgerEntry("p", 1, "r", b"")])
    assert count(admin) == BIG
    with pytest.raises(Fenced), system.transaction() as late:
        late.fence("p", epoch)


def test_somebody_elses_lock_on_the_fence_is_not_ended(
    system: Connector, item: Dataset, postgres_url: str, monkeypatch
) -> None:
    monkeypatch.setattr(fence, "PATIENCE_S", 0.2)
    system.raise_epoch("p")
    with psycopg.connect(postgres_url) as person:
        person.execute("SELECT * FROM dovetail_fence FOR UPDATE")
        with pytest.raises(Overdue):
            system.raise_epoch("p")
        assert person.execute("SELECT 1").fetchone() == (1,)


def test_a_full_disk_is_full(system: Connector, admin) -> None:
    from dovetail.systems.connectors.postgres.faults import fault

    with pytest.raises(psycopg.Error) as raised:
        admin.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$")
    assert isinstance(fault(raised.value, "x", 1), Full)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://postgres:wrong@{host}/postgres", AccessDenied),
        ("postgresql://nobody:wrong@{host}/postgres", AccessDenied),
        ("postgresql://{right}@{host}/nowhere", DovetailError),
        ("postgresql://{right}@127.0.0.1:1/postgres", Unreachable),
    ],
)
def test_connections_that_cannot_be_made(postgres_server: Server, url: str, kind: type) -> None:
    right = postgres_server.url().removeprefix("postgresql://").partition("@")[0]
    system = Connector(url=url.format(host=f"127.0.0.1:{postgres_server.port}", right=right), timeout_s=2)
    with pytest.raises(kind) as refused:
        system.describe()
    assert "wrong" not in str(refused.value)
    assert right.partition(":")[2] not in str(refused.value)


def test_a_read_only_system_says_so(system: Connector, item: Dataset, admin, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        fresh = Connector(url=postgres_url)
        assert ("writing", "bad") in [line[:2] for line in fresh.examine([])]
        fresh.close()
    finally:
        admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def test_refusals_tell_no_values(system: Connector, item: Dataset, admin) -> None:
    admin.execute(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.name; END $$"
    )
    admin.execute("CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION tell()")
    change = Change(Verb.CREATE, pa.record_batch({"id": pa.array([BIG + 1]), "name": ["secret-name"]}))
    receipt = system.apply(item, change)
    assert receipt.applied == 0
    assert "secret" not in receipt.rejects[0].reason
    assert receipt.rejects[0].code == "DV-444"
    admin.execute("UPDATE item SET name = 'secret' WHERE id = 1")
    with pytest.raises(Refused) as refused:
        list(system.query("SELECT name::int AS x FROM item ORDER BY id"))
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None or "secret" not in str(refused.value.__cause__)
