"""How feeds of PostgreSQL are lost, told and mended; and who may make which."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from dovetail.errors import DovetailError, FeedLost, SystemFault
from dovetail.model.change import VERSION
from dovetail.model.key import texts
from dovetail.systems.connectors.postgres import Connector, capture_log, capture_stream
from dovetail.systems.connectors.postgres.capture import Capture
from dovetail.testing.servers.postgres import Server, server

FEED = "dovetail_tried"
TABLES = (
    "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1)"
)


class Watched:
    """A database with two tables, an application that writes them, and a connector that notes it."""

    def __init__(self, url: str, **settings: object) -> None:
        self.url = url
        self.application = psycopg.connect(url, autocommit=True)
        self.connector = Connector(**{"url": url, "timeout_s": 20, **settings})

    def run(self, script: str) -> None:
        self.application.execute(script)

    def one(self, query: str) -> object:
        row = self.application.execute(query).fetchone()
        return row and row[0]

    def told(self) -> tuple[dict[str, set[str]], set[str]]:
        keys: dict[str, set[str]] = {}
        whole: set[str] = set()
        while (noticed := self.connector.noticed(FEED, rows=10_000)).cursor is not None:
            for name, batch in noticed.keys.items():
                parts = [batch.column(part) for part in batch.schema.names if part != VERSION]
                keys.setdefault(name, set()).update(texts(parts))
            whole |= noticed.whole.keys()
            self.connector.acknowledge(FEED, noticed.cursor)
        return keys, whole

    def capture(self) -> set[str]:
        """Make or mend; what is told as whole then. What was noted before may be told too."""
        standing = self.connector.capture(FEED, self.connector.describe().datasets)
        assert standing.lost == ""
        return self.told()[1]

    def rest(self) -> None:
        """End the reading, and wait until the server has noticed."""
        self.connector.close()
        while self.one("SELECT active FROM pg_replication_slots WHERE database = current_database()"):
            time.sleep(0.01)

    def close(self) -> None:
        self.connector.close()
        self.application.close()


@pytest.fixture
def slot(postgres_url: str) -> Iterator[Watched]:
    found = Watched(postgres_url, capture_by="slot")
    found.run(TABLES)
    assert found.capture() == {"t", "u"}
    yield found
    found.connector.release(FEED)
    found.close()


@pytest.fixture
def queue(postgres_url: str) -> Iterator[Watched]:
    found = Watched(postgres_url, capture_by="triggers")
    found.run(TABLES)
    assert found.capture() == {"t", "u"}
    yield found
    found.connector.release(FEED)
    found.close()


def name_of(slot: Watched) -> str:
    return str(slot.one("SELECT pubname FROM pg_publication"))


def drop_slot(slot: Watched) -> None:
    slot.rest()
    slot.run(f"SELECT pg_drop_replication_slot('{name_of(slot)}')")


def drop_slot_under_a_reader(slot: Watched) -> None:
    slot.connector.await_changes(FEED, 0.01)
    slot.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()")
    while slot.one("SELECT active FROM pg_replication_slots WHERE database = current_database()"):
        time.sleep(0.01)
    slot.run(f"SELECT pg_drop_replication_slot('{name_of(slot)}')")


def other_plugin(slot: Watched) -> None:
    name = name_of(slot)
    drop_slot(slot)
    slot.run(f"SELECT pg_create_logical_replication_slot('{name}', 'test_decoding')")


def drop_publication(slot: Watched) -> None:
    slot.run(f"DROP PUBLICATION {name_of(slot)}")


def change_publication(slot: Watched) -> None:
    slot.run(f"ALTER PUBLICATION {name_of(slot)} SET (publish = 'insert')")


def without_comment(slot: Watched) -> None:
    slot.run(f"COMMENT ON PUBLICATION {name_of(slot)} IS NULL")


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        (drop_slot, "is gone"),
        (drop_slot_under_a_reader, "is gone"),
        (other_plugin, "another plugin"),
        (drop_publication, "was dropped"),
        (change_publication, "changed by somebody else"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_lost_slot_is_told_and_mended(slot: Watched, monkeypatch: pytest.MonkeyPatch, lose, words: str) -> None:
    monkeypatch.setattr(capture_log, "CHECK_S", 0.0)
    slot.run("INSERT INTO t VALUES (1)")
    lose(slot)
    slot.run("INSERT INTO t VALUES (2)")
    assert words in slot.connector.feed(FEED).lost
    with pytest.raises(DovetailError) as told:
        slot.told()
    if not isinstance(told.value, FeedLost):  # the connection was cut first; the next call finds out why
        with pytest.raises(FeedLost):
            slot.told()
    assert slot.capture() == {"t", "u"}
    slot.run("INSERT INTO t VALUES (3)")
    assert slot.told() == ({"t": {"3"}}, set())


def test_only_what_changed_counts_as_changed(slot: Watched) -> None:
    name = name_of(slot)
    slot.run(f"ALTER PUBLICATION {name} DROP TABLE u")
    slot.run("UPDATE u SET v = 'unseen'")
    slot.run(f"ALTER PUBLICATION {name} ADD TABLE u (id)")
    slot.run("INSERT INTO t VALUES (1)")
    assert "u is no longer told" in slot.connector.feed(FEED).lost
    standing = slot.connector.capture(FEED, slot.connector.describe().datasets)
    assert standing.lost == ""
    assert slot.told() == ({"t": {"1"}}, {"u"})


def test_somebody_elses_publication_is_not_touched(slot: Watched) -> None:
    without_comment(slot)
    with pytest.raises(SystemFault, match="not ours") as refused:
        slot.connector.capture(FEED, slot.connector.describe().datasets)
    assert refused.value.code == "DV-360"
    assert "DROP PUBLICATION" in refused.value.hint
    slot.run(f"DROP PUBLICATION {name_of(slot)}")
    assert slot.capture() == {"t", "u"}


def test_an_identity_that_changes_is_told_at_once(slot: Watched) -> None:
    slot.run("ALTER TABLE u REPLICA IDENTITY FULL")
    assert "updates may fail" in slot.connector.feed(FEED).lost
    assert slot.capture() == {"u"}
    slot.run("UPDATE u SET v = 'x'")
    slot.run("UPDATE u SET id = 2")
    slot.run("DELETE FROM u")
    assert slot.told() == ({"u": {"1", "2"}}, set())
    slot.run("ALTER TABLE u DROP CONSTRAINT u_pkey; INSERT INTO u VALUES (3)")
    slot.connector.capture(FEED, slot.connector.describe().datasets)
    slot.run("UPDATE u SET v = 'y'")
    assert "u" in slot.told()[1]


def test_a_making_that_breaks_off_goes_on(slot: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step fails: the feed is lost until it is made, and then says that all may have changed."""
    from dovetail.systems.connectors.postgres import capture_slot

    for step in ("drop_slot", "_wait_for_writers", "_publish"):
        slot.connector.release(FEED)
        slot.connector.capture(FEED, slot.connector.describe().datasets[:1])
        slot.told()
        with monkeypatch.context() as patched:

            def fail(*_: object) -> None:
                raise SystemFault("broken off")

            patched.setattr(capture_slot, step, fail)
            if step == "drop_slot":
                drop_slot(slot)
            with pytest.raises(SystemFault, match="broken off"):
                slot.connector.capture(FEED, slot.connector.describe().datasets)
        lost = slot.connector.feed(FEED).lost
        assert lost or step == "_publish"
        slot.run("UPDATE u SET v = 'meanwhile'")
        assert "u" in slot.capture(), step


