"""A promise of the connector protocol: a named check, the capabilities that it needs, and those that it uses where they
are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dovetail.testing.conformance.bench import Bench


@dataclass(frozen=True, slots=True)
class Promise:
    """One check. Without a capability of `needs`, or a fault of `given` (`Faults.lacks`), it says nothing; without a
    capability of `uses` it must come out the same. One that takes longer than some seconds `is_slow`."""

    name: str
    words: str
    check: Callable[[Bench], None]
    needs: tuple[type, ...] = ()
    uses: tuple[type, ...] = ()
    given: tuple[str, ...] = ()
    is_slow: bool = False


PROMISES: dict[str, Promise] = {}
"""All promises by name, in the order in which they were made."""


def promise(
    *,
    needs: tuple[type, ...] = (),
    uses: tuple[type, ...] = (),
    given: tuple[str, ...] = (),
    is_slow: bool = False,
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Make a function a promise; its name is the promise's, its docstring says what is promised."""

    def keep(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
        words = " ".join((check.__doc__ or "").split("\n\n")[0].split())
        PROMISES[check.__name__] = Promise(check.__name__, words, check, needs, uses, given, is_slow)
        return check

    return keep
