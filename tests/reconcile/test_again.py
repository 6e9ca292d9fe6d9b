"""What had to wait for a key is written in a later pass, counted once, and under a plan exactly as it was shown."""

import pytest
from lab import codes, writes

SHOP = "CREATE TABLE category (id INTEGER PRIMARY KEY, code TEXT UNIQUE, title TEXT, parent INTEGER);"
STOCK = """CREATE TABLE grp (no INTEGER PRIMARY KEY, code TEXT UNIQUE CHECK (code <> 'refused'), title TEXT,
    up INTEGER REFERENCES grp(no));"""
CATEGORY = """
    members: {shop: {dataset: category, creates: never}, stock: {dataset: grp}}
    match: code
    fields:
      code: {shop: code, stock: code, owner: shop}
      title: {shop: title, stock: title, owner: shop}
      parent: {shop: parent, stock: up, owner: shop, ref: category}
    guard: {rows: 100000, share: 100%}
"""
GROUPS = "SELECT g.no, g.code, g.title, u.code FROM grp g LEFT JOIN grp u ON u.no = g.up ORDER BY g.code"


@pytest.fixture
def made(lab):
    made = lab({"shop": SHOP, "stock": STOCK}, {"category": CATEGORY})
    made.sql("shop", "INSERT INTO category VALUES (1, 'top', 'Top', NULL), (2, 'low', 'Low', 1)")
    made.sql("stock", "INSERT INTO grp VALUES (900, 'low', 'LOW', NULL)")
    return made


def outcomes(summary, name):
    count = summary.mappings[name]
    told = {outcome: getattr(count, outcome) for outcome in ("created", "updated", "unchanged", "quarantined")}
    return {outcome: rows for outcome, rows in told.items() if rows}


def written(summary, name, member):
    count = summary.mappings[name].members[member]
    return count.created, count.updated, count.deleted


def test_what_a_later_pass_writes_is_counted_as_the_plan_said(made):
    planned = made.plan().summary
    assert outcomes(planned, "category") == {"created": 1, "updated": 1}
    summary = made.migrate()
    assert made.sql("stock", GROUPS) == [(900, "low", "Low", "top"), (901, "top", "Top", None)]
    assert outcomes(summary, "category") == {"created": 1, "updated": 1}
    assert written(summary, "category", "stock") == written(planned, "category", "stock") == (1, 1, 0)
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_a_plan_writes_what_waits_for_a_key(made):
    made.plan()
    summary = made.apply()
    assert made.sql("stock", GROUPS) == [(900, "low", "Low", "top"), (901, "top", "Top", None)]
    assert outcomes(summary, "category") == {"created": 1, "updated": 1}
    assert (codes(summary), summary.follow_up) == ([], None)
    assert made.verify().ok


def test_a_plan_gives_new_rows_in_a_circle_their_references(made):
    made.sql("shop", "INSERT INTO category VALUES (3, 'a', 'A', 4), (4, 'b', 'B', 3), (5, 'self', 'S', 5)")
    planned = made.plan().summary
    summary = made.apply()
    assert (codes(summary), summary.follow_up) == ([], None)
    assert outcomes(summary, "category") == outcomes(planned, "category") == {"created": 4, "updated": 1}
    found = {code: up for _, code, _, up in made.sql("stock", GROUPS)}
    assert found == {"top": None, "low": "top", "a": "b", "b": "a", "self": "self"}
    assert made.verify().ok


def test_what_a_plan_does_not_show_is_not_written_by_a_later_pass(made):
    made.plan()
    made.sql("shop", "UPDATE category SET title = 'Lower' WHERE id = 2")
    made.sql("shop", "INSERT INTO category VALUES (3, 'new', 'New', 1)")
    summary = made.apply()
    assert codes(summary) == ["DV-453", "DV-453"]
    assert made.sql("stock", GROUPS) == [(900, "low", "LOW", None), (901, "top", "Top", None)]
    made.apply(summary.follow_up)
    assert made.sql("stock", GROUPS) == [
        (900, "low", "Lower", "top"),
        (902, "new", "New", "top"),
        (901, "top", "Top", None),
    ]
    assert made.verify().ok


@pytest.mark.parametrize("carried_out", ["migrate", "apply"])
def test_what_waits_for_a_row_that_is_refused_is_held_with_it(made, carried_out):
    made.sql("shop", "UPDATE category SET code = 'refused' WHERE id = 1")
    made.plan()
    summary = getattr(made, carried_out)()
    assert outcomes(summary, "category") == {"quarantined": 2}
    assert "DV-408" in codes(summary)
    assert {one.refusal.key for one in made.rejects()} == {"1", "2"}
    assert made.sql("stock", GROUPS) == [(900, "low", "LOW", None)]
    made.sql("shop", "UPDATE category SET code = 'top' WHERE id = 1")
    assert outcomes(made.migrate(), "category") == {"created": 1, "updated": 1}
    assert made.rejects() == []
    assert made.verify().ok


