"""Trying a connector: each promise, and again without each capability that it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from enum import StrEnum

from dovetail.systems.protocol import Target
from dovetail.testing.conformance import (
    breaking,
    capturing,
    committing,
    examining,
    filling,
    finding,
    hostile,
    keying,
    naming,
    ordering,
    passing,
    reading,
    repeating,
    sharing,
    sizing,
    telling,
    tidying,
    writing,
)
from dovetail.testing.conformance.bench import Bench
from dovetail.testing.conformance.faults import Faults, known
from dovetail.testing.conformance.hidden import hide
from dovetail.testing.conformance.promise import PROMISES, Promise
from dovetail.testing.conformance.verdict import Declined

TOPICS = (
    *(reading, finding, ordering, writing, repeating, naming, sizing, hostile, keying, committing, passing),
    *(capturing, sharing, breaking, filling, tidying, telling, examining),
)
"""The modules that hold promises."""


class Outcome(StrEnum):
    """How a trial ended."""

    PASSED = "passed"
    ABSENT = "absent"
    """The connector does not have a capability that the promise needs, or nobody told how to bring the fault about."""
    REFUSED = "refused"
    """The connector refuses by design, and cleanly, what the promise is about."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Trial:
    """One promise, with one capability hidden or with all there are."""

    promise: Promise
    hidden: type | None = None

    def __str__(self) -> str:
        return self.promise.name if self.hidden is None else f"{self.promise.name}-without-{self.hidden.__name__}"

    def absent(self, system: Target, faults: Faults | None = None) -> str:
        """The name of a capability, or of a fault, without which there is nothing to try."""
        needed = (*self.promise.needs, *(() if self.hidden is None else (self.hidden,)))
        told = known(system) if faults is None else faults
        lacking = (
            *(one.__name__ for one in needed if not isinstance(system, one)),
            *filter(told.lacks, self.promise.given),
        )
        return next(iter(lacking), "")

    def run(self, system: Target, faults: Faults | None = None) -> Counter[str]:
        """Try it; raises `Broken` where the promise is broken, and `Declined` where there is nothing to be kept. What
        became of hostile values is counted."""
        told = known(system) if faults is None else faults
        hidden = () if self.hidden is None else (self.hidden,)
        with ExitStack() as closing:
            bench = Bench(hide(system, *hidden) if hidden else system, faults=told, hidden=hidden, closing=closing)
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


def examine(
    fresh: Callable[[], AbstractContextManager[Target]],
    names: Sequence[str] = (),
    *,
    faults: Callable[[Target], Faults] = known,
) -> list[Result]:
    """Try a connector, a fresh system for each promise; with `names` only those promises, without only the quick
    ones."""
    results: list[Result] = []
    for trial in trials():
        if trial.promise.name not in names if names else trial.promise.is_slow:
            continue
        with fresh() as system:
            results.append(_tried(trial, system, faults(system)))
    return results


def _tried(trial: Trial, system: Target, faults: Faults) -> Result:
    absent = trial.absent(system, faults)
    if absent:
        return Result(trial, Outcome.ABSENT, absent)
    try:
        return Result(trial, Outcome.PASSED, tally=trial.run(system, faults))
    except Declined as words:
        return Result(trial, Outcome.REFUSED, str(words))
    except Exception as fault:  # noqa: BLE001 - whatever a connector raises breaks the promise
        return Result(trial, Outcome.BROKEN, f"{type(fault).__name__}: {fault}")
