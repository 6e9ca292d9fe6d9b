"""The contested rows of one field, and what may come of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dovetail.engine.arrays import Flags, listed, taken
from dovetail.engine.decision import Decision, Surroundings
from dovetail.engine.put import Places
from dovetail.identity.pair import ABSENT
from dovetail.merge.reason import Reason
from dovetail.model.mapping import SharedField


@dataclass(frozen=True, slots=True)
class Won:
    """One member's value counts."""

    side: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Alike:
    """All members hold the same, each as its cell can say it; this one's value says most."""

    side: int


@dataclass(frozen=True, slots=True)
class Made:
    """A value counts that was made of several."""

    value: object
    reason: Reason


@dataclass(frozen=True, slots=True)
class Left:
    """No rule decides: a person must."""

    words: str = "the members hold different values, and no rule decides"
    code: str = "DV-440"


Outcome: TypeAlias = Won | Alike | Made | Left


class Contested:
    """The contested rows of one field, by position among them. `knows` are the members that know the field, `rivals`
    flags, a line each member, whose values stand against each other."""

    def __init__(self, decision: Decision, shared: SharedField, places: Places, around: Surroundings) -> None:
        self.decision, self.shared, self.places, self.around = decision, shared, places, around
        self.survey = decision.survey
        self.field = decision.agreed.fields.index(shared.name)
        known = [rows.member.cell(shared.name) is not None for rows in self.survey.sides]
        self.knows = np.flatnonzero(known).tolist()
        self.active: Flags = decision.active[:, places] & np.array(known)[:, None]
        rivals = decision.rivals.get(shared.name)
        self.rivals: Flags = self.active if rivals is None else self.active & rivals[:, places]

    def __len__(self) -> int:
        return len(self.places)

    def positions(self, side: int) -> npt.NDArray[np.int64]:
        """Where the rows stand at a member; `ABSENT` where they do not."""
        return np.where(self.active[side], self.survey.index[side, self.places], ABSENT)

    @cached_property
    def values(self) -> dict[int, Sequence[Any]]:
        """What each member that knows the field holds, row for row; null where it has no row."""
        name = self.shared.name
        return {
            side: listed(taken(self.survey.sides[side].shared.column(name), self.positions(side)))
            for side in self.knows
        }

    def rivals_at(self, at: int) -> list[int]:
        """The members whose values stand against each other in one row."""
        return np.flatnonzero(self.rivals[:, at]).tolist()

    def active_at(self, at: int) -> list[int]:
        """The members that hold one row and know the field."""
        return np.flatnonzero(self.active[:, at]).tolist()
