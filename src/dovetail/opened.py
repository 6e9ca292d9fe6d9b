"""A project in Python: what the commands do, as methods that return values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dovetail.engine.open import open_workspace
from dovetail.model.run import Summary
from dovetail.steps import migrate as steps
from dovetail.steps.plan import Planned, plan
from dovetail.steps.verify import verify


class Opened:
    """A project's folder and environment; each method opens the systems, does its work, and closes them."""

    def __init__(self, folder: Path, environment: str | None = None) -> None:
        self.folder = folder
        self.environment = environment

    def plan(self, *, only: Sequence[str] = (), path: Path | None = None) -> Planned:
        """Everything that a run would do; a plan file is written, systems and state are not changed."""
        with open_workspace(self.folder, environment=self.environment, variables=dict(os.environ)) as workspace:
            return plan(workspace, only=only, path=path)

    def apply(self, path: Path) -> Summary:
        """Carry out a plan as it was shown."""
        with open_workspace(self.folder, environment=self.environment, variables=dict(os.environ)) as workspace:
            return steps.apply(workspace, path)

    def migrate(
        self, *, only: Sequence[str] = (), allowed: int | None = None, for_sync: bool = False, plain: bool = False
    ) -> Summary:
        """Reconcile everything in bulk; raises `GateClosed` where the guard holds it.

        `for_sync` keeps every agreed value, also where no rule of today asks for it; `plain` decides every mapping
        whole."""
        with open_workspace(self.folder, environment=self.environment, variables=dict(os.environ)) as workspace:
            return steps.migrate(workspace, only=only, allowed=allowed, for_sync=for_sync, plain=plain)

    def verify(self, *, only: Sequence[str] = ()) -> Summary:
        """Compare all members field by field."""
        with open_workspace(self.folder, environment=self.environment, variables=dict(os.environ)) as workspace:
            return verify(workspace, only=only)


def open(path: str | Path, *, environment: str | None = None) -> Opened:  # noqa: A001 - read as dovetail.open
    """The project in a folder."""
    return Opened(Path(path), environment)
