"""What is forgotten after the time that the project declares: old writes, and what was settled long ago."""

from __future__ import annotations

import datetime as dt

from dovetail.engine.workspace import Workspace

EVERY = dt.timedelta(hours=1)
"""Time between two looks for what is old, in a sync that runs on."""


def forget_old(workspace: Workspace) -> int:
    """Forget blocks of the journal, closed conflicts and rejects, and ended orders that are older than the project
    keeps them; the number of blocks that are gone. Open ones stay, however old they are."""
    keep_s = workspace.project.journal_keep_s
    if keep_s is None:
        return 0
    before = workspace.clock() - dt.timedelta(seconds=keep_s)
    store = workspace.store
    store.conflicts.prune(before)
    store.rejects.prune(before)
    store.decrees.prune(before)
    return store.journal.prune(before)


class Retention:
    """Forgets what is old, once in a while."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._next = workspace.clock() + EVERY

    def now_and_then(self) -> None:
        """Forget what is old, if it is time."""
        now = self._workspace.clock()
        if now >= self._next:
            self._next = now + EVERY
            forget_old(self._workspace)
