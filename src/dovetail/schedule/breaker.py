"""Leaving a system alone that fails: after some failures in a row, for a while that grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dovetail.schedule.pace import pause_s


class Circuit(StrEnum):
    """Whether a system is spoken to."""

    CLOSED = "closed"
    """It is."""
    OPEN = "open"
    """It is left alone until the pause is over."""
    PROBING = "probing"
    """One piece of work tries whether it answers again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many failures in a row a system is left alone, and for how long: `first_s`, then twice as long each
    time, `cap_s` at most."""

    failures: int = 3
    first_s: float = 1.0
    cap_s: float = 60.0


class Breaker:
    """The circuit to one system. `clock` says seconds that only grow, `draw` a share from 0 to 1."""

    def __init__(self, patience: Patience, *, clock: Callable[[], float], draw: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._draw = draw
        self._failures = 0
        self._openings = 0
        self._until = 0.0
        self._is_probing = False
        self.reason = ""
        """How the last failure was told; empty while there is none."""

    @property
    def circuit(self) -> Circuit:
        """How it stands now."""
        if not self._openings:
            return Circuit.CLOSED
        return Circuit.PROBING if self._is_probing else Circuit.OPEN

    @property
    def wait_s(self) -> float:
        """Seconds until a probe is due; 0 where the circuit is closed or one is due."""
        return max(0.0, self._until - self._clock()) if self._openings else 0.0

    def lets_through(self) -> bool:
        """Whether work may be tried now; where the circuit is open and the pause over, this one is the probe."""
        if not self._openings:
            return True
        if self._is_probing or self._clock() < self._until:
            return False
        self._is_probing = True
        return True

    def fail(self, reason: str, *, is_grave: bool = False) -> None:
        """Note a failure; a grave one (a system that did not answer in time) opens the circuit at once."""
        self.reason = reason
        self._failures += 1
        if self._openings or is_grave or self._failures >= self._patience.failures:
            self._openings += 1
            self._is_probing = False
            pause = pause_s(
                self._openings, first_s=self._patience.first_s, cap_s=self._patience.cap_s, share=self._draw()
            )
            self._until = self._clock() + pause

    def succeed(self) -> None:
        """Note that the system answered: the circuit is closed."""
        self._failures = self._openings = 0
        self._is_probing = False
        self.reason = ""
