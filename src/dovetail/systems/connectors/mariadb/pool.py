"""The connections to one database that nobody uses at the moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from dovetail.errors import Overdue, Unreachable
from dovetail.systems.connectors.mariadb.address import Address
from dovetail.systems.connectors.mariadb.faults import translated
from dovetail.systems.connectors.mariadb.session import Session


class Sessions:
    """Lends connections, and takes them back."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._idle: list[Session] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, where: str = "") -> Iterator[Session]:
        """A connection for one call; the driver's errors leave as Dovetail's."""
        place = where or str(self.address)
        with translated(place, self.timeout_s):
            session = self._take()
            try:
                session.renew()
                yield session
            except (Overdue, Unreachable) as error:
                error.where = error.where or place
                raise
            except RuntimeError:  # the driver gave up in the middle of an answer
                session.connection.cut()
                raise
            finally:
                self._give_back(session)

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.connection.cut()

    def _take(self) -> Session:
        while True:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            if session is None:
                return Session.open(self.address, self.timeout_s)
            if session.is_alive():
                return session
            session.connection.cut()

    def _give_back(self, session: Session) -> None:
        rests = False
        with contextlib.suppress(pymysql.Error, Overdue):
            rests = session.rest()
        if not rests:
            session.connection.cut()
            if session.connection.is_late:
                session.stop_there()
            return
        with self._lock:
            self._idle.append(session)
