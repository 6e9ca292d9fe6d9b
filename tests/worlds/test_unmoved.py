"""Rows that flow from one PostgreSQL into another, and later runs that look only at what moved: the outcome is that of a
run that looks at everything."""

from __future__ import annotations

import pytest
from world import World

from dovetail.engine import giver, reconcile
from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.engine.pour import Pour
from dovetail.engine.write import Writer
from dovetail.systems.connectors.postgres import Connector, push_passage

LEFT = "CREATE TABLE a (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text, n int)"
RIGHT = "CREATE TABLE b (code text PRIMARY KEY, v text CHECK (v <> 'refused'), n int)"
THING = """
    members: {left: {dataset: a}, right: {dataset: b}}
    match: code
    fields:
      code: {left: code, right: code, owner: left}
      v: {left: v, right: v, owner: left}
      n: {left: n, right: n, owner: left}
    deletes: {left: propagate, right: restore}
    guard: {rows: 100000, share: 100%}
"""
ROWS, SCOPE = 40, 8
MOVED = "only rows that moved"


@pytest.fixture
def made(world) -> World:
    made = world("postgres", "postgres")
    made.sql("left", LEFT)
    made.sql("right", RIGHT)
    made.map("thing", THING)
    add(made, 1, ROWS)
    return made


@pytest.fixture
def fine(monkeypatch):
    monkeypatch.setattr(giver, "SCOPE_ROWS", SCOPE)
    monkeypatch.setattr(giver, "POURED_ROWS", SCOPE)


@pytest.fixture
def loaded(made) -> World:
    made.migrate()
    return made


def add(made, first, last):
    made.sql("left", f"INSERT INTO a SELECT i, 'c' || i, 'v' || i, i FROM generate_series({first}, {last}) i")


def path(answer, name="thing"):
    return answer.document["mappings"][name]["path"]


def asked(made, question):
    with open_workspace(made.folder, variables=made.variables) as workspace:
        return question(workspace.store)


A, B = "SELECT code, v, n FROM a ORDER BY code", "SELECT code, v, n FROM b ORDER BY code"


def same(made):
    assert made.sql("right", B) == made.sql("left", A)
    return counted(made)


def counted(made):
    """Whether a run says what a plain one says after it; neither writes."""
    again = made.migrate()
    assert again.writes == 0
    plain = made.migrate("--plain")
    assert plain.writes == 0
    counts = [dict(one.document["mappings"]["thing"], path="", read={}, members={}) for one in (again, plain)]
    assert counts[0] == counts[1]
    return True


# --------------------------------------------------------------------------------------------------------------- poured


def poured(monkeypatch):
    sent = []
    original = Pour.send
    monkeypatch.setattr(Pour, "send", lambda self: sent.append(len(self.keys)) or original(self))
    return sent


def test_rows_are_poured(made, fine, monkeypatch):
    sent = poured(monkeypatch)
    assert made.migrate().count("created") == ROWS
    assert sum(sent) == ROWS
    assert same(made)


def test_a_stretch_with_a_row_in_doubt_goes_the_general_way(made, fine, monkeypatch):
    made.map("thing", THING.replace("n: {left: n,", "n: {left: n, check: {within: [0, 1000]},"))
    made.sql("left", "UPDATE a SET n = -1 WHERE id = 3")
    sent = poured(monkeypatch)
    answer = made.migrate()
    assert (answer.count("created"), answer.count("quarantined")) == (ROWS - 1, 1)
    assert sum(sent) == ROWS - SCOPE
    assert made.sql("right", "SELECT count(*) FROM b WHERE n < 0") == [(0,)]


def test_two_rows_with_one_key_at_the_target_go_the_general_way(made, fine, monkeypatch):
    made.map("thing", THING.replace("    match: code\n", "").replace("{left: code,", "{left: lower(code),"))
    made.sql("left", "UPDATE a SET code = 'C1' WHERE id = 2")
    sent = poured(monkeypatch)
    answer = made.migrate()
    assert (answer.count("created"), answer.count("quarantined")) == (ROWS - 1, 1)
    assert sum(sent) == ROWS - SCOPE


