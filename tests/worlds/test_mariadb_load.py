"""The great faults on MariaDB, each in the middle of a load by the shipped command: nothing lost, nothing doubled.

The seconds of the table are those from the end of the fault until the next rows stood in the target.
"""

from __future__ import annotations

import subprocess
import threading
import time

import pytest
from halfway import WAIT_S, Trial
from many import Many
from world import World

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.oracle import counts
from dovetail.testing.proxy import Break, How, Proxy
from dovetail.testing.servers.mariadb import server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 24_000
RECORD = b"dovetail_ledger` (`partition`"
POSITIONS = [1, 1_000, 10_000, 50_000, 100_000]
"""Bytes after which a connection breaks, counted from the beginning of a LOAD DATA."""


@pytest.fixture(scope="module")
def own():
    """A server that may be killed; its commits are on disk before they are answered."""
    try:
        with server(durable=True) as running:
            yield running
    except (MissingDriver, Unreachable) as reason:
        pytest.skip(str(reason))


@pytest.fixture
def trial(own, tmp_path):
    """Makes a load from a file into a database of a server that may be killed."""
    made = []

    def make(*, timeout_s: float = 10) -> Trial:
        made.append(f"load_{len(made)}")
        places = {"left": str(tmp_path / "left.db"), "right": own.create(made[-1])}
        return Trial(Many(World(tmp_path / "project", places, timeout_s=timeout_s), ROWS))

    yield make
    for name in made:
        own.drop(name)


@pytest.fixture
def way(own, trial):
    """A load whose target is reached through a proxy."""
    opened = []

    def make(*, timeout_s: float = 5) -> tuple[Trial, Proxy]:
        made = trial(timeout_s=timeout_s)
        opened.append(proxy := Proxy(own.port))
        place = made.scene.world.places["right"].replace(f":{own.port}/", f":{proxy.port}/")
        made.scene.world.declare(right=f"{place}?ssl-mode=DISABLED")
        return made, proxy

    yield make
    for proxy in opened:
        proxy.close()


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_restarts(own, trial, told, how):
    made = trial()

    def restart() -> None:
        own.stop() if how == "fast" else own.kill()
        time.sleep(1)
        own.start()

    ended, seconds = made.during(restart)
    told(f"MariaDB restarts ({how}), away for 1 s", f"the run went on by itself; {made.judge(ended)}", seconds)


@pytest.mark.parametrize("how", [How.RESET, How.STALL])
def test_commits_whose_answer_is_lost(way, told, how):
    made, proxy = way()

    def lose() -> None:
        for number in range(1, 4):
            proxy.plan(Break(how, at=b"COMMIT", armed_by=RECORD, delivered=True))
            limit = time.monotonic() + 30
            while proxy.broken < number and time.monotonic() < limit:
                time.sleep(0.002)
        time.sleep(0.1)  # the last of them was delivered: its rows soon stand there

    ended, seconds = made.during(lose)
    assert proxy.broken == 3
    told(f"commit unknown ({how}), 3 times, MariaDB", f"the ledger decided; {made.judge(ended)}", seconds)


def test_resets_in_the_middle_of_a_load(way, told):
    made, proxy = way()
    longest = 0.0
    for position in POSITIONS:
        made.scene.reset()
        proxy.broken = 0
        proxy.plan(Break(after_bytes=position, armed_by=b"LOAD DATA"))
        running = made.scene.program.start("migrate")
        while running.is_alive and not proxy.broken:
            time.sleep(0.005)
        longest = max(longest, made.recovered(running, made.there()))
        ended = running.wait(WAIT_S)
        assert proxy.broken == 1, position
        assert ended.is_done, (position, ended)
        assert [(load.mapping, sorted(load.found())) for load in made.scene.loads] == [
            (load.mapping, sorted(load.expected())) for load in made.scene.loads
        ], position
        proxy.heal()
    told(
        f"RST in mid-LOAD DATA at {len(POSITIONS)} positions",
        f"went on by itself; {made.judge(ended)} (last load)",
        longest,
    )


def test_the_targets_disk_is_full(own, trial, small, told):
    """The server says that a table is full, or gives up altogether: either way nothing is lost."""
    folder = small(1)
    made = trial()
    made.scene.world.sql(
        "right",
        f"""DROP TABLE i; CREATE TABLE i (code varchar(40) PRIMARY KEY, price decimal(14,2),
            p int NOT NULL REFERENCES p (no)) DATA DIRECTORY = '{folder}'""",
    )
    made.begun = counts(made.scene)
    ended = made.scene.program.start("migrate").wait(WAIT_S)
    assert (ended.code, len(ended.errors)) == (4, 1), ended
    (said,) = ended.errors
    assert said in ("DV-306", "DV-301"), ended
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    own.stop()
    own.start()
    there = made.there()
    ended, seconds = made.again()
    told(
        "disk of MariaDB full",
        f"{said}, exit 4 after {there:,} rows; with room the next run did the rest; {made.judge(ended)}",
        seconds,
    )
    made.scene.world.sql("right", "DROP TABLE i")


def test_a_table_that_is_locked_for_longer_than_the_deadline(trial, told):
    made = trial(timeout_s=2)

    def lock() -> None:
        stranger = made.scene.world.connect("right")
        stranger.execute("LOCK TABLES c WRITE, i WRITE")
        time.sleep(5)
        stranger.close()

    ended, seconds = made.during(lock)
    told("MariaDB: table locked for 5 s, deadline 2 s", f"tried again; {made.judge(ended)}", seconds)


def test_deadlocks_with_an_application(trial, told):
    made = trial()
    world = made.scene.world
    assert made.scene.program.run("migrate").is_done
    made.begun = counts(made.scene)
    world.sql("right", "ALTER TABLE i ADD note int")
    world.sql("left", "UPDATE item SET cents = cents + 1")
    stop, lost = threading.Event(), []

    def hurry() -> None:
        """Locks rows against the order in which Dovetail takes them."""
        stranger = world.connect("right")
        while not stop.is_set():
            stranger.execute("START TRANSACTION")
            try:
                for edge in ("DESC", "ASC"):
                    stranger.execute(f"UPDATE i SET note = 1 ORDER BY code {edge} LIMIT 300")
                    time.sleep(0.05)
                stranger.execute("COMMIT")
            except Exception as error:  # noqa: BLE001 - its own transactions may give way, too
                lost.append(error)
                stranger.execute("ROLLBACK")
        stranger.close()

    application = threading.Thread(target=hurry)
    application.start()
    ended = made.scene.program.run("migrate", "--allow", str(ROWS))
    stop.set()
    application.join()
    assert ended.is_done, (ended.code, ended.errors, ended.words[-500:])
    assert sorted(made.scene.loads[3].found()) == sorted(
        (sku, f"{(at * 3 + 1) // 100}.{(at * 3 + 1) % 100:02}", parent)
        for at, (sku, _, parent) in enumerate(made.scene.loads[3].expected(), start=1)
    )
    told("MariaDB: deadlocks with an application", f"tried again; every row as typed; {len(lost)} of its own gave way")
