"""Computed values come out of a continuous sync as out of a pass over everything, and fall silent there too."""

import pytest
from lab import writes
from test_policies import DELTA, NAMES, UNION, edit, values, world

from dovetail.engine.open import open_workspace
from dovetail.steps.sync import sync_once


def once(made):
    with open_workspace(made.folder, variables={}) as workspace:
        return sync_once(workspace)


@pytest.mark.parametrize(
    ("policy", "kind", "old", "expected"),
    [
        (DELTA, "INTEGER", 20, {(17, 29, 21): 27}),
        (UNION, "TEXT", "red, blue", {("red", "red, blue, white", "red, blue, black"): "red, white, black"}),
        ("policy: max", "INTEGER", 5, {(7, 9, 5): 9}),
    ],
)
def test_three_members_in_a_running_sync(lab, policy, kind, old, expected):
    made = world(lab, policy, members=3, kind=kind)
    for name in NAMES:
        made.sql(name, "INSERT INTO t (k, v) VALUES ('x', ?)", old)
    once(made)
    ((typed, outcome),) = expected.items()
    for name, value in zip(NAMES, typed, strict=True):
        edit(made, name, value)
    once(made)
    assert values(made, NAMES) == [outcome] * 3
    assert writes(once(made)) == 0
    edit(made, "b", typed[1])
    once(made)
    assert values(made, NAMES) == [typed[1]] * 3
    assert writes(once(made)) == 0
