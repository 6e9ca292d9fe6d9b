"""Changes of a MariaDB database are noted, by triggers and from the binary log, whatever way they are made in; and what
the application writes never fails because of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
import pytest

from dovetail.errors import FeedLost, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import VERSION, Noticed
from dovetail.systems.connectors.mariadb import capture_memory as memories
from dovetail.systems.connectors.mariadb import capture_own, capture_queue
from dovetail.systems.connectors.mariadb.address import parse
from dovetail.systems.connectors.mariadb.connector import Connector
from dovetail.testing.conformance import capturing
from dovetail.testing.conformance.faults import known
from dovetail.testing.conformance.trial import trials
from dovetail.testing.servers.mariadb import Server

pytestmark = pytest.mark.server

FEED = "told"


class Place:
    """A database with a feed, and the application's own connections."""

    def __init__(self, url: str, way: str) -> None:
        self.url, self.way = url, way
        self.system = Connector(url=url, timeout_s=20, capture_by=way)
        self._opened: list[pymysql.Connection[Any]] = []
        self.app = self.connect()

    def connect(self, *, user: str = "", password: str = "") -> pymysql.Connection[Any]:
        """Another of the application's connections."""
        told = parse(self.url).parameters()
        told |= {"user": user, "password": password.encode()} if user else {}
        self._opened.append(pymysql.connect(**told, autocommit=True, local_infile=True, charset="utf8mb4"))
        return self._opened[-1]

    def run(self, *statements: str, on: pymysql.Connection[Any] | None = None) -> list[tuple[Any, ...]]:
        """What the application does; the rows of the last statement."""
        rows: list[tuple[Any, ...]] = []
        with (on or self.app).cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def dataset(self, name: str) -> Dataset:
        """A table as it is described."""
        found = self.system.describe().dataset(name)
        assert found is not None
        return found

    def capture(self, *names: str) -> None:
        """Note these tables from now on."""
        self.system.capture(FEED, [self.dataset(name) for name in names])
        self.told()

    def noticed(self) -> Noticed:
        """What is told now, not acknowledged; what is not seen yet is waited for."""
        for _ in range(50):
            noticed = self.system.noticed(FEED, rows=10_000)
            if noticed.cursor is not None or not noticed.more:
                break
        return noticed

    def told(self) -> tuple[dict[str, set[Any]], set[str]]:
        """The keys by table, and what is whole; acknowledged."""
        keys: dict[str, set[Any]] = {}
        whole: set[str] = set()
        while True:
            noticed = self.noticed()
            if noticed.cursor is None:
                return keys, whole
            for name, batch in noticed.keys.items():
                rows = [tuple(row[part] for part in row if part != VERSION) for row in batch.to_pylist()]
                keys.setdefault(name, set()).update(row[0] if len(row) == 1 else row for row in rows)
            whole |= set(noticed.whole)
            self.system.acknowledge(FEED, noticed.cursor)

    def expect(self, name: str, keys: Sequence[Any]) -> None:
        """Exactly these keys of a table, or that all its rows may have changed."""
        found, whole = self.told()
        assert found.get(name, set()) == set(keys) or name in whole, (found, whole)

    def end_readers(self, server: Server) -> None:
        """End every connection that is sent the log; a file that one of them reads is kept."""
        while True:
            found = self.run("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
            if not found:
                return
            for (number,) in found:
                with suppress(pymysql.Error):
                    server.run(f"KILL HARD {number}")
            time.sleep(0.05)

    def close(self) -> None:
        for one in self._opened:
            if one.open:
                one.close()
        self.system.close()


@pytest.fixture(params=["triggers", "binlog"])
def place(request: pytest.FixtureRequest, mariadb_url: str) -> Iterator[Place]:
    made = Place(mariadb_url, request.param)
    yield made
    made.close()


@pytest.fixture
def queued(mariadb_url: str) -> Iterator[Place]:
    made = Place(mariadb_url, "triggers")
    yield made
    made.close()


@pytest.fixture
def logged(mariadb_url: str) -> Iterator[Place]:
    made = Place(mariadb_url, "binlog")
    yield made
    made.close()


# ------------------------------------------------------------------------------------------------------------- promises

_TRIALS = [one for one in trials() if one.promise.check.__module__ == capturing.__name__ and not one.hidden]


@pytest.mark.parametrize("trial", _TRIALS, ids=str)
def test_triggers_keep_every_promise_of_noting(mariadb_url: str, trial: Any) -> None:
    """The binary log's are tried with all promises of the connector."""
    system = Connector(url=mariadb_url, timeout_s=20, capture_by="triggers")
    if trial.absent(system):
        pytest.skip("nothing here brings the fault about")
    trial.run(system, known(system))
    system.close()


# ---------------------------------------------------------------------------------------------------- nothing is missed


def test_a_transaction_that_commits_late_is_told(place: Place) -> None:
    """It was given the lowest numbers, and is committed when higher ones were read and forgotten long ago."""
    place.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    place.capture("item")
    late = place.connect()
    late.begin()
    place.run("INSERT INTO item VALUES (1, 0)", on=late)
    place.run("INSERT INTO item VALUES (2, 0)")
    noticed = place.noticed()
    assert noticed.keys["item"].column("id").to_pylist() == [2]
    place.run("INSERT INTO item VALUES (3, 0)")
    late.commit()
    assert noticed.cursor is not None
    place.system.acknowledge(FEED, noticed.cursor)
    place.expect("item", [1, 3])


def test_forgetting_does_not_wait_for_who_has_not_committed(queued: Place) -> None:
    """Nor does anybody wait for the one who forgets."""
    queued.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    queued.capture("item")
    late = queued.connect()
    late.begin()
    queued.run("INSERT INTO item VALUES (1, 0)", on=late)
    queued.run("INSERT INTO item VALUES (2, 0), (3, 0)")
    began = time.monotonic()
    queued.expect("item", [2, 3])
    queued.run("SET innodb_lock_wait_timeout = 1", "INSERT INTO item VALUES (4, 0)", on=late)
    assert time.monotonic() - began < 5
    late.commit()
    queued.expect("item", [1, 4])


def test_a_commit_that_nobody_sees_yet_is_not_told(logged: Place, mariadb_server: Server) -> None:
    """A commit that waits for a replica stands in the log, and is invisible; whoever looked would find nothing new."""
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)", "INSERT INTO item VALUES (1, 0)")
    logged.capture("item")
    with _waiting_for_a_replica(mariadb_server):
        writer = logged.connect()
        writing = threading.Thread(target=logged.run, args=("UPDATE item SET v = 1",), kwargs={"on": writer})
        writing.start()
        assert logged.system.await_changes(FEED, 5)
        early = logged.system.noticed(FEED, rows=10)
        assert logged.run("SELECT v FROM item") == [(0,)]
        assert (dict(early.keys), early.cursor, early.more) == ({}, None, True)
    writing.join()
    logged.expect("item", [1])


