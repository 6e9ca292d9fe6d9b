"""Noting which rows change: by the log where this account may read it, else by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dovetail.errors import FeedLost, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Feed, Noticed, Visibility
from dovetail.systems.connectors.postgres import capture_slot as slots
from dovetail.systems.connectors.postgres import capture_triggers as triggers
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.capture_log import Log
from dovetail.systems.connectors.postgres.capture_queue import BYTES_MAX, Queues
from dovetail.systems.connectors.postgres.capture_tables import called, look
from dovetail.systems.connectors.postgres.capture_verdict import AUTO, NONE, SLOT, TRIGGERS, Verdict, verdict
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session

if TYPE_CHECKING:
    from dovetail.systems.connectors.postgres.pool import Sessions

WAYS = (AUTO, SLOT, TRIGGERS, NONE)
"""What a system's setting `capture_by` may say."""


class Capture:
    """The feeds of one database. May be used from several threads."""

    def __init__(
        self, address: Address, sessions: Sessions, names: Names, setting: str, *, queue_bytes: int = BYTES_MAX
    ) -> None:
        self._sessions = sessions
        self._names = names
        self._setting = setting
        self._log = Log(address, names)
        self._queues = Queues(address, names, queue_bytes)
        self._ways: dict[str, tuple[str, str]] = {}

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen."""
        with self._sessions.lend("visibility") as session:
            found = verdict(session, self._setting, look(session, self._names, datasets))
            return [found.of(one) for one in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Make or mend the feed, in the best way that all its datasets allow."""
        self.close(feed)
        with self._sessions.lend(feed) as session:
            tables = look(session, self._names, datasets)
            found = verdict(session, self._setting, tables)
            base = called(session, self._names, feed)
            way = _way(found, datasets, feed)
            if way == SLOT:
                slots.make(session, self._names, base, tables)
                self._queues.discard(session, base)
            else:
                self._queues.make(session, base, tables)
                slots.release(session, base)
            standing = self._feed(session, feed, base)
            assert standing is not None
            return standing

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        with self._sessions.lend(feed) as session:
            return self._feed(session, feed, called(session, self._names, feed))

    def _feed(self, session: Session, feed: str, base: str) -> Feed | None:
        found = slots.standing(session, base)
        if found is not None:
            return slots.feed(session, self._names, feed, found)
        return self._queues.feed(session, feed, base)

    def release(self, feed: str) -> None:
        """Take everything away that was made for it."""
        self.close(feed)
        with self._sessions.lend(feed) as session:
            base = called(session, self._names, feed)
            slots.release(session, base)
            triggers.drop(session, base)
            self._queues.discard(session, base)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What was noted."""
        try:
            with self._sessions.lend(feed) as session:
                base, way = self._known(session, feed)
                if way == SLOT:
                    return self._log.noticed(session, feed, base, rows)
                return self._queues.noticed(session, feed, base, rows)
        except FeedLost:
            self.close(feed)
            raise

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what was noted up to there."""
        with self._sessions.lend(feed) as session:
            base, way = self._known(session, feed)
            if way == SLOT:
                self._log.acknowledge(session, feed, base, cursor)
            else:
                self._queues.acknowledge(session, base, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait until something was noted."""
        try:
            with self._sessions.lend(feed) as session:
                base, way = self._known(session, feed)
                wait = (self._log if way == SLOT else self._queues).waiting(session, feed, base)
            return wait(timeout_s)
        except FeedLost:
            self.close(feed)
            raise

    def _known(self, session: Session, feed: str) -> tuple[str, str]:
        """What begins the names of all that was made for a feed, and its way; looked up once."""
        if feed not in self._ways:
            base = called(session, self._names, feed)
            is_slot = slots.standing(session, base) is not None
            self._ways[feed] = base, SLOT if is_slot else TRIGGERS
        return self._ways[feed]

    def close(self, feed: str | None = None) -> None:
        """End the reading of a feed, or of all."""
        for name in [name for name in self._ways if feed in (None, name)]:
            self._ways.pop(name, None)
        self._log.close(feed)
        self._queues.close(feed)


def _way(found: Verdict, datasets: Sequence[Dataset], feed: str) -> str:
    """The best way that all datasets allow; refused where there is none."""
    asked = {AUTO: (SLOT, TRIGGERS), NONE: ()}.get(found.setting, (found.setting,))
    for way in asked:
        if not any(found.hindrance(one.name, way)[0] for one in datasets):
            return way
    if not asked:
        raise SystemFault("capture_by is none: nothing is noted", where=feed, code="DV-360")
    for one in datasets:
        reason, remedy = found.hindrance(one.name, asked[-1])
        if reason:
            words = f"changes of {one.name} cannot be noted: {reason}"
            raise SystemFault(words, where=one.name, hint=remedy, code="DV-360")
    raise AssertionError(feed)
