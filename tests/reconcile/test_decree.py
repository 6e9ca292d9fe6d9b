"""A person's order counts before any rule, once, and only while nobody moved."""

from __future__ import annotations

import pytest
from lab import writes
from test_crash import Crash, dies
from test_deletes import left, right
from test_deletes import project as things
from test_merge import both, project, state_of
from test_undo_more import three, values

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.state.conflicts import Sought
from dovetail.steps import conflicts


def contested(lab):
    made = project(lab, name="policy: ask")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'A' WHERE id = 1")
    made.sql("right", "UPDATE contact SET label = 'B' WHERE no = 7")
    made.migrate()
    return made


def settle(made, **choice):
    """Settle all open conflicts; how many could be."""
    with open_workspace(made.folder, variables={}) as workspace:
        found = conflicts.standing(workspace, Sought())
        outcomes = conflicts.settle(workspace, found, conflicts.Choice(**choice, by="ada"))
        return conflicts.order(workspace, outcomes)


def decrees(made, mapping="person"):
    with open_workspace(made.folder, variables={}) as workspace:
        found = workspace.store.decrees.of_row(mapping, 1)
        return [(str(one.status), one.how) for one in found]


def test_a_member_is_taken(lab):
    made = contested(lab)
    assert settle(made, member="right") == 1
    assert writes(made.migrate()) == 1
    assert state_of(made) == [("B", "1"), ("B", "1")]
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_a_value_that_nobody_holds(lab):
    made = contested(lab)
    settle(made, text="C")
    made.migrate()
    assert state_of(made) == [("C", "1"), ("C", "1")]
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0


def test_null_is_a_value_too(lab):
    made = contested(lab)
    settle(made, text=None)
    made.migrate()
    assert state_of(made) == [(None, "1"), (None, "1")]
    assert made.conflicts() == []
    assert writes(made.migrate()) == 0


def test_an_order_lapses_where_somebody_moved(lab):
    made = contested(lab)
    settle(made, member="right")
    made.sql("left", "UPDATE person SET name = 'A2' WHERE id = 1")
    assert writes(made.migrate()) == 0
    assert state_of(made) == [("A2", "1"), ("B", "1")]
    assert made.conflicts() == [("person", "name")]
    assert decrees(made) == [("lapsed", "left changed since")]


def test_the_member_that_was_taken_must_hold_it_still(lab):
    made = contested(lab)
    settle(made, member="right")
    made.sql("right", "UPDATE contact SET label = 'B2' WHERE no = 7")
    assert writes(made.migrate()) == 0
    assert decrees(made) == [("lapsed", "right changed since")]


def test_an_edit_that_is_what_was_ordered_does_no_harm(lab):
    made = contested(lab)
    settle(made, member="right")
    made.sql("left", "UPDATE person SET name = 'B' WHERE id = 1")
    assert writes(made.migrate()) == 0
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]


def test_a_later_order_replaces_an_earlier_one(lab):
    made = contested(lab)
    settle(made, member="right")
    settle(made, member="left")
    made.migrate()
    assert state_of(made) == [("A", "1"), ("A", "1")]
    assert decrees(made) == [("lapsed", "replaced by a later one"), ("done", "all members hold it")]


def test_an_edit_after_the_order_was_carried_out_is_an_edit(lab):
    made = contested(lab)
    settle(made, member="right")
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'later' WHERE id = 1")
    made.migrate()
    assert state_of(made) == [("later", "1"), ("later", "1")]


def asked(lab):
    made = things(lab, "")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.migrate()
    assert made.conflicts() == [("thing", "")]
    return made


def test_taking_the_member_where_the_row_is_gone_deletes_it_everywhere(lab):
    made = asked(lab)
    settle(made, member="left")
    made.migrate()
    assert right(made) == left(made) == [("y", "2")]
    assert made.conflicts() == []
    assert decrees(made, "thing") == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0


def test_taking_the_member_that_holds_the_row_brings_it_back(lab):
    made = asked(lab)
    settle(made, member="right")
    made.migrate()
    assert right(made) == left(made) == [("x", "1"), ("y", "2")]
    assert made.conflicts() == []
    assert writes(made.migrate()) == 0


