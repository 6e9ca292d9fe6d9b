"""A plan changes nothing, is carried out as it was shown, and leaves out what moved."""

import hashlib
import sqlite3

import pytest
from lab import codes, writes

from dovetail.errors import DovetailError, PlanMoved

LEFT = "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT, c INTEGER);"
RIGHT = "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT NOT NULL CHECK (length(v) < 5), c NUMERIC(6,2));"
THING = """
    members: {left: {dataset: a}, right: {dataset: b}}
    match: n
    fields:
      n: {left: n, right: n, owner: left}
      v: {left: v, right: v, owner: left}
      c: {left: c / 100, right: c, owner: left}
"""


@pytest.fixture
def made(lab):
    made = lab({"left": LEFT, "right": RIGHT}, {"thing": THING})
    for number in range(1, 31):
        made.sql("left", "INSERT INTO a VALUES (?, ?, 'v', ?)", number, f"n{number}", number * 10)
    return made


def digests(made):
    files = [file for file in made.folder.rglob("*.db*") if file.is_file()]
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_plan_leaves_systems_and_state_as_they_are(made):
    made.migrate()
    made.sql("left", "UPDATE a SET v = 'w' WHERE id < 5")
    before = digests(made)
    planned = made.plan()
    assert digests(made) == before
    assert planned.summary.mappings["thing"].updated == 4


def test_a_plan_is_carried_out_as_shown(made):
    planned = made.plan()
    summary = made.apply()
    assert summary.mappings["thing"].created == planned.summary.mappings["thing"].created == 30
    assert writes(made.plan().summary) == 0
    assert writes(made.apply()) == 0


def test_what_moved_is_left_out_and_goes_to_a_follow_up_plan(made):
    made.plan()
    made.sql("left", "UPDATE a SET v = 'late' WHERE id = 7")
    made.sql("left", "INSERT INTO a VALUES (99, 'n99', 'v', 1)")
    summary = made.apply()
    assert summary.mappings["thing"].created == 29
    assert codes(summary) == ["DV-453", "DV-453"]
    assert made.sql("right", "SELECT count(*) FROM b WHERE n IN ('n7', 'n99')") == [(0,)]
    made.apply(summary.follow_up)
    assert sorted(made.sql("right", "SELECT n, v FROM b WHERE n IN ('n7', 'n99')")) == [("n7", "late"), ("n99", "v")]


def test_a_plan_file_holds_no_value(made):
    made.sql("left", "UPDATE a SET v = 'Zanzibar' WHERE id = 3")
    planned = made.plan()
    assert "Zanzibar" not in (made.folder / ".dovetail" / "plan").read_text()
    assert "Zanzibar" not in str(planned.summary.document())


def test_a_plan_for_other_declarations_is_refused(made):
    made.plan()
    made.map("thing", THING.replace("c / 100", "c / 10"))
    with pytest.raises(PlanMoved):
        made.apply()
    with pytest.raises(PlanMoved):
        made.apply(made.folder / "nowhere")


def test_a_refused_row_is_found_and_the_others_are_written(made):
    made.sql("left", "UPDATE a SET v = 'far too long' WHERE id = 17")
    made.sql("left", "UPDATE a SET v = NULL WHERE id = 18")
    summary = made.migrate()
    assert (summary.mappings["thing"].created, summary.mappings["thing"].quarantined) == (28, 2)
    keys = {reject.refusal.key for reject in made.rejects()}
    assert keys == {"17", "18"}
    assert made.verify().ok
    made.sql("left", "UPDATE a SET v = 'ok' WHERE id IN (17, 18)")
    made.migrate()
    assert made.rejects() == []


def test_a_number_that_does_not_fit_is_held_not_rounded(made):
    made.map("thing", THING.replace("c / 100", "c / 1000"))
    made.sql("left", "UPDATE a SET c = 1230")
    made.sql("left", "UPDATE a SET c = 1234 WHERE id = 4")
    summary = made.migrate()
    assert summary.mappings["thing"].quarantined == 1
    assert codes(summary) == ["DV-430"]
    assert made.sql("right", "SELECT DISTINCT c FROM b") == [(1.23,)]


def test_a_missing_table_is_said_with_the_nearest_names(made):
    made.migrate()
    made.sql("right", "ALTER TABLE b RENAME TO bee")
    with pytest.raises(DovetailError) as caught:
        made.migrate()
    assert "DV-201" in str(caught.value)
    assert "bee" in str(caught.value)


def test_a_locked_system_is_said_and_a_later_run_goes_on(made):
    text = (made.folder / "dovetail.yaml").read_text()
    made.write("dovetail.yaml", text.replace("path: right.db", "path: right.db, timeout_s: 0.5"))
    holder = sqlite3.connect(made.folder / "right.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DovetailError) as caught:
        made.migrate()
    assert caught.value.code == "DV-303"
    holder.execute("ROLLBACK")
    assert made.migrate().mappings["thing"].created == 30
