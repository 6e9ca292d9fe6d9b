"""The dice of one history: every choice comes from a seed, so that a seed is a history."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Dice:
    """Choices, always the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(str(seed))  # noqa: S311 - a history needs no cryptographic randomness

    def below(self, limit: int) -> int:
        """A whole number from 0 up to and without `limit`."""
        return self._random.randrange(limit)

    def between(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return self._random.randint(least, most)

    def chance(self, share: float) -> bool:
        """True in that share of all throws."""
        return self._random.random() < share

    def one(self, of: Sequence[_T]) -> _T:
        """One of several."""
        return of[self._random.randrange(len(of))]

    def some(self, of: Sequence[_T], count: int) -> list[_T]:
        """So many different ones, at most all."""
        return self._random.sample(list(of), min(count, len(of)))

    def weighed(self, of: Sequence[tuple[_T, float]]) -> _T:
        """One of several, each with its weight."""
        return self._random.choices([one for one, _ in of], [weight for _, weight in of])[0]
