"""How long work tells how far it is; the command line draws it, everybody else may ignore it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Where tasks are announced."""

    def task(self, name: str, *, total: int | None) -> AbstractContextManager[Advance]:
        """Begin a task of `total` rows (`None` when unknown); call the answer with each number of rows done."""
        ...


class Silent:
    """Progress that nobody watches."""

    def task(self, name: str, *, total: int | None) -> AbstractContextManager[Advance]:
        """Announce nothing."""
        del name, total
        return nullcontext(lambda _rows: None)