def test_a_key_of_another_stretch_goes_the_general_way(made, fine, monkeypatch):
    made.map("thing", THING.replace("    match: code\n", "").replace("{left: code,", "{left: lower(code),"))
    made.sql("left", "UPDATE a SET code = 'C1' WHERE id = 20")
    sent = poured(monkeypatch)
    answer = made.migrate()
    assert (answer.count("created"), answer.count("quarantined")) == (ROWS - 1, 1)
    assert sum(sent) == ROWS - SCOPE


def test_fewer_rows_than_were_looked_at_are_not_taken(made, fine, monkeypatch):
    original = push_passage.Passage.pour

    def fewer(self, fields, *, after, rows, every):
        return original(self, fields, after=after, rows=rows - 1, every=every)

    monkeypatch.setattr(push_passage.Passage, "pour", fewer)
    assert made.migrate().count("created") == ROWS
    assert same(made)


def test_a_row_that_the_target_refuses_sends_its_stretch_the_general_way(made, fine):
    made.sql("left", "UPDATE a SET v = 'refused' WHERE id = 12")
    answer = made.migrate()
    assert (answer.count("created"), answer.count("quarantined")) == (ROWS - 1, 1)
    assert made.sql("right", "SELECT count(*) FROM b") == [(ROWS - 1,)]


def test_what_the_source_cannot_compute_goes_the_general_way(made, fine, monkeypatch):
    made.map(
        "thing",
        THING.replace("v: {left: v,", "v: {left: \"CASE WHEN regexp_matches(v, '(?i)V7') THEN 'w7' ELSE v END\","),
    )
    sent = poured(monkeypatch)
    made.migrate()
    assert sent == []
    assert made.sql("right", "SELECT v FROM b WHERE n = 7") == [("w7",)]


# ---------------------------------------------------------------------------------------------------------------- moved


def test_rows_that_did_not_move_are_not_read(loaded, monkeypatch):
    read = []
    for name in ("read", "read_after"):
        monkeypatch.setattr(Connector, name, lambda *given, **_: read.append(given))
    answer = loaded.migrate()
    assert (path(answer), answer.writes, answer.count("unchanged"), read) == (MOVED, 0, ROWS, [])


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE a SET v = 'new' WHERE id = 3",
        "DELETE FROM a WHERE id = 3",
        "INSERT INTO a VALUES (100, 'c100', 'x', 1)",
        "UPDATE a SET v = 'v4' WHERE id = 3; UPDATE a SET v = 'v3' WHERE id = 4",
        "DELETE FROM a WHERE id = 3; INSERT INTO a SELECT i, 'c' || i, 'v' || i, i FROM generate_series(101, 500) i",
    ],
)
def test_what_moved_at_the_source_is_carried_over(loaded, sql):
    for statement in sql.split(";"):
        loaded.sql("left", statement)
    answer = loaded.migrate()
    assert path(answer) == MOVED
    assert answer.writes
    assert loaded.sql("right", B) == loaded.sql("left", A)
    again = loaded.migrate()
    assert path(again) == MOVED
    assert again.document["mappings"]["thing"]["read"] == {"left": 0, "right": 0}
    assert same(loaded)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE b SET v = 'theirs' WHERE code = 'c3'",
        "DELETE FROM b WHERE code = 'c3'",
        "UPDATE b SET v = v WHERE n < 9",
    ],
)
def test_what_others_did_at_the_target_is_looked_at(loaded, sql):
    loaded.sql("right", sql)
    loaded.migrate()
    assert same(loaded)


def test_a_row_of_others_is_met(loaded):
    loaded.sql("right", "INSERT INTO b VALUES ('c100', 'theirs', 1)")
    add(loaded, 100, 100)
    answer = loaded.migrate()
    assert (answer.count("created"), answer.count("updated")) == (0, 1)
    assert same(loaded)


