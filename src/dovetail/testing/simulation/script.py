"""What is to happen in one history, drawn from its seed before anything happens; so single events can be left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from dovetail.failpoints import Point
from dovetail.testing.simulation.dice import Dice
from dovetail.testing.simulation.fate import Mishap


class Kind(StrEnum):
    """What happens in one step."""

    EDIT = "edit"
    """People do one thing."""
    ROUND = "round"
    """The sync goes on until it has nothing to do."""
    WHOLE = "whole"
    """Another process makes a pass over whole mappings."""
    STOP = "stop"
    """The sync ends in an orderly way; the next round begins anew."""
    DRIFT = "drift"
    """A cell of the mapping is changed."""
    CAPTURE = "capture"
    """Feeds are made, where a system can have one."""
    LOSE_FEED = "lose feed"
    """A feed may have missed changes, and says so."""
    KEEP_STATE = "keep state"
    """The state is copied away."""
    RESTORE_STATE = "restore state"
    """The copy takes the state's place."""
    LOSE_STATE = "lose state"
    """The state is gone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event. `mishaps` befall the worker of that step."""

    kind: Kind
    seed: int
    mishaps: tuple[Mishap, ...] = ()

    def __str__(self) -> str:
        befall = f" [{', '.join(map(str, self.mishaps))}]" if self.mishaps else ""
        return f"{self.kind}{befall}"


RESTORING = (Kind.KEEP_STATE, Kind.RESTORE_STATE, Kind.LOSE_STATE)
"""Events after which an earlier memory speaks."""

_POINTS = tuple(
    str(point) for point in Point if str(point).split(".")[0] not in ("postgres", "sqlite", "files", "load", "plan")
)
_STEPS_MAX = 90
_SEEDS = 10**9


def script(dice: Dice, extra: Collection[Kind] = ()) -> list[Step]:
    """The events of one history; of those that change declarations or put a memory back only the ones in `extra`."""
    steps = [_step(Kind.EDIT, dice) for _ in range(dice.between(2, 8))]
    if dice.chance(0.5):
        steps.append(_step(Kind.CAPTURE, dice))
    for _ in range(dice.between(4, 8)):
        steps += [_step(Kind.EDIT, dice) for _ in range(dice.between(0, 5))]
        kind = Kind.WHOLE if dice.chance(0.15) else Kind.ROUND
        steps.append(_step(kind, dice, mishaps=_mishaps(dice)))
        if dice.chance(0.12):
            steps.append(_step(Kind.STOP, dice))
        if Kind.DRIFT in extra and dice.chance(0.1):
            steps.append(_step(Kind.DRIFT, dice))
        if dice.chance(0.06):
            steps.append(_step(Kind.LOSE_FEED, dice))
        restoring = [one for one in RESTORING if one in extra]
        if restoring and dice.chance(0.2):
            steps.append(_step(dice.one(restoring), dice))
    return steps


def _step(kind: Kind, dice: Dice, mishaps: tuple[Mishap, ...] = ()) -> Step:
    return Step(kind, dice.below(_SEEDS), mishaps)


def _mishaps(dice: Dice) -> tuple[Mishap, ...]:
    """Nothing in every third round, else one to three."""
    if dice.chance(0.35):
        return ()
    return tuple(_mishap(dice) for _ in range(dice.between(1, 3)))


def _mishap(dice: Dice) -> Mishap:
    kind = dice.weighed(
        (("crash", 3.0), ("edit", 4.0), ("ending", 3.5), ("lose", 1.0), ("takeover", 1.5), ("lag", 0.0))
    )
    if kind == "ending":
        return Mishap(kind, dice.one((1, 1, 1, 2, 2, 3)), ending=dice.one(("unheard", "undone", "late", "late")))
    if kind == "lag":
        return Mishap(kind, dice.between(1, 5))
    point = dice.one(_POINTS) if kind == "crash" and dice.chance(0.6) else ""
    if kind == "edit" and dice.chance(0.6):
        point = dice.one((".begin", ".apply", ".lookup", "target.begin", "intent.after"))
    at = dice.between(1, 25) if point else dice.between(1, _STEPS_MAX)
    return Mishap(kind, at, point, seed=dice.below(_SEEDS))
