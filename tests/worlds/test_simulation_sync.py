"""Whole syncs under seeds: generated worlds, people on all sides, mishaps everywhere, and an oracle beside the engine.

`make test` plays the first 300 histories, `make soak` 20,000. One that fails is told in its shortest form; it can be
played again with `dovetail chaos simulate --seed N -v`.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from dovetail.testing.simulation.campaign import Campaign, campaign, theatre
from dovetail.testing.simulation.dice import Dice
from dovetail.testing.simulation.script import script

QUICK, SOAK, BLOCK = 300, 20_000, 30
SEEDS = os.environ.get("SEEDS", "")
"""`SEEDS=100-180` plays these instead of the first 300."""


def chosen() -> range:
    first, _, last = SEEDS.partition("-")
    return range(int(first), int(last)) if SEEDS else range(QUICK)


def blocks(seeds: range) -> list[range]:
    return [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]


def told(played: Campaign) -> str:
    lines = []
    for one in played.failed:
        lines += [f"seed {one.seed}:", *(f"  {line}" for line in [*one.log, *one.violations])]
    return "\n".join(lines)


def named(seeds: range) -> str:
    return f"{seeds.start}-{seeds.stop}"


@pytest.mark.parametrize("seeds", blocks(chosen()), ids=named)
def test_histories(seeds):
    played = campaign(seeds, failures_max=1)
    assert not played.failed, told(played)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seeds", [range(at, at + 1_000) for at in range(QUICK, SOAK, 1_000)], ids=named)
def test_many_histories(seeds):
    played = campaign(seeds)
    print("\n".join(played.lines()))
    assert not played.failed, told(played)


def test_a_seed_is_a_history():
    with theatre() as stage:
        first, again = (stage.play(7, script(Dice("script 7"))) for _ in range(2))
    assert first.log == again.log
    assert first.counts == again.counts


def test_the_histories_hit_what_they_are_for():
    counts: Counter[str] = Counter()
    with theatre() as stage:
        for seed in range(80):
            counts += stage.play(seed, script(Dice(f"script {seed}"))).counts
    for name in (
        "edits",
        "deletes",
        "rounds",
        "whole passes",
        "crashes",
        "connections lost",
        "edits between read and write",
        "takeovers",
        "zombies fenced",
        "commits late",
        "late commits landed",
        "late commits fenced",
        "commits unheard",
        "commits undone",
        "feeds lost",
        "engine creates",
        "engine updates",
        "engine deletes",
        "conflicts left",
        "conflicts settled by people",
    ):
        assert counts[name], f"80 histories never met: {name}"