@contextmanager
def _waiting_for_a_replica(server: Server) -> Iterator[None]:
    """Commits wait, after they stand in the log, for a replica that never answers."""
    server.run("SET GLOBAL rpl_semi_sync_master_timeout = 20000")
    server.run("SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC")
    server.run("SET GLOBAL rpl_semi_sync_master_enabled = 1")
    try:
        yield
    finally:
        server.run("SET GLOBAL rpl_semi_sync_master_enabled = 0")
        server.run("SET GLOBAL rpl_semi_sync_master_timeout = DEFAULT")


_WRITES: list[tuple[str, list[str], list[int]]] = [
    ("several rows", ["UPDATE item SET v = v + 1 WHERE id < 3"], [1, 2]),
    ("key", ["UPDATE item SET id = 9 WHERE id = 1"], [1, 9]),
    ("replace", ["REPLACE INTO item VALUES (1, 'b', 5)"], [1, 2]),
    ("upsert", ["INSERT INTO item VALUES (1, 'z', 5) ON DUPLICATE KEY UPDATE v = 7"], [1]),
    ("ignore", ["INSERT IGNORE INTO item VALUES (1, 'q', 5), (8, 'q', 5)"], [8]),
    ("from a query", ["INSERT INTO item SELECT id + 20, concat(code, 'x'), v FROM item"], [21, 22, 23]),
    ("joined", ["UPDATE item i JOIN other o ON o.id = i.id SET i.v = 9, o.v = 9"], [2]),
    ("joined delete", ["DELETE i, o FROM item i JOIN other o ON o.id = i.id"], [2]),
    ("by a view", ["UPDATE seen SET v = 4 WHERE id = 3"], [3]),
    ("by a procedure", ["CALL bump(3)"], [3]),
    ("in part undone", ["BEGIN", "UPDATE item SET v = 5 WHERE id = 1", "SAVEPOINT s", "DELETE FROM item WHERE id = 2",
                        "ROLLBACK TO s", "COMMIT"], [1]),
    ("undone", ["BEGIN", "UPDATE item SET v = 5 WHERE id = 1", "ROLLBACK"], []),
    ("in two phases", ["XA START 'x'", "UPDATE item SET v = 5 WHERE id = 1", "XA END 'x'", "XA PREPARE 'x'",
                       "XA COMMIT 'x'"], [1]),
    ("in one phase", ["XA START 'y'", "UPDATE item SET v = 5 WHERE id = 1", "XA END 'y'",
                      "XA COMMIT 'y' ONE PHASE"], [1]),
    ("spelled otherwise", ["UPDATE item SET code = 'A' WHERE id = 1"], [1]),
]  # fmt: skip


