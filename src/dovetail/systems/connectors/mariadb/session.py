"""Connections to one database: lent to one caller at a time, every wait with a deadline, nothing left to the server's
own settings.

    with sessions.lend(dataset.name) as session, session.writing():
        session.rows("SELECT `a` FROM `t` WHERE `k` = ?1", [key])    # Python values, for small answers
        matched = session.run("UPDATE `t` SET `a` = ?1", [value])     # rows that the WHERE found, changed or not
        with session.savepoint(): ...

Statements are trees or constants, parameters are numbered from `?1` and may stand twice. `session.warnings()` gives
what the last statement was warned of. `session.answer(sql)` gives large answers as blocks of raw rows (`wire.Answer`).
Errors leave `lend` as Dovetail's own; inside it they are the driver's (`faults.blames_row`, `faults.number`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pymysql
from pymysql.constants import CLIENT, SERVER_STATUS

from dovetail.errors import Overdue, SystemFault, Unreachable
from dovetail.failpoints import Point, failpoint
from dovetail.systems.connectors.mariadb import faults, pipe
from dovetail.systems.connectors.mariadb.address import Address
from dovetail.systems.connectors.mariadb.phrase import filled
from dovetail.systems.connectors.mariadb.watched import Watched
from dovetail.systems.connectors.mariadb.wire import Answer

NAME = "dovetail"
"""Under this name the server lists our sessions."""

STRICT = (
    "STRICT_ALL_TABLES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_AUTO_VALUE_ON_ZERO",
)
"""What every session's `sql_mode` is: a value that does not fit is an error, and a zero that is written is a zero. Zero
dates that stand there already are read all the same."""

_CONNECT_S = 10
_GOODBYE_S = 3
"""Seconds in which a connection must come to rest when its work is over."""

_LOCK_SHARE = 0.8
_STATEMENT_SHARE = 0.9
_PATIENCE_S = 600
"""Seconds at least for which the server waits for us while we read."""

_OLDEST = {True: (10, 6), False: (8, 0, 17)}


class Session:
    """One connection, lent."""

    def __init__(self, connection: Watched, address: Address, timeout_s: float) -> None:
        self.connection = connection
        self.address = address
        self._port = connection.port_here()
        self.timeout_s = timeout_s
        self._depth = 0
        said = str(connection.server_version)
        self.is_maria = "mariadb" in said.lower()
        numbers = said.removeprefix("5.5.5-").split("-")[0].split(".")
        self.version = tuple(int(part) for part in numbers if part.isdigit())
        self.remembered: dict[str, Any] = {}
        """What cannot change until the transaction ends."""
        self.takes_files = True
        """Whether `LOAD DATA LOCAL` is allowed, as far as is known."""
        self._packet_bytes = 0
        self._takes_several = False

    @property
    def schema(self) -> str:
        """The database whose tables are datasets."""
        return self.address.database

    @property
    def number(self) -> int:
        """The number under which the server knows this connection."""
        return int(self.connection.thread_id())

    @classmethod
    def open(cls, address: Address, timeout_s: float) -> Self:
        """A new connection, with every setting that changes the meaning of values."""
        connection = Watched(
            **address.parameters(),
            charset="utf8mb4",
            collation="utf8mb4_bin",
            autocommit=True,
            client_flag=CLIENT.FOUND_ROWS | CLIENT.LOCAL_FILES,
            connect_timeout=max(1, min(_CONNECT_S, int(timeout_s))),
            program_name=NAME,
            defer_connect=True,
        )
        connection.renew(timeout_s)
        try:
            connection.connect()
        except RuntimeError as error:
            raise faults.unsupported(error, str(address)) from error
        session = cls(connection, address, timeout_s)
        try:
            session._settle()
        except BaseException:
            connection.cut()
            raise
        return session

    def _settle(self) -> None:
        if self.version < _OLDEST[self.is_maria]:
            words = f"the server's version {'.'.join(map(str, self.version))} is too old"
            raise SystemFault(words, code="DV-342", hint="MariaDB 10.6 or MySQL 8.0.17 is the oldest that is known")
        self.run("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in self._settings().items()))
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        ((mode, zone, names),) = self.rows("SELECT @@sql_mode, @@time_zone, @@character_set_client")
        missing = sorted(set(STRICT) - set(str(mode).split(",")))
        if missing or zone != "+00:00" or names != "utf8mb4":
            lacking = ", ".join(missing) or "time zone, character set"
            words = f"the server does not keep what the session is set to ({lacking})"
            hint = "connect to the server itself, not by a proxy that hands sessions around"
            raise SystemFault(words, code="DV-341", hint=hint)

    def _settings(self) -> dict[str, str]:
        lock = max(1, int(_LOCK_SHARE * self.timeout_s))
        patience = max(_PATIENCE_S, int(2 * self.timeout_s))
        return {
            "sql_mode": f"'{','.join(STRICT)}'",
            "time_zone": "'+00:00'",
            "innodb_lock_wait_timeout": str(lock),
            "lock_wait_timeout": str(lock),
            "net_write_timeout": str(patience),
            "net_read_timeout": str(patience),
            "foreign_key_checks": "1",
            "unique_checks": "1",
            "sql_safe_updates": "0",
            "sql_auto_is_null": "0",
            "sql_select_limit": "18446744073709551615",
            "sql_big_selects": "1",
            "group_concat_max_len": "1048576",
            "completion_type": "'NO_CHAIN'",
            **self._limit(_STATEMENT_SHARE * self.timeout_s),
        }

    def _limit(self, seconds: float) -> dict[str, str]:
        """How long the server works on one statement before it gives up; MySQL: on one SELECT."""
        if self.is_maria:
            return {"max_statement_time": f"{seconds:.3f}"}
        return {"max_execution_time": str(int(seconds * 1000))}

    def renew(self) -> None:
        """Give the next call its full time."""
        self.connection.renew(self.timeout_s)

    # ---------------------------------------------------------------------------------------------------- statements

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        self.connection.query(filled(sql, parameters))
        return list(self.connection._result.rows or ())  # noqa: SLF001 - the cursor would parse the statement again

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """The number of rows that a statement found, changed or not."""
        return int(self.connection.query(filled(sql, parameters)) or 0)

    def warnings(self) -> list[tuple[str, int, str]]:
        """What the last statement was warned of: level, number, words; the words may hold values."""
        result = self.connection._result  # noqa: SLF001 - as above
        if result is None or not result.warning_count:
            return []
        return [(level, int(code), words) for level, code, words in self.rows("SHOW WARNINGS")]

    @property
    def drawn(self) -> int:
        """The first key that the last statement was given by AUTO_INCREMENT; 0 where it was given none."""
        return int(self.connection.insert_id())

    def now(self) -> dt.datetime:
        """The time by the server's clock."""
        ((stamp,),) = self.rows("SELECT UTC_TIMESTAMP(6)")
        return stamp.replace(tzinfo=dt.UTC)  # type: ignore[no-any-return]

    def answer(self, sql: str, parameters: Sequence[object] = ()) -> Answer:
        """A large answer, still on its way; it must be read to its end, or the connection is cut."""
        return Answer(self.connection, filled(sql, parameters))

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """Inside, the server may work on one statement as long as it sends rows: only our own deadline counts."""
        self._limit_now(0)
        try:
            yield
        finally:
            if self.is_open and self.connection.rests:
                self._limit_now(_STATEMENT_SHARE * self.timeout_s)

    def _limit_now(self, seconds: float) -> None:
        ((name, value),) = self._limit(seconds).items()
        self.run(f"SET SESSION {name} = {value}")

    @property
    def packet_bytes(self) -> int:
        """Bytes that one statement may have."""
        if not self._packet_bytes:
            ((size,),) = self.rows("SELECT @@max_allowed_packet")
            self._packet_bytes = int(size)
        return self._packet_bytes

    def take_several(self, *, several: bool = True) -> None:
        """Let one message hold several statements, until the connection rests."""
        if several != self._takes_several:
            pipe.take_several(self.connection, several=several)
            self._takes_several = several

    def kill(self, number: int) -> None:
        """End another connection of this account."""
        self.run(f"KILL CONNECTION {int(number)}")

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Inside, the server waits so long for a lock on a row."""
        self.run(f"SET SESSION innodb_lock_wait_timeout = {max(1, int(seconds))}")
        try:
            yield
        finally:
            if self.is_open and self.connection.rests:
                lock = self._settings()["innodb_lock_wait_timeout"]
                self.run(f"SET SESSION innodb_lock_wait_timeout = {lock}")

    # -------------------------------------------------------------------------------------------------- transactions

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot, in which nothing can be written."""
        self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield
        self.run("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction at the level READ COMMITTED; committed at the end, rolled back by an exception."""
        self.remembered.clear()
        self.run("START TRANSACTION READ WRITE")
        yield
        self.renew()
        self.commit()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """A transaction of which nothing remains."""
        self.run("START TRANSACTION READ WRITE")
        yield
        self.run("ROLLBACK")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that an exception undoes by itself; may be nested."""
        self._depth += 1
        name = f"dovetail_{self._depth}"
        try:
            self.run(f"SAVEPOINT {name}")
            yield
            self.run(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            with contextlib.suppress(pymysql.Error):  # after a deadlock there is nothing left to go back to
                if self.is_open and self.connection.rests:
                    self.run(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        finally:
            self._depth -= 1

    def commit(self) -> None:
        """Make everything durable; where the answer is lost, nobody but the ledger knows."""
        failpoint(Point.MARIADB_COMMIT_BEFORE)
        try:
            self.run("COMMIT")
        except (pymysql.Error, Overdue) as error:
            if isinstance(error, pymysql.Error) and self.is_open:
                raise
            raise Unreachable("the connection was lost during the commit", code="DV-309") from error
        failpoint(Point.MARIADB_COMMIT_AFTER)

    @property
    def is_open(self) -> bool:
        """Whether the connection was not closed yet."""
        return bool(self.connection.open)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open, by the server's last word."""
        return bool(self.connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def rest(self) -> bool:
        """Bring the connection to rest for the next caller; false where it cannot be."""
        if not self.is_open or not self.connection.rests:
            return False
        if self.is_in_transaction:
            self.connection.renew(min(_GOODBYE_S, self.timeout_s))
            self.run("ROLLBACK")
        self.take_several(several=False)
        return True

    def stop_there(self) -> None:
        """Ask the server, over another connection and without waiting for it, to end what we no longer wait for."""
        threading.Thread(target=self._stop_there, name="dovetail-stop", daemon=True).start()

    def _stop_there(self) -> None:
        """The number means the same connection only where the server sees our own port: not behind a balancer."""
        limits = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _GOODBYE_S)
        with contextlib.suppress(Exception), pymysql.connect(**self.address.parameters(), **limits) as other:
            other.query(filled("SELECT host FROM information_schema.processlist WHERE id = ?1", [self.number]))
            seen = [str(host) for (host,) in other._result.rows]  # noqa: SLF001 - as above
            if seen and (not self._port or seen[0].endswith(f":{self._port}")):
                other.query(f"KILL {self.number}")

    def is_alive(self) -> bool:
        """Whether the peer has said nothing since the connection came to rest; what it says then is goodbye."""
        if not self.is_open:
            return False
        peer = select.poll()
        peer.register(self.connection._sock, select.POLLIN)  # noqa: SLF001 - the driver has no name for it
        return not peer.poll(0)