def test_a_row_that_was_edited_since_is_not_deleted(lab):
    made = asked(lab)
    settle(made, member="left")
    made.sql("right", "UPDATE b SET v = 'edited' WHERE n = 'x'")
    made.migrate()
    assert ("x", "edited") in right(made)
    assert decrees(made, "thing") == [("lapsed", "right changed since")]


def test_what_cannot_be_chosen_is_said(lab):
    made = asked(lab)
    assert settle(made, text="C") == 0
    assert settle(made, member="middle") == 0


def test_an_order_that_could_not_be_written_stays_until_it_is(lab, monkeypatch):
    made = contested(lab)
    settle(made, member="right")
    original = Partition.write

    def edited_meanwhile(*arguments, **options):
        made.sql("left", "UPDATE person SET phone = phone || '0', name = name || '' WHERE id = 1")
        made.sql("left", "UPDATE person SET name = 'moved' WHERE id = 1")
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Partition, "write", edited_meanwhile)
        made.migrate()
    assert decrees(made) == [("open", "")]
    assert made.conflicts() == [("person", "name")]
    made.migrate()
    assert decrees(made) == [("lapsed", "left changed since")]
    assert state_of(made)[0][0] == "moved"


def test_an_oversold_number_is_what_a_person_says(lab):
    """Both sides sold the same pieces: no sum is right, and what somebody counts is agreed on by both."""
    made = lab(
        {
            "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, q INTEGER);",
            "right": "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT UNIQUE, q INTEGER);",
        },
        {
            "thing": """
            members: {left: {dataset: a}, right: {dataset: b}}
            match: n
            fields:
              n: {left: n, right: n, owner: left}
              q: {left: q, right: q, policy: delta, floor: 0, first: left}
            guard: {rows: 100000, share: 100%}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', 5)")
    made.migrate(for_sync=True)
    made.sql("left", "UPDATE a SET q = 1")
    made.sql("right", "UPDATE b SET q = 1")
    made.migrate()
    assert made.conflicts() == [("thing", "q")]
    assert settle(made, text="2") == 1
    made.migrate()
    assert made.sql("left", "SELECT q FROM a") == made.sql("right", "SELECT q FROM b") == [(2,)]
    assert made.conflicts() == []
    assert writes(made.migrate()) == 0
    made.sql("left", "UPDATE a SET q = q + 3")
    made.sql("right", "UPDATE b SET q = q - 1")
    made.migrate()
    assert made.sql("left", "SELECT q FROM a") == made.sql("right", "SELECT q FROM b") == [(4,)]


@pytest.mark.parametrize("after", [False, True])
def test_an_order_survives_a_crash_between_two_members(lab, monkeypatch, after):
    made = three(lab, "policy: ask")
    for system, table in (("one", "a"), ("two", "b"), ("three", "c")):
        made.sql(system, f"UPDATE {table} SET v = ?", system)
    made.migrate()
    assert settle(made, text="agreed") == 1
    with monkeypatch.context() as patch:
        dies(patch, Partition, "confirm", after=after)
        with pytest.raises(Crash):
            made.migrate()
    assert sum(rows == [("agreed",)] for rows in values(made)) == 1
    made.migrate()
    assert values(made) == [[("agreed",)]] * 3
    assert made.conflicts() == []
    assert decrees(made, "thing") == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0


def test_an_order_is_held_by_a_member_as_its_cell_shows_it(lab, monkeypatch):
    """The right rewrites what it is sent. After a crash it holds neither what was seen nor the ordered words, and yet
    nobody moved."""
    made = contested(lab)
    made.sql(
        "right",
        "CREATE TRIGGER cut AFTER UPDATE OF label ON contact WHEN length(NEW.label) > 3 "
        "BEGIN UPDATE contact SET label = substr(NEW.label, 1, 3) WHERE no = NEW.no; END",
    )
    settle(made, text="longer")
    made.migrate()
    assert decrees(made) == [("done", "all members hold it")]
    assert state_of(made) == [("longer", "1"), ("lon", "1")]
    assert writes(made.migrate()) == 0