def test_a_row_that_stood_alone_at_the_target_is_met_by_a_new_row(made):
    made.map("thing", THING.replace("{dataset: a}", "{dataset: a, creates: never}"))
    made.sql("right", "INSERT INTO b VALUES ('c99', 'alone', 9)")
    made.migrate("--plain")
    made.migrate()
    add(made, 99, 99)
    assert made.migrate().count("updated") == 1
    assert made.sql("right", "SELECT v FROM b WHERE code = 'c99'") == [("v99",)]
    assert same(made)


def test_a_new_row_with_a_natural_key_that_is_taken_is_found_out(loaded):
    loaded.sql("left", "ALTER TABLE a DROP CONSTRAINT a_code_key")
    loaded.migrate()
    loaded.sql("left", "INSERT INTO a VALUES (100, 'c3', 'x', 1)")
    answer = loaded.migrate()
    assert path(answer).startswith("whole")
    assert answer.writes == 0
    assert loaded.sql("right", "SELECT v FROM b WHERE code = 'c3'") == [("v3",)]


def test_another_declaration_looks_at_everything(loaded):
    loaded.map("thing", THING.replace("n: {left: n,", "n: {left: n + 1,"))
    answer = loaded.migrate()
    assert path(answer).startswith("whole: its declaration changed")
    assert answer.count("updated") == ROWS


def test_a_row_that_was_refused_is_looked_at_again(made):
    made.sql("left", "UPDATE a SET v = 'refused' WHERE id = 12")
    made.migrate()
    made.migrate()
    assert path(made.migrate()) == MOVED
    made.sql("right", "ALTER TABLE b DROP CONSTRAINT b_v_check")
    answer = made.migrate()
    assert (path(answer), answer.count("created")) == (MOVED, 1)
    assert same(made)


def late(monkeypatch, owner, name, action):
    """Somebody does something in mid-run, once."""
    original, done = getattr(owner, name), []

    def slow(*given, **named):
        if not done:
            done.append(None)
            action()
        return original(*given, **named)

    monkeypatch.setattr(owner, name, slow)


EDITS = {
    "the same row": "UPDATE b SET v = 'theirs' WHERE code = 'c3'",
    "another row": "UPDATE b SET v = 'theirs' WHERE code = 'c9'",
    "a row less": "DELETE FROM b WHERE code = 'c9'",
    "a row more": "INSERT INTO b VALUES ('c50', 'theirs', 50)",
}


@pytest.mark.parametrize("sql", EDITS.values(), ids=EDITS)
def test_what_others_do_while_we_write_is_seen_by_the_next_run(loaded, monkeypatch, sql):
    loaded.sql("left", "UPDATE a SET v = 'new' WHERE id = 3")
    with monkeypatch.context() as patch:
        late(patch, Partition, "write", lambda: loaded.sql("right", sql))
        loaded.migrate()
    loaded.migrate()
    assert counted(loaded)
    loaded.sql("right", "DELETE FROM b WHERE code = 'c50'")
    loaded.migrate()
    assert same(loaded)


@pytest.mark.parametrize(("owner", "name"), [(reconcile, "look_again"), (Writer, "fill")])
def test_what_moves_while_we_look_is_seen_at_last(loaded, monkeypatch, owner, name):
    """The digest that is kept is that of the values which were read."""
    loaded.sql("left", "UPDATE a SET v = 'new' WHERE id = 3")
    with monkeypatch.context() as patch:
        late(patch, owner, name, lambda: loaded.sql("left", "UPDATE a SET v = 'newer' WHERE id = 3"))
        loaded.migrate()
    loaded.migrate()
    assert loaded.sql("right", "SELECT v FROM b WHERE code = 'c3'") == [("newer",)]
    assert same(loaded)


