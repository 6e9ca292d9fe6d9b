"""How far the clocks of systems are from ours, measured when a rule asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dovetail.engine.workspace import Workspace
from dovetail.systems.protocol import SupportsClock

MEASURED_AGAIN_S = 60.0
"""Seconds for which a measurement holds."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a system: by how much it is ahead of ours, how exactly that is known, and the zone of its stamps
    that carry none."""

    offset_s: float = 0.0
    error_s: float = 0.0
    zone: str = "UTC"


ClockOf: TypeAlias = Callable[[str], Clock]
"""The clock of the system of that name."""


def ours(_system: str) -> Clock:
    """Our own clock, for systems that have none of their own."""
    return Clock()


class Clocks:
    """The clocks of a project's systems; each is asked when it is first needed, and again when that was long ago."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[str, tuple[dt.datetime, Clock]] = {}

    def of(self, system: str) -> Clock:
        """The clock of a system; one that runs in our own process or cannot tell the time has ours."""
        now = self._workspace.clock()
        known = self._known.get(system)
        if known is None or (now - known[0]).total_seconds() >= MEASURED_AGAIN_S:
            known = (now, self._measured(system))
            self._known[system] = known
        return known[1]

    def _measured(self, system: str) -> Clock:
        declared = self._workspace.project.system(system)
        zone = (declared.timezone if declared is not None else None) or "UTC"
        connector = self._workspace.connector(system)
        if not isinstance(connector, SupportsClock):
            return Clock(zone=zone)
        before = self._workspace.clock()
        theirs = connector.now()
        after = self._workspace.clock()
        half = (after - before) / 2
        return Clock((theirs - (before + half)).total_seconds(), half.total_seconds(), zone)
