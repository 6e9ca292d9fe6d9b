"""Listening to the feeds of a sync: which of them are to be read, and waiting for any of them."""

from __future__ import annotations

import time
from collections.abc import Collection

from dovetail.engine.feeds import Feeds, Told
from dovetail.engine.watch import Watchers
from dovetail.engine.workspace import Workspace
from dovetail.errors import FeedLost
from dovetail.systems.protocol import SupportsCapture

CHANGES_MAX = 50_000
"""Changes that a feed is asked for at a time."""
ROUND_S = 5.0
"""Seconds after which all feeds are read, whether or not they woke us."""


class Ear:
    """Knows which feeds woke us."""

    def __init__(self, workspace: Workspace, feeds: Feeds) -> None:
        self._workspace = workspace
        self._feeds = feeds
        self._watchers: Watchers | None = None
        self._woken: set[str] = set()
        self._round_s = 0.0

    def hark(self) -> None:
        """Read all feeds at the next occasion."""
        self._round_s = 0.0

    def to_read(self, without: Collection[str]) -> list[str]:
        """The systems whose feeds are to be read, but for some."""
        now = time.monotonic()
        is_round = now >= self._round_s
        asked = self._feeds.standing.keys() if is_round else self._woken
        systems = [one for one in self._feeds.standing if one in asked and one not in without]
        if is_round:
            self._round_s = now + ROUND_S
        self._woken -= set(systems)
        return systems

    def read(self, system: str) -> Told:
        """What a feed tells; one that lost something is mended, and then says what must be looked at as a whole."""
        try:
            told = self._feeds.read(system, CHANGES_MAX)
        except FeedLost:
            self._feeds.mend(system)
            told = self._feeds.read(system, CHANGES_MAX)
        if told.more:
            self._woken.add(system)
        return told

    def wait(self, timeout_s: float) -> bool:
        """Wait until a feed may hold something, at most so long."""
        if self._watchers is None or self._watchers.systems != self._feeds.standing.keys():
            self.close()
            sources = {name: self._workspace.connector(name) for name in self._feeds.standing}
            capturing = {name: one for name, one in sources.items() if isinstance(one, SupportsCapture)}
            self._watchers = Watchers(capturing, self._feeds.name)
        self._woken |= self._watchers.wait(0.0 if self._woken else timeout_s)
        return bool(self._woken)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._watchers is not None:
            self._watchers.close()
            self._watchers = None
