"""A person's connection to MariaDB, asked as those to the other systems are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pymysql

from dovetail.systems.connectors.mariadb.address import parse

_LOST = frozenset({0, 1053, 1927, 2006, 2013, 2055})
"""The numbers of errors after which the connection is gone."""

_CONNECT_S = 5


class Connection:
    """One connection; people wait for locks and answers no longer than they have patience."""

    def __init__(self, where: str, patience_s: float) -> None:
        told = parse(where).parameters()
        patience = f"innodb_lock_wait_timeout = {int(patience_s)}, lock_wait_timeout = {int(patience_s)}"
        self._driver = pymysql.connect(
            **told,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=_CONNECT_S,
            read_timeout=int(4 * patience_s),
            init_command=f"SET SESSION {patience}",
        )

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return not self._driver.open

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """The cursor of one statement."""
        cursor = self._driver.cursor()
        cursor.execute(statement, list(values) or None)
        return cursor

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        if self._driver.open:
            self._driver.close()


def is_lost(error: pymysql.Error) -> bool:
    """Whether the connection is gone, so that nobody knows what became of a commit."""
    number = error.args[0] if error.args else 0
    return isinstance(error, pymysql.OperationalError | pymysql.InterfaceError) and number in _LOST