def test_every_way_to_write_is_told(place: Place) -> None:
    """Whatever statement changes rows, their keys are told, and none besides."""
    place.run(
        "CREATE TABLE item (id int PRIMARY KEY, code varchar(9) UNIQUE, v int)",
        "CREATE TABLE other (id int PRIMARY KEY, v int)",
        "CREATE VIEW seen AS SELECT id, v FROM item",
        "CREATE PROCEDURE bump(n int) UPDATE item SET v = v + 1 WHERE id = n",
    )
    place.capture("item")
    for name, statements, keys in _WRITES:
        place.run(
            "DELETE FROM item",
            "DELETE FROM other",
            "INSERT INTO item VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
            "INSERT INTO other VALUES (2, 0)",
        )
        place.told()
        place.run(*statements)
        found, whole = place.told()
        is_told = found.get("item", set()) == set(keys) or (
            place.way == "binlog" and name == "in two phases" and "item" in whole
        )
        assert is_told, (name, found, whole)


def test_loaded_rows_are_told(place: Place, tmp_path: Any) -> None:
    """`LOAD DATA`, also where it replaces rows."""
    place.run("CREATE TABLE item (id int PRIMARY KEY, v int)", "INSERT INTO item VALUES (1, 1)")
    place.capture("item")
    (tmp_path / "rows").write_text("1\t5\n2\t6\n")
    place.run(f"LOAD DATA LOCAL INFILE '{tmp_path / 'rows'}' REPLACE INTO TABLE item")
    place.expect("item", [1, 2])


def test_what_foreign_keys_change_is_told(place: Place) -> None:
    """The server removes and changes rows below others without a trigger, and without a word in its log."""
    place.run(
        "CREATE TABLE top (id int PRIMARY KEY, v int)",
        "CREATE TABLE mid (id int PRIMARY KEY, top int REFERENCES top (id) ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE low (nr int, mid int REFERENCES mid (id) ON DELETE CASCADE ON UPDATE CASCADE, "
        "PRIMARY KEY (nr, mid))",
        "CREATE TABLE note (id int PRIMARY KEY, top int REFERENCES top (id) ON DELETE SET NULL)",
        "INSERT INTO top VALUES (1, 0), (2, 0), (3, 0)",
        "INSERT INTO mid VALUES (10, 1), (20, 2), (30, 3)",
        "INSERT INTO low VALUES (1, 10), (2, 10), (1, 20)",
        "INSERT INTO note VALUES (5, 1), (6, 3)",
    )
    place.capture("mid", "low", "note")
    for statement, mid, low, note in (
        ("DELETE FROM top WHERE id = 1", [10], [(1, 10), (2, 10)], [5]),
        ("UPDATE top SET id = 7 WHERE id = 2", [20], [], []),
        ("UPDATE mid SET id = 40 WHERE id = 20", [20, 40], [(1, 20), (1, 40)], []),
        ("UPDATE top SET v = 1", [], [], []),
    ):
        place.run(statement)
        keys, whole = place.told()
        for name, wanted in (("mid", mid), ("low", low), ("note", note)):
            assert set(wanted) <= keys.get(name, set()) or name in whole, (statement, name, keys, whole)
    assert (keys, whole) == ({}, set()), "an update that no foreign key carries on is told"


