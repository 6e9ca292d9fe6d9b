"""The great faults, each in the middle of a load of 24,000 rows by the shipped command: nothing lost, nothing doubled.

The seconds of the table are those from the end of the fault until the next rows stood in the target.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest
from halfway import SLOWLY, WAIT_S, Trial
from many import Many
from world import World

from dovetail.testing.oracle import counts
from dovetail.testing.proxy import Break, How, Proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 24_000
RECORD = b'INSERT INTO "public"."dovetail_ledger"'
COPY_IN, COPY_OUT = b"FROM STDIN", b"TO STDOUT"
POSITIONS = [1, 10, 100, 1_000, 3_000, 6_000, *range(10_000, 150_000, 10_000)]
"""Bytes after which a connection breaks, counted from the beginning of a COPY: twenty of them."""


@pytest.fixture
def trial(own, database, tmp_path):
    """Makes a load between two databases of a server that may be killed, or from a file."""

    def make(*, left: str = "sqlite", timeout_s: float = 10, state: str = "") -> Trial:
        places = {"left": str(tmp_path / "left.db") if left == "sqlite" else database(), "right": database()}
        return Trial(Many(World(tmp_path / "project", places, timeout_s=timeout_s, state=state), ROWS))

    return make


# ------------------------------------------------------------------------------------------------------------- server


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_restarts(own, trial, told, how):
    made = trial()

    def restart() -> None:
        own.stop() if how == "fast" else own.kill()
        time.sleep(1)
        own.start()

    ended, seconds = made.during(restart)
    told(f"server restarts ({how}), away for 1 s", f"the run went on by itself; {made.judge(ended)}", seconds)


# ------------------------------------------------------------------------------------------------------------ network


@pytest.fixture
def way(own, trial):
    """A load whose source or target is reached through a proxy."""
    opened = []

    def make(side: str, *, timeout_s: float = 3) -> tuple[Trial, Proxy]:
        made = trial(left="postgres", timeout_s=timeout_s)
        opened.append(proxy := Proxy(own.port))
        place = made.scene.world.places[side]
        made.scene.world.declare(**{side: place.replace(f":{own.port}/", f":{proxy.port}/")})
        return made, proxy

    yield make
    for proxy in opened:
        proxy.close()


@pytest.mark.parametrize("side", ["left", "right"])
def test_resets_in_the_middle_of_a_copy_at_twenty_positions(way, told, side):
    made, proxy = way(side)
    longest, landed = 0.0, 0
    for position in POSITIONS:
        made.scene.reset()
        proxy.broken = 0
        what = Break(after_bytes=position, armed_by=COPY_OUT if side == "left" else COPY_IN, from_server=side == "left")
        proxy.plan(what)
        running = made.scene.program.start("migrate")
        while running.is_alive and not proxy.broken:
            time.sleep(0.005)
        longest = max(longest, made.recovered(running, made.there()))
        ended = running.wait(WAIT_S)
        assert ended.is_done, (position, ended)
        assert [(load.mapping, sorted(load.found())) for load in made.scene.loads] == [
            (load.mapping, sorted(load.expected())) for load in made.scene.loads
        ], position
        landed += proxy.broken
        proxy.heal()
    assert landed == len(POSITIONS)
    where = "reading" if side == "left" else "writing"
    told(
        f"RST in mid-COPY at {landed} positions, while {where}",
        f"went on by itself; {made.judge(ended)} (last load)",
        longest,
    )


@pytest.mark.parametrize("how", [How.RESET, How.STALL])
def test_commits_whose_answer_is_lost(way, told, how):
    made, proxy = way("right")

    def lose() -> None:
        for number in range(1, 4):
            proxy.plan(Break(how, at=b"COMMIT", armed_by=RECORD, delivered=True))
            limit = time.monotonic() + 30
            while proxy.broken < number and time.monotonic() < limit:
                time.sleep(0.002)
        time.sleep(0.1)  # the last of them was delivered: its rows soon stand there

    ended, seconds = made.during(lose)
    assert proxy.broken == 3
    told(f"commit unknown ({how}), 3 times", f"the ledger decided; {made.judge(ended)}", seconds)


def test_a_peer_that_stalls(way, told):
    made, proxy = way("right")

    def stall() -> None:
        proxy.plan(Break(How.STALL, after_bytes=5_000, armed_by=COPY_IN))
        while not proxy.broken:
            time.sleep(0.002)

    ended, seconds = made.during(stall)
    told("peer stalls in mid-COPY, deadline 3 s", f"left at the deadline, tried again; {made.judge(ended)}", seconds)


# -------------------------------------------------------------------------------------------------------------- disks


def grow(folder: Path, megabytes: int) -> None:
    """Give a small folder more room."""
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(folder)], check=True)


def test_the_targets_disk_is_full(own, database, small, tmp_path, told):
    folder = small(1)
    with psycopg.connect(own.url(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE tight_load LOCATION '{folder}'")
    made = Trial(Many(World(tmp_path / "project", {"left": str(tmp_path / "left.db"), "right": database()}), ROWS))
    made.scene.world.sql("right", "ALTER TABLE c SET TABLESPACE tight_load; ALTER TABLE i SET TABLESPACE tight_load")
    ended, _ = made.during(lambda: None)
    assert (ended.code, ended.errors) == (4, ["DV-306"]), ended
    there = made.there()
    grow(folder, 64)
    ended, seconds = made.again()
    told(
        "disk of the target full",
        f"DV-306, exit 4 after {there:,} rows; with room the next run did the rest; {made.judge(ended)}",
        seconds,
    )
    made.scene.world.sql("right", "ALTER TABLE c SET TABLESPACE pg_default; ALTER TABLE i SET TABLESPACE pg_default")
    with psycopg.connect(own.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLESPACE tight_load")


def test_the_states_disk_is_full(database, small, tmp_path, told):
    folder = small(1)
    places = {"left": str(tmp_path / "left.db"), "right": database()}
    made = Trial(Many(World(tmp_path / "project", places, state=str(folder / "state.db")), ROWS))
    ended, _ = made.during(lambda: None)
    assert (ended.code, ended.errors) == (4, ["DV-508"]), ended
    there = made.there()
    grow(folder, 256)
    ended, seconds = made.again()
    told(
        "disk of the state full",
        f"DV-508, exit 4 after {there:,} rows; with room the next run did the rest; {made.judge(ended)}",
        seconds,
    )


# -------------------------------------------------------------------------------------------------------------- locks


def test_a_table_that_is_locked_for_longer_than_the_deadline(trial, told):
    made = trial(timeout_s=2)

    def lock() -> None:
        with psycopg.connect(made.scene.world.places["right"]) as stranger:
            stranger.execute("LOCK TABLE c, i IN ACCESS EXCLUSIVE MODE")
            time.sleep(5)

    ended, seconds = made.during(lock)
    told("lock wait: table locked for 5 s, deadline 2 s", f"tried again; {made.judge(ended)}", seconds)


def test_deadlocks_with_an_application(trial, told):
    made = trial(timeout_s=10)
    made.scene.world.sql("right", "ALTER TABLE i ADD note int")
    made.scene.world.sql("right", "ALTER SYSTEM SET deadlock_timeout = '50ms'")
    made.scene.world.sql("right", "SELECT pg_reload_conf()")
    assert made.scene.program.run("migrate").is_done
    made.begun = counts(made.scene)
    made.scene.world.sql("left", "UPDATE item SET cents = cents + 1")
    stop = threading.Event()

    def application() -> None:
        """Writes pairs of rows, the later one first."""
        with psycopg.connect(made.scene.world.places["right"]) as stranger:
            at = 0
            while not stop.is_set():
                at = (at + 997) % (made.scene.rows["item"] - 500)
                try:
                    for code in (at + 500, at + 1):
                        stranger.execute("UPDATE i SET note = 1 WHERE code = %s", [f"S-{code}"])
                        time.sleep(0.002)
                except psycopg.errors.DeadlockDetected:
                    stranger.rollback()
                else:
                    stranger.commit()

    threads = [threading.Thread(target=application) for _ in range(3)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    ended = made.scene.program.run("migrate", "--allow", str(ROWS), orders=SLOWLY)
    stop.set()
    for thread in threads:
        thread.join()
    if not ended.is_done:
        assert ended.errors == ["DV-314"], ended
        ended = made.scene.program.run("migrate", "--allow", str(ROWS))
    seconds = time.monotonic() - began
    found = made.scene.world.sql("right", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    made.scene.world.sql("right", "ALTER SYSTEM RESET deadlock_timeout")
    made.scene.world.sql("left", "UPDATE item SET cents = cents - 1")
    assert made.scene.program.run("migrate", "--allow", str(ROWS)).writes == made.scene.rows["item"]
    ended = made.scene.program.run("migrate")
    assert found[0][0] > 0
    told(f"{found[0][0]} deadlocks with an application", f"one side gave way each time; {made.judge(ended)}", seconds)


# ------------------------------------------------------------------------------------------------------------- rights


def test_a_grant_that_is_revoked(own, trial, told):
    made = trial()
    world = made.scene.world
    world.sql("right", "DROP ROLE IF EXISTS loader; CREATE ROLE loader LOGIN PASSWORD 'open-sesame'")
    world.sql("right", "GRANT ALL ON ALL TABLES IN SCHEMA public TO loader; GRANT ALL ON SCHEMA public TO loader")
    world.sql("right", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO loader")
    database = world.places["right"].rsplit("/", 1)[1]
    world.declare(right=own.url(database, user="loader", password="open-sesame"))
    ended, _ = made.during(lambda: world.sql("right", "REVOKE INSERT ON i FROM loader") and None)
    assert (ended.code, ended.errors) == (4, ["DV-304"]), ended
    assert "open-sesame" not in str(ended)
    there = made.there()
    world.sql("right", "GRANT INSERT ON i TO loader")
    ended, seconds = made.again()
    told(
        "grant revoked in mid-load",
        f"DV-304, exit 4 after {there:,} rows; granted again, the next run did the rest; {made.judge(ended)}",
        seconds,
    )
    world.sql("right", "DROP OWNED BY loader; DROP ROLE loader")
