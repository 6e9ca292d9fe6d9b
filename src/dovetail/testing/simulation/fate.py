"""What happens to one worker on its way: the luck of its calls, and the failpoints that it passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dovetail.errors import Unreachable
from dovetail.failpoints import Point
from dovetail.testing.simulation.database import Key
from dovetail.testing.simulation.dice import Dice


class Crash(BaseException):
    """The process is gone: nothing of it runs any more, no matter what catches what."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that happens at a step of a worker: `crash`, `lose` (a connection), `edit` (people), or `takeover`
    (another worker begins) at its `at`-th step, or at the first passage of `point` after that; an `ending` of its
    `at`-th commit; a replica that `lag`s by `at` commits."""

    kind: str
    at: int = 0
    point: str = ""
    ending: str = ""
    seed: int = 0

    def __str__(self) -> str:
        place = f" {self.point}" if self.point else ""
        return f"{self.kind}{place}{' ' + self.ending if self.ending else ''}@{self.at}"


@dataclass(slots=True)
class Fate:
    """The luck of one worker. `edit` and `take_over` are what others do meanwhile; `is_between` say whether the
    worker's state is in no transaction."""

    worker: str
    mishaps: list[Mishap]
    dice: Dice
    edit: Callable[[int], None]
    take_over: Callable[[], None]
    counts: Counter[str]
    is_between: list[Callable[[], bool]] = field(default_factory=list)
    when_dead: list[Callable[[], None]] = field(default_factory=list)
    is_dead: bool = False
    is_calm: bool = True
    steps: int = 0
    commits: int = 0
    trail: list[str] = field(default_factory=list)
    _last_ending: str = "well"

    def plan(self, mishaps: Sequence[Mishap]) -> None:
        """What is to happen from here on; steps and commits count from now."""
        self.mishaps = list(mishaps)
        self.steps = self.commits = 0
        self.is_calm = True

    # -------------------------------------------------------------------------------------------- as failpoints see it

    def passed(self, point: Point) -> None:
        """A failpoint."""
        self._step(str(point), is_call=False)

    # -------------------------------------------------------------------------------------------- as connectors see it

    def meets(self, system: str, verb: str) -> None:
        """A call."""
        if verb == "broken off" and self._last_ending in ("late", "unheard") and self.dice.chance(0.5):
            self.counts["crashed while a commit was on its way"] += 1
            self.die()
        self._step(f"{system}.{verb}", is_call=verb not in ("describe", "broken off"))

    def lag(self, system: str) -> int:
        """How far the replica is behind."""
        return max((one.at for one in self.mishaps if one.kind == "lag"), default=0)

    def ending(self, system: str) -> str:
        """How a commit ends; of one that is late already, whether it still ends well."""
        if system.endswith(" late"):
            is_landing = self.dice.chance(0.5)
            self.counts["late commits landed" if is_landing else "late commits fenced"] += 1
            return "well" if is_landing else "undone"
        self.commits += 1
        due = next((one for one in self.mishaps if one.kind == "ending" and one.at == self.commits), None)
        self._last_ending = due.ending if due is not None else "well"
        if due is not None:
            self.is_calm = False
            self.mishaps.remove(due)
            self.counts[f"commits {due.ending}"] += 1
        return self._last_ending

    def jumble(self, system: str, keys: list[tuple[str, Key]]) -> list[tuple[str, Key]]:
        """Some notes come twice, and in another order."""
        told = keys + self.dice.some(keys, 2) if keys and self.dice.chance(0.3) else keys
        return self.dice.some(told, len(told)) if self.dice.chance(0.3) else told

    # --------------------------------------------------------------------------------------------------------- within

    def _step(self, name: str, *, is_call: bool) -> None:
        if self.is_dead:
            raise Crash(name)
        self.steps += 1
        for one in list(self.mishaps):
            if one.kind in ("ending", "lag") or self.steps < one.at or (one.point and one.point not in name):
                continue
            if (one.kind == "lose" and not is_call) or (one.kind == "takeover" and not self._is_free()):
                continue
            self.mishaps.remove(one)
            self._befall(one, name)

    def _is_free(self) -> bool:
        return all(is_between() for is_between in self.is_between)

    def _befall(self, one: Mishap, name: str) -> None:
        self.is_calm = False
        self.trail.append(f"{one.kind} at {name}")
        match one.kind:
            case "crash":
                self.counts[f"crashed at {name}"] += 1
                self.die()
            case "lose":
                self.counts["connections lost"] += 1
                raise Unreachable("the connection was lost", where=name)
            case "edit":
                self.counts["edits between read and write"] += 1
                self.edit(one.seed)
            case "takeover":
                self.counts["takeovers"] += 1
                self.take_over()

    def die(self) -> None:
        """End here and now."""
        self.is_dead = True
        for last in self.when_dead:
            last()
        raise Crash(self.worker)