PARENT = """
    members: {left: {dataset: p}, right: {dataset: q}}
    fields: {name: {left: name, right: name, owner: left}}
    deletes: {right: restore}
    guard: {rows: 100000, share: 100%}
"""
CHILD = """
    members: {left: {dataset: c}, right: {dataset: d}}
    fields:
      parent: {left: parent, right: parent, owner: left, ref: parent}
      n: {left: n, right: n, owner: left}
    guard: {rows: 100000, share: 100%}
"""


def test_a_parent_that_lost_its_key_has_its_children_looked_at(world):
    made = world("postgres", "postgres")
    made.sql("left", "CREATE TABLE p (id int PRIMARY KEY, name text)")
    made.sql("left", "CREATE TABLE c (id int PRIMARY KEY, parent int, n int)")
    made.sql("right", "CREATE TABLE q (no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)")
    made.sql("right", "CREATE TABLE d (no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent int, n int)")
    made.map("parent", PARENT)
    made.map("child", CHILD)
    made.sql("left", "INSERT INTO p VALUES (1, 'one'), (2, 'two'); INSERT INTO c VALUES (1, 1, 10), (2, 2, 20)")
    made.migrate()
    assert path(made.migrate(), "child") == MOVED
    made.sql("right", "DELETE FROM q WHERE name = 'one'")
    made.migrate()
    answer = made.migrate()
    assert "a row that it refers to lost its key" in path(answer, "child")
    assert answer.count("quarantined", "child") == made.migrate("--plain").count("quarantined", "child") == 1


def test_versions_that_say_nothing_prove_nothing(loaded, monkeypatch):
    from dovetail.systems.connectors.postgres import versions

    assert path(loaded.migrate()) == MOVED
    monkeypatch.setattr(versions, "VERSIONS_MAX", 0)
    assert path(loaded.migrate()).startswith("whole: the versions of right say nothing")
    loaded.sql("right", "UPDATE b SET v = 'theirs' WHERE code = 'c3'")
    loaded.migrate()
    assert loaded.sql("right", B) == loaded.sql("left", A)


def test_what_a_plan_left_out_is_looked_at_by_the_next_run(loaded):
    loaded.sql("left", "UPDATE a SET v = 'new' WHERE id <= 3")
    assert loaded.run("plan").code == 0
    loaded.sql("left", "UPDATE a SET v = 'newer' WHERE id = 2")
    assert loaded.run("apply", str(loaded.folder / ".dovetail" / "plan")).code == 1
    assert loaded.migrate().writes == 1
    assert loaded.sql("right", B) == loaded.sql("left", A)


def test_rows_whose_key_refers_to_others_are_not_poured(world):
    made = world("postgres", "postgres")
    made.sql(
        "left",
        "CREATE TABLE p (id int PRIMARY KEY, n text); CREATE TABLE c (p int, nth int, v text, PRIMARY KEY (p, nth))",
    )
    made.sql("right", "CREATE TABLE q (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START 500), n text UNIQUE)")
    made.sql("right", "CREATE TABLE d (q int REFERENCES q, nth int, v text, PRIMARY KEY (q, nth))")
    made.sql(
        "left", "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z')"
    )
    made.map(
        "parent",
        """
    members: {left: {dataset: p}, right: {dataset: q}}
    match: n
    fields:
      n: {left: n, right: n, owner: left}
    """,
    )
    made.map(
        "child",
        """
    members: {left: {dataset: c}, right: {dataset: d}}
    match: {together: [parent, nth]}
    fields:
      parent: {left: p, right: q, ref: parent, owner: left}
      nth: {left: nth, right: nth, owner: left}
      v: {left: v, right: v, owner: left}
    """,
    )
    made.migrate()
    assert made.sql("right", "SELECT n, nth, v FROM d JOIN q ON q.id = d.q ORDER BY v") == [
        ("a", 1, "x"), ("a", 2, "y"), ("b", 1, "z")
    ]  # fmt: skip
    assert made.migrate().writes == 0
    assert made.migrate("--plain").writes == 0
    keys = asked(made, lambda store: sorted(store.crossref.load("child", "right").column("key").to_pylist()))
    assert keys == ["500|1", "500|2", "501|1"]
