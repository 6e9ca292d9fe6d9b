"""What our own transactions call themselves, so that feeds can tell their changes from those of others."""

from __future__ import annotations

import json
import secrets
import time
from functools import lru_cache

import pymysql

from dovetail.systems.connectors.mariadb.capture_memory import BINLOG, is_missing
from dovetail.systems.connectors.mariadb.capture_triggers import OWN
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import table

_KNOWN_S = 5.0
"""Seconds for which it is remembered which feeds there are; an echo that is not known again does no harm."""

_FEEDS = (
    "SELECT table_name FROM information_schema.tables "
    "WHERE table_schema = ?1 AND table_name LIKE 'dovetail\\\\_%\\\\_own'"
)
_WAY = "SELECT told FROM {covered} WHERE dataset = ''"
_NAME = "REPLACE INTO {own} (id, name) VALUES (?1, ?2)"
_PLACES = 1000
"""Rows of the table at most: two connections that share one wait for each other, before they hold anything else."""


class Names:
    """The feeds of a database by which our transactions must name themselves. May be used from several threads."""

    def __init__(self) -> None:
        self._logs: tuple[str, ...] | None = None
        self._has_triggers = False
        self._known = float("-inf")

    def give(self, session: Session) -> str | None:
        """A name for the transaction that has just begun; `None` where no feed is."""
        logs = self._look(session)
        if not logs and not self._has_triggers:
            return None
        name = secrets.token_hex(8)
        if self._has_triggers:
            session.run(f"SET {OWN} = ?1", [name])
        for one in logs:
            try:
                session.run(_placed(session, _NAME, one, "own"), [session.number % _PLACES, name])
            except pymysql.Error as error:
                if not is_missing(error):
                    raise
                self.forget()
        return name

    def take(self, session: Session) -> None:
        """A transaction that has just begun has no name."""
        self._look(session)
        if self._has_triggers:
            session.run(f"SET {OWN} = NULL")

    def forget(self) -> None:
        """Look again which feeds there are."""
        self._known = float("-inf")

    def _look(self, session: Session) -> tuple[str, ...]:
        if self._logs is not None and time.monotonic() - self._known < _KNOWN_S:
            return self._logs
        logs, has_triggers = [], False
        for (name,) in session.rows(_FEEDS, [session.schema]):
            base = str(name).removesuffix("_own")
            way = _way(session, base)
            logs += [base] if way == BINLOG else []
            has_triggers |= bool(way) and way != BINLOG
        self._logs, self._has_triggers, self._known = tuple(logs), has_triggers, time.monotonic()
        return self._logs


def _way(session: Session, base: str) -> str:
    try:
        rows = session.rows(_placed(session, _WAY, base, "of"))
    except pymysql.Error as error:
        if not is_missing(error):
            raise
        return ""
    return str(json.loads(rows[0][0])["way"]) if rows else ""


def _placed(session: Session, statement: str, base: str, what: str) -> str:
    return _filled(session.schema, statement, base, what)


@lru_cache(maxsize=100)
def _filled(schema: str, statement: str, base: str, what: str) -> str:
    mark = {"own": "{own}", "of": "{covered}"}[what]
    return statement.replace(mark, MARIADB.sql(table(f"{base}_{what}", schema)))