def test_the_log_is_given_up_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as own:
        found = Watched(own.create("bounded"), capture_by="slot")
        found.run(TABLES)
        found.capture()
        assert found.connector.feed(FEED).headroom_bytes is None
        found.connector.close()
        for setting in ("max_slot_wal_keep_size = '16MB'", "max_wal_size = '32MB'"):
            found.run(f"ALTER SYSTEM SET {setting}")
        found.run("SELECT pg_reload_conf()")
        found.run("SELECT pg_sleep(0.3)")
        room = found.connector.feed(FEED).headroom_bytes
        assert room
        for _ in range(6):
            found.run("CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 12000); DROP TABLE big")
            found.run("SELECT pg_switch_wal()")
            found.run("CHECKPOINT")
        assert "gave the slot" in found.connector.feed(FEED).lost
        with pytest.raises(FeedLost):
            found.told()
        assert found.capture() == {"t", "u"}
        found.run("INSERT INTO t VALUES (7)")
        found.run("INSERT INTO t VALUES (8)")
        for _ in range(3):
            found.connector.await_changes(FEED, 0.3)
            first = found.connector.noticed(FEED, rows=1)
        found.connector.acknowledge(FEED, first.cursor)
        started = time.monotonic()
        own.stop()
        assert time.monotonic() - started < 5.0, "a reader holds up the server's end"
        own.start()
        found.application = psycopg.connect(found.url, autocommit=True)
        found.run("INSERT INTO t VALUES (9)")
        with pytest.raises(DovetailError):
            found.told()
        assert "9" in found.told()[0]["t"]
        found.close()


