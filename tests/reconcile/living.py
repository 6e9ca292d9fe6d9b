"""A sync that a test keeps running step by step, over a lab, with a clock that the test moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dovetail.engine.open import open_workspace
from dovetail.engine.sync import Sync, Turn
from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time

    def move(self, **how: float) -> None:
        self.time += dt.timedelta(**how)


class Living:
    """One running sync; every mapping is looked over whenever a test asks for a turn."""

    def __init__(self, workspace: Workspace, clock: Clock, **options: object) -> None:
        self.workspace = workspace
        self.clock = clock
        self.sync = Sync(workspace, **options)
        self.first = self.sync.start()

    def turn(self, *names: str) -> Turn:
        """Look everything over and deal with what changed, until nothing more is to be done."""
        total = None
        for _ in range(20):
            failed = {}
            for name in self.sync.order:
                try:
                    self.sync.census(name)
                except DovetailError as error:
                    failed[name] = error
            self.sync.notice()
            turned = self.sync.turn([name for name in names or self.sync.order if name not in failed])
            turned.failed |= failed
            if total is None:
                total = turned
            else:
                total.looked += turned.looked
                total.written += turned.written
                total.failed |= turned.failed
            if not turned.looked or turned.failed:
                break
        return total


@contextmanager
def living(folder: Path, clock: Clock | None = None, **options: object) -> Iterator[Living]:
    """A sync of the project in a folder, from its first pass until the end of the block."""
    clock = clock or Clock()
    with open_workspace(folder, variables={}, clock=clock) as workspace:
        one = Living(workspace, clock, **options)
        try:
            yield one
        finally:
            one.sync.close()
