"""A session with MariaDB is set before it is used, ends in time whatever the network does, and says what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from dovetail.errors import AccessDenied, MissingDriver, Overdue, Remedy, SystemFault, Unreachable
from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.mariadb import Connector, session
from dovetail.systems.connectors.mariadb.address import parse
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers import debian, mariadb

ROWS = 20_000


@pytest.fixture
def admin(mariadb_url: str) -> Iterator[Any]:
    connection = pymysql.connect(**parse(mariadb_url).parameters(), autocommit=True, charset="utf8mb4")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE item (id bigint PRIMARY KEY, name text, n int)")
        cursor.execute(f"INSERT INTO item SELECT seq, repeat('x', 200), seq FROM seq_1_to_{ROWS}")
        yield cursor


@pytest.fixture
def system(mariadb_url: str, admin: Any) -> Iterator[Connector]:
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
def far(mariadb_server: mariadb.Server, mariadb_url: str, proxy: Proxy, admin: Any) -> Iterator[Connector]:
    """The same database, at the other end of a network."""
    database = mariadb_url.rpartition("/")[2]
    connector = Connector(url=mariadb_server.url(database, port=proxy.port), timeout_s=1.5, batch_rows=1000)
    yield connector
    connector.close()


def test_a_session_is_strict_whatever_the_server_is_set_to(mariadb_server: mariadb.Server, mariadb_url: str) -> None:
    changes = {"sql_mode": "''", "autocommit": "0", "tx_isolation": "'READ-UNCOMMITTED'", "foreign_key_checks": "0"}
    for name, value in changes.items():
        mariadb_server.run(f"SET GLOBAL {name} = {value}")
    try:
        with Connector(url=mariadb_url)._sessions.lend() as lent:
            asked = "SELECT @@sql_mode, @@time_zone, @@autocommit, @@tx_isolation, @@foreign_key_checks, "
            mode, *rest = lent.rows(asked + "@@collation_connection")[0]
    finally:
        for name in changes:
            mariadb_server.run(f"SET GLOBAL {name} = DEFAULT")
    assert set(session.STRICT) <= set(mode.split(","))
    assert rest == ["+00:00", 1, "READ-COMMITTED", 1, "utf8mb4_bin"]


def test_a_server_that_does_not_keep_the_mode_is_refused(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = session.Session._settings
    monkeypatch.setattr(session.Session, "_settings", lambda self: {**settings(self), "sql_mode": "'ANSI'"})
    with pytest.raises(SystemFault) as refused:
        Connector(url=mariadb_url).describe()
    assert refused.value.code == "DV-341"


@pytest.mark.parametrize("way", ["describe", "read", "lookup", "now"])
def test_a_silent_peer_ends_in_the_deadline(far: Connector, proxy: Proxy, item: Dataset, way: str) -> None:
    far.describe()
    proxy.plan(Break(How.STALL, after_bytes=10))
    began = time.monotonic()
    keys = pa.record_batch({"id": pa.array([1, 9], pa.int64())})
    ways = {
        "read": lambda: list(far.read(item, item.names)),
        "lookup": lambda: list(far.lookup(item, ["n"], keys)),
        "describe": far.describe,
        "now": far.now,
    }
    with pytest.raises(Overdue) as overdue:
        ways[way]()
    assert time.monotonic() - began < 3
    assert overdue.value.remedy is Remedy.RETRY
    assert sum(one.num_rows for one in far.read(item, ["id"])) == ROWS, "the next call has a connection of its own"


@pytest.mark.parametrize("how", [How.RESET, How.CLOSE, How.STALL])
def test_a_peer_that_goes_while_rows_come_is_noticed(far: Connector, proxy: Proxy, item: Dataset, how: How) -> None:
    far.describe()
    proxy.plan(Break(how, after_bytes=2_000_000, armed_by=b"SELECT", from_server=True))
    with pytest.raises((Unreachable, Overdue)):
        list(far.read(item, item.names))
    assert sum(one.num_rows for one in far.read(item, ["id"])) == ROWS


def test_a_server_that_asks_for_a_file_is_not_given_one(system: Connector, item: Dataset, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("9999\tx\t1\n")
    asking = f"LOAD DATA LOCAL INFILE '{tmp_path / 'secret'}' INTO TABLE item"
    with pytest.raises(SystemFault) as refused, system._sessions.lend() as lent:
        lent.run(asking)
    assert refused.value.code == "DV-343"
    assert sum(one.num_rows for one in system.read(item, ["id"])) == ROWS


def test_a_statement_that_takes_too_long_is_ended_by_the_server(mariadb_url: str) -> None:
    system = Connector(url=mariadb_url, timeout_s=1)
    with pytest.raises(Overdue, match="1969"), system._sessions.lend() as lent:
        lent.rows("SELECT sleep(5)")


def test_a_slow_reader_is_waited_for(system: Connector, item: Dataset) -> None:
    stream = system.query("SELECT item.id, item.name FROM item JOIN seq_1_to_8")
    seen = next(stream).num_rows
    time.sleep(3.5)
    assert seen + sum(one.num_rows for one in stream) == 8 * ROWS, "more than the network keeps for us"


def test_a_query_that_works_on_longer_than_anybody_waits_is_ended(mariadb_url: str, admin: Any) -> None:
    system = Connector(url=mariadb_url, timeout_s=1)
    with pytest.raises(Overdue):
        list(system.query("SELECT count(*) AS n FROM item a JOIN item b JOIN item c"))
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        admin.execute("SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT `dovetail_query`%'")
        if admin.fetchone() == (0,):
            return
        time.sleep(0.1)
    pytest.fail("the server works on for nobody")


def test_idle_connections_that_the_server_closed_are_replaced(system: Connector, item: Dataset, admin: Any) -> None:
    admin.execute("SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()")
    for (number,) in admin.fetchall():
        admin.execute(f"KILL {number}")
    time.sleep(0.1)
    assert system.describe().dataset("item") is not None


def test_threads_have_connections_of_their_own(system: Connector, item: Dataset) -> None:
    counts: list[int] = []

    def count() -> None:
        counts.append(sum(one.num_rows for one in system.read(item, ["id", "name"])))

    read = [threading.Thread(target=count) for _ in range(4)]
    for one in read:
        one.start()
    for one in read:
        one.join()
    assert counts == [ROWS] * 4


def test_no_account_or_no_database_is_told_apart_from_no_server(mariadb_server: mariadb.Server) -> None:
    with pytest.raises(AccessDenied):
        Connector(url=mariadb_server.url(password="wrong")).describe()
    with pytest.raises(SystemFault) as absent:
        Connector(url=mariadb_server.url("nowhere")).describe()
    assert absent.value.code == "DV-316"
    with pytest.raises(Unreachable):
        Connector(url=mariadb_server.url(port=1)).describe()


def test_the_doctor_says_what_is_missing_and_prints_the_grant(
    mariadb_server: mariadb.Server, mariadb_url: str, admin: Any
) -> None:
    admin.execute("CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM")
    admin.execute("CREATE TABLE person (email varchar(90) COLLATE utf8mb4_general_ci PRIMARY KEY)")
    admin.execute("CREATE OR REPLACE USER clerk@127.0.0.1 IDENTIFIED BY 'clerk'")
    database = mariadb_url.rpartition("/")[2]
    admin.execute("GRANT SELECT, UPDATE ON item TO clerk@127.0.0.1")
    own = Connector(url=mariadb_url)
    catalog = own.describe()
    lines = {topic: (verdict, words) for topic, verdict, words in own.examine(catalog.datasets)}
    fine = ("version", "sql_mode", "encoding", "clock", "binlog", "ledger", "item")
    assert {lines[topic][0] for topic in fine} == {"ok"}
    verdict, words = lines["old"]
    assert verdict == "warn"
    assert words.endswith(f"a source only, and read without a snapshot; ALTER TABLE `{database}`.`old` ENGINE=InnoDB;")
    assert lines["person.email"][0] == "warn"
    clerk = Connector(url=mariadb_server.url(database, user="clerk", password="clerk"))
    try:
        lines = {topic: (verdict, words) for topic, verdict, words in clerk.examine(catalog.datasets)}
    finally:
        admin.execute("DROP USER clerk@127.0.0.1")
    assert lines["item"] == ("warn", f"GRANT INSERT, DELETE ON `{database}`.`item` TO 'clerk'@'127.0.0.1';")
    assert lines["person"][0] == lines["ledger"][0] == "bad"
    assert "GRANT SELECT, INSERT, UPDATE, DELETE" in lines["person"][1]
    admin.execute("SELECT count(*) FROM item")
    assert admin.fetchone() == (ROWS,), "trying changed nothing"


# ------------------------------------------------------------------------------------------------ a server of one's own


def test_a_killed_server_keeps_what_was_committed_and_goes_with_its_program(tmp_path: Path) -> None:
    with mariadb.server() as own:
        url = own.create("shop")
        own.run("CREATE TABLE t (id int PRIMARY KEY)", "shop")
        own.run("INSERT INTO t VALUES (1)", "shop")
        system = Connector(url=url, timeout_s=5)
        dataset = system.describe().dataset("t")
        assert dataset is not None
        own.kill()
        with pytest.raises(Unreachable):
            list(system.read(dataset, ["id"]))
        own.start()
        assert sum(one.num_rows for one in system.read(dataset, ["id"])) == 1
        own.stop()
        with pytest.raises(Unreachable):
            system.describe()
        own.start()
        assert sum(one.num_rows for one in system.read(dataset, ["id"])) == 1
        folder = own.folder
    assert not folder.exists()


def test_a_server_ends_with_the_program_that_started_it() -> None:
    program = (
        "from dovetail.testing.servers.mariadb import Server; import time; s = Server(); s.start();"
        "print(s.pid, s.folder, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert running.stdout is not None
    pid, folder = running.stdout.readline().split()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    limit = time.monotonic() + 20
    while time.monotonic() < limit and (Path(f"/proc/{pid}").exists() or Path(folder).exists()):
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(folder).exists()


def test_a_missing_server_is_said_with_what_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingDriver, match="no MariaDB server") as missing:
        mariadb.programs()
    assert "mariadb-server-core" in missing.value.hint
    with pytest.raises(MissingDriver, match="no apt-get"):
        debian.fetch("mariadb-server-core")


@pytest.mark.parametrize(("account", "done"), [(0, "install"), (1000, "fetch")])
def test_a_missing_server_is_got_and_told_of(monkeypatch: pytest.MonkeyPatch, account: int, done: str) -> None:
    asked: list[tuple[str, ...]] = []
    told: list[str] = []
    found = mariadb.programs()

    def programs() -> mariadb.Programs:
        if not asked:
            raise MissingDriver("not there")
        return found

    monkeypatch.setattr(mariadb, "programs", programs)
    monkeypatch.setattr(mariadb.os, "geteuid", lambda: account)
    monkeypatch.setattr(debian, done, lambda *packages: asked.append(packages))
    assert mariadb.get(told.append) is found
    assert asked == [mariadb.PACKAGES]
    assert len(told) == 1
    assert mariadb.get(told.append) is found
    assert len(told) == 1, "nothing is said where nothing is done"


def test_unpacked_packages_are_used_where_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb.shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    libraries = debian.folder(*mariadb.PACKAGES) / "usr" / "lib" / "some-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "libx.so.1").touch()
    found = mariadb.programs()
    assert found.server == debian.folder(*mariadb.PACKAGES) / "usr" / "sbin" / "mariadbd"
    assert found.environment == {"LD_LIBRARY_PATH": str(libraries)}


def test_without_packages_a_machine_without_debian_goes_on(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "requirements" / "servers.sh"
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / "python"
    python.write_text("#!/bin/sh\necho nothing there >&2\nexit 1\n")
    python.chmod(0o755)
    for in_ci, status in (("", 0), ("true", 1)):
        done = subprocess.run(
            ["/bin/bash", str(script), str(tmp_path)], env={**os.environ, "CI": in_ci}, capture_output=True, check=False
        )
        assert done.returncode == status, "in CI the server must be there"
