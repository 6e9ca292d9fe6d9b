"""Who wins, at the first meeting and afterwards; what is written twice; what is never overwritten."""

import pytest
from lab import codes, writes

LEFT = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT, phone TEXT);"
RIGHT = "CREATE TABLE contact (no INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT UNIQUE, label TEXT, tel TEXT);"


def project(lab, name="owner: left", phone="policy: {prefer: right}", more=""):
    return lab(
        {"left": LEFT, "right": RIGHT},
        {
            "person": f"""
            members:
              left: {{dataset: person}}
              right: {{dataset: contact}}
            match: mail
            fields:
              mail: {{left: lower(trim(email)), right: mail, owner: left}}
              name: {{left: name, right: label, {name}}}
              phone: {{left: phone, right: tel, {phone}}}
            guard: {{rows: 100000, share: 100%}}
            {more}
            """
        },
    )


def both(made, left, right):
    made.sql("left", "INSERT INTO person VALUES (1, ' Ada@X.org', ?, ?)", *left)
    made.sql("right", "INSERT INTO contact VALUES (7, 'ada@x.org', ?, ?)", *right)


def state_of(made):
    left = made.sql("left", "SELECT name, phone FROM person WHERE id = 1")
    right = made.sql("right", "SELECT label, tel FROM contact WHERE no = 7")
    return [*left, *right]


def test_first_meeting_follows_owner_and_preference(lab):
    made = project(lab)
    both(made, ("Ada", "1"), ("Eda", "2"))
    summary = made.migrate()
    assert state_of(made) == [("Ada", "2"), ("Ada", "2")]
    assert summary.mappings["person"].updated == 1
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_rows_of_one_side_are_created_on_the_other(lab):
    made = project(lab)
    made.sql("left", "INSERT INTO person VALUES (1, 'a@x.org', 'A', NULL), (2, 'b@x.org', 'B', '')")
    made.sql("right", "INSERT INTO contact VALUES (7, 'c@x.org', 'C', '9')")
    made.migrate()
    assert sorted(made.sql("right", "SELECT mail, label, tel FROM contact")) == [
        ("a@x.org", "A", None),
        ("b@x.org", "B", ""),
        ("c@x.org", "C", "9"),
    ]
    assert made.sql("left", "SELECT email, name, phone FROM person WHERE id = 3") == [("c@x.org", "C", "9")]
    assert writes(made.migrate()) == 0
    assert made.verify().ok


def test_edits_of_different_fields_both_survive(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'Ada L.' WHERE id = 1")
    made.sql("right", "UPDATE contact SET tel = '2' WHERE no = 7")
    made.migrate()
    assert state_of(made) == [("Ada L.", "2"), ("Ada L.", "2")]


def test_an_edit_on_the_other_side_travels_where_a_preference_rules(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("right", "UPDATE contact SET label = 'Lady Ada' WHERE no = 7")
    made.migrate()
    assert state_of(made) == [("Lady Ada", "1"), ("Lady Ada", "1")]


def test_an_edit_beside_the_owner_is_put_back(lab):
    made = project(lab)
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("right", "UPDATE contact SET label = 'wrong' WHERE no = 7")
    made.migrate()
    assert state_of(made) == [("Ada", "1"), ("Ada", "1")]


def test_declared_divergence_is_left_alone(lab):
    made = project(lab, name="owner: left, elsewhere: keep")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("right", "UPDATE contact SET label = 'ours' WHERE no = 7")
    assert writes(made.migrate()) == 0
    assert state_of(made) == [("Ada", "1"), ("ours", "1")]


def test_a_contested_field_waits_for_a_person_and_only_that_field(lab):
    made = project(lab, name="policy: ask")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'A', phone = '5' WHERE id = 1")
    made.sql("right", "UPDATE contact SET label = 'B' WHERE no = 7")
    summary = made.migrate()
    assert state_of(made) == [("A", "5"), ("B", "5")]
    assert summary.mappings["person"].conflicts == 1
    assert codes(summary) == ["DV-440"]
    assert made.conflicts() == [("person", "name")]
    made.sql("right", "UPDATE contact SET label = 'A' WHERE no = 7")
    made.migrate()
    assert made.conflicts() == []
    assert made.verify().ok


def test_a_lost_state_pairs_again_and_asks_instead_of_overwriting(lab):
    made = project(lab, name="policy: ask")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    for file in (made.folder / ".dovetail").glob("state.db*"):
        file.unlink()
    made.sql("left", "UPDATE person SET name = 'A' WHERE id = 1")
    summary = made.migrate()
    assert made.conflicts() == [("person", "name")]
    assert writes(summary) == 0
    assert made.sql("right", "SELECT count(*) FROM contact") == [(1,)]


@pytest.mark.parametrize(("policy", "expected"), [("min", "a"), ("max", "b"), ("{max: {order: [b, a]}}", "a")])
def test_min_and_max_settle_what_was_changed_on_both_sides(lab, policy, expected):
    made = project(lab, name=f"policy: {policy}")
    both(made, ("x", "1"), ("x", "1"))
    made.migrate()
    made.sql("left", "UPDATE person SET name = 'b'")
    made.sql("right", "UPDATE contact SET label = 'a'")
    made.migrate()
    (name, _), (label, _) = state_of(made)
    assert name == label == expected


def test_a_value_that_a_member_owns_wins_whatever_comes_later(lab):
    """An unsubscribe at the right stays, however often the left says otherwise; only the right can take it back."""
    made = project(lab, phone="owner: {out: right, in: any}, policy: {prefer: left}")
    both(made, ("Ada", "in"), ("Ada", "out"))
    made.migrate()
    assert state_of(made) == [("Ada", "out"), ("Ada", "out")]
    made.sql("left", "UPDATE person SET phone = 'in'")
    made.migrate()
    assert state_of(made) == [("Ada", "out"), ("Ada", "out")]
    made.sql("right", "UPDATE contact SET tel = 'in'")
    made.migrate()
    assert state_of(made) == [("Ada", "in"), ("Ada", "in")]
    made.sql("left", "UPDATE person SET phone = 'out'")
    made.migrate()
    assert state_of(made) == [("Ada", "out"), ("Ada", "out")]
    assert writes(made.migrate()) == 0


def test_a_changed_cell_is_not_mistaken_for_an_edit(lab):
    made = project(lab)
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    made.map(
        "person",
        (made.folder / "mappings" / "person.yaml")
        .read_text()
        .split("\n", 1)[1]
        .replace("left: name", "left: trim(name)"),
    )
    assert writes(made.migrate()) == 0


def test_doubles_are_held_with_all_candidates_named_and_the_rest_goes_on(lab):
    made = project(lab)
    made.sql(
        "left", "INSERT INTO person VALUES (1, 'a@x.org', 'A', ''), (2, 'A@x.org', 'B', ''), (3, 'c@x.org', 'C', '')"
    )
    summary = made.migrate()
    assert summary.mappings["person"].quarantined == 2
    assert summary.mappings["person"].created == 1
    assert "left 1, left 2" in summary.findings[0].message
    assert made.verify().ok


def test_the_state_knows_no_value(lab):
    made = project(lab, name="policy: ask")
    both(made, ("Very Private Name", "1"), ("Another Private Name", "secret-number"))
    made.migrate()
    content = b"".join(file.read_bytes() for file in (made.folder / ".dovetail").iterdir())
    for value in (b"Very Private", b"Another Private", b"secret-number"):
        assert value not in content