def test_what_is_read_and_quiet_need_not_be_kept(slot: Watched) -> None:
    """The log of tables that are not noted is let go as well."""
    slot.run("CREATE TABLE noise (n text)")
    kept = []
    for _ in range(4):
        slot.run("INSERT INTO noise SELECT repeat('x', 500) FROM generate_series(1, 4000)")
        assert slot.told() == ({}, set())
        slot.run("CHECKPOINT")
        assert slot.told() == ({}, set())
        kept.append(slot.connector.feed(FEED).kept_bytes)
    assert kept[-1] < 3 * 2_000_000, kept


def test_what_waits_is_not_let_go(slot: Watched) -> None:
    """Signs of life, while something waits to be acknowledged, let the server forget nothing of it."""
    slot.run("CREATE TABLE noise (n text)")
    slot.run("INSERT INTO t VALUES (1)")
    assert slot.connector.noticed(FEED, rows=10).cursor is not None
    for _ in range(5):
        slot.run("INSERT INTO noise VALUES ('x')")
        slot.connector.await_changes(FEED, 0.3)
    slot.rest()
    assert slot.told() == ({"t": {"1"}}, set())


def test_a_stuck_reader_is_ended(slot: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_stream, "PATIENCE_S", 0.3)
    slot.connector.await_changes(FEED, 0.01)
    slot.run("INSERT INTO t VALUES (1)")
    second = Connector(url=slot.url, capture_by="slot", timeout_s=20)
    started = time.monotonic()
    noticed = second.noticed(FEED, rows=10)
    assert texts([noticed.keys["t"].column("id")]) == ["1"]
    assert time.monotonic() - started < 8.0, "it is waited for until the server gives it up"
    second.acknowledge(FEED, noticed.cursor)
    second.close()
    with pytest.raises(DovetailError):
        slot.connector.noticed(FEED, rows=10)
    assert slot.told() == ({}, set())


def test_one_may_wait_while_another_reads(slot: Watched) -> None:
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(slot.connector.await_changes(FEED, 10)))
    waiting.start()
    time.sleep(0.2)
    assert slot.told() == ({}, set())
    slot.run("INSERT INTO t VALUES (1)")
    waiting.join(10)
    assert woken == [True]
    assert slot.told() == ({"t": {"1"}}, set())


# ------------------------------------------------------------------------------------------------------------ triggers


def test_a_queue_over_its_bound_makes_all_count_as_changed(postgres_url: str) -> None:
    found = Watched(postgres_url, capture_by="triggers")
    found.run(TABLES)
    own = found.connector
    object.__setattr__(
        own, "_capture", Capture(own._address, own._sessions, own._names, "triggers", queue_bytes=80_000)
    )
    found.capture()
    found.run("INSERT INTO t SELECT g FROM generate_series(1, 5000) AS g")
    assert found.connector.feed(FEED).headroom_bytes == 0
    with psycopg.connect(found.url) as late:
        late.execute("UPDATE t SET v = 'unnoted' WHERE id = 1")
        with pytest.raises(FeedLost):
            found.told()
        late.commit()
    assert found.capture() == {"t", "u"}
    found.run("UPDATE t SET v = 'x' WHERE id = 7")
    assert found.told() == ({"t": {"7"}}, set())
    assert found.one("SELECT count(*) FROM pg_class WHERE relname LIKE 'dovetail%queue'") == 1
    own.release(FEED)
    found.close()


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        ("DROP TABLE {base}_queue", "queue"),
        ("DROP SEQUENCE {base}_spilled", "not noted"),
        ("DROP TRIGGER {base}_insert ON t", "t is no longer noted"),
        ("ALTER TABLE t DISABLE TRIGGER ALL", "t is no longer noted"),
        ("COMMENT ON TABLE {base}_queue IS NULL", "comment"),
        ("ALTER TABLE t RENAME COLUMN id TO number", "t is no longer noted"),
    ],
)
def test_a_lost_queue_is_told_and_mended_and_stops_nobody(queue: Watched, lose: str, words: str) -> None:
    base = str(queue.one("SELECT relname FROM pg_class WHERE relname LIKE 'dovetail%queue'")).removesuffix("_queue")
    queue.run(lose.format(base=base))
    assert words in queue.connector.feed(FEED).lost
    queue.run("INSERT INTO t VALUES (1)")
    queue.run("UPDATE t SET v = 'x'")
    queue.run("DELETE FROM t")
    queue.connector.close()
    with pytest.raises(FeedLost):
        queue.told()
    assert "t" in queue.capture()
    queue.run("INSERT INTO t VALUES (2)")
    assert queue.told() == ({"t": {"2"}}, set())


