"""Tries connectors that are broken on purpose, with those that are opened besides broken alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dovetail import errors
from dovetail.systems.connectors.memory import Connector
from dovetail.systems.protocol import Target
from dovetail.testing.conformance import Faults, known
from dovetail.testing.conformance.disk import small_disk
from dovetail.testing.conformance.trial import Outcome, Result, examine

Make = Callable[[Any], Any]
"""Breaks a connector."""

WORDS = ("Broken", "AssertionError", *(name for name, one in vars(errors).items() if isinstance(one, type)))
"""How the words of a broken promise may begin."""

MEMORY_SETTINGS = frozenset({"timeout_s", "batch_rows"})


def tried_in_memory(make: Make, *names: str) -> list[Result]:
    """The results of those promises, for a broken connector of the system in memory."""
    made: list[Connector] = []

    @contextmanager
    def fresh() -> Iterator[Target]:
        made.append(Connector())
        yield make(made[-1])

    def told(_: Target) -> Faults:
        return Faults(open=lambda **settings: make(made[-1].beside(**settings)), settings=MEMORY_SETTINGS)

    return examine(fresh, names, faults=told)


def tried(
    opened: Callable[[], AbstractContextManager[Any]], make: Make, *names: str, **more: Callable[[Any], object]
) -> list[Result]:
    """The results of those promises, for a broken connector with settings; `more` makes faults of its own from it."""
    made: list[Any] = []

    @contextmanager
    def fresh() -> Iterator[Target]:
        with opened() as connector:
            made.append(connector)
            yield make(connector)

    def again(**settings: object) -> Target:
        return make(replace(made[-1], **settings))

    def told(_: Target) -> Faults:
        found = replace(known(made[-1]), open=again, **{name: part(made[-1]) for name, part in more.items()})
        return replace(found, disk=partial(small_disk, again, Path(made[-1].path))) if found.disk else found

    return examine(fresh, names, faults=told)


def caught(results: list[Result], name: str) -> None:
    """Expect that the promise is broken: by its own words, or by an error of ours; not by a slip of the saboteur."""
    broken = [result for result in results if result.outcome is Outcome.BROKEN]
    assert broken, f"{name} is not broken: {[(str(one.trial), one.outcome, one.words) for one in results]}"
    assert all(one.words.partition(":")[0] in WORDS for one in broken), broken[0].words
