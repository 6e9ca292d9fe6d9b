"""A system, or our own state, is put back from a backup: nothing is overwritten in silence, nothing deleted, nothing
comes back from the dead."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from living import Clock, living

from dovetail.engine.open import open_workspace
from dovetail.engine.standing import DIFFERS, GONE, LONE, RESTORED

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, w TEXT, p TEXT);"
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
ROWS = range(1, 31)


class World:
    """Two systems that were synced, with backups."""

    def __init__(self, made):
        self.made = made
        self.clock = Clock()

    def backup(self, name):
        with closing(sqlite3.connect(self._file(name))) as source, closing(sqlite3.connect(self._copy(name))) as copy:
            source.backup(copy)

    def put_back(self, name):
        file = self._file(name)
        for end in ("-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)
        shutil.copy(self._copy(name), file)

    def _file(self, name):
        folder = self.made.folder
        return folder / ".dovetail" / "state.db" if name == "state" else folder / f"{name}.db"

    def _copy(self, name):
        return self.made.folder / f"{name}.backup"

    def sync(self):
        with living(self.made.folder, self.clock) as one:
            one.turn()
        return self

    def held(self):
        with open_workspace(self.made.folder, variables={}) as workspace:
            return [(one.mapping, one.kind) for one in workspace.store.holds.list()]

    def conflicts(self):
        """Code, field and key of what is open, quarantine included."""
        with open_workspace(self.made.folder, variables={}) as workspace:
            store = workspace.store
            found = [
                (one.dispute.code, one.dispute.field, self._key(one.dispute.keys)) for one in store.conflicts.list()
            ]
            found += [(one.refusal.code, "", int(one.refusal.key)) for one in store.rejects.list("thing")]
        return sorted(found)

    def _key(self, keys):
        return int(next(iter(keys.values())))

    def rows(self, name):
        return {row[0]: row[1:] for row in self.made.sql(name, "SELECT k, v, w, p FROM t ORDER BY k")}


@pytest.fixture
def world(lab):
    made = lab({"shop": TABLE, "crm": TABLE}, {"thing": MAPPING})
    for row in ROWS:
        made.sql("shop", "INSERT INTO t VALUES (?, 'v', 'w', 'p')", row)
    return World(made).sync()


def edit(world, system, row, column, value):
    world.made.sql(system, f"UPDATE t SET {column} = ? WHERE k = ?", value, row)


def live(world):
    """A day of work on both sides, all of it synced."""
    edit(world, "shop", 1, "v", "from the shop")
    edit(world, "crm", 2, "v", "from the crm")
    edit(world, "crm", 3, "w", "from the crm")
    edit(world, "shop", 4, "p", "from the shop")
    world.made.sql("shop", "DELETE FROM t WHERE k = 5")
    world.made.sql("crm", "DELETE FROM t WHERE k = 6")
    world.made.sql("shop", "INSERT INTO t VALUES (101, 'v', 'w', 'p')")
    world.made.sql("crm", "INSERT INTO t VALUES (102, 'v', 'w', 'p')")
    world.sync()
    assert world.rows("shop") == world.rows("crm")
    return world.rows("shop")


EVERYTHING = [
    (DIFFERS, "v", 1),
    (DIFFERS, "v", 2),
    (DIFFERS, "w", 3),
    (GONE, "", 101),
    (GONE, "", 102),
    (LONE, "", 5),
    (LONE, "", 6),
]


def test_days_of_sync_are_no_restore(world):
    for _ in range(3):
        live(world)
        for row in (5, 6):
            world.made.sql("shop", "INSERT INTO t VALUES (?, 'v', 'w', 'p')", row)
        world.made.sql("shop", "DELETE FROM t WHERE k > 100")
        world.sync()
    assert (world.held(), world.conflicts()) == ([], [])


@pytest.mark.parametrize("system", ["crm", "shop"])
def test_a_system_that_is_put_back(world, system):
    world.backup(system)
    now = live(world)
    old = dict.fromkeys(ROWS, ("v", "w", "p"))
    world.put_back(system)
    world.sync()
    other = {"crm": "shop", "shop": "crm"}[system]
    expected = now if system == "crm" else {**now, 4: old[4]}
    assert world.rows(other) == expected, "only what the owner says now is carried over"
    assert world.rows(system) == ({**old, 4: now[4]} if system == "crm" else old)
    assert world.conflicts() == EVERYTHING
    assert world.held() == [("thing", RESTORED)]
    world.sync()
    world.sync()
    assert world.rows(other) == expected
    assert world.conflicts() == EVERYTHING


def test_the_state_is_put_back(world):
    world.backup("state")
    now = live(world)
    world.put_back("state")
    world.sync()
    assert world.rows("shop") == world.rows("crm") == now
    assert (world.held(), world.conflicts()) == ([], []), "all agree: it is believed again"


def test_the_state_is_put_back_while_people_went_on(world):
    world.backup("state")
    live(world)
    edit(world, "shop", 1, "v", "later at the shop")
    edit(world, "crm", 2, "w", "later at the crm")
    edit(world, "shop", 7, "p", "later at the owner")
    world.made.sql("shop", "DELETE FROM t WHERE k = 8")
    world.made.sql("shop", "INSERT INTO t VALUES (103, 'v', 'w', 'p')")
    shop, crm = world.rows("shop"), world.rows("crm")
    world.put_back("state")
    world.sync()
    assert world.rows("shop") == shop
    assert world.rows("crm") == {**crm, 7: shop[7]}
    assert world.conflicts() == [(DIFFERS, "v", 1), (DIFFERS, "w", 2), (GONE, "", 8), (LONE, "", 103)]


@pytest.mark.parametrize("name", ["crm", "shop", "state"])
def test_what_is_put_back_without_a_change_is_believed_at_once(world, name):
    world.backup(name)
    world.sync()
    world.put_back(name)
    world.sync()
    assert (world.held(), world.conflicts()) == ([], [])


def test_rows_that_agree_go_on(world):
    world.backup("crm")
    live(world)
    world.put_back("crm")
    world.sync()
    edit(world, "shop", 9, "v", "new")
    edit(world, "crm", 10, "w", "newer")
    edit(world, "shop", 1, "p", "the row is contested, this field is not")
    world.made.sql("crm", "DELETE FROM t WHERE k = 11")
    world.sync()
    assert world.rows("crm")[9][0] == "new"
    assert world.rows("shop")[10][1] == "newer"
    assert world.rows("crm")[1][2] == "the row is contested, this field is not"
    assert 11 not in world.rows("shop")
    assert world.conflicts() == EVERYTHING


def test_nothing_but_reading_tells_of_time_too(world):
    """Values only came from the system that is put back; nothing was written to it."""
    world.backup("crm")
    edit(world, "crm", 2, "v", "from the crm")
    world.sync()
    world.put_back("crm")
    world.sync()
    assert world.rows("shop")[2][0] == "from the crm"
    assert world.conflicts() == [(DIFFERS, "v", 2)]


def test_a_long_run_tells_of_time_every_minute(world):
    with living(world.made.folder, world.clock) as one:
        one.turn()
        world.backup("crm")
        edit(world, "crm", 2, "v", "one")
        one.turn()
        world.clock.move(seconds=61)
        edit(world, "crm", 2, "v", "two")
        one.turn()
        told = world.made.sql("crm", "SELECT max(chunk) FROM dovetail_ledger")
        one.sync._beat = lambda *_, **__: None  # it dies here
    assert (
        told
        > sqlite3.connect(world.made.folder / "crm.backup").execute("SELECT max(chunk) FROM dovetail_ledger").fetchall()
    )
    world.put_back("crm")
    world.sync()
    assert world.rows("shop")[2][0] == "two"


def test_once_people_made_it_agree_it_is_believed_again(world):
    world.backup("crm")
    now = live(world)
    world.put_back("crm")
    world.sync()
    world.made.sql("crm", "DELETE FROM t")
    for row, values in now.items():
        world.made.sql("crm", "INSERT INTO t VALUES (?, ?, ?, ?)", row, *values)
    world.sync()
    assert (world.held(), world.conflicts()) == ([], [])
    assert world.rows("crm") == world.rows("shop") == now
    edit(world, "shop", 1, "v", "again")
    world.sync()
    assert world.rows("crm")[1][0] == "again"


def test_a_person_lets_the_rules_decide(world):
    world.backup("crm")
    live(world)
    world.put_back("crm")
    world.sync()
    from dovetail.steps.status import trust

    with open_workspace(world.made.folder, variables={}) as workspace:
        trust(workspace, ["thing"])
    world.sync()
    assert world.held() == []
    assert world.rows("shop")[1][0] == "v", "prefer: crm"
    gone = [("DV-440", "", 101), ("DV-440", "", 102)]
    assert world.conflicts() == [*gone, ("DV-440", "w", 3)], "`ask` asks, and nothing was agreed on about what is gone"
    assert 5 in world.rows("shop"), "a row that stands at one side meets the other for the first time"


def test_migrate_sees_it_too(world):
    world.backup("crm")
    now = live(world)
    world.put_back("crm")
    summary = world.made.migrate()
    assert world.rows("shop") == now
    assert world.conflicts() == EVERYTHING
    assert {finding.code for finding in summary.findings} >= {DIFFERS, GONE, LONE}
    assert {one.code for one in world.made.plan().summary.findings} >= {DIFFERS, GONE, LONE}


def test_a_lost_state_pairs_again_and_asks(world):
    live(world)
    edit(world, "shop", 1, "v", "shop's")
    edit(world, "crm", 1, "w", "crm's")
    edit(world, "crm", 4, "p", "not the owner's")
    shop, crm = world.rows("shop"), world.rows("crm")
    for end in ("", "-wal", "-shm"):
        (world.made.folder / ".dovetail" / f"state.db{end}").unlink(missing_ok=True)
    world.sync()
    assert world.conflicts() == [("DV-440", "w", 1)]
    assert world.rows("shop") == {**shop, 1: (crm[1][0], *shop[1][1:])}, "first meeting: prefer crm"
    assert world.rows("crm") == {**crm, 4: shop[4]}, "the owner's word counts"


def test_a_first_run_into_a_system_that_another_state_wrote_to_is_no_restore(world, lab, tmp_path):
    for end in ("", "-wal", "-shm"):
        (world.made.folder / ".dovetail" / f"state.db{end}").unlink(missing_ok=True)
    world.sync()
    world.sync()
    assert (world.held(), world.conflicts()) == ([], [])


def test_two_states_that_write_to_one_system_take_notice(world):
    world.backup("state")
    for end in ("", "-wal", "-shm"):
        (world.made.folder / ".dovetail" / f"state.db{end}").unlink(missing_ok=True)
    edit(world, "shop", 1, "v", "written by another state")
    edit(world, "crm", 2, "w", "likewise")
    world.made.sql("crm", "UPDATE t SET v = 'written by another state' WHERE k = 1")
    world.made.sql("shop", "UPDATE t SET w = 'likewise' WHERE k = 2")
    world.sync()
    edit(world, "shop", 3, "v", "not yet synced")
    world.put_back("state")
    world.sync()
    assert world.conflicts() == [(DIFFERS, "v", 3)]


def test_no_row_is_given_up_because_a_system_was_put_back(world):
    """The rule is to detach, and the rows are only missing in the backup."""
    text = (world.made.folder / "mappings/thing.yaml").read_text()
    world.made.write("mappings/thing.yaml", text.replace("propagate", "detach"))
    world.sync()
    world.backup("crm")
    world.made.sql("shop", "INSERT INTO t VALUES (101, 'v', 'w', 'p')")
    world.sync()
    assert 101 in world.rows("crm")
    world.put_back("crm")
    world.sync()
    world.sync()
    assert (101 in world.rows("crm"), 101 in world.rows("shop")) == (False, True)
    assert ("thing", RESTORED) in world.held()
    with open_workspace(world.made.folder, variables={}) as workspace:
        assert workspace.store.detached.count("thing") == 0
