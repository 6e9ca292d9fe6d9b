"""Conflicts in numbers: however many there are, each is counted, listed, settled once, and holds only its own field."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing

import pytest
from lab import writes
from test_merge import project

from dovetail.engine.open import open_workspace
from dovetail.state.conflicts import Sought
from dovetail.steps import conflicts

MANY = 13_000


def crowd(lab, number):
    made = project(lab, name="policy: ask", phone="policy: ask")
    people = [(at, f"p{at}@x.org", f"name {at}", f"{at}") for at in range(1, number + 1)]
    fill(made, "left", "INSERT INTO person VALUES (?, ?, ?, ?)", people)
    made.migrate(for_sync=True)
    fill(made, "left", "UPDATE person SET name = name || ' left' WHERE id > ?", [(0,)])
    fill(made, "right", "UPDATE contact SET label = label || ' right', tel = tel || '0' WHERE no > ?", [(0,)])
    return made


def fill(made, system, statement, rows):
    with closing(sqlite3.connect(made.folder / f"{system}.db")) as connection, connection:
        connection.executemany(statement, rows)


def found(made, **sought):
    with open_workspace(made.folder, variables={}) as workspace:
        return conflicts.standing(workspace, Sought(**sought))


def test_thirteen_thousand_conflicts_are_counted_right(lab):
    made = crowd(lab, MANY)
    summary = made.migrate()
    count = summary.mappings["person"]
    assert (count.rows, count.conflicts) == (MANY, MANY)
    assert count.members["left"].updated == MANY, "the other field of each row went across"
    assert len(found(made)) == len(found(made, mapping="person", field="name", member="left")) == MANY
    assert made.migrate().mappings["person"].conflicts == MANY
    assert [one.times for one in found(made)[:2]] == [2, 2]
    with open_workspace(made.folder, variables={}) as workspace:
        chosen = conflicts.standing(workspace, Sought())
        outcomes = conflicts.settle(workspace, chosen, conflicts.Choice(member="right", by="ada"))
        assert conflicts.order(workspace, outcomes) == MANY
        assert workspace.store.queue.count("person", "left") == MANY
    assert writes(made.migrate(allowed=MANY)) == MANY
    assert found(made) == []
    assert made.sql("left", "SELECT count(*) FROM person WHERE name LIKE '% right'") == [(MANY,)]
    assert writes(made.migrate()) == 0


@pytest.fixture
def some(lab):
    made = crowd(lab, 4)
    made.migrate()
    return made


def test_conflicts_are_listed_by_what_they_are(some):
    assert len(found(some, mapping="person", code="DV-440")) == 4
    assert found(some, field="phone") == found(some, code="DV-1") == found(some, member="middle") == []
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the state keeps real times
    assert len(found(some, before=now)) == 4
    assert found(some, before=now - dt.timedelta(hours=1)) == []


def test_a_pass_over_some_rows_closes_what_is_settled_among_them(some):
    with open_workspace(some.folder, variables={}) as workspace:
        store = workspace.store
        one, two, *rest = store.conflicts.list()
        closed = store.conflicts.settle("run", "person", [two.dispute], rows=[one.dispute.row, two.dispute.row])
        assert closed == 1
        assert [left.id for left in store.conflicts.list()] == [two.id, *(left.id for left in rest)]
        assert store.conflicts.get(one.id).status == "gone"


def test_edits_that_make_both_sides_equal_close_a_conflict_by_themselves(some):
    some.sql("right", "UPDATE contact SET label = 'name 2 left' WHERE no = 2")
    some.migrate()
    assert len(found(some)) == 3


def test_what_is_shown_of_a_conflict(some):
    with open_workspace(some.folder, variables={}) as workspace:
        shown = conflicts.show(workspace, 1)
    assert shown.rule == "policy: ask"
    assert dict(shown.conflict.dispute.sides) == {"left": "name 1 left", "right": "name 1 right"}
    assert shown.base is not None
    assert (shown.base.value, shown.base.member) == ("name 1", "right")
    assert shown.now["left"].shared["name"] == "name 1 left"


def test_the_state_shows_neither_values_nor_who_ordered_what(some):
    with open_workspace(some.folder, variables={}) as workspace:
        chosen = conflicts.standing(workspace, Sought())
        outcomes = conflicts.settle(workspace, chosen, conflicts.Choice(text="Very Private", by="Countess Ada"))
        conflicts.order(workspace, outcomes)
    some.migrate()
    content = b"".join(file.read_bytes() for file in (some.folder / ".dovetail").iterdir())
    for secret in (b"Very Private", b"Countess", b"name 1"):
        assert secret not in content


def test_an_open_conflict_is_never_forgotten_however_old(some):
    text = (some.folder / "dovetail.yaml").read_text()
    some.write("dovetail.yaml", f"{text}\njournal: {{keep: 1ms}}\n")
    some.migrate()
    assert len(found(some)) == 4


def test_who_changed_a_field_and_when(some):
    some.map(
        "person",
        (some.folder / "mappings" / "person.yaml")
        .read_text()
        .split("\n", 1)[1]
        .replace("left: {dataset: person}", "left: {dataset: person, changed: at}"),
    )
    some.sql("left", "ALTER TABLE person ADD COLUMN at TIMESTAMP")
    some.sql("left", "UPDATE person SET at = '2026-11-21 10:30:00'")
    with open_workspace(some.folder, variables={}) as workspace:
        document = conflicts.shown_document(conflicts.show(workspace, 1))
    assert document["sides"]["left"]["changed"] == "2026-11-21 10:30:00"
    assert document["sides"]["right"]["written"]["run"] == document["base"]["run"]
    assert "written" not in document["sides"]["left"]
