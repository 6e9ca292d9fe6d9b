"""The judge of chaos: what it expects of edits, which harm it notices, and the command that runs a scenario."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from dovetail.cli.main import main
from dovetail.errors import Declarations
from dovetail.testing.chaos.expect import Being, expect
from dovetail.testing.chaos.judge import Promise, judge
from dovetail.testing.chaos.scenario import read_scenario
from dovetail.testing.chaos.scene import Column, Field, Kind, Table
from dovetail.testing.chaos.typed import Deed, Record, Typed

EXAMPLE = Path(__file__).parents[2] / "examples" / "chaos"
KIND = Kind(
    "thing",
    "thing",
    "tag",
    {"tag": Field(), "x": Field(("a", "b"), ("a", "b")), "n": Field(("a", "b"), is_sum=True)},
    {name: Table("t", "id", {"tag": Column("tag"), "x": Column("x"), "n": Column("n")}) for name in "ab"},
)


def typed(*deeds):
    """A record of deeds: (member, deed, what stood there, what was typed, what was added)."""
    record = Record()
    for number, (member, deed, before, after, *added) in enumerate(deeds, start=1):
        seen = {"tag": "r", **before} if deed is not Deed.INSERT else {}
        given = {**after} if deed is not Deed.INSERT else {"tag": "r", **after}
        sums = dict(added[0]) if added else {}
        record.add(Typed(number, member, "thing", "r", deed, seen, given, 0.0, sums))
    return record


def what(record):
    return expect(KIND, record.rows["thing", "r"])


INSERTED = ("a", Deed.INSERT, {}, {"x": "a1"}, {"n": 5})


def test_an_edit_that_saw_the_other_counts():
    found = what(typed(INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"})))
    assert found.fields["x"].values == {"b1"}
    assert not found.fields["x"].losers


def test_of_edits_that_did_not_see_each_other_the_declared_one_counts():
    found = what(
        typed(INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"}), ("a", Deed.EDIT, {"x": "a1"}, {"x": "a2"}))
    )
    assert found.fields["x"].values == {"a2"}
    assert found.fields["x"].losers == (("b", "b1"),)


def test_an_edit_between_counts_though_another_field_was_typed_later():
    """What was seen by any edit of the row was seen, whatever field that edit was about."""
    found = what(
        typed(
            INSERTED,
            ("a", Deed.EDIT, {"x": "a1"}, {"x": "a2"}),
            ("b", Deed.EDIT, {"x": "a2"}, {}, {"n": 1}),
            ("b", Deed.EDIT, {"x": "a2"}, {"x": "b1"}),
        )
    )
    assert found.fields["x"].values == {"b1"}


def test_among_three_an_edit_may_follow_one_that_beat_the_preferred():
    """B loses to a, whose edit c saw: then b or c may stand in the end. Where a typed nothing, it may have taken c's edit
    over before b's was met."""
    kind = replace(KIND, fields={"tag": Field(), "x": Field(tuple("abc"), tuple("abc"))})
    seen = [INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"}), ("a", Deed.EDIT, {"x": "a1"}, {"x": "a2"})]
    followed = typed(*seen, ("c", Deed.EDIT, {"x": "a2"}, {"x": "c1"})).rows["thing", "r"]
    assert expect(kind, followed).fields["x"].values == {"b1", "c1"}
    alone = typed(
        ("b", Deed.INSERT, {}, {"x": "b0"}),
        ("b", Deed.EDIT, {"x": "b0"}, {"x": "b1"}),
        ("c", Deed.EDIT, {"x": "b0"}, {"x": "c1"}),
    )
    assert expect(kind, alone.rows["thing", "r"]).fields["x"].values == {"b1", "c1"}


def test_an_edit_is_outdated_by_one_whose_row_was_deleted_there_later():
    """C saw what a typed after having seen b's; a deletes the row, and it comes back with what c typed."""
    kind = replace(KIND, fields={"tag": Field(), "x": Field(tuple("abc"), tuple("bca"))})
    record = typed(
        ("c", Deed.INSERT, {}, {"x": "c0"}),
        ("b", Deed.EDIT, {"x": "c0"}, {"x": "b1"}),
        ("a", Deed.EDIT, {"x": "b1"}, {"x": "a2"}),
        ("c", Deed.EDIT, {"x": "a2"}, {"x": "c1"}),
        ("a", Deed.DELETE, {"x": "a2"}, {}),
    )
    assert expect(kind, record.rows["thing", "r"]).fields["x"].values == {"b1", "c1"}


def test_sums_hold_everybodys_share():
    assert what(typed(INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {}, {"n": 3}))).fields["n"].values == {"8"}


