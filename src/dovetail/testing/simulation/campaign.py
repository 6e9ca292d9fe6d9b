"""Many seeds, one after the other: what they hit, and which of them fail, with their shortest histories."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.state.store import open_state
from dovetail.testing.simulation.dice import Dice
from dovetail.testing.simulation.history import Told, history
from dovetail.testing.simulation.script import Kind, Step, script
from dovetail.testing.simulation.shrink import shrink
from dovetail.testing.simulation.worker import EPOCH, KEY
from dovetail.testing.simulation.world import POLICIES

_MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, files cost no disk

GROUPS = ("crashed at ", "quarantined ")
"""Counters that are told together."""


@dataclass(slots=True)
class Campaign:
    """What became of many histories; of those that failed the shortest form."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Told] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The counters in words, crashes by failpoint last."""
        found = [f"{count:9,}  {name}" for name, count in sorted(self.counts.items()) if not name.startswith(GROUPS)]
        for group in GROUPS:
            some = {name.removeprefix(group): count for name, count in self.counts.items() if name.startswith(group)}
            if some:
                told = ", ".join(f"{name} {count:,}" for name, count in sorted(some.items()))
                found.append(f"{sum(some.values()):9,}  {group}{told}")
        return found


class Theatre:
    """A place where histories are played; each in a folder of its own that is gone afterwards."""

    def __init__(self, folder: Path, policies: Sequence[str] = POLICIES) -> None:
        self._folder = folder
        self._policies = policies
        self._template = folder / "template.db"
        open_state(self._template, key=KEY, clock=lambda: EPOCH + dt.timedelta(seconds=1)).close()

    def play(self, seed: int, steps: Sequence[Step]) -> Told:
        """One history."""
        stage = self._folder / "stage"
        stage.mkdir()
        try:
            return history(seed, stage, steps, template=self._template, policies=self._policies)
        finally:
            shutil.rmtree(stage)

    def shortest(self, seed: int, steps: Sequence[Step], kind: str) -> Told:
        """The shortest history found that fails in that way."""

        def fails(some: Sequence[Step]) -> bool:
            violations = self.play(seed, some).violations
            return bool(violations) and kind_of(violations[0]) == kind

        return self.play(seed, shrink(steps, fails))


def kind_of(violation: str) -> str:
    """The first word of a violation.

    >>> kind_of("lost: 'a' in thing t1.text at shop was overwritten by 'b'")
    'lost'
    """
    return violation.partition(":")[0]


@contextmanager
def theatre(policies: Sequence[str] = POLICIES) -> Iterator[Theatre]:
    """A place for histories, in memory where there is one; their worlds use these rules."""
    with tempfile.TemporaryDirectory(prefix="dovetail-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Theatre(Path(folder), policies)


def campaign(
    seeds: Iterable[int],
    *,
    extra: Sequence[Kind] = (),
    policies: Sequence[str] = POLICIES,
    say: Callable[[Told], None] = lambda _: None,
    failures_max: int = 3,
) -> Campaign:
    """Play the histories of these seeds; `say` hears of each. Ends after so many failures."""
    answer = Campaign()
    with theatre(policies) as stage:
        for seed in seeds:
            steps = script(Dice(f"script {seed}"), extra)
            told = stage.play(seed, steps)
            say(told)
            answer.counts += told.counts
            if told.violations:
                answer.failed.append(stage.shortest(seed, steps, kind_of(told.violations[0])))
                if len(answer.failed) >= failures_max:
                    break
    return answer
