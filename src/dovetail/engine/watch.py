"""Waiting for any of several systems to say that something may have changed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from dovetail.errors import DovetailError
from dovetail.systems.protocol import SupportsCapture

BREATH_S = 0.5
"""Seconds that a system is asked at a time; also how long a watcher needs to end."""


class Watchers:
    """One thread a system, each asking its own feed; they rest from a wake-up until it was looked into."""

    def __init__(self, sources: Mapping[str, SupportsCapture], feed: str) -> None:
        self._woken = threading.Event()
        self._systems: set[str] = set()
        self._resting = {system: threading.Event() for system in sources}
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._watch, args=(system, source, feed), daemon=True)
            for system, source in sources.items()
        ]
        for thread in self._threads:
            thread.start()

    @property
    def systems(self) -> Collection[str]:
        """The systems that are watched."""
        return self._resting.keys()

    def wait(self, timeout_s: float) -> set[str]:
        """Wait until a system woke us, at most so long; those that did."""
        for resting in self._resting.values():
            resting.set()
        self._woken.wait(timeout_s)
        self._woken.clear()
        systems = set(self._systems)
        self._systems -= systems
        return systems

    def close(self) -> None:
        """End the threads."""
        self._is_over = True
        for resting in self._resting.values():
            resting.set()
        for thread in self._threads:
            thread.join(timeout=4 * BREATH_S)

    def _watch(self, system: str, source: SupportsCapture, feed: str) -> None:
        resting = self._resting[system]
        while not self._is_over:
            if not resting.wait(BREATH_S) or self._is_over:
                continue
            try:
                noticed = source.await_changes(feed, BREATH_S)
            except DovetailError:  # whoever reads the feed meets it too, and can say so
                noticed = True
            if noticed and not self._is_over:
                resting.clear()
                self._systems.add(system)
                self._woken.set()
