"""The shipped command is killed at random, with aim, and at every failpoint: nothing is lost, doubled or left open."""

from __future__ import annotations

import pytest
from many import Many

from dovetail.testing.kill import Campaign

PAIRS = [("sqlite", "sqlite"), ("postgres", "postgres")]


@pytest.fixture
def campaign(world, tmp_path):
    """Makes a campaign against a load of so many rows."""

    def make(left: str, right: str, rows: int, *, state: str = "sqlite", seed: int | None = None) -> Campaign:
        return Campaign(Many(world(left, right, state=state, timeout_s=30), rows), tmp_path, seed=seed)

    return make


def judged(made: Campaign) -> None:
    print(made.table())
    assert made.is_clean, made.table()


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_kills_at_random_and_with_aim(campaign, told, left, right):
    made = campaign(left, right, 12_000)
    random = made.at_random(6)
    aimed = made.aimed(6, span_s=0.2)
    judged(made)
    told(f"{random.strikes} + {aimed.strikes} times kill -9 in 12,000 rows, target {right}", "0 lost, 0 doubled")


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_every_failpoint_with_every_action(campaign, told, left, right):
    made = campaign(left, right, 1_000)
    made.at_every_point()
    strikes = sum(tally.strikes for tally in made.tallies.values())
    judged(made)
    told(f"{strikes} strikes: every failpoint x {{kill, raise, delay}}, target {right}", "0 lost, 0 doubled")