def test_a_tree_that_deletes_itself_is_told(place: Place) -> None:
    place.run(
        "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree (id) ON DELETE CASCADE)",
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2)",
    )
    place.capture("tree")
    place.run("DELETE FROM tree WHERE id = 1")
    assert place.run("SELECT count(*) FROM tree") == [(0,)]
    assert "tree" in place.told()[1]


def test_a_truncation_is_told(place: Place) -> None:
    """By the log; with triggers the feed is lost, and made again says that all rows may have changed."""
    place.run("CREATE TABLE item (id int PRIMARY KEY, v int)", "INSERT INTO item VALUES (1, 1)")
    place.run("CREATE TABLE other (id int PRIMARY KEY)")
    place.capture("item", "other")
    place.run("TRUNCATE TABLE item")
    if place.way == "triggers":
        place.system.close()
        with pytest.raises(FeedLost):
            place.noticed()
        place.system.capture(FEED, [place.dataset("item"), place.dataset("other")])
    assert place.told() == ({}, {"item"})


def test_a_table_without_a_key_counts_as_changed(place: Place) -> None:
    place.run("CREATE TABLE item (a int, b int)")
    place.capture("item")
    place.run("INSERT INTO item VALUES (1, 1), (1, 1)")
    assert place.told() == ({}, {"item"})


_KEYS = [
    ("bigint unsigned", "18446744073709551615", "0"),
    ("smallint", "-32768", "7"),
    ("mediumint", "-8388608", "8388607"),
    ("tinyint(1)", "0", "1"),
    ("decimal(20,5)", "-123456789012345.67891", "0.00001"),
    ("varchar(30) CHARACTER SET latin1", "'Grüße €'", "''"),
    ("varchar(300)", "'日本 \\\\ '", "'x '"),
    ("char(5)", "'a'", "'ab  '"),
    ("char(255)", "repeat('é', 255)", "'b'"),
    ("varchar(20) CHARACTER SET utf16", "'ß😀'", "'a'"),
    ("binary(4)", "X'0100'", "X'00000000'"),
    ("varbinary(8)", "X'0027'", "X''"),
    ("date", "'2026-02-28'", "'0001-01-01'"),
    ("datetime(3)", "'2026-02-28 23:59:59.999'", "'1000-01-01'"),
    ("datetime", "'9999-12-31 23:59:59'", "'1969-12-31'"),
    ("timestamp(6)", "'2026-10-25 01:30:00.000001'", "'1970-01-02 00:00:01'"),
    ("time(2)", "'23:59:59.25'", "'00:00:00'"),
    ("year", "2026", "1901"),
    ("enum('a','it''s','ß')", "'it''s'", "'ß'"),
    ("bit(12)", "b'101'", "b'111111111111'"),
    ("uuid", "'12345678-1234-4234-9234-123456789abc'", "'ffffffff-ffff-1fff-bfff-ffffffffffff'"),
]


def test_keys_are_told_as_reading_gives_them(place: Place) -> None:
    """Of every type, whatever the application's session is set to."""
    names = [f"item_{at}" for at in range(len(_KEYS))]
    for name, (kind, _, _) in zip(names, _KEYS, strict=True):
        place.run(f"CREATE TABLE {name} (v int, k {kind} PRIMARY KEY, w text)")
    place.capture(*names)
    place.run("SET time_zone = '+02:00', sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'")
    for name, (_, one, other) in zip(names, _KEYS, strict=True):
        place.run(f"INSERT INTO {name} VALUES (1, {one}, 'w'), (NULL, {other}, repeat('x', 300))")
    told: dict[str, list[Any]] = {name: [] for name in names}
    types = {}
    while (noticed := place.noticed()).cursor is not None:
        for name, batch in noticed.keys.items():
            told[name] += batch.column("k").to_pylist()
            types[name] = batch.schema.field("k").type
        place.system.acknowledge(FEED, noticed.cursor)
    for name, (kind, _, _) in zip(names, _KEYS, strict=True):
        (batch,) = place.system.read(place.dataset(name), ["k"])
        assert sorted(map(repr, told[name])) == sorted(map(repr, batch.column("k").to_pylist())), kind
        assert types[name] == batch.schema.field("k").type, kind


