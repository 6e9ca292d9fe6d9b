"""What can be wrong with the state, in words, with the next thing to do."""

from __future__ import annotations

from dovetail.errors import StateFault

NEWER = "DV-501"
"""The state was written by a newer version of Dovetail."""
LOCKED = "DV-502"
"""Another process is writing the state."""
DAMAGED = "DV-503"
"""The state is damaged, or the file is not one."""
WRONG_KEY = "DV-504"
"""The key does not open the state."""
KEY_FILE = "DV-505"
"""The key file cannot be used."""
NOT_ONE_TO_ONE = "DV-506"
"""A link would break the one-to-one cross-reference."""
UNREACHABLE = "DV-507"
"""The state cannot be opened, or the connection to it was lost."""
FULL = "DV-508"
"""No room is left for the state."""
MISUSED = "DV-509"
"""The state was asked to break one of its promises."""


def newer(place: str, found: int, known: int) -> StateFault:
    """The state was written by a newer Dovetail."""
    return StateFault(
        f"the state has format {found}, and this version of Dovetail knows formats up to {known}",
        where=place,
        hint="install the version that wrote it, or a later one; nothing was changed",
        code=NEWER,
    )


def locked(place: str, who: str = "") -> StateFault:
    """Somebody else is writing, and did not end in time."""
    words = f": {who}" if who else ""
    return StateFault(
        f"the state is being written by another process{words}",
        where=place,
        hint="wait for that process to end, or end it, and try again",
        code=LOCKED,
    )


def damaged(place: str, reason: str) -> StateFault:
    """The state cannot be read as what it should be."""
    return StateFault(
        f"the state is damaged or is not a state of Dovetail ({reason})",
        where=place,
        hint="restore it from a backup; without one, move it away: a new state pairs the rows again, and differences "
        "become conflicts",
        code=DAMAGED,
    )


def wrong_key(place: str) -> StateFault:
    """The key does not open the state, or something encrypted was changed."""
    return StateFault(
        "the key does not open what is encrypted in the state",
        where=place,
        hint="put back the file .dovetail/key that belongs to this state, or set DOVETAIL_KEY",
        code=WRONG_KEY,
    )


def key_file(place: str, reason: str, hint: str) -> StateFault:
    """The key file cannot be used."""
    return StateFault(reason, where=place, hint=hint, code=KEY_FILE)


def not_one_to_one(place: str, count: int) -> StateFault:
    """A link would give a row two keys, or a key two rows."""
    return StateFault(
        f"{count} links would pair a row with two keys or a key with two rows; the cross-reference stays one-to-one",
        where=place,
        hint="nothing was linked; look the keys up first, and treat a taken key as a conflict",
        code=NOT_ONE_TO_ONE,
    )


def unreachable(place: str, reason: str) -> StateFault:
    """The state cannot be opened, or the connection to it was lost."""
    return StateFault(
        f"the state cannot be reached ({reason})",
        where=place,
        hint="look at the path or the server, and at the rights of this account; a re-run continues",
        code=UNREACHABLE,
    )


def full(place: str) -> StateFault:
    """No room is left for the state."""
    return StateFault(
        "no room is left for the state",
        where=place,
        hint="make room on that disk and run again; what was committed is intact",
        code=FULL,
    )


def misused(place: str, reason: str) -> StateFault:
    """The state was asked for something that would break its promises."""
    return StateFault(reason, where=place, hint="this is a mistake in Dovetail; please report it", code=MISUSED)
