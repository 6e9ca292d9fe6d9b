"""Rows that refer to each other go children first, and none goes, or is changed, without a decision of its own."""

import pytest
from lab import codes, writes
from matrix import passes

WAYS = pytest.mark.parametrize("way", ["whole", "scope"])


def project(lab, *, child="propagate", parent="propagate", rule="", tables=None):
    def ddl(on_delete):
        return f"""CREATE TABLE head (id INTEGER PRIMARY KEY, code TEXT UNIQUE, title TEXT);
        CREATE TABLE line (id INTEGER PRIMARY KEY, code TEXT UNIQUE, head_id INTEGER
            REFERENCES head (id) {on_delete}, qty INTEGER);"""

    made = lab(
        {"left": ddl(""), "right": ddl(rule)},
        {
            "head": f"""
            members: {{left: {{dataset: head}}, right: {{dataset: head}}}}
            match: code
            fields:
              code: {{left: code, right: code, owner: left}}
              title: {{left: title, right: title, policy: {{prefer: left}}}}
            deletes: {{left: {parent}, right: {parent}}}
            """,
            "line": f"""
            members: {{left: {{dataset: line}}, right: {{dataset: line}}}}
            match: code
            fields:
              code: {{left: code, right: code, owner: left}}
              head: {{left: head_id, right: head_id, ref: head, owner: left}}
              qty: {{left: qty, right: qty, policy: {{prefer: left}}}}
            deletes: {{left: {child}, right: {child}}}
            """,
        },
    )
    for number in (1, 2):
        made.sql("left", "INSERT INTO head VALUES (?, ?, 't')", number, f"h{number}")
        for part in (1, 2):
            made.sql("left", "INSERT INTO line VALUES (?, ?, ?, 1)", 10 * number + part, f"h{number}-{part}", number)
    return made


def held(made, side="right"):
    return (
        [code for (code,) in made.sql(side, "SELECT code FROM head ORDER BY code")],
        [code for (code,) in made.sql(side, "SELECT code FROM line ORDER BY code")],
    )


def drop(made, *codes_of_heads):
    for code in codes_of_heads:
        made.sql("left", "DELETE FROM line WHERE code LIKE ?", f"{code}-%")
        made.sql("left", "DELETE FROM head WHERE code = ?", code)


@WAYS
@pytest.mark.parametrize("rule", ["", "ON DELETE CASCADE", "ON DELETE SET NULL"])
def test_children_go_before_their_parents(lab, way, rule):
    made = project(lab, rule=rule)
    with passes(made, way) as run:
        run.catch_up()
        drop(made, "h1")
        summary = run.catch_up()
        assert (summary.findings, held(made)) == ([], (["h2"], ["h2-1", "h2-2"]))
        assert (summary.mappings["head"].deleted, summary.mappings["line"].deleted) == (1, 2)
        assert writes(run.catch_up()) == 0


@WAYS
@pytest.mark.parametrize("rule", ["", "ON DELETE CASCADE", "ON DELETE SET NULL"])
def test_a_parent_whose_children_nobody_decided_about_stays_and_is_tried_again(lab, way, rule):
    """The children's own rule asks; the system itself would take them with their parent, or change them."""
    made = project(lab, child="ask", rule=rule)
    with passes(made, way) as run:
        run.catch_up()
        drop(made, "h1")
        assert "DV-443" in codes(run.catch_up())
        assert held(made) == (["h1", "h2"], ["h1-1", "h1-2", "h2-1", "h2-2"])
        assert made.sql("right", "SELECT count(*) FROM line WHERE head_id IS NULL") == [(0,)]
        made.sql("right", "DELETE FROM line WHERE code LIKE 'h1-%'")
        made.migrate(for_sync=True)
        assert held(made) == (["h2"], ["h2-1", "h2-2"])
        assert made.rejects() == []


@WAYS
def test_a_row_that_the_target_itself_made_keeps_its_parent(lab, way):
    """A child that only the target knows is no row of ours."""
    made = project(lab, rule="ON DELETE CASCADE")
    with passes(made, way) as run:
        run.catch_up()
        made.sql("right", "CREATE TABLE note (head_id INTEGER REFERENCES head (id) ON DELETE CASCADE, words TEXT)")
        made.sql("right", "INSERT INTO note SELECT id, 'by hand' FROM head WHERE code = 'h1'")
        drop(made, "h1")
        assert "DV-443" in codes(run.catch_up())
        assert made.sql("right", "SELECT words FROM note") == [("by hand",)]
        assert held(made)[0] == ["h1", "h2"]


@WAYS
def test_a_child_whose_parent_is_gone_waits(lab, way):
    """The child appears where its parent was deleted a moment ago."""
    made = project(lab)
    with passes(made, way) as run:
        run.catch_up()
        drop(made, "h1")
        made.sql(
            "right", "INSERT INTO line (id, code, head_id, qty) SELECT 99, 'late', id, 1 FROM head WHERE code = 'h1'"
        )
        run.catch_up()
        assert "h1" in held(made)[0]
        assert "late" in held(made)[1]
        assert held(made, "left") == (["h2"], ["h2-1", "h2-2"])


def test_rows_of_a_tree_go_from_the_leaves(lab):
    tree = "CREATE TABLE tree (id INTEGER PRIMARY KEY, code TEXT UNIQUE, up INTEGER REFERENCES tree (id));"
    made = lab(
        {"left": tree, "right": tree},
        {
            "tree": """
            members: {left: {dataset: tree}, right: {dataset: tree}}
            match: code
            fields:
              code: {left: code, right: code, owner: left}
              up: {left: up, right: up, ref: tree, owner: left}
            deletes: {left: propagate, right: propagate}
            """
        },
    )
    for number in range(1, 9):
        made.sql("left", "INSERT INTO tree VALUES (?, ?, ?)", number, f"n{number}", number // 2 or None)
    made.migrate()
    made.sql("left", "DELETE FROM tree WHERE id > 1")
    summary = made.migrate()
    assert (summary.findings, made.sql("right", "SELECT code FROM tree")) == ([], [("n1",)])