# ------------------------------------------------------------------------------- the application's writes never fail


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE {queue}",
        "ALTER TABLE {queue} DROP COLUMN parts",
        "DROP TABLE {of}",
        "RENAME TABLE {queue} TO elsewhere",
    ],
)
def test_the_application_writes_on_where_the_queue_is_gone(queued: Place, harm: str) -> None:
    queued.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    queued.capture("item")
    base = memories.names(FEED)
    queued.run(harm.replace("{queue}", base.queue).replace("{of}", base.covered))
    queued.run(
        "INSERT INTO item VALUES (1, 1)", "UPDATE item SET v = 2", "DELETE FROM item", "INSERT INTO item VALUES (2, 2)"
    )
    queued.system.close()
    with pytest.raises((FeedLost, SystemFault)):
        queued.noticed()
    standing = queued.system.capture(FEED, [queued.dataset("item")])
    assert not standing.lost
    assert queued.told() == ({}, {"item"})
    queued.run("UPDATE item SET v = 3")
    queued.expect("item", [2])


def test_triggers_that_are_gone_are_missed(queued: Place) -> None:
    """As when a tool copies a table and puts the copy in its place."""
    queued.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    queued.capture("item")
    queued.run(
        "CREATE TABLE copy LIKE item", "RENAME TABLE item TO old, copy TO item", "INSERT INTO item VALUES (1, 1)"
    )
    queued.system.close()
    with pytest.raises(FeedLost):
        queued.noticed()
    queued.system.capture(FEED, [queued.dataset("item")])
    assert queued.told() == ({}, {"item"})
    queued.run("UPDATE item SET v = 2")
    queued.expect("item", [1])


def test_a_queue_over_its_bound_loses_the_feed(queued: Place) -> None:
    queued.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    queued.capture("item")
    small = capture_queue.Queues(queued.system._sessions, truth=True, changes_max=50)
    queued.system._capture._queues = small
    queued.run("INSERT INTO item SELECT seq, 0 FROM seq_1_to_60")
    with pytest.raises(FeedLost):
        queued.noticed()
    standing = queued.system.capture(FEED, [queued.dataset("item")])
    assert not standing.lost
    assert queued.told() == ({}, {"item"})


def test_two_who_write_at_once_do_not_wait_for_each_other(queued: Place) -> None:
    """A long statement that fills the queue holds nobody up: its numbers are drawn one by one."""
    queued.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    queued.capture("item")
    slow = queued.connect()
    filling = threading.Thread(
        target=queued.run, args=("INSERT INTO item SELECT seq, sleep(0.05) FROM seq_1_to_20",), kwargs={"on": slow}
    )
    filling.start()
    time.sleep(0.2)
    began = time.monotonic()
    queued.run("INSERT INTO item VALUES (100, 1)")
    assert time.monotonic() - began < 0.5
    filling.join()
    queued.expect("item", [*range(1, 21), 100])


# ------------------------------------------------------------------------------------------------------------- the log


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE item ADD COLUMN first int FIRST",
        "ALTER TABLE item MODIFY v int FIRST",
        "ALTER TABLE item MODIFY id bigint",
        "ALTER TABLE item DROP COLUMN v",
        "CREATE TABLE copy LIKE item; INSERT INTO copy SELECT * FROM item; RENAME TABLE item TO old, copy TO item",
        "CREATE OR REPLACE TABLE item (v int, w text, id int PRIMARY KEY)",
    ],
)
def test_a_table_that_changes_in_the_stream_loses_nothing(logged: Place, change: str) -> None:
    """Rows written before the change are read by another shape than it has now; all its rows count as changed."""
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)", "INSERT INTO item VALUES (1, 1), (2, 2)")
    logged.capture("item")
    logged.run("INSERT INTO item VALUES (3, 4)", *change.split("; "), "INSERT INTO item (id) VALUES (5)")
    keys, whole = logged.told()
    assert "item" in whole, (keys, whole)
    logged.run("INSERT INTO item (id) VALUES (6)")
    assert logged.told() == ({"item": {6}}, set())


def test_a_statement_in_the_log_counts_for_all_rows(logged: Place) -> None:
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)", "INSERT INTO item VALUES (1, 1), (2, 2)")
    logged.capture("item")
    logged.run("SET SESSION binlog_format = STATEMENT", "UPDATE item SET v = 5 WHERE id = 1")
    assert logged.told() == ({}, {"item"})