@pytest.mark.parametrize(
    ("seen", "being"),
    [("b1", Being.GONE), ("a1", Being.THERE)],
)
def test_a_delete_counts_against_edits_that_it_saw(seen, being):
    record = typed(INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"}), ("a", Deed.DELETE, {"x": seen}, {}))
    assert what(record).being is being


def test_one_delete_that_saw_everything_is_enough():
    """B's delete saw nothing of c's edit, and the row came back; a's, later, saw it."""
    record = typed(
        INSERTED,
        ("b", Deed.DELETE, {"x": "a1"}, {}),
        ("c", Deed.EDIT, {"x": "a1"}, {"x": "c1"}),
        ("a", Deed.DELETE, {"x": "c1"}, {}),
    )
    assert what(record).being is Being.GONE


def test_a_delete_of_an_edit_that_may_have_lost_before_can_go_either_way():
    record = typed(
        INSERTED,
        ("a", Deed.EDIT, {"x": "a1"}, {"x": "a2"}),
        ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"}),
        ("a", Deed.DELETE, {"x": "a2"}, {}),
    )
    assert what(record).being is Being.EITHER


def row(key, tag="r", x="b1", n="5"):
    return (key, {"tag": tag, "x": x, "n": n})


@pytest.mark.parametrize(
    ("a", "b", "broken"),
    [
        ([row("1")], [row("7")], None),
        ([row("1", x="a1")], [row("7", x="a1")], Promise.NO_LOSS),
        ([row("1"), row("2")], [row("7")], Promise.NO_DOUBLE),
        ([row("1")], [], Promise.CONVERGENCE),
        ([], [], Promise.NO_LOSS),
        ([row("1"), row("2", tag="who")], [row("7")], Promise.NO_INVENTION),
        ([row("1", n="6")], [row("7", n="6")], Promise.NO_LOSS),
    ],
)
def test_each_harm_is_noticed(a, b, broken):
    record = typed(INSERTED, ("b", Deed.EDIT, {"x": "a1"}, {"x": "b1"}))
    verdict = judge([KIND], record, {"thing": {"a": a, "b": b}})
    assert verdict.is_clean if broken is None else verdict.broken[broken], verdict.told()


def test_a_deleted_row_that_stands_again_is_noticed():
    record = typed(INSERTED, ("b", Deed.DELETE, {"x": "a1"}, {}))
    verdict = judge([KIND], record, {"thing": {"a": [row("1", x="a1")], "b": [row("7", x="a1")]}})
    assert verdict.broken[Promise.NO_RESURRECTION]


# ------------------------------------------------------------------------------------------------------------ scenarios


def test_mistakes_of_a_scenario_are_told_with_their_places(tmp_path):
    text = (EXAMPLE / "kills.yaml").read_text().replace("kill: 10", "bite: 10").replace("columns:\n", "colums:\n")
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(Declarations) as caught:
        read_scenario(tmp_path / "wrong.yaml", {})
    assert {mistake.code for mistake in caught.value.mistakes} >= {"DV-101"}
    assert all("wrong.yaml:" in str(mistake) for mistake in caught.value.mistakes)


def test_a_variable_that_is_not_set_is_told(tmp_path):
    text = (EXAMPLE / "kills.yaml").read_text().replace("shop: shop.db", "shop: ${SHOP_URL}")
    (tmp_path / "open.yaml").write_text(text)
    with pytest.raises(Declarations) as caught:
        read_scenario(tmp_path / "open.yaml", {})
    assert [mistake.code for mistake in caught.value.mistakes] == ["DV-721"]


@pytest.mark.timeout(600)
def test_the_example_runs_and_writes_a_junit_file(tmp_path):
    folder = tmp_path / "shops"
    subprocess.run([sys.executable, EXAMPLE / "make.py", folder], check=True, capture_output=True)
    scenario = folder / "kills.yaml"
    scenario.write_text(scenario.read_text().replace("edits: 400", "edits: 60").replace("kill: 10", "kill: 2"))
    words = [
        "chaos",
        "run",
        str(scenario),
        "--json",
        "--junit",
        str(folder / "verdict.xml"),
        "--history",
        str(folder / "h"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["kills"], len(answer["faults"])) == (True, 2, 2)
    suite = ET.parse(folder / "verdict.xml").getroot()
    assert (suite.get("failures"), len(suite)) == ("0", len(Promise) + 2)
    history = (folder / "h" / "history.jsonl").read_text().splitlines()
    assert {json.loads(line)["member"] for line in history} == {"shop", "branch"}
    shutil.rmtree(folder)
