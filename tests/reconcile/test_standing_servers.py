"""A PostgreSQL system, or a state in PostgreSQL, is put back from a backup."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from lab import Lab
from living import Clock, living

from dovetail.engine.open import open_workspace
from dovetail.engine.standing import DIFFERS, GONE, LONE

TABLE = "CREATE TABLE t (k int PRIMARY KEY, v text, w text, p text)"
MAPPING = """
members: {shop: {dataset: t}, crm: {dataset: t}}
match: k
fields:
  k: {shop: k, crm: k, owner: shop}
  v: {shop: v, crm: v, policy: {prefer: [crm, shop]}}
  w: {shop: w, crm: w, policy: ask}
  p: {shop: p, crm: p, owner: shop}
deletes: {shop: propagate, crm: propagate}
guard: {rows: 100000, share: 100%}
"""


class World:
    """Two databases and a state in a third one; each can be copied and put back, as a restore does."""

    def __init__(self, folder, server):
        self.folder, self.server, self.clock = folder, server, Clock()
        self.names = {name: f"{name}_{uuid4().hex[:10]}" for name in ("shop", "crm", "state")}
        self.lab = Lab(folder, {"shop": "", "crm": ""}, {"thing": MAPPING})
        secrets = folder / ".dovetail" / "secrets"
        secrets.mkdir(parents=True)
        lines = ["dovetail: 1", "project: lab", "state: ${secret:state}", "systems:"]
        lines += [f"  {name}: {{connector: postgres, url: '${{secret:{name}}}'}}" for name in ("shop", "crm")]
        (folder / "dovetail.yaml").write_text("\n".join(lines))
        for name, database in self.names.items():
            self._order(f'CREATE DATABASE "{database}"')
            (secrets / name).write_text(server.url(database))
            (secrets / name).chmod(0o600)
        for name in ("shop", "crm"):
            self.sql(name, TABLE)
        self.sql("shop", "INSERT INTO t SELECT i, 'v', 'w', 'p' FROM generate_series(1, 30) i")

    def _order(self, statement):
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def sql(self, name, statement):
        with psycopg.connect(self.server.url(self.names[name])) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def backup(self, name):
        self._order(f'CREATE DATABASE "{self.names[name]}_copy" TEMPLATE "{self.names[name]}"')

    def put_back(self, name):
        self._order(f'DROP DATABASE "{self.names[name]}" WITH (FORCE)')
        self._order(f'CREATE DATABASE "{self.names[name]}" TEMPLATE "{self.names[name]}_copy"')

    def drop(self):
        for database in self.names.values():
            for end in ("", "_copy"):
                self._order(f'DROP DATABASE IF EXISTS "{database}{end}" WITH (FORCE)')

    def sync(self):
        with living(self.folder, self.clock) as one:
            one.turn()

    def live(self):
        """A day of work on both sides, synced."""
        self.sql("shop", "UPDATE t SET v = 'from the shop' WHERE k = 1")
        self.sql("crm", "UPDATE t SET w = 'from the crm' WHERE k = 2")
        self.sql("shop", "DELETE FROM t WHERE k = 3")
        self.sql("crm", "INSERT INTO t VALUES (101, 'v', 'w', 'p')")
        self.sync()
        assert self.rows("shop") == self.rows("crm")
        return self.rows("shop")

    def rows(self, name):
        return {row[0]: row[1:] for row in self.sql(name, "SELECT * FROM t ORDER BY k")}

    def conflicts(self):
        with open_workspace(self.folder, variables={}) as workspace:
            store = workspace.store
            found = [(one.dispute.code, one.dispute.field) for one in store.conflicts.list()]
            return sorted(found + [(one.refusal.code, one.refusal.key) for one in store.rejects.list("thing")])


@pytest.fixture
def world(tmp_path, postgres_server):
    made = World(tmp_path / "project", postgres_server)
    made.sync()
    yield made
    made.drop()


@pytest.mark.parametrize("system", ["crm", "shop"])
def test_a_database_that_is_put_back(world, system):
    world.backup(system)
    now = world.live()
    world.put_back(system)
    old = world.rows(system)
    world.sync()
    world.sync()
    other = {"crm": "shop", "shop": "crm"}[system]
    assert world.rows(other) == now
    assert world.rows(system) == old
    assert world.conflicts() == [(DIFFERS, "v"), (DIFFERS, "w"), (GONE, ""), (LONE, "3")]


def test_a_database_that_is_put_back_while_a_sync_runs(world):
    world.backup("crm")
    now = world.live()
    with living(world.folder, world.clock) as one:
        world.put_back("crm")
        for _ in range(3):
            one.turn()
        world.sql("shop", "UPDATE t SET p = 'goes on' WHERE k = 9")
        one.turn()
    assert world.rows("shop") == {**now, 9: ("v", "w", "goes on")}
    assert world.rows("crm")[9] == ("v", "w", "goes on")
    assert world.conflicts() == [(DIFFERS, "v"), (DIFFERS, "w"), (GONE, ""), (LONE, "3")]


def test_a_state_that_is_put_back(world):
    world.backup("state")
    now = world.live()
    world.sql("shop", "UPDATE t SET v = 'later' WHERE k = 1")
    world.put_back("state")
    world.sync()
    assert world.rows("shop") == {**now, 1: ("later", "w", "p")}
    assert world.rows("crm") == now
    assert world.conflicts() == [(DIFFERS, "v")]
