"""Noting which rows change: by the log where this account may read it, else by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dovetail.errors import AccessDenied, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Feed, Noticed, Visibility
from dovetail.systems.connectors.postgres import capture_slot as slots
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.capture_log import Log
from dovetail.systems.connectors.postgres.capture_tables import Table, grants, look
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session

if TYPE_CHECKING:
    from dovetail.systems.connectors.postgres.pool import Sessions

WAYS = ("auto", "slot", "triggers", "none")
"""What a system's setting `capture_by` may say."""


class Capture:
    """The feeds of one database. May be used from several threads."""

    def __init__(self, address: Address, sessions: Sessions, names: Names, setting: str) -> None:
        self._sessions = sessions
        self._names = names
        self._setting = setting
        self._log = Log(address, sessions, names)

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen."""
        return [Visibility(one.name, "reading") for one in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Make or mend the feed."""
        self._log.close(feed)
        with self._sessions.lend(feed) as session:
            tables = look(session, self._names, datasets)
            slot = slots.called(session, self._names, feed)
            slots.make(session, self._names, slot, tables)
            found = slots.standing(session, slot)
            assert found is not None
            return slots.feed(session, self._names, feed, found)

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        with self._sessions.lend(feed) as session:
            found = slots.standing(session, slots.called(session, self._names, feed))
            return None if found is None else slots.feed(session, self._names, feed, found)

    def release(self, feed: str) -> None:
        """Take everything away that was made for it."""
        self._log.close(feed)
        with self._sessions.lend(feed) as session:
            slots.release(session, slots.called(session, self._names, feed))

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What was noted."""
        return self._log.noticed(feed, rows)

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what was noted up to there."""
        self._log.acknowledge(feed, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait until something was noted."""
        return self._log.await_changes(feed, timeout_s)

    def close(self) -> None:
        """End all reading."""
        self._log.close()
