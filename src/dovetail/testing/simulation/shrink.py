"""A history that fails, made as short as it can be while it still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from dovetail.testing.simulation.script import Step

Fails = Callable[[Sequence[Step]], bool]
TRIES_MAX = 400
"""Histories that are played at most."""


def shrink(steps: Sequence[Step], fails: Fails, *, tries: int = TRIES_MAX) -> list[Step]:
    """The shortest list of events found that still fails: first events are left out, then their mishaps.

    >>> from dovetail.testing.simulation.script import Kind
    >>> steps = [Step(Kind.EDIT, seed) for seed in range(20)]
    >>> [one.seed for one in shrink(steps, lambda some: {3, 7} <= {one.seed for one in some})]
    [3, 7]
    """
    shortest, left = list(steps), tries
    is_shorter = True
    while is_shorter and left > 0:
        is_shorter = False
        for shorter in _shorter(shortest):
            left -= 1
            if fails(shorter):
                shortest, is_shorter = shorter, True
                break
            if left <= 0:
                break
    return shortest


def _shorter(steps: list[Step]) -> Iterator[list[Step]]:
    """Shorter lists, the much shorter ones first."""
    size = len(steps) // 2
    while size:
        for at in range(len(steps) - size, -1, -size):
            yield steps[:at] + steps[at + size :]
        size //= 2
    for at, step in enumerate(steps):
        for one in step.mishaps:
            fewer = tuple(other for other in step.mishaps if other is not one)
            yield [*steps[:at], replace(step, mishaps=fewer), *steps[at + 1 :]]