@pytest.mark.parametrize("image", ["MINIMAL", "NOBLOB"])
def test_rows_that_are_logged_in_part_are_told(logged: Place, image: str) -> None:
    logged.run(
        "CREATE TABLE item (t text, id int PRIMARY KEY, v int)", "INSERT INTO item VALUES ('a', 1, 1), ('b', 2, 2)"
    )
    logged.capture("item")
    logged.run(f"SET SESSION binlog_row_image = {image}", "UPDATE item SET v = 9 WHERE id = 1")
    logged.run(
        "UPDATE item SET id = 7 WHERE id = 2", "INSERT INTO item (id) VALUES (8)", "DELETE FROM item WHERE id = 1"
    )
    assert logged.told() == ({"item": {1, 2, 7, 8}}, set())


def test_a_pressed_log_is_read(logged: Place, mariadb_server: Server) -> None:
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v text)")
    logged.capture("item")
    mariadb_server.run("SET GLOBAL log_bin_compress = 1")
    try:
        again = logged.connect()
        logged.run("INSERT INTO item VALUES (1, repeat('x', 5000))", "UPDATE item SET v = repeat('y', 5000)", on=again)
        logged.run(
            "TRUNCATE TABLE item /* " + "long " * 200 + "*/", "INSERT INTO item VALUES (2, repeat('z', 9))", on=again
        )
    finally:
        mariadb_server.run("SET GLOBAL log_bin_compress = 0")
    keys, whole = logged.told()
    assert (keys["item"] >= {2}, whole) == (True, {"item"})


def test_events_longer_than_a_packet_are_read(logged: Place) -> None:
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v longtext)")
    logged.capture("item")
    logged.run("INSERT INTO item VALUES (1, repeat('x', 20000000))", "INSERT INTO item VALUES (2, 'y')")
    assert logged.told() == ({"item": {1, 2}}, set())


def test_the_log_goes_on_in_another_file(logged: Place, mariadb_server: Server) -> None:
    """Also where nobody reads meanwhile, and where the reader's connection is ended."""
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    logged.capture("item")
    logged.run("INSERT INTO item VALUES (1, 1)")
    mariadb_server.run("FLUSH BINARY LOGS")
    logged.run("INSERT INTO item VALUES (2, 1)")
    seen: set[int] = set()
    while seen != {1, 2}:
        seen |= set(logged.noticed().keys["item"].column("id").to_pylist())
    mariadb_server.run("FLUSH BINARY LOGS")
    logged.system.close()
    logged.expect("item", [1, 2])
    logged.end_readers(mariadb_server)
    logged.run("INSERT INTO item VALUES (3, 1)")
    with pytest.raises(SystemFault):
        logged.told()
    logged.expect("item", [3])


def test_whoever_asks_how_a_feed_stands_does_not_end_its_reader(logged: Place) -> None:
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    logged.capture("item")
    reading = logged.system._capture._log._readings[FEED]
    other = Connector(url=logged.url, timeout_s=20, capture_by="binlog")
    for _ in range(2):
        standing = other.feed(FEED)
        assert standing is not None
        assert not standing.lost
    assert not other.capture(FEED, [logged.dataset("item")]).lost
    other.close()
    logged.run("INSERT INTO item VALUES (1, 1)")
    logged.expect("item", [1])
    assert logged.system._capture._log._readings[FEED] is reading


@pytest.mark.parametrize("harm", ["RESET MASTER", "PURGE"])
def test_a_log_that_is_gone_loses_the_feed(logged: Place, mariadb_server: Server, harm: str) -> None:
    """Purged, or begun anew: it may even reach the same place again."""
    logged.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    logged.capture("item")
    logged.system.close()
    if harm == "PURGE":
        mariadb_server.run("FLUSH BINARY LOGS")
        logged.run("INSERT INTO item VALUES (1, 1)")
        logged.end_readers(mariadb_server)
        while len(files := logged.run("SHOW BINARY LOGS")) > 1:  # one that the engine has not done with is kept
            mariadb_server.run(f"PURGE BINARY LOGS TO '{files[-1][0]}'")
            time.sleep(0.05)
    else:
        time.sleep(1.1)  # the log's files tell when they were begun, to the second
        mariadb_server.run(harm)
        logged.run("INSERT INTO item SELECT seq, 0 FROM seq_1_to_200", "UPDATE item SET v = 1")
        for _ in range(40):
            logged.run("UPDATE item SET v = v + 1")
    with pytest.raises(FeedLost):
        logged.noticed()
    standing = logged.system.feed(FEED)
    assert standing is not None
    assert standing.lost
    assert not logged.system.capture(FEED, [logged.dataset("item")]).lost
    assert logged.told()[1] == {"item"}
    logged.run("INSERT INTO item VALUES (999, 1)")
    logged.expect("item", [999])


