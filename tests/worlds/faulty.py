"""What every fault has in common: people type on both sides, something goes wrong, and afterwards nothing may be missing."""

from __future__ import annotations

import time
from collections.abc import Callable

import two
from world import World

from dovetail.testing.chaos.trial import Outcome, Trial
from dovetail.testing.program import Program


def trial(world: World, folder, **how) -> Trial:
    """A trial of the ordinary tables over that world."""
    return two.trial(two.make(world), folder, **how)


def through(made: Trial, world: World, **places: str) -> None:
    """Lets Dovetail, and nobody else, reach some systems another way."""
    world.declare(**places)
    made.program.variables.update(world.variables)


def judged(ended: Outcome, made: Trial) -> str:
    """Everything is as it must be; the answer says how much was judged."""
    verdict = ended.verdict
    tolls = [keeper.toll for keeper in made.keepers]
    print("seed", made.seed, "typed", dict(made.record.counts), "passes", ended.passes, *tolls, sep="\n  ")
    print("\n".join(verdict.told()))
    assert verdict.is_clean, (made.seed, verdict.told())
    return f"{made.record.total:,} edits, {verdict.rows:,} rows: 0 lost, 0 doubled"


def survive(made: Trial, harm: Callable[[], object], *, edits: int, verified: bool = True) -> tuple[str, float]:
    """Let people type, do harm in the middle of it, and see that everything goes on: the words for the table, and the
    seconds from the end of the harm to the first change that was carried over."""
    made.begin()
    made.wait_for(edits // 2)
    harm()
    seconds = made.recovery()
    made.wait_for(edits // 2)
    return judged(made.finish(verified=verified), made), seconds


def wait_until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Until something is so; fails where it never is."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"not so within {seconds:g} s"
        time.sleep(0.02)


def again(made: Trial, command: str = "sync", *options: str) -> object:
    """The command once, over the same project."""
    program: Program = made.program
    return program.run(command, *options)
