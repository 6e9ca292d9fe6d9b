"""Faults of a server while people type on both sides: restarted, stopped, locked, full, forbidden, out of connections."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import faulty
import psycopg
import pytest
from world import World

from dovetail.testing.chaos.typed import Deed, Typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAUSE_S = 8.0
"""Seconds that a server stands still."""


@pytest.fixture
def trial(own, database, tmp_path):
    """Makes a trial between two databases of a server that may be killed, or between a file and one."""

    def make(left="postgres", *, timeout_s=5, state="", **how):
        places = {"left": database() if left == "postgres" else str(tmp_path / "left.db"), "right": database()}
        made = World(tmp_path / "project", places, timeout_s=timeout_s, state=state)
        return faulty.trial(made, tmp_path / "trial", **how), made

    return make


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_f09_restart(own, trial, fault, edits, how):
    made, _ = trial("sqlite")

    def restart():
        own.stop() if how == "fast" else own.kill()
        time.sleep(1)
        own.start()

    words, seconds = faulty.survive(made, restart, edits=edits)
    fault(f"F09 server restarts ({how}), away for 1 s", words, seconds)


def test_f10_a_server_that_stands_still(own, trial, fault, edits):
    made, _ = trial("sqlite")

    def stand_still():
        found = subprocess.run(["pgrep", "-P", str(own.pid)], capture_output=True, text=True).stdout.split()
        every = [own.pid, *map(int, found)]
        for pid in every:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        for pid in every:
            os.kill(pid, signal.SIGCONT)

    words, seconds = faulty.survive(made, stand_still, edits=edits)
    fault(f"F10 SIGSTOP server for {PAUSE_S:g} s, deadline 5 s", words, seconds)


@contextmanager
def application(world, *, backwards=(False,)):
    """Strangers who write thirty rows of customers in one transaction after the other, in a column that is nobody's."""
    stop = threading.Event()

    def work(order):
        with psycopg.connect(world.places["right"]) as stranger:
            while not stop.is_set():
                try:
                    for (no,) in stranger.execute(f"SELECT no FROM customer ORDER BY no {order} LIMIT 30").fetchall():
                        stranger.execute("UPDATE customer SET source = 'app' WHERE no = %s", [no])
                    stranger.commit()
                except (psycopg.errors.OperationalError, psycopg.errors.QueryCanceled):
                    stranger.rollback()

    threads = [threading.Thread(target=work, args=("DESC" if back else "ASC",)) for back in backwards]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_f12_deadlocks_with_an_application(trial, fault, edits):
    made, world = trial("sqlite")
    world.sql("right", "ALTER SYSTEM SET deadlock_timeout = '50ms'")
    world.sql("right", "SELECT pg_reload_conf()")

    def argue():
        with application(world, backwards=(False, True)):
            made.wait_for(edits // 2)

    words, seconds = faulty.survive(made, argue, edits=edits)
    found = world.sql("right", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]
    world.sql("right", "ALTER SYSTEM RESET deadlock_timeout")
    world.sql("right", "SELECT pg_reload_conf()")
    assert found
    fault(f"F12 {found} deadlocks with an application", words, seconds)


def test_f13_serialization_failures(trial, fault, edits):
    made, world = trial()
    for side in ("left", "right"):
        name = world.places[side].rsplit("/", 1)[1]
        world.sql(side, f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")

    def collide():
        with application(world):
            made.wait_for(edits // 2)

    words, seconds = faulty.survive(made, collide, edits=edits)
    refused = sum(people.refused["SerializationFailure"] for people in made.people)
    assert refused
    fault("F13 serializable systems", f"{refused} refusals of people; {words}", seconds)


def test_f14_a_late_commit_and_a_long_lock(trial, fault, edits):
    """A row that was typed early and committed late is not passed over; a table that is locked for longer than the
    deadline holds only as long as it is locked."""
    made, world = trial()

    def late():
        kind = made.kinds[0]
        here = kind.tables["right"]
        with made.places[1].session() as session:
            number = made.record.next_number()
            values = {"tag": "person late", "name": "late", "phone": "late", "city": "late", "balance": number}
            with session.transaction():
                session.insert(here, values)
                made.wait_for(edits // 4)
            after = {name: str(value) for name, value in values.items()}
            made.record.add(Typed(number, "right", "person", "person late", Deed.INSERT, {}, after, time.monotonic()))
        with psycopg.connect(world.places["left"]) as stranger:
            stranger.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
            time.sleep(7)

    words, seconds = faulty.survive(made, late, edits=edits)
    fault("F14 late commit, then table locked for 7 s, deadline 5 s", words, seconds)


@pytest.fixture
def loader(own, trial, edits):
    """A trial whose right side Dovetail reaches by an account of its own."""
    made, world = trial("sqlite")
    world.sql("right", "DROP ROLE IF EXISTS loader; CREATE ROLE loader LOGIN PASSWORD 'open-sesame'")
    world.sql("right", "GRANT ALL ON ALL TABLES IN SCHEMA public TO loader; GRANT ALL ON SCHEMA public TO loader")
    world.sql("right", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO loader")
    name = world.places["right"].rsplit("/", 1)[1]
    faulty.through(made, world, right=own.url(name, user="loader", password="open-sesame"))
    yield made, world, name
    world.sql("right", "DROP OWNED BY loader; DROP ROLE loader")


def standing(world, table, column, value):
    return world.sql("right", f"SELECT count(*) FROM {table} WHERE {column} LIKE ?", value)[0][0]


def test_f16_a_revoked_grant_holds_only_its_mapping(loader, fault, edits):
    made, world, _ = loader

    def revoke():
        world.sql("right", "REVOKE INSERT, UPDATE ON item FROM loader")
        made.wait_for(edits // 4)
        made.recovery()  # people go over, while articles wait
        world.sql("right", "GRANT INSERT, UPDATE ON item TO loader")

    words, seconds = faulty.survive(made, revoke, edits=edits)
    assert "open-sesame" not in str(made.keeper.toll)
    fault("F16 grant revoked, the other mappings go on", words, seconds)


def test_f16_a_system_that_may_only_be_read_and_a_changed_password(loader, fault, edits):
    made, world, _ = loader

    def forbid():
        world.sql("right", "ALTER ROLE loader SET default_transaction_read_only = on")
        world.sql("right", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'")
        made.wait_for(edits // 4)
        world.sql("right", "ALTER ROLE loader RESET default_transaction_read_only; ALTER ROLE loader PASSWORD 'other'")
        world.sql("right", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'")
        made.wait_for(edits // 4)
        world.sql("right", "ALTER ROLE loader PASSWORD 'open-sesame'")

    words, seconds = faulty.survive(made, forbid, edits=edits)
    fault("F16 read-only, then another password", words, seconds)


def grow(folder: Path, megabytes: int) -> None:
    """Give a small folder more room."""
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(folder)], check=True)


def test_f17_the_disk_of_the_state_is_full(database, small, tmp_path, fault, edits):
    folder = small(2)
    places = {"left": database(), "right": database()}
    world = World(tmp_path / "project", places, state=str(folder / "state.db"))
    made = faulty.trial(world, tmp_path / "trial")
    made.begin()
    faulty.wait_until(lambda: full(folder), 300)
    made.wait_for(edits // 4)
    said = dict(made.keeper.toll.errors)
    grow(folder, 256)
    seconds = made.recovery()
    words = faulty.judged(made.finish(), made)
    fault("F17 disk of the state full", f"told: {said}; {words}", seconds)


def full(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < 20_000


def test_f17_the_disk_of_the_target_is_full(own, trial, small, fault, edits):
    folder = small(1)
    with psycopg.connect(own.url(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE tight_sync LOCATION '{folder}'")
    made, world = trial("sqlite")
    world.sql("right", "ALTER TABLE item SET TABLESPACE tight_sync")
    world.sql("right", "CREATE TABLE ballast (words text) TABLESPACE tight_sync")
    world.sql("right", "ALTER TABLE ballast ALTER words SET STORAGE EXTERNAL")

    def fill():
        for length in (100_000, 5_000, 500):
            try:
                while True:
                    world.sql("right", "INSERT INTO ballast VALUES (repeat('x', ?))", length)
            except psycopg.errors.DiskFull:
                continue
        made.wait_for(edits // 4)
        made.recovery()  # people go over, while articles find no room
        grow(folder, 64)

    words, seconds = faulty.survive(made, fill, edits=edits)
    fault("F17 disk of the target full, the other mappings go on", words, seconds)
    world.sql("right", "DROP TABLE ballast; ALTER TABLE item SET TABLESPACE pg_default")
    with psycopg.connect(own.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLESPACE tight_sync")


def test_f18_no_connection_is_left(loader, fault, edits):
    made, world, _ = loader

    def crowd():
        world.sql("right", "ALTER ROLE loader CONNECTION LIMIT 0")
        made.keeper.interrupt()
        world.sql("right", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'")
        made.wait_for(edits // 4)
        time.sleep(3)
        world.sql("right", "ALTER ROLE loader CONNECTION LIMIT -1")

    words, seconds = faulty.survive(made, crowd, edits=edits)
    fault("F18 no connection left for 3 s and more", words, seconds)