# -------------------------------------------------------------------------------------------------------------- rights


def test_what_must_be_granted_is_said(mariadb_server: Server, mariadb_url: str) -> None:
    """Each right that is missing, in the words that grant it, until all is there."""
    admin = Place(mariadb_url, "triggers")
    admin.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    name = parse(mariadb_url).database
    mariadb_server.run("CREATE OR REPLACE USER 'shy'@'127.0.0.1' IDENTIFIED BY 'shy'")
    mariadb_server.run(f"GRANT SELECT ON {name}.* TO 'shy'@'127.0.0.1'")
    for way in ("triggers", "binlog"):
        said = []
        for _ in range(6):
            shy = Connector(url=mariadb_server.url(name, user="shy", password="shy"), timeout_s=20, capture_by=way)
            dataset = shy.describe().dataset("item")
            assert dataset is not None
            (told,) = shy.visibility([dataset])
            if told.way == way:
                shy.capture("shy", [dataset])
                shy.release("shy")
                break
            with pytest.raises(SystemFault) as refused:
                shy.capture("shy", [dataset])
            assert refused.value.code == "DV-360"
            grant = refused.value.hint
            assert grant in told.reason
            said.append(grant)
            mariadb_server.run(grant.rpartition("; or ")[2])
            shy.close()
        else:
            raise AssertionError(said)
        assert len(said) == {"triggers": 3, "binlog": 1}[way], said
    admin.close()
    mariadb_server.run("DROP USER 'shy'@'127.0.0.1'")


def test_an_account_that_sees_no_truncation_says_so(mariadb_server: Server, mariadb_url: str) -> None:
    admin = Place(mariadb_url, "triggers")
    admin.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    name = parse(mariadb_url).database
    mariadb_server.run("CREATE OR REPLACE USER 'blind'@'127.0.0.1' IDENTIFIED BY 'blind'")
    mariadb_server.run(f"GRANT ALL ON {name}.* TO 'blind'@'127.0.0.1'")
    mariadb_server.run("GRANT SUPER ON *.* TO 'blind'@'127.0.0.1'")
    blind = Connector(url=mariadb_server.url(name, user="blind", password="blind"), capture_by="triggers")
    (told,) = blind.visibility([admin.dataset("item")])
    assert (told.way, told.missed) == (
        "triggers",
        "TRUNCATE, unless the account may see it: GRANT PROCESS ON *.* TO 'blind'@'127.0.0.1';",
    )
    blind.close()
    admin.close()
    mariadb_server.run("DROP USER 'blind'@'127.0.0.1'")


def test_what_we_write_is_known_again_while_others_write(place: Place) -> None:
    """A name is given to our own transactions alone, and to each another."""
    place.run("CREATE TABLE item (id int PRIMARY KEY, v int)")
    place.capture("item")
    names = []
    for _ in range(2):
        with place.system._sessions.lend() as session, session.writing():
            names.append(place.system._capture.named(session))
            session.run("REPLACE INTO item VALUES (1, ?1)", [len(names)])
    place.run("REPLACE INTO item VALUES (2, 2)")
    while (batch := place.noticed().keys["item"]).num_rows < 3:
        time.sleep(0.01)
    told = dict(zip(batch.column(VERSION).to_pylist(), batch.column("id").to_pylist(), strict=True))
    assert told == {names[0]: 1, names[1]: 1, None: 2}
    assert len(set(names)) == 2
    place.system.release(FEED)
    capture_own.Names().forget()
    with place.system._sessions.lend() as session, session.writing():
        place.system._capture.named(session)  # the feed is gone; what we write does not fail because of it
        session.run("REPLACE INTO item VALUES (3, 3)")
