"""Noting which rows change: from the binary log where this account may read it, else by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dovetail.errors import FeedLost, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Feed, Noticed, Visibility
from dovetail.systems.connectors.mariadb import capture_memory as memories
from dovetail.systems.connectors.mariadb import capture_own
from dovetail.systems.connectors.mariadb import capture_triggers as triggers
from dovetail.systems.connectors.mariadb.capture_log import Log
from dovetail.systems.connectors.mariadb.capture_memory import BINLOG, TRIGGERS, Names
from dovetail.systems.connectors.mariadb.capture_queue import Queues, lost, patiently
from dovetail.systems.connectors.mariadb.capture_tables import look
from dovetail.systems.connectors.mariadb.capture_verdict import NONE, Account, Verdict, account
from dovetail.systems.connectors.mariadb.pool import Sessions
from dovetail.systems.connectors.mariadb.session import Session


class Capture:
    """The feeds of one database. May be used from several threads."""

    def __init__(
        self, sessions: Sessions, setting: str, *, truth: bool = True, changes_max: int = memories.CHANGES_MAX
    ) -> None:
        self._sessions = sessions
        self._setting = setting
        self._queues = Queues(sessions, truth=truth, changes_max=changes_max)
        self._log = Log(sessions.address, truth=truth)
        self._ways: dict[str, str] = {}
        self._account: Account | None = None
        self._own = capture_own.Names()

    def visibility(self, datasets: Sequence[Dataset]) -> Sequence[Visibility]:
        """How changes of these datasets can be seen."""
        with self._sessions.lend("visibility") as session:
            found = self._verdict(session, datasets)
            return [found.of(one) for one in datasets]

    def capture(self, feed: str, datasets: Sequence[Dataset]) -> Feed:
        """Make or mend the feed, in the best way that all its datasets allow."""
        self.close(feed)
        of = memories.names(feed)
        with self._sessions.lend(feed) as session:
            found = self._verdict(session, datasets)
            way = _way(found, datasets, feed)
            known = memories.recall(session, of)
            if way == BINLOG:
                self._log.make(session, feed, of, found.tables, known)
                _disarm(session, of)
            else:
                self._queues.make(session, of, found.tables, known)
            self._own.forget()
            standing = self._feed(session, feed, of)
            assert standing is not None
            return standing

    def feed(self, feed: str) -> Feed | None:
        """How the feed stands."""
        with self._sessions.lend(feed) as session:
            return self._feed(session, feed, memories.names(feed))

    def _feed(self, session: Session, feed: str, of: Names) -> Feed | None:
        found = memories.recall(session, of)
        if found is None:
            return None
        if found.way == BINLOG:
            return Feed(feed, BINLOG, tuple(found.datasets), lost=self._log.lost(session, feed, found))
        return self._queues.feed(session, feed, of, found, sees_numbers=self._sees(session))

    def release(self, feed: str) -> None:
        """Take everything away that was made for it."""
        self.close(feed)
        of = memories.names(feed)
        with self._sessions.lend(feed) as session:
            _disarm(session, of)
            memories.drop(session, of)

    def noticed(self, feed: str, *, rows: int) -> Noticed:
        """What was noted."""
        of = memories.names(feed)
        try:
            with self._sessions.lend(feed) as session:
                if self._way(session, feed, of) == BINLOG:
                    return self._log.noticed(session, feed, of, rows)
                return self._queues.noticed(session, feed, of, rows, sees_numbers=self._sees(session))
        except FeedLost:
            self.close(feed)
            raise

    def acknowledge(self, feed: str, cursor: str) -> None:
        """Forget what was noted up to there."""
        of = memories.names(feed)
        with self._sessions.lend(feed) as session:
            if self._way(session, feed, of) == BINLOG:
                self._log.acknowledge(session, feed, of, cursor)
            else:
                self._queues.acknowledge(session, feed, of, cursor)

    def await_changes(self, feed: str, timeout_s: float) -> bool:
        """Wait until something was noted."""
        of = memories.names(feed)
        try:
            with self._sessions.lend(feed) as session:
                sees = self._sees(session)
                is_log = self._way(session, feed, of) == BINLOG
                wait = self._log.waiting(session, feed, of) if is_log else None
            if wait is not None:
                return wait(timeout_s)
            return self._queues.wait(feed, of, timeout_s, sees_numbers=sees)
        except FeedLost:
            self.close(feed)
            raise

    def named(self, session: Session) -> str | None:
        """A name for a transaction of ours that has just begun; `None` where no feed is."""
        return self._own.give(session)

    def unnamed(self, session: Session) -> None:
        """What a transaction writes that has just begun is not known again."""
        self._own.take(session)

    def _way(self, session: Session, feed: str, of: Names) -> str:
        """The way of a feed; looked up once."""
        if feed not in self._ways:
            found = memories.recall(session, of)
            if found is None:
                raise lost(of, "it is not there")
            self._ways[feed] = found.way
        return self._ways[feed]

    def close(self, feed: str | None = None) -> None:
        """End the reading of a feed, or of all."""
        for name in [name for name in self._ways if feed in (None, name)]:
            self._ways.pop(name, None)
        self._queues.close(feed)
        self._log.close(feed)

    def _verdict(self, session: Session, datasets: Sequence[Dataset]) -> Verdict:
        self._account = account(session)
        tables = look(session, datasets, sees_numbers=self._account.sees_numbers)
        return Verdict(self._setting, self._account, session.schema, tables)

    def _sees(self, session: Session) -> bool:
        """Whether truncations can be told; looked up once."""
        if self._account is None:
            self._account = account(session)
        return self._account.sees_numbers


def _way(found: Verdict, datasets: Sequence[Dataset], feed: str) -> str:
    """The best way that all datasets allow; refused where there is none."""
    way = found.ways(list(datasets))
    if way:
        return way
    if found.setting == NONE:
        raise SystemFault("capture_by is none: nothing is noted", where=feed, code="DV-360")
    last = BINLOG if found.setting == BINLOG else TRIGGERS
    for one in datasets:
        reason, remedy = found.hindrance(one.name, last)
        if reason:
            words = f"changes of {one.name} cannot be noted: {reason}"
            raise SystemFault(words, where=one.name, hint=remedy, code="DV-360")
    raise AssertionError(feed)


def _disarm(session: Session, of: Names) -> None:
    """Drop the triggers of a feed."""
    for name in triggers.standing(session, of.base):
        patiently(session, partial(triggers.drop, session, name))
