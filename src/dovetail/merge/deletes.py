"""What a row that vanished at some members means for the others."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from dovetail.model.mapping import DeleteRule

CARRIED = frozenset({DeleteRule.PROPAGATE, DeleteRule.SOFT})
"""The rules that carry a delete on to the other members."""


class Fate(StrEnum):
    """What happens to a shared row that vanished somewhere."""

    DELETE = "delete"
    """It is removed wherever it still stands."""
    CREATE_AGAIN = "create again"
    """It comes back where it vanished."""
    LEAVE = "leave"
    """It stays where it stands; the members that do not hold it any more have nothing to do with it from now on."""
    ASK = "ask"
    """A person says what it means; nothing is written until then."""
    FORGET = "forget"
    """It is gone everywhere: only the cross-reference still knows it."""


def fate(rules: Collection[DeleteRule | None], *, anywhere: bool, kept: bool) -> Fate:
    """The fate of a row, by the rules of the members where it vanished (`None`: nobody decided, so a person is asked).

    `anywhere` says that a member still holds it, `kept` that one of those which do edited a field that it may set, or
    created the row again, since the last agreement: that beats a delete. A rule that carries the delete on outranks
    the others, for it would decide as well if the row vanished at its member alone; to ask outranks to bring back.

    >>> fate([DeleteRule.PROPAGATE], anywhere=True, kept=False)
    <Fate.DELETE: 'delete'>
    >>> fate([DeleteRule.PROPAGATE], anywhere=True, kept=True)
    <Fate.CREATE_AGAIN: 'create again'>
    >>> fate([DeleteRule.DETACH, DeleteRule.RESTORE], anywhere=True, kept=False)
    <Fate.CREATE_AGAIN: 'create again'>
    """
    if not anywhere:
        return Fate.FORGET
    if CARRIED.intersection(rules):
        return Fate.CREATE_AGAIN if kept else Fate.DELETE
    if None in rules or DeleteRule.ASK in rules:
        return Fate.ASK
    return Fate.CREATE_AGAIN if DeleteRule.RESTORE in rules else Fate.LEAVE
