"""Rows that vanish: what the declared rule makes of it, and that nothing is deleted by accident."""

import pytest
from lab import writes

from dovetail.errors import GateClosed

LEFT = "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT, w TEXT);"
RIGHT = "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT, gone INTEGER DEFAULT 0);"


def project(lab, deletes, member="", fields="policy: {prefer: left}"):
    made = lab(
        {"left": LEFT, "right": RIGHT},
        {
            "thing": f"""
            members: {{left: {{dataset: a}}, right: {{dataset: b{member}}}}}
            match: n
            fields:
              n: {{left: n, right: n, owner: left}}
              v: {{left: v, right: v, {fields}}}
            {deletes}
            guard: {{rows: 100000, share: 100%}}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '1', NULL), (2, 'y', '2', NULL)")
    made.migrate()
    return made


def right(made):
    return made.sql("right", "SELECT n, v FROM b ORDER BY n")


def left(made):
    return made.sql("left", "SELECT n, v FROM a ORDER BY n")


def test_a_delete_is_asked_about_where_nobody_decided(lab):
    made = project(lab, "")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    summary = made.migrate()
    assert right(made) == [("x", "1"), ("y", "2")]
    assert made.conflicts() == [("thing", "")]
    assert (summary.mappings["thing"].conflicts, writes(summary)) == (1, 0)


def test_propagate(lab):
    made = project(lab, "deletes: {left: propagate, right: ask}")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    summary = made.migrate()
    assert right(made) == [("y", "2")]
    assert summary.mappings["thing"].deleted == 1
    assert summary.mappings["thing"].members["right"].deleted == 1
    assert writes(made.migrate()) == 0
    assert made.migrate().mappings["thing"].rows == 1


def test_an_edit_beats_a_delete(lab):
    made = project(lab, "deletes: {left: propagate, right: ask}")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.sql("right", "UPDATE b SET v = 'edited' WHERE n = 'x'")
    made.migrate()
    assert left(made) == right(made) == [("x", "edited"), ("y", "2")]
    assert writes(made.migrate()) == 0


def test_an_edit_that_the_owner_would_put_back_does_not(lab):
    made = project(lab, "deletes: {left: propagate, right: ask}", fields="owner: left")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.sql("right", "UPDATE b SET v = 'edited' WHERE n = 'x'")
    made.migrate()
    assert right(made) == [("y", "2")]


def test_restore(lab):
    made = project(lab, "deletes: {left: ask, right: restore}")
    made.sql("right", "DELETE FROM b WHERE n = 'x'")
    made.migrate()
    assert right(made) == [("x", "1"), ("y", "2")]
    assert writes(made.migrate()) == 0


def test_detach(lab):
    made = project(lab, "deletes: {left: detach, right: detach}")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    for _ in range(2):
        assert writes(made.migrate()) == 0
    assert right(made) == [("x", "1"), ("y", "2")]


def test_gone_on_both_sides_is_settled(lab):
    made = project(lab, "deletes: {left: propagate, right: propagate}")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    made.sql("right", "DELETE FROM b WHERE n = 'x'")
    assert writes(made.migrate()) == 0
    assert made.migrate().mappings["thing"].rows == 1


def test_a_row_that_came_back_under_another_key_is_the_same_thing(lab):
    made = project(lab, "deletes: {left: propagate, right: propagate}")
    made.sql("right", "UPDATE b SET no = 77 WHERE n = 'x'")
    assert writes(made.migrate()) == 0
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate()
    assert made.sql("right", "SELECT no, v FROM b WHERE n = 'x'") == [(77, "new")]


def test_filtered_out_is_not_deleted(lab):
    made = project(lab, "deletes: {left: propagate, right: propagate}", member=", where: gone = 0")
    made.sql("right", "UPDATE b SET gone = 0")
    made.migrate()
    made.sql("right", "UPDATE b SET gone = 1 WHERE n = 'x'")
    made.sql("left", "UPDATE a SET v = 'later' WHERE id = 1")
    summary = made.migrate()
    assert summary.mappings["thing"].filtered == 1
    assert left(made)[0] == ("x", "later")
    assert right(made)[0] == ("x", "1")


def test_the_guard_holds_a_sudden_emptiness(lab):
    made = project(lab, "deletes: {left: propagate, right: ask}")
    for number in range(100, 160):
        made.sql("left", "INSERT INTO a VALUES (?, ?, 'v', NULL)", number, f"n{number}")
    made.migrate()
    made.map(
        "thing",
        (made.folder / "mappings/thing.yaml").read_text().split("\n", 1)[1].replace("share: 100%", "share: 10%"),
    )
    made.sql("left", "DELETE FROM a")
    with pytest.raises(GateClosed) as caught:
        made.migrate()
    assert caught.value.exit_code == 3
    assert len(right(made)) == 62
    made.migrate(allowed=62)
    assert right(made) == []


def test_a_plan_counts_what_would_be_deleted(lab):
    made = project(lab, "deletes: {left: propagate, right: ask}")
    made.sql("left", "DELETE FROM a WHERE id = 1")
    assert made.plan().summary.mappings["thing"].deleted == 1
    assert len(right(made)) == 2
    assert made.apply().mappings["thing"].deleted == 1
    assert right(made) == [("y", "2")]


THREE = """
members: {left: {dataset: a}, mid: {dataset: m}, right: {dataset: b}}
match: n
fields:
  n: {left: n, mid: n, right: n, policy: {prefer: [left, mid, right]}}
  v: {left: v, mid: v, right: v, policy: {prefer: [left, mid, right]}}
deletes: {left: propagate, mid: propagate, right: propagate}
guard: {rows: 100000, share: 100%}
"""
REFUSES = """
CREATE TRIGGER refuses BEFORE UPDATE OF v ON b WHEN NEW.v = 'new' BEGIN SELECT RAISE(ABORT, 'not this'); END;
"""


@pytest.fixture
def owed(lab):
    """Three members; what was typed at the left stands at the second, and the third is still owed it."""
    mid = "CREATE TABLE m (no INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT);"
    made = lab({"left": LEFT, "mid": mid, "right": RIGHT + REFUSES}, {"thing": THREE})
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '1', NULL), (2, 'y', '2', NULL)")
    made.migrate(for_sync=True)
    made.sql("left", "UPDATE a SET v = 'new' WHERE id = 1")
    made.migrate(for_sync=True)
    assert made.sql("mid", "SELECT v FROM m WHERE n = 'x'") == [("new",)]
    assert right(made) == [("x", "1"), ("y", "2")]
    return made


def test_who_deletes_a_row_had_not_seen_what_it_was_still_owed(owed):
    owed.sql("right", "DELETE FROM b WHERE n = 'x'")
    owed.migrate(for_sync=True)
    assert left(owed) == [("x", "new"), ("y", "2")]
    assert right(owed) == [("x", "new"), ("y", "2")]
    assert writes(owed.migrate(for_sync=True)) == 0


@pytest.mark.parametrize("gone", ["mid", "both"])
def test_who_deletes_a_row_and_had_seen_all_is_obeyed(owed, gone):
    owed.sql("mid", "DELETE FROM m WHERE n = 'x'")
    if gone == "both":
        owed.sql("right", "DELETE FROM b WHERE n = 'x'")
    owed.migrate(for_sync=True)
    assert left(owed) == [("y", "2")]
    assert right(owed) == [("y", "2")]


def test_an_ordinary_delete_among_three_is_carried_on(owed):
    owed.sql("right", "DELETE FROM b WHERE n = 'y'")
    owed.migrate(for_sync=True)
    assert left(owed) == [("x", "new")]
