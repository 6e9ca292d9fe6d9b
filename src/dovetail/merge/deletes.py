"""What a row that vanished at one member means for the others."""

from __future__ import annotations

from enum import StrEnum

from dovetail.model.mapping import DeleteRule


class Fate(StrEnum):
    """What happens to a shared row that vanished somewhere."""

    DELETE = "delete"
    CREATE_AGAIN = "create again"
    LEAVE = "leave"
    ASK = "ask"
    FORGET = "forget"
    """It is gone everywhere: only the cross-reference still knows it."""


def fate(rule: DeleteRule | None, *, anywhere: bool, edited_elsewhere: bool) -> Fate:
    """The fate of a row under the rule of the member where it vanished (`None`: nobody decided, so a person is asked).

    An edit made elsewhere since the last agreement, by a member that may set the field, beats the delete.

    >>> fate(DeleteRule.PROPAGATE, anywhere=True, edited_elsewhere=True)
    <Fate.CREATE_AGAIN: 'create again'>
    """
    if not anywhere:
        return Fate.FORGET
    match rule:
        case DeleteRule.PROPAGATE:
            return Fate.CREATE_AGAIN if edited_elsewhere else Fate.DELETE
        case DeleteRule.RESTORE:
            return Fate.CREATE_AGAIN
        case DeleteRule.DETACH:
            return Fate.LEAVE
    return Fate.ASK
