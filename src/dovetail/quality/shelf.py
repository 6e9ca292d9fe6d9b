"""The shelf of checks: every file of `quality/checks` is one, under the file's name."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Protocol, cast

from dovetail.model.mapping import Check
from dovetail.quality import checks
from dovetail.quality.question import Question, Scope


class Shelved(Protocol):
    """What a file of the shelf holds; its docstring is its page in the reference."""

    def validate(self, arguments: tuple[object, ...]) -> str | None:
        """What is wrong with the arguments, or `None`."""
        ...

    def question(self, check: Check, scope: Scope) -> Question:
        """The question that a check with right arguments asks."""
        ...


def names() -> tuple[str, ...]:
    """The names of all checks.

    >>> names()[:2]
    ('email', 'length')
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(checks.__path__) if module.name[0] != "_"))


@functools.cache
def get(name: str) -> Shelved:
    """The check of that name; only names of `names` are known."""
    if name not in names():
        raise KeyError(name)
    return cast("Shelved", importlib.import_module(f"{checks.__name__}.{name}"))
