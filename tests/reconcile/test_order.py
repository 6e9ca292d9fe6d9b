"""References and order: parents first, trees, cycles, parked children, and what frees them."""

import pytest
from lab import codes, writes

GENEROUS = "guard: {rows: 100000, share: 100%}"
TREE_LEFT = "CREATE TABLE node (id INTEGER PRIMARY KEY, code TEXT, up INTEGER);"
TREE_RIGHT = """CREATE TABLE knot (no INTEGER PRIMARY KEY {drawn}, code TEXT NOT NULL UNIQUE CHECK (code <> 'refused'),
    above INTEGER REFERENCES knot(no));"""
TREE = f"""
    members: {{left: {{dataset: node}}, right: {{dataset: knot}}}}
    match: code
    fields:
      code: {{left: code, right: code, owner: left, check: {{length: [1, 9]}}}}
      up: {{left: up, right: above, owner: left, ref: node}}
    {GENEROUS}
"""


def tree(made):
    rows = made.sql("right", "SELECT a.code, b.code FROM knot a LEFT JOIN knot b ON b.no = a.above ORDER BY a.code")
    return dict(rows)


@pytest.mark.parametrize("drawn", ["", "AUTOINCREMENT"])
def test_a_tree_is_created_root_first(lab, drawn):
    made = lab({"left": TREE_LEFT, "right": TREE_RIGHT.format(drawn=drawn)}, {"node": TREE})
    made.sql(
        "left", "INSERT INTO node VALUES (1,'leaf',2), (2,'twig',3), (3,'bough',4), (4,'trunk',NULL), (5,'other',NULL)"
    )
    assert made.migrate().mappings["node"].created == 5
    assert tree(made) == {"leaf": "twig", "twig": "bough", "bough": "trunk", "trunk": None, "other": None}
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_rows_that_refer_to_each_other_in_a_circle_are_written_in_two_phases(lab):
    made = lab({"left": TREE_LEFT, "right": TREE_RIGHT.format(drawn="AUTOINCREMENT")}, {"node": TREE})
    made.sql("left", "INSERT INTO node VALUES (1,'a',2), (2,'b',3), (3,'c',1), (4,'d',1), (5,'e',5)")
    assert made.migrate().mappings["node"].created == 5
    assert tree(made) == {"a": "b", "b": "c", "c": "a", "d": "a", "e": "e"}
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_a_moved_branch_moves(lab):
    made = lab({"left": TREE_LEFT, "right": TREE_RIGHT.format(drawn="")}, {"node": TREE})
    made.sql("left", "INSERT INTO node VALUES (1,'a',NULL), (2,'b',NULL), (3,'c',1)")
    made.migrate()
    made.sql("left", "UPDATE node SET up = 2 WHERE id = 3")
    made.migrate()
    assert tree(made)["c"] == "b"
    made.sql("left", "INSERT INTO node VALUES (4, 'new', NULL)")
    made.sql("left", "UPDATE node SET up = 4 WHERE id = 3")
    made.migrate()
    assert tree(made)["c"] == "new"
    assert made.verify().ok


@pytest.mark.parametrize("reason", ["check", "target"])
def test_children_of_a_held_row_wait_and_are_freed_with_it(lab, reason):
    made = lab({"left": TREE_LEFT, "right": TREE_RIGHT.format(drawn="")}, {"node": TREE})
    bad = {"check": "far-too-long-a-code", "target": "refused"}[reason]
    made.sql("left", "INSERT INTO node VALUES (1, ?, NULL), (2,'b',1), (3,'c',2), (4,'d',NULL)", bad)
    summary = made.migrate()
    assert summary.mappings["node"].quarantined == 3
    assert tree(made) == {"d": None}
    assert [one.refusal.waiting_for is not None for one in made.rejects()].count(True) == 2
    made.sql("left", "UPDATE node SET code = 'a' WHERE id = 1")
    made.retry()
    assert tree(made) == {"a": None, "b": "a", "c": "b", "d": None}
    assert made.rejects() == []
    assert made.verify().ok


