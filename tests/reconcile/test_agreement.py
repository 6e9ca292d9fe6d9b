"""Agreement numbers: every interleaving in which equal values were once taken for agreed ones, or an owed value for an
edit. In each a process dies between the writes to two members."""

import pytest
from lab import writes
from test_policies import NAMES, begin, broken_off, edit, settles, values, world


@pytest.fixture
def three(lab):
    """Three members that agree on `x`; the rule is made by the test."""

    def make(policy):
        made = world(lab, policy, members=3, kind="TEXT")
        begin(made, "x", NAMES)
        return made

    return make


def half_done(made, monkeypatch, value="y", *, name="a"):
    """One member edits, the first of the others is written, and the process dies; the last one is owed the value."""
    edit(made, name, value)
    broken_off(made, monkeypatch, 1, is_committed=True)


def test_an_edit_is_taken_back_after_the_other_was_written(lab, monkeypatch):
    """Both equal what they once agreed on, and differ; without a number for each agreement they would for ever."""
    made = world(lab, "policy: ask", kind="TEXT")
    begin(made, "x")
    half_done(made, monkeypatch)
    assert values(made) == ["y", "y"]
    edit(made, "a", "x")
    assert settles(made) == "x"


def test_an_edit_is_taken_back_while_a_third_is_still_owed_it(three, monkeypatch):
    made = three("policy: ask")
    half_done(made, monkeypatch)
    assert values(made, NAMES) == ["y", "y", "x"]
    edit(made, "a", "x")
    assert settles(made, NAMES) == "x"


def test_the_member_that_is_owed_gets_the_value(three, monkeypatch):
    made = three("policy: ask")
    half_done(made, monkeypatch)
    assert settles(made, NAMES) == "y"


def test_an_edit_of_one_that_is_owed_stands_against_what_it_has_not_seen(three, monkeypatch):
    """The others agreed on `y` before; whoever typed `z` never saw it. Neither is thrown away silently."""
    made = three("policy: ask")
    half_done(made, monkeypatch)
    edit(made, "c", "z")
    made.migrate()
    assert made.conflicts() == [("thing", "v")]
    assert values(made, NAMES) == ["y", "y", "z"]
    edit(made, "c", "y")
    assert settles(made, NAMES) == "y"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("policy: {prefer: c}", "z"),
        ("policy: {prefer: a}", "y"),
        ("policy: max", "z"),
        ("policy: min", "y"),
        ("owner: c", "z"),
    ],
)
def test_a_rule_decides_between_what_is_owed_and_an_edit(three, monkeypatch, policy, expected):
    made = three(policy.replace("owner: c", "policy: ask"))
    half_done(made, monkeypatch)
    if "owner" in policy:
        made.write(
            "mappings/thing.yaml", (made.folder / "mappings/thing.yaml").read_text().replace("policy: ask", policy)
        )
    edit(made, "c", "z")
    assert settles(made, NAMES) == expected


def test_an_edit_that_saw_the_agreement_outdoes_it_though_one_is_owed(three, monkeypatch):
    made = three("policy: ask")
    half_done(made, monkeypatch)
    edit(made, "b", "z")
    assert settles(made, NAMES) == "z"


def test_two_agree_twice_while_the_third_is_out_of_reach(three, monkeypatch):
    made = three("policy: ask")
    half_done(made, monkeypatch, "y")
    half_done(made, monkeypatch, "z", name="b")
    assert values(made, NAMES) == ["z", "z", "x"]
    assert settles(made, NAMES) == "z"


def test_two_agree_twice_and_come_back_to_what_the_third_holds(three, monkeypatch):
    """All three hold the same again, so there is nothing to write; the third is told of it in the base alone."""
    made = three("policy: ask")
    half_done(made, monkeypatch, "y")
    half_done(made, monkeypatch, "x", name="b")
    assert values(made, NAMES) == ["x", "x", "x"]
    assert writes(made.migrate()) == 0
    edit(made, "c", "z")
    assert settles(made, NAMES) == "z"


def test_two_agree_twice_and_the_third_edited_meanwhile(three, monkeypatch):
    made = three("policy: {prefer: b}")
    half_done(made, monkeypatch, "y")
    half_done(made, monkeypatch, "z", name="b")
    edit(made, "c", "w")
    assert settles(made, NAMES) == "z"


def test_an_edit_that_lost_does_not_stand_up_again(three, monkeypatch):
    """`c` lost against `a` before the process died. Then `a` takes a lesser value: that is one edit, and no contest with
    what lost before."""
    made = three("policy: max")
    edit(made, "c", "k")
    half_done(made, monkeypatch, "y")
    assert values(made, NAMES) == ["y", "y", "k"]
    edit(made, "a", "b")
    assert settles(made, NAMES) == "b"


def test_those_who_typed_the_same_are_settled_with_the_first_write(three, monkeypatch):
    """`a` and `b` typed the same, `c` was written, the process died; what `a` types next is no rival of `b`'s."""
    made = three("policy: {prefer: b}")
    edit(made, "b", "y")
    half_done(made, monkeypatch, "y")
    assert values(made, NAMES) == ["y", "y", "y"]
    edit(made, "a", "z")
    assert settles(made, NAMES) == "z"


def test_an_edit_after_a_first_meeting_counts_though_the_third_was_not_written_yet(lab, monkeypatch):
    """At the first meeting `a` won, and `b` was written. What `b`'s user types then is an edit like any other."""
    made = world(lab, "policy: ask, first: a", members=3, kind="TEXT")
    for name, value in zip(NAMES, "xyz", strict=True):
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", value)
    broken_off(made, monkeypatch, 1, is_committed=True)
    assert values(made, NAMES) == ["x", "x", "z"]
    edit(made, "b", "new")
    made.migrate()
    assert made.sql("b", "SELECT v FROM t") == [("new",)]


def test_declared_divergence_does_not_swallow_what_a_third_is_owed(three, monkeypatch):
    made = three("owner: a, elsewhere: keep")
    half_done(made, monkeypatch)
    edit(made, "b", "ours")
    made.migrate()
    made.migrate()
    assert values(made, NAMES)[::2] == ["y", "y"]
