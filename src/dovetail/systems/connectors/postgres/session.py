"""Connections to one database: lent to one caller at a time, every wait with a deadline, nothing left to the account's
own settings."""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import psycopg
import pyarrow as pa
from psycopg import generators, pq
from psycopg.abc import ConnParam, PQGen
from psycopg.conninfo import make_conninfo
from sqlglot import exp

from dovetail.errors import Overdue, SystemFault, Unreachable
from dovetail.failpoints import Point, failpoint
from dovetail.systems.connectors.postgres.address import Address
from dovetail.systems.connectors.postgres.pipe import Pipe, Statement, texts
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import identifier

NAME = "dovetail"
"""Under this name the server lists our sessions."""

_Result = TypeVar("_Result")
_GOODBYE_S = 3.0
"""Seconds in which a connection must come to rest when its work is over."""

_LOOK_S = 1.0
_SILENCE_S = 10
_CONNECT_S = 10
SETTINGS = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "xmloption": "content",
    "lc_monetary": "C",
    "jit": "off",
    "tcp_keepalives_idle": str(_SILENCE_S),
    "tcp_keepalives_interval": str(_SILENCE_S),
    "tcp_keepalives_count": "3",
}
"""What decides how values are written, and when the server gives a silent client up."""

_SHARES = {"lock_timeout": 0.8, "statement_timeout": 0.9, "idle_in_transaction_session_timeout": 2.0}
"""Shares of `timeout_s`: the server gives up a little earlier than we do, so that it is the server that says why."""

_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_CHECKED = (
    "SELECT set_config('client_connection_check_interval', '10s', false) "
    "WHERE current_setting('server_version_num')::int >= 140000"
)


class Watched(psycopg.Connection[Any]):
    """A connection that gives up at its deadline, even when the peer's machine still acknowledges what it is sent."""

    deadline: float = float("inf")
    allowed_s: float = 0.0

    def renew(self, timeout_s: float) -> None:
        """Give what follows its full time."""
        self.allowed_s = timeout_s
        self.deadline = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Seconds until the deadline; raises `Overdue`, and cuts the connection, where there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.cut()
            raise Overdue(
                f"no answer within {self.allowed_s:g} s; the connection was cut", hint="timeout_s gives more time"
            )
        return left

    def take_in(self) -> None:
        """Wait until the peer has sent something, and take it in; as `wait`, without its detours."""
        peer = select.poll()
        peer.register(self.pgconn.socket, select.POLLIN)
        while not peer.poll(1000 * min(self.left_s(), _LOOK_S)):
            pass
        self.pgconn.consume_input()

    def cut(self) -> None:
        """Close the socket without a word to the peer."""
        self.pgconn.finish()

    def wait(self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None) -> _Result:
        """As the driver waits, but no longer than until the deadline."""
        return super().wait(self._until_deadline(gen), interval)

    def _until_deadline(self, gen: PQGen[_Result]) -> Generator[Any, Any, _Result]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                self.left_s()
                wanted = gen.send(ready)
        except StopIteration as end:
            result: _Result = end.value
            return result


def reached(address: Address, timeout_s: float) -> dict[str, Any]:
    """What the driver is told to reach the database, and to notice when it can no longer be reached."""
    fixed: dict[str, ConnParam] = {
        "application_name": NAME,
        "options": "",
        "connect_timeout": max(2, min(_CONNECT_S, int(timeout_s))),
        "keepalives_idle": _SILENCE_S,
        "keepalives_interval": _SILENCE_S,
        "keepalives_count": 3,
        "tcp_user_timeout": max(1000, int(timeout_s * 1000)),
    }
    return {**address.parameters(), **fixed}