def test_a_reader_of_triggers_is_woken(queue: Watched) -> None:
    for number in range(5):
        assert queue.connector.await_changes(FEED, 0.05) is False
        queue.run(f"INSERT INTO t VALUES ({number})")
        assert queue.connector.await_changes(FEED, 5) is True
        assert queue.told() == ({"t": {str(number)}}, set())


# -------------------------------------------------------------------------------------------------------------- rights


@pytest.fixture
def clerk(postgres_url: str, postgres_server: Server) -> Iterator[tuple[Watched, str]]:
    """An owner's tables, and the name of an account that may read and write them and nothing else."""
    owner = Watched(postgres_url)
    owner.run(TABLES)
    name = f"clerk{random.getrandbits(40)}"
    owner.run(f"CREATE ROLE {name} LOGIN PASSWORD 'c'; GRANT USAGE ON SCHEMA public TO {name}")
    owner.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
    yield owner, name
    owner.run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")
    owner.close()


def connector_of(owner: Watched, server_: Server, name: str, **settings: object) -> Connector:
    database = psycopg.conninfo.conninfo_to_dict(owner.url)["dbname"]
    return Connector(url=server_.url(database, user=name, password="c"), timeout_s=20, **settings)


def refusal_of(own: Connector, datasets) -> SystemFault | None:
    """Why the feed cannot be made."""
    try:
        own.capture(FEED, datasets)
    except SystemFault as refused:
        return refused
    return None


@pytest.mark.parametrize("way", ["slot", "triggers", "auto"])
def test_each_refusal_says_what_to_grant_until_it_works(clerk, postgres_server: Server, way: str) -> None:
    owner, name = clerk
    own = connector_of(owner, postgres_server, name, capture_by=way)
    datasets = own.describe().datasets
    before = owner.one("SELECT count(*) FROM pg_class")
    granted: list[str] = []
    while len(granted) < 12:
        found = own.visibility(datasets)
        refused = refusal_of(own, datasets)
        if refused is None:
            break
        assert {one.way for one in found} & {"digests"}
        assert (refused.code, refused.hint[-1:]) == ("DV-360", ";")
        assert any(refused.hint in one.reason for one in found)
        assert owner.one("SELECT count(*) FROM pg_class") == before
        granted.append(refused.hint)
        owner.run(refused.hint)
    standing = own.feed(FEED)
    assert {one.way for one in own.visibility(datasets)} == {standing.way}
    assert standing.way == ("slot" if way == "slot" else "triggers")
    assert len(granted) >= 3, granted
    owner.run("INSERT INTO t VALUES (1)")
    noticed = own.noticed(FEED, rows=10)
    while "t" not in noticed.keys:
        own.acknowledge(FEED, noticed.cursor)
        noticed = own.noticed(FEED, rows=10)
    own.release(FEED)
    own.close()
    assert owner.one("SELECT count(*) FROM pg_class") == before


def test_without_the_log_triggers_serve_and_better_is_explained(clerk, postgres_server: Server) -> None:
    owner, name = clerk
    owner.run(f"GRANT CREATE ON SCHEMA public TO {name}; GRANT TRIGGER ON t, u TO {name}")
    own = connector_of(owner, postgres_server, name)
    found = own.visibility(own.describe().datasets)
    assert [one.way for one in found] == ["triggers", "triggers"]
    assert f'ALTER ROLE "{name}" REPLICATION;' in found[0].reason
    assert "session_replication_role" in found[0].missed
    own.close()
