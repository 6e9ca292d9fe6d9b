"""A promise of the connector protocol: a named check, the capabilities that it needs, and those that it uses where they
are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from dovetail.testing.conformance.bench import Bench


class Broken(AssertionError):
    """A promise that a connector does not keep."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One check. Without a capability of `needs` it says nothing; without one of `uses` it must come out the same."""

    name: str
    words: str
    check: Callable[[Bench], None]
    needs: tuple[type, ...] = ()
    uses: tuple[type, ...] = ()


PROMISES: dict[str, Promise] = {}
"""All promises by name, in the order in which they were made."""


def promise(
    *, needs: tuple[type, ...] = (), uses: tuple[type, ...] = ()
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Make a function a promise; its name is the promise's, its docstring says what is promised."""

    def keep(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
        words = " ".join((check.__doc__ or "").split("\n\n")[0].split())
        PROMISES[check.__name__] = Promise(check.__name__, words, check, needs, uses)
        return check

    return keep


def expect(is_kept: object, words: str) -> None:
    """Go on where that is true; else the promise is broken."""
    if not is_kept:
        broken(words)


def broken(words: str) -> NoReturn:
    """Say what is wrong."""
    raise Broken(words)
