"""What a run wrote is put back at all members, as a new agreement; what was edited since is told and left alone."""

from __future__ import annotations

import pytest
from lab import writes
from test_crash import Crash, dies
from test_deletes import LEFT, RIGHT
from test_merge import both, project, state_of

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.engine.past import net
from dovetail.errors import GateClosed, UnknownName
from dovetail.model.change import Verb
from dovetail.state.journal import JournalEntry
from dovetail.steps import undo


def take_back(made, run=None, *place, **options):
    """Undo a run, or of a row; what was put back, and what was left alone."""
    with open_workspace(made.folder, variables={}) as workspace:
        if place:
            undoing = undo.undo_row(workspace, place[0], place[1:], run=run or "", by="ada")
        else:
            undoing = undo.undo_run(workspace, run or last_run(workspace), by="ada")
        made.undone = undo.carry_out(workspace, undoing, **options).run
        return undoing


def last_run(workspace):
    return workspace.store.runs.last()[0].id


def left_alone(undoing):
    return [(one.field, one.reason) for one in undoing.left]


def edited(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'Eda' WHERE id = 1")
    made.sql("right", "UPDATE contact SET tel = '2' WHERE no = 7")
    made.run = made.migrate().run
    assert state_of(made) == [("Eda", "2"), ("Eda", "2")]
    return made


def test_a_run_is_put_back_at_all_members(lab):
    made = edited(lab)
    assert left_alone(take_back(made, made.run)) == []
    assert state_of(made) == [("Ada", "1"), ("Ada", "1")]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_one_field_alone(lab):
    made = edited(lab)
    take_back(made, None, "right.person", "7", "name")
    assert state_of(made) == [("Ada", "2"), ("Ada", "2")]
    assert writes(made.migrate()) == 0


def test_one_row_alone(lab):
    made = edited(lab)
    take_back(made, None, "left.person", "1")
    assert state_of(made) == [("Ada", "1"), ("Ada", "1")]


def test_what_was_edited_since_is_told_and_left_alone(lab):
    made = edited(lab)
    made.sql("left", "UPDATE person SET name = 'mine' WHERE id = 1")
    undoing = take_back(made, made.run)
    assert left_alone(undoing) == [("name", "it changed at left since")]
    assert state_of(made) == [("mine", "1"), ("mine", "1")]
    assert writes(made.migrate()) == 0
    assert left_alone(take_back(made, made.run)) == [("name", "it changed at right since")], "the phone is back already"


def test_an_undo_is_a_run_that_can_be_undone(lab):
    made = edited(lab)
    take_back(made, made.run)
    take_back(made)
    assert state_of(made) == [("Eda", "2"), ("Eda", "2")]
    assert writes(made.migrate()) == 0


def test_the_value_that_lost_is_put_back(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'L' WHERE id = 1")
    made.sql("right", "UPDATE contact SET label = 'R' WHERE no = 7")
    made.migrate()
    assert state_of(made) == [("L", "1"), ("L", "1")]
    take_back(made)
    assert state_of(made) == [("R", "1"), ("R", "1")]
    assert writes(made.migrate()) == 0


def test_what_a_system_makes_of_a_value_is_no_edit(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.sql(
        "right",
        "CREATE TRIGGER loud AFTER UPDATE OF label ON contact WHEN NEW.label <> upper(NEW.label) "
        "BEGIN UPDATE contact SET label = upper(NEW.label) WHERE no = NEW.no; END",
    )
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'Eda' WHERE id = 1")
    run = made.migrate().run
    assert state_of(made) == [("Eda", "1"), ("EDA", "1")]
    assert left_alone(take_back(made, run)) == []
    assert state_of(made)[0] == ("Ada", "1")


def things(lab, deletes="deletes: {left: propagate, right: propagate}"):
    made = lab(
        {"left": LEFT, "right": RIGHT},
        {
            "thing": f"""
            members: {{left: {{dataset: a}}, right: {{dataset: b}}}}
            match: n
            fields:
              n: {{left: n, right: n, owner: left}}
              v: {{left: v, right: v, policy: {{prefer: left}}}}
            {deletes}
            guard: {{rows: 100, share: 100%}}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '1', NULL), (2, 'y', '2', NULL)")
    made.run = made.migrate().run
    return made


def rows(made):
    return (
        made.sql("left", "SELECT n, v FROM a ORDER BY n"),
        made.sql("right", "SELECT n, v FROM b ORDER BY n"),
    )


def test_created_rows_go_where_they_were_created_and_stay_away(lab):
    made = things(lab)
    made.sql("right", "UPDATE b SET v = 'edited' WHERE n = 'y'")
    undoing = take_back(made, made.run)
    assert left_alone(undoing) == [("", "the row changed at right since")]
    assert rows(made) == ([("x", "1"), ("y", "2")], [("y", "edited")])
    made.migrate()
    assert rows(made) == ([("x", "1"), ("y", "edited")], [("y", "edited")])
    assert writes(made.migrate()) == 0


def test_created_rows_come_again_when_their_undo_is_undone(lab):
    made = things(lab)
    take_back(made, made.run)
    assert rows(made)[1] == []
    assert writes(made.migrate()) == 0
    take_back(made, made.undone)
    assert rows(made) == ([("x", "1"), ("y", "2")], [("x", "1"), ("y", "2")])
    assert writes(made.migrate()) == 0
    made.sql("left", "UPDATE a SET v = 'again' WHERE id = 1")
    made.migrate()
    assert rows(made)[1] == [("x", "again"), ("y", "2")]


def test_deleted_rows_stand_again_at_all_members(lab):
    made = things(lab)
    made.sql("right", "UPDATE b SET gone = 7")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.migrate()
    assert rows(made) == ([("y", "2")], [("y", "2")])
    assert left_alone(take_back(made)) == []
    assert rows(made) == ([("x", "1"), ("y", "2")], [("x", "1"), ("y", "2")])
    assert writes(made.migrate()) == 0
    assert made.verify().ok
    with open_workspace(made.folder, variables={}) as workspace:
        assert workspace.store.crossref.members_of("thing", 1).keys() == {"left", "right"}
        told = [(one.entry.verb, one.entry.member) for one in reversed(workspace.store.journal.history("thing", 1))]
    assert told == [("create", "right"), ("delete", "right"), ("create", "right"), ("create", "left")]


def test_a_row_that_somebody_typed_again_is_not_doubled(lab):
    made = things(lab)
    made.sql("left", "DELETE FROM a WHERE id = 1")
    run = made.migrate().run
    made.sql("right", "INSERT INTO b (no, n, v) VALUES (1, 'x', 'typed')")
    undoing = take_back(made, run)
    assert left_alone(undoing) == [("", "another row stands at right under its key")]
    made.migrate()
    assert rows(made) == ([("x", "typed"), ("y", "2")], [("x", "typed"), ("y", "2")])


def test_the_guard_counts_what_an_undo_removes(lab):
    made = things(lab)
    for number in range(10, 150):
        made.sql("left", "INSERT INTO a VALUES (?, ?, 'v', NULL)", number, f"n{number}")
    run = made.migrate().run
    with pytest.raises(GateClosed):
        take_back(made, run)
    assert len(rows(made)[1]) == 142
    assert writes(made.migrate()) == 0
    take_back(made, run, allowed=140)
    assert len(rows(made)[1]) == 2


def test_a_bulk_load_is_undone_without_values(lab):
    made = things(lab)
    for number in range(10, 700):
        made.sql("left", "INSERT INTO a VALUES (?, ?, 'v', NULL)", number, f"n{number}")
    run = made.migrate().run
    made.sql("right", "UPDATE b SET v = 'mine' WHERE n = 'n10'")
    undoing = take_back(made, run, allowed=1000)
    assert left_alone(undoing) == [("", "the row changed at right since")]
    assert sorted(rows(made)[1]) == [("n10", "mine"), ("x", "1"), ("y", "2")]
    made.migrate()
    assert len(rows(made)[0]) == 692
    assert writes(made.migrate()) == 0


def test_a_run_that_nobody_knows(lab):
    made = things(lab)
    with pytest.raises(UnknownName):
        take_back(made, "nix")


def kept(made):
    with open_workspace(made.folder, variables={}) as workspace:
        store = workspace.store
        return len(store.journal.history("person", 1)), len(store.conflicts.list(status="resolved"))


@pytest.mark.parametrize(("keep", "left"), [("forever", 2), ("1d", 2), ("1ms", 0)])
def test_the_journal_is_kept_as_long_as_the_project_says(lab, keep, left):
    made = edited(lab)
    text = (made.folder / "dovetail.yaml").read_text()
    made.write("dovetail.yaml", f"{text}\njournal: {{keep: {keep}}}\n")
    made.migrate()
    assert kept(made)[0] == left


def test_several_writes_of_one_run_go_back_to_the_first():
    entries = [
        JournalEntry(1, "right", Verb.UPDATE, "7", {"label": "a", "tel": "1"}, {"label": "b"}),
        JournalEntry(1, "right", Verb.UPDATE, "7", {"label": "b"}, {"label": "c"}, losing={"name": {"left": "x"}}),
        JournalEntry(1, "left", Verb.CREATE, "1", after={"name": "x"}),
        JournalEntry(1, "left", Verb.DELETE, "1", {"name": "x"}),
    ]
    past = net(entries)
    assert list(past) == ["right"]
    assert (past["right"].before, past["right"].after) == ({"label": "a", "tel": "1"}, {"label": "c"})
    assert past["right"].losing == {"name": {"left": "x"}}


def test_an_undo_that_was_broken_off_is_given_again(lab, monkeypatch):
    made = things(lab)
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.sql("right", "UPDATE b SET v = 'new' WHERE n = 'y'")
    run = made.migrate().run
    with monkeypatch.context() as patch:
        dies(patch, Partition, "confirm", after=True)
        with pytest.raises(Crash):
            take_back(made, run)
    assert rows(made) == ([("y", "2")], [("y", "new")])
    assert left_alone(take_back(made, run)) == []
    assert rows(made) == ([("x", "1"), ("y", "2")], [("x", "1"), ("y", "2")])
    undoing = take_back(made, run)
    assert (undoing.back, undoing.left) == ([], [])
    assert writes(made.migrate()) == 0
