"""The circuits to all systems: who is suspected is asked, and who does not answer is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue

from dovetail.errors import DovetailError, Overdue
from dovetail.schedule.breaker import Breaker, Circuit, Patience
from dovetail.schedule.clock import Time


class Circuits:
    """One breaker a system. `probe` raises where a system does not answer; it is called aside, so that a system that
    keeps us waiting holds nobody."""

    def __init__(
        self, systems: Collection[str], probe: Callable[[str], None], *, patience: Patience, clock: Time
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._breakers = {system: Breaker(patience, clock=clock.now_s, draw=clock.draw) for system in systems}
        self._asked: set[str] = set()
        self._answers: SimpleQueue[tuple[str, DovetailError | None]] = SimpleQueue()

    def suspect(self, systems: Collection[str]) -> None:
        """Work failed, and it may be any of these: whether they answer tells which it was."""
        for system in systems:
            if self._breakers[system].circuit is Circuit.CLOSED:
                self._ask(system)

    def review(self) -> None:
        """Take in what the systems answered, and ask those again whose pause is over."""
        while True:
            try:
                system, error = self._answers.get_nowait()
            except Empty:
                break
            self._asked.discard(system)
            if error is None:
                self._breakers[system].succeed()
            else:
                self._breakers[system].fail(f"{error.code} {error.message}", is_grave=isinstance(error, Overdue))
        for system, breaker in self._breakers.items():
            if system not in self._asked and breaker.lets_through() and breaker.circuit is Circuit.PROBING:
                self._ask(system)

    @property
    def has_answers(self) -> bool:
        """Whether a system answered since the last review."""
        return not self._answers.empty()

    def left_alone(self) -> frozenset[str]:
        """The systems that are not spoken to now."""
        return frozenset(name for name, one in self._breakers.items() if one.circuit is not Circuit.CLOSED)

    def reason(self, systems: Collection[str]) -> str:
        """Why work with these systems must wait; empty where it need not."""
        for system in sorted(systems):
            if self._breakers[system].circuit is not Circuit.CLOSED:
                return f"{system} is left alone for a while: {self._breakers[system].reason}"
        return ""

    def _ask(self, system: str) -> None:
        if system in self._asked:
            return
        self._asked.add(system)

        def ask() -> None:
            try:
                self._probe(system)
            except DovetailError as error:
                self._answers.put((system, error))
            else:
                self._answers.put((system, None))

        self._clock.aside(ask)