def test_a_plan_whose_parent_moved_leaves_the_child_to_the_follow_up_plan(made):
    made.plan()
    made.sql("shop", "UPDATE category SET title = 'Topmost' WHERE id = 1")
    summary = made.apply()
    assert summary.follow_up
    assert "DV-453" in codes(summary)
    assert made.sql("stock", GROUPS) == [(900, "low", "LOW", None)]
    made.apply(summary.follow_up)
    assert made.sql("stock", GROUPS) == [(900, "low", "Low", "top"), (901, "top", "Topmost", None)]
    assert made.rejects() == []


TEAMS = {
    "left": """CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT, chief INTEGER);
               CREATE TABLE worker (id INTEGER PRIMARY KEY, name TEXT, team INTEGER);""",
    "right": """CREATE TABLE crew (no INTEGER PRIMARY KEY, name TEXT, head INTEGER {head});
                CREATE TABLE hand (no INTEGER PRIMARY KEY, name TEXT, crew INTEGER {crew});""",
}


def teams(lab, *, head="", crew="", worker="worker"):
    ddl = {name: text.format(head=head, crew=crew) for name, text in TEAMS.items()}
    mappings = {
        "team": """
            members: {left: {dataset: team}, right: {dataset: crew}}
            match: name
            fields:
              name: {left: name, right: name, owner: left}
              chief: {left: chief, right: head, owner: left, ref: WORKER}
            """.replace("WORKER", worker),
        worker: """
            members: {left: {dataset: worker}, right: {dataset: hand}}
            match: name
            fields:
              name: {left: name, right: name, owner: left}
              team: {left: team, right: crew, owner: left, ref: team}
            """,
    }
    made = lab(ddl, mappings)
    made.sql("left", "INSERT INTO team VALUES (1, 'red', 10), (2, 'blue', 30), (3, 'green', NULL)")
    made.sql("left", "INSERT INTO worker VALUES (10, 'ada', 1), (20, 'bob', 1), (30, 'cyd', 2)")
    return made


HEADS = "SELECT c.name, h.name FROM crew c LEFT JOIN hand h ON h.no = c.head ORDER BY 1"


@pytest.mark.parametrize("carried_out", ["migrate", "apply"])
def test_new_rows_of_two_mappings_get_their_references(lab, carried_out):
    made = teams(lab, crew="NOT NULL")
    planned = made.plan().summary
    summary = getattr(made, carried_out)()
    assert made.sql("right", HEADS) == [("blue", "cyd"), ("green", None), ("red", "ada")]
    assert (codes(summary), summary.follow_up) == ([], None)
    for name in ("team", "worker"):
        assert outcomes(summary, name) == outcomes(planned, name) == {"created": 3}
    assert writes(made.migrate()) == 0
    assert made.verify().ok


@pytest.mark.parametrize("carried_out", ["migrate", "apply"])
def test_rows_refused_for_want_of_a_key_are_tried_again_and_counted_as_created(lab, carried_out):
    made = teams(lab, crew="NOT NULL", worker="hand")  # of mappings in a circle, the first by name is written first
    made.sql("left", "UPDATE team SET chief = NULL")
    planned = made.plan().summary
    summary = getattr(made, carried_out)()
    assert (codes(summary), made.rejects()) == ([], [])
    for name in ("team", "hand"):
        assert outcomes(summary, name) == outcomes(planned, name) == {"created": 3}
    assert made.verify().ok


@pytest.mark.parametrize("carried_out", ["migrate", "apply"])
def test_what_a_later_pass_cannot_write_is_held(lab, carried_out):
    made = teams(lab, head="CHECK (head IS NULL OR name <> 'red')")
    made.plan()
    summary = getattr(made, carried_out)()
    assert made.sql("right", HEADS) == [("blue", "cyd"), ("green", None), ("red", None)]
    assert outcomes(summary, "team") == {"created": 2, "quarantined": 1}
    assert [(one.mapping, one.refusal.key) for one in made.rejects()] == [("team", "1")]


def test_an_update_in_a_later_pass_is_counted_in_the_mapping_that_it_belongs_to(lab):
    made = teams(lab)
    made.sql("right", "INSERT INTO crew VALUES (70, 'red', NULL)")
    planned = made.plan().summary
    assert outcomes(planned, "team") == {"created": 2, "updated": 1}
    summary = made.migrate()
    assert made.sql("right", HEADS) == [("blue", "cyd"), ("green", None), ("red", "ada")]
    assert outcomes(summary, "team") == {"created": 2, "updated": 1}
    assert outcomes(summary, "worker") == {"created": 3}
