"""Every write says by which rule its value counts, and which values lost."""

from __future__ import annotations

import pytest
from test_policies import DELTA, NAMES, RECOUNT, begin, broken_off, edit, stamped, world

from dovetail.engine.open import open_workspace


def told(made):
    """The rules and the losing values of the last run's writes, by member."""
    with open_workspace(made.folder, variables={}) as workspace:
        store = workspace.store
        run = store.runs.last()[0].id
        return {
            one.entry.member: (one.entry.rules, one.entry.losing)
            for one in store.journal.of_run(run)
            if one.entry.before is not None
        }


@pytest.mark.parametrize(
    ("policy", "edits", "expected"),
    [
        ("policy: ask", {"a": 7}, ("b", "only a changed it", None)),
        ("policy: ask", {"a": 7, "b": 7}, ("c", "changed alike at several members", None)),
        ("owner: b", {"a": 7}, ("a", "owner: b", {"v": {"a": 7}})),
        ("policy: {prefer: c}", {"a": 7, "c": 9}, ("b", "prefer: c", {"v": {"a": 7}})),
        ("policy: min", {"a": 7, "b": 9}, ("c", "min: a", {"v": {"b": 9}})),
        ("policy: max", {"a": 7, "b": 9, "c": 8}, ("a", "max: b", {"v": {"a": 7, "c": 8}})),
        (DELTA, {"a": 7, "b": 9}, ("c", "delta", None)),
    ],
)
def test_the_rule_that_decided_and_what_lost(lab, policy, edits, expected):
    member, rule, losing = expected
    made = world(lab, policy, members=3)
    begin(made, 5, NAMES)
    for name, value in edits.items():
        edit(made, name, value)
    made.migrate()
    assert told(made)[member] == ({"v": rule}, losing)


def test_a_recount_a_union_and_the_newest_say_so(lab, tmp_path):
    made = world(lab, RECOUNT)
    begin(made, 20)
    made.sql("a", "UPDATE t SET v = 17, counted = 'yes'")
    edit(made, "b", 19)
    made.migrate()
    assert told(made)["b"] == ({"v": "recount: a"}, {"v": {"b": 19}})


def test_a_union_says_so(lab):
    made = world(lab, "policy: union", kind="TEXT")
    begin(made, "red")
    edit(made, "a", "red, blue")
    edit(made, "b", "red, white")
    made.migrate()
    assert told(made)["a"] == ({"v": "union"}, None)


def test_the_newest_says_so(lab):
    made = world(lab, "policy: newest", kind="TEXT", member=", changed: CAST(at AS timestamp)")
    begin(made, "old")
    stamped(made, "a", "one", "2026-03-01 10:00:00")
    stamped(made, "b", "two", "2026-03-01 10:00:01")
    made.migrate()
    assert told(made)["a"] == ({"v": "newest: b"}, {"v": {"a": "one"}})


def test_a_first_meeting_and_what_is_owed_say_so(lab, monkeypatch):
    made = world(lab, "policy: ask, first: b", members=3)
    for name, value in zip(NAMES, (1, 2, 3), strict=True):
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", value)
    made.migrate()
    assert told(made)["a"] == ({"v": "first meeting: b"}, {"v": {"a": 1, "c": 3}})
    edit(made, "a", 4)
    broken_off(made, monkeypatch, 1, is_committed=True)
    made.migrate()
    assert told(made)["c"] == ({"v": "owed since an earlier agreement: the value of a"}, None)
