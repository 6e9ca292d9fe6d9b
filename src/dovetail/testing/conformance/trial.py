"""Trying a connector: each promise, and again without each capability that it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

from dovetail.systems.protocol import Target
from dovetail.testing.conformance import (
    capturing,
    committing,
    examining,
    finding,
    hostile,
    ordering,
    passing,
    reading,
    writing,
)
from dovetail.testing.conformance.bench import Bench
from dovetail.testing.conformance.hidden import hide
from dovetail.testing.conformance.promise import PROMISES, Promise

TOPICS = (reading, finding, ordering, writing, hostile, committing, passing, examining, capturing)
"""The modules that hold promises."""


class Outcome(StrEnum):
    """How a trial ended."""

    PASSED = "passed"
    ABSENT = "absent"
    """The connector does not have a capability that the promise needs."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Trial:
    """One promise, with one capability hidden or with all there are."""

    promise: Promise
    hidden: type | None = None

    def __str__(self) -> str:
        return self.promise.name if self.hidden is None else f"{self.promise.name}-without-{self.hidden.__name__}"

    def absent(self, system: Target) -> str:
        """The name of a capability without which there is nothing to try."""
        needed = (*self.promise.needs, *(() if self.hidden is None else (self.hidden,)))
        return next((one.__name__ for one in needed if not isinstance(system, one)), "")

    def run(self, system: Target) -> Counter[str]:
        """Try it; raises where the promise is broken. What became of hostile values is counted."""
        bench = Bench(system if self.hidden is None else hide(system, self.hidden))
        self.promise.check(bench)
        return bench.tally


@dataclass(frozen=True, slots=True)
class Result:
    """How one trial ended, with words where it was not kept."""

    trial: Trial
    outcome: Outcome
    words: str = ""
    tally: Counter[str] = field(default_factory=Counter)


def trials() -> Iterator[Trial]:
    """Everything there is to try."""
    for promise in PROMISES.values():
        yield Trial(promise)
        yield from (Trial(promise, capability) for capability in promise.uses)


def examine(fresh: Callable[[], AbstractContextManager[Target]], names: Sequence[str] = ()) -> list[Result]:
    """Try a connector, a fresh system for each promise; with `names`, only those promises."""
    results: list[Result] = []
    for trial in trials():
        if names and trial.promise.name not in names:
            continue
        with fresh() as system:
            absent = trial.absent(system)
            if absent:
                results.append(Result(trial, Outcome.ABSENT, absent))
                continue
            try:
                results.append(Result(trial, Outcome.PASSED, tally=trial.run(system)))
            except Exception as fault:  # noqa: BLE001 - whatever a connector raises breaks the promise
                results.append(Result(trial, Outcome.BROKEN, f"{type(fault).__name__}: {fault}"))
    return results
