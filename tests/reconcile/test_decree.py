"""A person's order counts before any rule, once, and only while nobody moved."""

from __future__ import annotations

from dovetail.engine.open import open_workspace
from dovetail.state.decrees import Kind, Ruling
from lab import writes
from test_merge import both, project, state_of


def contested(lab):
    made = project(lab, name="policy: ask")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'A' WHERE id = 1")
    made.sql("right", "UPDATE contact SET label = 'B' WHERE no = 7")
    made.migrate()
    return made


def order(made, **parts):
    with open_workspace(made.folder, variables={}) as workspace:
        (conflict,) = workspace.store.conflicts.list()
        dispute = conflict.dispute
        ruling = Ruling(row=dispute.row, field=dispute.field, seen=dispute.sides, conflict=conflict.id, **parts)
        workspace.store.decrees.issue(conflict.mapping, [ruling])


def decrees(made):
    with open_workspace(made.folder, variables={}) as workspace:
        found = workspace.store.decrees.of_row("person", 1)
        return [(one.status, one.how) for one in found]


def test_a_member_is_taken(lab):
    made = contested(lab)
    order(made, kind=Kind.TAKE, member="right")
    assert writes(made.migrate()) == 1
    assert state_of(made) == [("B", "1"), ("B", "1")]
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_a_value_that_nobody_holds(lab):
    made = contested(lab)
    order(made, kind=Kind.VALUE, value="C")
    made.migrate()
    assert state_of(made) == [("C", "1"), ("C", "1")]
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]
    assert writes(made.migrate()) == 0


def test_an_order_lapses_where_somebody_moved(lab):
    made = contested(lab)
    order(made, kind=Kind.TAKE, member="right")
    made.sql("left", "UPDATE person SET name = 'A2' WHERE id = 1")
    assert writes(made.migrate()) == 0
    assert state_of(made) == [("A2", "1"), ("B", "1")]
    assert made.conflicts() == [("person", "name")]
    assert decrees(made) == [("lapsed", "left changed since")]


def test_an_edit_that_is_what_was_ordered_does_no_harm(lab):
    made = contested(lab)
    order(made, kind=Kind.TAKE, member="right")
    made.sql("left", "UPDATE person SET name = 'B' WHERE id = 1")
    assert writes(made.migrate()) == 0
    assert made.conflicts() == []
    assert decrees(made) == [("done", "all members hold it")]