def test_mappings_that_refer_to_each_other(lab):
    made = lab(
        {
            "left": """CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT, chief INTEGER);
                       CREATE TABLE worker (id INTEGER PRIMARY KEY, name TEXT, team INTEGER);""",
            "right": """CREATE TABLE crew (no INTEGER PRIMARY KEY, name TEXT, head INTEGER REFERENCES hand(no));
                        CREATE TABLE hand (no INTEGER PRIMARY KEY, name TEXT, crew INTEGER NOT NULL REFERENCES crew(no));""",
        },
        {
            "team": f"""
            members: {{left: {{dataset: team}}, right: {{dataset: crew}}}}
            match: name
            fields:
              name: {{left: name, right: name, owner: left}}
              chief: {{left: chief, right: head, owner: left, ref: worker}}
            {GENEROUS}
            """,
            "worker": f"""
            members: {{left: {{dataset: worker}}, right: {{dataset: hand}}}}
            match: name
            fields:
              name: {{left: name, right: name, owner: left}}
              team: {{left: team, right: crew, owner: left, ref: team}}
            {GENEROUS}
            """,
        },
    )
    made.sql("left", "INSERT INTO team VALUES (1, 'red', 10), (2, 'blue', 30)")
    made.sql("left", "INSERT INTO worker VALUES (10, 'ada', 1), (20, 'bob', 1), (30, 'cyd', 2)")
    made.migrate()
    rows = made.sql("right", "SELECT c.name, h.name FROM crew c JOIN hand h ON h.no = c.head ORDER BY 1")
    assert rows == [("blue", "cyd"), ("red", "ada")]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


CHILD = {
    "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER, q INTEGER);",
    "right": """CREATE TABLE aa (no INTEGER PRIMARY KEY, n TEXT UNIQUE);
                CREATE TABLE bb (a INTEGER NOT NULL REFERENCES aa(no), q INTEGER NOT NULL, PRIMARY KEY (a, q));""",
}
CHILD_MAPPINGS = {
    "a": f"""
    members: {{left: {{dataset: a}}, right: {{dataset: aa}}}}
    match: n
    fields: {{n: {{left: n, right: n, owner: left}}}}
    {GENEROUS}
    """,
    "b": f"""
    members: {{left: {{dataset: b}}, right: {{dataset: bb}}}}
    match: {{together: [a, q]}}
    fields:
      a: {{left: a, right: a, owner: left, ref: a}}
      q: {{left: q, right: q, owner: left}}
    {GENEROUS}
    """,
}


def test_a_composite_key_made_of_a_reference(lab):
    made = lab(CHILD, CHILD_MAPPINGS)
    made.sql("right", "INSERT INTO aa VALUES (50, 'x')")
    made.sql("right", "INSERT INTO bb VALUES (50, 1)")
    made.sql("left", "INSERT INTO a VALUES (1, 'x'), (2, 'y')")
    made.sql("left", "INSERT INTO b VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1)")
    summary = made.migrate()
    assert summary.mappings["b"].created == 2
    assert sorted(made.sql("right", "SELECT n, q FROM bb JOIN aa ON no = a")) == [("x", 1), ("x", 2), ("y", 1)]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_an_orphan_is_parked_and_freed_when_its_parent_comes(lab):
    made = lab(CHILD, CHILD_MAPPINGS)
    made.sql("left", "INSERT INTO b VALUES (1, 9, 1)")
    summary = made.migrate()
    assert codes(summary) == ["DV-407"]
    (reject,) = made.rejects()
    assert (reject.refusal.waiting_for.mapping, reject.refusal.waiting_for.key) == ("a", "9")
    made.sql("left", "INSERT INTO a VALUES (9, 'late')")
    made.migrate()
    assert made.sql("right", "SELECT n, q FROM bb JOIN aa ON no = a") == [("late", 1)]
    assert made.rejects() == []


def test_retrying_one_mapping_leaves_the_rejects_of_others_alone(lab):
    made = lab(CHILD, CHILD_MAPPINGS)
    made.sql("left", "INSERT INTO a VALUES (1, 'x'), (2, 'x')")
    made.migrate()
    assert len(made.rejects()) == 2
    made.sql("left", "UPDATE a SET n = 'y' WHERE id = 2")
    assert made.retry(mapping="b").mappings == {}
    assert len(made.rejects()) == 2
    made.retry(mapping="a")
    assert made.rejects() == []
