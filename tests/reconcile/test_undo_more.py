"""Undo among three members, through references, through cells that lose something, and of rows deleted softly."""

from __future__ import annotations

from lab import writes
from test_undo import left_alone, take_back

THREE = {
    "one": "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT);",
    "two": "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT);",
    "three": "CREATE TABLE c (nr INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT);",
}


def three(lab, policy):
    made = lab(
        THREE,
        {
            "thing": f"""
            members: {{one: {{dataset: a}}, two: {{dataset: b}}, three: {{dataset: c}}}}
            match: n
            fields:
              n: {{one: n, two: n, three: n, owner: one}}
              v: {{one: v, two: v, three: v, {policy}}}
            deletes: {{one: propagate, two: propagate, three: propagate}}
            guard: {{rows: 100000, share: 100%}}
            """
        },
    )
    made.sql("one", "INSERT INTO a VALUES (1, 'x', '1')")
    made.migrate()
    return made


def values(made):
    return [
        made.sql(system, f"SELECT v FROM {table}") for system, table in (("one", "a"), ("two", "b"), ("three", "c"))
    ]


def test_three_members_go_back_together(lab):
    made = three(lab, "policy: {prefer: [one, two]}")
    made.sql("two", "UPDATE b SET v = '2'")
    made.migrate()
    take_back(made)
    assert values(made) == [[("1",)]] * 3
    assert writes(made.migrate()) == 0


def test_the_value_that_lost_goes_back_where_members_held_different_ones(lab):
    made = three(lab, "policy: {prefer: [one, two]}")
    made.sql("one", "UPDATE a SET v = 'won'")
    made.sql("two", "UPDATE b SET v = 'lost'")
    made.migrate()
    assert left_alone(take_back(made)) == []
    assert values(made) == [[("lost",)]] * 3
    assert writes(made.migrate()) == 0


def test_where_several_lost_a_person_names_one(lab):
    made = three(lab, "policy: {prefer: one}")
    for system, table in (("one", "a"), ("two", "b"), ("three", "c")):
        made.sql(system, f"UPDATE {table} SET v = ?", system)
    run = made.migrate().run
    assert values(made) == [[("one",)]] * 3
    undoing = take_back(made, run)
    ((field, reason),) = left_alone(undoing)
    assert (field, "held different values before" in reason) == ("v", True)
    take_back(made, None, "three.thing", "1", "v")
    assert values(made) == [[("three",)]] * 3


def test_a_row_deleted_at_two_members_stands_again_at_three(lab):
    made = three(lab, "policy: {prefer: one}")
    made.sql("two", "DELETE FROM b")
    made.migrate()
    assert values(made) == [[], [], []]
    take_back(made)
    assert values(made) == [[("1",)]] * 3
    assert writes(made.migrate()) == 0


def test_a_row_created_at_two_members_goes_there(lab):
    made = three(lab, "policy: {prefer: one}")
    made.sql("three", "INSERT INTO c VALUES (9, 'y', 'new')")
    made.migrate()
    take_back(made)
    assert values(made) == [[("1",)], [("1",)], [("1",), ("new",)]]
    assert writes(made.migrate()) == 0


def tree(lab):
    made = lab(
        {
            "left": """
            CREATE TABLE kind (id INTEGER PRIMARY KEY, code TEXT);
            CREATE TABLE item (id INTEGER PRIMARY KEY, sku TEXT, kind_id INTEGER REFERENCES kind (id));
            """,
            "right": """
            CREATE TABLE grp (no INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE);
            CREATE TABLE art (no INTEGER PRIMARY KEY AUTOINCREMENT, sku TEXT UNIQUE, grp_no INTEGER REFERENCES grp (no));
            """,
        },
        {
            "kind": """
            members: {left: {dataset: kind}, right: {dataset: grp}}
            match: code
            fields: {code: {left: code, right: code, policy: {prefer: left}}}
            deletes: {left: propagate, right: propagate}
            guard: {rows: 100000, share: 100%}
            """,
            "item": """
            members: {left: {dataset: item}, right: {dataset: art}}
            match: sku
            fields:
              sku: {left: sku, right: sku, policy: {prefer: left}}
              kind: {left: kind_id, right: grp_no, ref: kind, policy: {prefer: left}}
            deletes: {left: propagate, right: propagate}
            guard: {rows: 100000, share: 100%}
            """,
        },
    )
    made.sql("right", "INSERT INTO grp VALUES (50, 'other')")
    made.sql("left", "INSERT INTO kind VALUES (1, 'one'), (2, 'two')")
    made.sql("left", "INSERT INTO item VALUES (10, 'p', 1)")
    made.migrate()
    return made


