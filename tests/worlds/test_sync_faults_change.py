"""What changes under a running sync: its feed is taken away, a system is put back, tables are altered, clocks differ."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import faulty
import psycopg
import pytest
import two

from dovetail.testing.program import Program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def trial(world, tmp_path):
    """Makes a trial with its world."""

    def make(left="sqlite", right="postgres", *, timeout_s=10, **how):
        made = world(left, right, timeout_s=timeout_s)
        return faulty.trial(made, tmp_path / "trial", **how), made

    return make


def captured(made):
    """Let the systems note what changes."""
    done = made.program.run("capture", "--make")
    assert done.code == 0, (done.code, done.errors, done.words)


def test_f19_the_slot_is_dropped(trial, fault, edits):
    made, world = trial("postgres")
    captured(made)
    slots = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
    assert world.sql("right", slots)

    def drop():
        """Somebody who cleans up takes it away while it is read."""
        ask = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()"
        for _ in range(200):
            world.sql("right", ask)
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                world.sql("right", f"SELECT pg_drop_replication_slot(slot_name) FROM ({slots}) AS gone")
                break
        else:
            pytest.fail("the slot could not be dropped")
        made.wait_for(edits // 4)

    words, seconds = faulty.survive(made, drop, edits=edits)
    again = "made again" if world.sql("right", slots) else "not made again: looked for by digests"
    for side in two.BOTH:
        world.sql(side, f"SELECT pg_drop_replication_slot(slot_name) FROM ({slots}) AS gone")
    fault("F19 slot dropped", f"noticed; {again}; {words}", seconds)


def everything(world, side):
    tables = ("person", "article", "line") if side == "left" else ("customer", "item", "pos")
    return {name: world.sql(side, f"SELECT * FROM {name} ORDER BY 1") for name in tables}


def at_rest(made):
    """Everybody goes home, and all is carried over."""
    for people in made.people:
        people.stop()
    for keeper in made.keepers:
        keeper.stop()
    for _ in range(3):
        ended = made.program.run("sync", "--once")
    assert ended.is_done
    assert ended.writes == 0


def test_f20_a_file_that_was_put_back_from_a_backup(trial, tmp_path, fault, edits):
    made, world = trial("sqlite")
    made.begin()
    made.wait_for(edits // 2)
    with sqlite3.connect(world.places["left"]) as live, sqlite3.connect(tmp_path / "backup.db") as backup:
        live.backup(backup)
    made.wait_for(edits // 2)
    made.recovery()
    at_rest(made)
    before = everything(world, "right")
    for ending in ("-wal", "-shm"):
        Path(world.places["left"] + ending).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", world.places["left"])
    ends = [made.program.run("sync", "--once") for _ in range(2)]
    assert everything(world, "right") == before, "what was put back overwrote what is newer"
    told = sorted({str(one["code"]) for end in ends for one in end.document.get("findings", [])})
    fault("F20 a file put back from a backup", f"nothing elsewhere was overwritten; exit {ends[-1].code}, told {told}")


def test_f11_a_server_that_lags_behind(trial, postgres_server, fault, edits):
    """The database is replaced by an older copy of itself, as when a replica that lagged takes over."""
    made, world = trial("sqlite")
    name = world.places["right"].rsplit("/", 1)[1]
    made.begin()
    made.wait_for(edits // 2)
    at_rest(made)
    postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    postgres_server.run(f'CREATE DATABASE {name}_old TEMPLATE "{name}"')
    two.OPEN.clear()
    made = two.trial(world, made.folder, seed=made.seed + 1)
    for people in made.people:
        people.start()
    made.keeper.start()
    made.wait_for(edits // 2)
    at_rest(made)
    before = everything(world, "left")
    postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    postgres_server.run(f"ALTER DATABASE {name} RENAME TO {name}_new")
    postgres_server.run(f"ALTER DATABASE {name}_old RENAME TO {name}")
    ends = [made.program.run("sync", "--once") for _ in range(2)]
    postgres_server.drop(f"{name}_new")
    assert everything(world, "left") == before, "what was put back overwrote what is newer"
    told = sorted({str(one["code"]) for end in ends for one in end.document.get("findings", [])})
    fault("F11 a server that lags behind", f"nothing elsewhere was overwritten; exit {ends[-1].code}, told {told}")


def test_f31_tables_are_altered_while_people_type(trial, fault, edits):
    made, world = trial("postgres")

    def alter():
        world.sql("right", "ALTER TABLE item ADD note text; ALTER TABLE item ALTER sku TYPE varchar(80)")
        made.wait_for(edits // 8)
        made.recovery()
        world.sql("right", "ALTER TABLE item RENAME descr TO words")
        made.wait_for(edits // 8)
        made.recovery()  # people go over, while articles wait for a person
        world.sql("right", "ALTER TABLE item RENAME words TO descr")

    words, seconds = faulty.survive(made, alter, edits=edits)
    fault("F31 columns added, widened, renamed and back", words, seconds)


CLOCK = """
import datetime as dt
from dovetail.systems.connectors.postgres.connector import Connector
true = Connector.now
def now(self):
    return true(self) + dt.timedelta(seconds={seconds} if self.url.endswith({place!r}) else 0)
Connector.now = now
"""
NEWEST = """
    members: {left: {dataset: note, changed: at}, right: {dataset: note, changed: at}}
    match: code
    fields:
      code: {left: code, right: code, policy: {prefer: left}}
      words: {left: words, right: words, policy: newest}
    """


@pytest.mark.parametrize("seconds", [0, 300, 3_600, -3_600])
def test_f29_clocks_that_differ(world, tmp_path, monkeypatch, fault, seconds):
    """The newest edit wins only where the clocks of both systems are known to agree; else a person decides."""
    made = world("postgres", "postgres")
    for side in two.BOTH:
        made.sql(
            side,
            "CREATE TABLE note (id serial PRIMARY KEY, code text UNIQUE, words text, at timestamptz DEFAULT now())",
        )
        made.sql(side, "INSERT INTO note (code, words) VALUES ('n', 'old')")
    made.map("note", NEWEST)
    assert made.run("sync", "--once").code == 0
    made.sql("left", "UPDATE note SET words = 'first', at = now()")
    time.sleep(0.05)
    made.sql("right", "UPDATE note SET words = 'second', at = now()")
    skewed = tmp_path / "skewed"
    skewed.mkdir()
    place = made.places["right"].rsplit("/", 1)[1]
    (skewed / "sitecustomize.py").write_text(CLOCK.format(seconds=seconds, place=place))
    monkeypatch.syspath_prepend(str(skewed))
    ended = Program(made.folder, made.environment, made.variables).run("sync", "--once")
    found = [made.sql(side, "SELECT words FROM note")[0][0] for side in two.BOTH]
    conflicts = ended.document["mappings"]["note"]["conflicts"]
    if seconds == 0:
        assert (found, conflicts) == (["second", "second"], 0)
    else:
        assert (found, conflicts) == (["first", "second"], 1), (ended, found)
    fault(
        f"F29 clocks differ by {seconds} s",
        f"{'the newer edit won' if not conflicts else 'a person is asked'}; {found}",
    )