class Session:
    """One connection, lent. Statements are trees or constants; values are parameters (`$1`), never part of a
    statement."""

    def __init__(self, connection: Watched, timeout_s: float, schema: str, *, address: str = "") -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self.schema = schema
        self.address = address
        self.remembered: dict[str, Any] = {}
        """What cannot change until the transaction ends, by the names of tables that it has locked."""
        self.pipe = Pipe(connection)
        self._ahead: list[Statement] = []

    @classmethod
    def open(cls, address: Address, timeout_s: float, schema: str) -> Self:
        """A new connection, with every setting that changes the meaning of values."""
        parameters = reached(address, timeout_s)
        connection = Watched.connect(autocommit=True, prepare_threshold=None, **parameters)
        connection.renew(timeout_s)
        session = cls(connection, timeout_s, schema, address=make_conninfo(**parameters))
        try:
            session._settle()
        except BaseException:
            connection.close()
            raise
        return session

    def _settle(self) -> None:
        self.set(self.settings)
        self.rows(_DURABLE)
        self.rows(_CHECKED)
        if self.rows("SELECT current_setting('server_encoding')")[0][0] == "SQL_ASCII":
            raise SystemFault("the database does not say in which encoding its texts are (SQL_ASCII)", code="DV-317")

    @property
    def settings(self) -> dict[str, str]:
        """Everything that changes the meaning of values, or how long the server waits."""
        limits = {name: f"{max(1, int(share * self.timeout_s * 1000))}ms" for name, share in _SHARES.items()}
        return {**SETTINGS, **limits, "search_path": POSTGRES.sql(identifier(self.schema))}

    def set(self, settings: Mapping[str, str], *, here: bool = False) -> None:
        """Change settings; `here`, until the end of the transaction."""
        if settings:
            calls = [f"set_config(${2 * at + 1}, ${2 * at + 2}, {here})" for at in range(len(settings))]
            self.rows(f"SELECT {', '.join(calls)}", [part for setting in settings.items() for part in setting])

    def renew(self) -> None:
        """Give the next call its full time."""
        self.connection.renew(self.timeout_s)

    @property
    def statement_timeout(self) -> str:
        """How long the server works on one statement before it gives up."""
        return f"{max(1, int(_SHARES['statement_timeout'] * self.timeout_s * 1000))}ms"

    def rows(self, sql: str | exp.Expression, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer to one statement."""
        cursor = self._run(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def run(self, sql: str | exp.Expression, parameters: Sequence[object] = ()) -> int:
        """Carry one statement out; the number of rows that it touched."""
        return max(self._run(sql, parameters).rowcount, 0)

    def defer(self, statement: Statement) -> None:
        """Send a statement together with the next one; nobody asks for its answer."""
        self._ahead.append(statement)

    def send(self, *statements: Statement) -> list[pq.abc.PGresult]:
        """The answers to these statements, in one round trip."""
        ahead, self._ahead = self._ahead, []
        return self.pipe.send([*ahead, *statements])[len(ahead) :]

    def _flush(self) -> None:
        if self._ahead:
            self.send()

    def guarded(self, statement: Statement) -> list[tuple[str | None, ...]]:
        """The answer to a statement that leaves nothing behind where it fails, in one round trip."""
        try:
            return texts(
                self.send(Statement("SAVEPOINT dovetail"), statement, Statement("RELEASE SAVEPOINT dovetail"))[1]
            )
        except psycopg.Error:
            if self._is_in_transaction():
                self.rows("ROLLBACK TO SAVEPOINT dovetail; RELEASE SAVEPOINT dovetail")
            raise

    def _run(self, sql: str | exp.Expression, parameters: Sequence[object]) -> psycopg.RawCursor[Any]:
        self._flush()
        text = sql if isinstance(sql, str) else POSTGRES.sql(sql)
        cursor = psycopg.RawCursor(self.connection)
        cursor.execute(text.encode(), list(parameters) or None)
        return cursor

    def shape(self, sql: str) -> list[tuple[str, int, int]]:
        """The columns of a statement's answer (name, type, modifier), without carrying it out; it must be one
        statement."""
        self._flush()
        connection = self.connection
        connection.pgconn.send_prepare(b"", sql.encode())
        checked(connection.wait(generators.execute(connection.pgconn)))
        connection.pgconn.send_describe_prepared(b"")
        answer = checked(connection.wait(generators.execute(connection.pgconn)))
        return [((answer.fname(at) or b"").decode(), answer.ftype(at), answer.fmod(at)) for at in range(answer.nfields)]

    def copy_out(self, sql: str, *, rows_max: int, bytes_max: int) -> Iterator[bytes]:
        """The answer to `COPY ... TO STDOUT` in whole rows, at most so many at once."""
        self._flush()
        connection = self.connection
        connection.pgconn.send_query(sql.encode())
        checked(connection.wait(generators.execute(connection.pgconn)))
        read = connection.pgconn.get_copy_data
        rows: list[memoryview] = []
        total = size = 0
        while size >= 0:
            for _ in range(rows_max - len(rows)):
                size, row = read(1)
                if size <= 0:
                    break
                rows.append(row)
                total += size
                if total >= bytes_max:
                    break
            if size > 0:
                yield b"".join(rows)
                rows, total = [], 0
            elif size == 0:
                connection.take_in()
        checked(connection.wait(generators.fetch_many(connection.pgconn)))
        if rows:
            yield b"".join(rows)

    def copy_in(self, sql: str, parts: Iterable[pa.Buffer]) -> int:
        """Send `COPY ... FROM STDIN` its rows; the number that the server took."""
        self._flush()
        cursor = self.connection.cursor()
        failpoint(Point.POSTGRES_COPY_BEFORE)
        with cursor.copy(sql.encode()) as copy:
            for part in parts:
                copy.write(memoryview(part))
            failpoint(Point.POSTGRES_COPY_SENT)
        failpoint(Point.POSTGRES_COPY_AFTER)
        return max(cursor.rowcount, 0)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot, in which nothing can be written."""
        self.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
        self.rows("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; committed at the end, rolled back by an exception. Constraints answer at once, not at the
        end."""
        self.remembered.clear()
        self.defer(Statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))
        self.defer(Statement("SET CONSTRAINTS ALL IMMEDIATE"))
        yield
        self.renew()
        self.commit()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """A transaction of which nothing remains."""
        self.rows("BEGIN")
        yield
        self.rows("ROLLBACK")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that an exception undoes by itself."""
        self.rows("SAVEPOINT dovetail")
        try:
            yield
        except BaseException:
            if self._is_in_transaction():
                self.rows("ROLLBACK TO SAVEPOINT dovetail; RELEASE SAVEPOINT dovetail")
            raise
        self.rows("RELEASE SAVEPOINT dovetail")

    def _is_in_transaction(self) -> bool:
        status = self.connection.pgconn.transaction_status
        return status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    def commit(self) -> None:
        """Make everything durable; where the answer is lost, nobody but the ledger knows."""
        failpoint(Point.POSTGRES_COMMIT_BEFORE)
        try:
            answer = self.send(Statement("COMMIT"))[0]
        except (psycopg.Error, Overdue) as error:
            state = error.sqlstate if isinstance(error, psycopg.Error) else None
            if state is not None and not state.startswith(("08", "57P")):
                raise
            raise Unreachable("the connection was lost during the commit", code="DV-309") from error
        if answer.command_status != b"COMMIT":
            raise SystemFault("the server rolled the transaction back instead of committing it")
        failpoint(Point.POSTGRES_COMMIT_AFTER)

    def rest(self) -> bool:
        """Bring the connection to rest for the next caller; false where it cannot be."""
        self._ahead.clear()
        status = self.connection.pgconn.transaction_status
        if self.connection.closed or status in (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.UNKNOWN):
            return False
        if status != pq.TransactionStatus.IDLE:
            self.connection.renew(min(_GOODBYE_S, self.timeout_s))
            self.rows("ROLLBACK")
        return True

    def is_alive(self) -> bool:
        """Whether the peer has said nothing since the connection came to rest; what it says then is goodbye."""
        if self.connection.closed:
            return False
        peer = select.poll()
        peer.register(self.connection.pgconn.socket, select.POLLIN)
        return not peer.poll(0)


def checked(answers: list[pq.abc.PGresult]) -> pq.abc.PGresult:
    """The last answer; an error among them is raised."""
    for answer in answers:
        if answer.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(answer)
    if not answers:
        raise psycopg.OperationalError("the connection was lost")
    return answers[-1]
