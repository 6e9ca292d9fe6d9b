"""Two sync processes over one state: one works, the other stands by and takes over; who slept meanwhile writes nothing."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from dovetail.engine.open import open_workspace
from dovetail.steps.status import status
from dovetail.testing.program import Program

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, w TEXT)"
MAPPING = """
mapping: thing
members: {shop: {dataset: t}, crm: {dataset: t}}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  v: {shop: v, crm: v, policy: {prefer: shop}}
  w: {shop: w, crm: w, policy: {prefer: crm}}
deletes: {shop: propagate, crm: propagate}
guard: {rows: 100000, share: 100%}
every: 100ms
"""
TAKEN_OVER_S = 30
"""Seconds within which another process works on, after one stopped."""


class World:
    """A project, and processes that sync it."""

    def __init__(self, folder, state_url):
        self.folder = folder
        (folder / "mappings").mkdir(parents=True)
        (folder / "mappings" / "thing.yaml").write_text(MAPPING)
        secrets = folder / ".dovetail" / "secrets"
        secrets.mkdir(parents=True, mode=0o700)
        lines = ["dovetail: 1", "project: lab", "systems:"]
        lines += [f"  {name}: {{connector: sqlite, path: {name}.db}}" for name in ("shop", "crm")]
        if state_url:
            (secrets / "state").write_text(state_url)
            (secrets / "state").chmod(0o600)
            lines.append("state: ${secret:state}")
        (folder / "dovetail.yaml").write_text("\n".join(lines))
        for name in ("shop", "crm"):
            self.sql(name, TABLE)
        for row in range(1, 51):
            self.sql("shop", "INSERT INTO t VALUES (?, 'v', 'w')", row)
        self.processes = []

    def sql(self, name, statement, *parameters):
        with closing(sqlite3.connect(self.folder / f"{name}.db", timeout=20)) as connection, connection:
            return connection.execute(statement, parameters).fetchall()

    def start(self, orders=""):
        self.processes.append(Program(self.folder).start("sync", orders=orders))
        return self.processes[-1]

    def working(self):
        """The processes that work, as the state knows them."""
        with open_workspace(self.folder, variables={}) as workspace:
            return [int(one["process"].split()[1]) for one in status(workspace)["working"]]

    def until(self, is_so, seconds=TAKEN_OVER_S):
        limit = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < limit, [one.is_alive for one in self.processes]
            time.sleep(0.05)

    def value(self, name, row, column="v"):
        found = self.sql(name, f"SELECT {column} FROM t WHERE k = ?", row)
        return found[0][0] if found else None

    def edit(self, name, row, value, column="v"):
        self.sql(name, f"UPDATE t SET {column} = ? WHERE k = ?", value, row)

    def carried(self, row, value):
        """Edit at one side, and wait for it at the other."""
        self.edit("shop", row, value)
        self.until(lambda: self.value("crm", row) == value)

    def end(self):
        for process in self.processes:
            if process.is_alive:
                process.send(signal.SIGCONT)
                process.kill()
                process.wait(20)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request, tmp_path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = World(tmp_path / "project", url)
    yield made
    made.end()


@pytest.mark.timeout(180)
def test_a_process_that_sleeps_is_taken_over_and_writes_nothing_when_it_wakes(world):
    # The first process sleeps before its third chunk is sent: intended, and not yet written.
    one = world.start("intent.after=delay(6)@3")
    world.until(lambda: world.working() == [one.pid])
    world.until(lambda: world.value("crm", 50) == "v")
    two = world.start()
    world.carried(1, "by the first")
    time.sleep(1)
    assert world.working() == [one.pid], "the second stands by"
    world.edit("shop", 2, "old")
    time.sleep(1.5)  # it is intended by now
    one.send(signal.SIGSTOP)
    is_stuck = world.value("crm", 2) != "old"
    world.edit("shop", 2, "new")
    world.until(lambda: world.working() == [two.pid])
    world.until(lambda: world.value("crm", 2) == "new")
    world.carried(3, "by the second")
    one.send(signal.SIGCONT)
    for row in range(4, 12):
        world.carried(row, "while the first is awake")
        world.edit("crm", row, "back", "w")
    world.until(lambda: all(world.value("shop", row, "w") == "back" for row in range(4, 12)))
    time.sleep(8)
    assert is_stuck
    assert world.value("crm", 2) == "new", "what it had intended was not written"
    assert world.working() == [two.pid]
    assert one.is_alive
    two.send(signal.SIGTERM)
    began = time.monotonic()
    assert two.wait(15).is_done
    assert time.monotonic() - began < 10
    world.until(lambda: world.working() == [one.pid])
    world.carried(20, "by the first again")
    one.send(signal.SIGTERM)
    assert one.wait(15).is_done
    assert world.sql("shop", "SELECT * FROM t ORDER BY k") == world.sql("crm", "SELECT * FROM t ORDER BY k")


@pytest.mark.timeout(120)
def test_a_process_that_is_killed_is_taken_over_at_once(world):
    one = world.start()
    world.until(lambda: world.working() == [one.pid])
    two = world.start()
    world.carried(1, "by the first")
    one.kill()
    one.wait(20)
    began = time.monotonic()
    world.carried(2, "by the second")
    assert time.monotonic() - began < TAKEN_OVER_S
    assert world.working() == [two.pid]


@pytest.mark.timeout(120)
def test_what_changed_behind_a_first_load_that_broke_off_arrives(world):
    """The next process goes on behind the last row that was written; what was read before may have changed since."""
    assert Program(world.folder).run("sync", orders="target.commit.after=kill@1").code == -signal.SIGKILL
    assert world.value("crm", 7) == "v"
    world.edit("shop", 7, "behind it")
    two = world.start()
    world.until(lambda: world.value("crm", 7) == "behind it")
    assert two.is_alive


@pytest.mark.timeout(120)
def test_a_command_of_a_person_goes_before_a_running_sync(world):
    one = world.start()
    world.until(lambda: world.working() == [one.pid])
    world.carried(1, "one")
    for number in range(2, 5):
        world.edit("shop", number, "by hand")
        ended = Program(world.folder).run("sync", "--once")
        assert ended.is_done, ended
        assert world.value("crm", number) == "by hand"
    world.until(lambda: world.working() == [one.pid])
    world.carried(9, "by the one that runs")
    assert one.is_alive
