"""The happy path between real servers, with every kind of key and value, judged by SQL that knows nothing of
Dovetail."""

import pytest
from shop import fill, judge

PAIRINGS = [
    ("postgres", "postgres", "sqlite"),
    ("postgres", "postgres", "postgres"),
    ("sqlite", "postgres", "postgres"),
    ("postgres", "sqlite", "sqlite"),
]


@pytest.mark.parametrize(("left", "right", "state"), PAIRINGS)
def test_everything_arrives_exactly_and_once(world, left, right, state):
    made = world(left, right, state=state)
    fill(made)
    first = made.migrate()
    assert (first.code, first.count("quarantined"), first.count("conflicts")) == (0, 0, 0), first.out
    judge(made)
    assert made.settled()
    judge(made)
