"""How a promise is judged: kept, broken, or declined."""

from __future__ import annotations

from typing import NoReturn


class Broken(AssertionError):
    """A promise that a connector does not keep."""


class Declined(Exception):
    """What was asked for is refused by design, cleanly: there is nothing to be kept."""


def expect(is_kept: object, words: str) -> None:
    """Go on where that is true; else the promise is broken."""
    if not is_kept:
        broken(words)


def broken(words: str) -> NoReturn:
    """Say what is wrong."""
    raise Broken(words)


def decline(words: str) -> NoReturn:
    """Say what the connector refuses by design."""
    raise Declined(words)
