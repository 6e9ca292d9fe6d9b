"""What is told of a row is what happened to it: nothing that a target never took, nothing that a crash cut off."""

from __future__ import annotations

import random

import pytest
from test_crash import LEFT, RIGHT, THING, Crash, dies
from test_merge import both, project

from dovetail.engine.open import open_workspace
from dovetail.engine.partition import Partition
from dovetail.errors import DeclarationError, UnknownName
from dovetail.model.change import Verb
from dovetail.state.intents import Intents
from dovetail.steps import why as step


def told(made, *words):
    with open_workspace(made.folder, variables={}) as workspace:
        return step.document(step.why(workspace, words[0], words[1:]))


def writes_of(document):
    return [
        (
            one["kind"],
            one["member"],
            {name: tuple(change.values()) for name, change in one["changes"].items()},
            one["rules"],
        )
        for one in document["chain"]
        if one["kind"] in tuple(Verb)
    ]


@pytest.fixture
def person(lab):
    made = project(lab, name="policy: {prefer: left}")
    both(made, ("Ada", "1"), ("Ada", "1"))
    made.migrate()
    return made


def test_rule_and_losing_value_of_a_field(person):
    person.sql("left", "UPDATE person SET name = 'L', phone = '2' WHERE id = 1")
    person.sql("right", "UPDATE contact SET label = 'R' WHERE no = 7")
    person.migrate()
    document = told(person, "left.person", "1", "name")
    assert writes_of(document) == [("update", "right", {"label": ("R", "L")}, {"name": "prefer: left"})]
    assert document["chain"][0]["losing"] == {"name": {"right": "R"}}
    assert writes_of(told(person, "right.contact", "7", "tel")) == [
        ("update", "right", {"tel": ("1", "2")}, {"phone": "only left changed it"})
    ]
    assert document["now"]["left"]["values"] == document["now"]["right"]["values"] == {"name": "L"}
    assert (document["owed"], document["held"], document["conflicts"]) == ({}, [], [])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), [(Intents, "put"), (Partition, "write"), (Partition, "confirm")])
def test_a_write_is_told_once_wherever_a_crash_came(person, monkeypatch, owner, name, after):
    person.sql("left", "UPDATE person SET name = 'L' WHERE id = 1")
    with monkeypatch.context() as patch:
        dies(patch, owner, name, after=after)
        with pytest.raises(Crash):
            person.migrate()
    person.migrate()
    found = told(person, "left.person", "1", "name")
    assert writes_of(found) == [("update", "right", {"label": ("Ada", "L")}, {"name": "only left changed it"})]
    assert found["chain"][0]["sure"]


def test_what_a_target_refused_is_not_told_as_written(person):
    person.sql("right", "CREATE TRIGGER no BEFORE UPDATE ON contact BEGIN SELECT RAISE(ABORT, 'not today'); END")
    person.sql("left", "UPDATE person SET name = 'L' WHERE id = 1")
    person.migrate()
    document = told(person, "left.person", "1")
    assert writes_of(document) == []
    assert [one["code"] for one in document["held"]] != []


def test_a_deleted_row_is_found_by_its_former_keys(lab):
    made = lab({"left": LEFT, "right": RIGHT}, {"thing": THING})
    made.sql("left", "INSERT INTO a VALUES (5, 'x')")
    made.migrate()
    made.sql("left", "DELETE FROM a")
    made.migrate()
    for place, key in (("left.thing", "5"), ("right.b", "1")):
        document = told(made, place, key)
        assert [one[0] for one in writes_of(document)] == ["create", "delete"]
        assert writes_of(document)[-1][3] == {"": "gone at left: propagate"}
        assert all(one["values"] is None for one in document["now"].values())


def test_what_cannot_be_asked_is_said(person):
    for words in (("nowhere.person", "1"), ("left.person", "99"), ("left.person", "1", "nix")):
        with pytest.raises(UnknownName):
            told(person, *words)
    for words in (("left.person", "x"), ("left.person", "1", "name", "more")):
        with pytest.raises(DeclarationError):
            told(person, *words)


def test_every_change_of_a_soak_is_told_as_it_happened(person):
    """A recorder notes what each pass changed in both systems; the journal tells exactly that, in that order."""
    dice = random.Random(7)
    for at in range(2, 9):
        person.sql("left", "INSERT INTO person VALUES (?, ?, ?, ?)", at, f"p{at}@x.org", f"n{at}", "1")
    person.migrate()

    def look():
        left = {
            row[0]: {"name": row[1], "phone": row[2]}
            for row in person.sql("left", "SELECT id, name, phone FROM person")
        }
        right = {
            row[0]: {"label": row[1], "tel": row[2]}
            for row in person.sql("right", "SELECT no, label, tel FROM contact")
        }
        return {"left": left, "right": right}

    noted = {}
    for at in range(60):
        for _ in range(4):
            side, key = dice.choice([("left", dice.randrange(1, 9)), ("right", dice.randrange(7, 15))])
            table, column, name = {
                "left": ("person", dice.choice(["name", "phone"]), "id"),
                "right": ("contact", dice.choice(["label", "tel"]), "no"),
            }[side]
            person.sql(side, f"UPDATE {table} SET {column} = ? WHERE {name} = ?", f"{column} {at}", key)
        before = look()
        person.migrate()
        after = look()
        for side, rows in after.items():
            for key, row in rows.items():
                for column, value in row.items():
                    if before[side][key][column] != value:
                        noted.setdefault((side, key, column), []).append((before[side][key][column], value))
        if at % 20 == 19:
            check(person, noted)


def check(person, noted):
    mapping = {"left": "left.person", "right": "right.person"}
    for (side, key, column), changes in noted.items():
        chain = told(person, mapping[side], str(key), column)["chain"]
        found = [
            tuple(one["changes"][column].values())
            for one in chain
            if one["kind"] == "update" and one["member"] == side and column in one["changes"]
        ]
        assert found == changes, (side, key, column)