def kinds(made):
    left = made.sql("left", "SELECT sku, code FROM item LEFT JOIN kind ON kind.id = kind_id ORDER BY sku")
    right = made.sql("right", "SELECT sku, code FROM art LEFT JOIN grp ON grp.no = grp_no ORDER BY sku")
    return left, right


def test_a_reference_goes_back_to_the_row_that_it_named(lab):
    made = tree(lab)
    made.sql("left", "UPDATE item SET kind_id = 2")
    made.migrate()
    assert left_alone(take_back(made)) == []
    assert kinds(made) == ([("p", "one")], [("p", "one")])
    assert writes(made.migrate()) == 0
    made.sql("right", "UPDATE art SET grp_no = NULL")
    made.migrate()
    assert kinds(made) == ([("p", None)], [("p", None)])
    take_back(made)
    assert kinds(made) == ([("p", "one")], [("p", "one")])
    assert writes(made.migrate()) == 0


def test_parents_and_children_that_were_deleted_stand_again(lab):
    made = tree(lab)
    made.sql("left", "DELETE FROM item")
    made.sql("left", "DELETE FROM kind WHERE id = 1")
    made.migrate()
    assert kinds(made) == ([], [])
    assert left_alone(take_back(made)) == []
    assert kinds(made) == ([("p", "one")], [("p", "one")])
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_what_a_cell_cannot_hold_is_kept_when_a_value_goes_back(lab):
    made = lab(
        {
            "left": "CREATE TABLE p (id INTEGER PRIMARY KEY, mail TEXT, first TEXT, last TEXT);",
            "right": "CREATE TABLE q (no INTEGER PRIMARY KEY, mail TEXT UNIQUE, name TEXT);",
        },
        {
            "person": """
            members: {left: {dataset: p}, right: {dataset: q}}
            match: mail
            fields:
              mail: {left: mail, right: mail, owner: left}
              name: {left: "first || ' ' || last", right: name, policy: {prefer: left}}
            guard: {rows: 100000, share: 100%}
            """
        },
    )
    made.sql("left", "INSERT INTO p VALUES (1, 'm@x', 'Mary Jo', 'Poe')")
    made.migrate()
    made.sql("right", "UPDATE q SET name = 'Mary Poe'")
    made.migrate()
    assert made.sql("left", "SELECT first, last FROM p") == [("Mary", "Poe")]
    take_back(made)
    assert made.sql("right", "SELECT name FROM q") == [("Mary Jo Poe",)]
    assert " ".join(made.sql("left", "SELECT first, last FROM p")[0]) == "Mary Jo Poe"
    assert writes(made.migrate()) == 0


def test_a_soft_delete_is_undone(lab):
    made = lab(
        {
            "left": "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT, v TEXT);",
            "right": "CREATE TABLE b (no INTEGER PRIMARY KEY, n TEXT UNIQUE, v TEXT, gone INTEGER NOT NULL DEFAULT 0);",
        },
        {
            "thing": """
            members:
              left: {dataset: a}
              right: {dataset: b, gone: gone = 1, remove: {gone: 1}, revive: {gone: 0}}
            match: n
            fields:
              n: {left: n, right: n, owner: left}
              v: {left: v, right: v, policy: {prefer: left}}
            deletes: {left: propagate, right: ask}
            guard: {rows: 100000, share: 100%}
            """
        },
    )
    made.sql("left", "INSERT INTO a VALUES (1, 'x', '1')")
    made.migrate()
    made.sql("left", "DELETE FROM a")
    made.migrate()
    assert made.sql("right", "SELECT n, gone FROM b") == [("x", 1)]
    assert left_alone(take_back(made)) == []
    assert made.sql("right", "SELECT n, gone FROM b") == [("x", 0)]
    assert made.sql("left", "SELECT n, v FROM a") == [("x", "1")]
    assert writes(made.migrate()) == 0
