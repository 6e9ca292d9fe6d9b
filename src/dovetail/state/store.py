"""The state as one object: Dovetail's own memory, in a SQLite file or in PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from dovetail.state import faults
from dovetail.state.base import Base
from dovetail.state.changed import Changed
from dovetail.state.conflicts import Conflicts
from dovetail.state.crossref import Crossref
from dovetail.state.database import Clock, Connection, Database
from dovetail.state.decrees import Decrees
from dovetail.state.detached import Detached
from dovetail.state.digests import Digests
from dovetail.state.echoes import Echoes
from dovetail.state.holds import Holds
from dovetail.state.intents import Intents
from dovetail.state.journal import Journal
from dovetail.state.leases import Leases
from dovetail.state.loads import Loads
from dovetail.state.meta import Meta
from dovetail.state.metrics import Metrics
from dovetail.state.owed import Owed
from dovetail.state.queue import Queue
from dovetail.state.rejects import Rejects
from dovetail.state.runs import Runs
from dovetail.state.schema import FORMAT, MIGRATIONS, REGISTER, Migration
from dovetail.state.segments import Segments
from dovetail.state.sequence import Sequence
from dovetail.state.shapes import Shapes
from dovetail.state.shelf import Shelf
from dovetail.state.sqlite import SqliteFile

BUSY_TIMEOUT_S = 10.0
"""Seconds to wait for another process that is writing."""

_TAKEN = "SELECT max(number) FROM migrations"
_TAKE = "INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, ?)"


class Store:
    """Everything that Dovetail remembers, one noun each. Every method is durable when it returns, unless it is inside
    `transaction`."""

    def __init__(self, database: Database, meta: Meta, *, key: bytes, clock: Clock) -> None:
        seal = meta.seal(key)
        self._database = database
        self.meta = meta
        self.runs = Runs(database)
        shelf = Shelf(database)
        self.crossref = Crossref(database, shelf)
        self.base = Base(database, shelf)
        self.segments = Segments(database, shelf, self.crossref, self.base)
        self.loads = Loads(database)
        self.owed = Owed(database)
        self.queue = Queue(database)
        self.intents = Intents(database, seal)
        self.journal = Journal(database, seal, shelf)
        self.conflicts = Conflicts(database, seal)
        self.rejects = Rejects(database, seal)
        self.decrees = Decrees(database, seal)
        self.loads = Loads(database)
        self.detached = Detached(database)
        self.digests = Digests(database)
        self.leases = Leases(database, clock)
        self.holds = Holds(database)
        self.changed = Changed(database)
        self.echoes = Echoes(database)
        self.shapes = Shapes(database)
        self.sequence = Sequence(database)
        self.metrics = Metrics(database)

    @property
    def place(self) -> str:
        """Where the state is, in words without a secret."""
        return self._database.place

    def transaction(self, *, is_lazy: bool = False) -> AbstractContextManager[None]:
        """Everything in the block becomes durable together, or nothing does; blocks inside it join it.

        A lazy one is kept when the process is killed; when the power fails, only if another, not lazy one has ended
        since."""
        return self._database.transaction(is_lazy=is_lazy)

    def examine(self) -> str:
        """What is wrong with the state's files and segments; empty when nothing is. Reads all of it."""
        return self._database.examine() or self.segments.examine()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_state(
    address: str | Path | Connection, *, key: bytes, clock: Clock, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Store:
    """The state at a path, in PostgreSQL (`postgresql://...`, schema `dovetail` or `?schema=`), or behind a connection;
    made when it is not there.

    An older format is brought up to date. A newer one, a damaged one and the wrong key are a `StateFault`.
    """
    connection = _connection(address, busy_timeout_s)
    try:
        database = Database(connection, clock)
        meta = Meta(database)
        _bring_up_to_date(database, meta, key)
        return Store(database, meta, key=key, clock=clock)
    except BaseException:
        connection.close()
        raise


def _connection(address: str | Path | Connection, busy_timeout_s: float) -> Connection:
    if not isinstance(address, str | Path):
        return address
    text = str(address)
    if text.startswith(("postgresql://", "postgres://")):
        from dovetail.state.postgres import PostgresSchema

        return PostgresSchema(text, busy_timeout_s=busy_timeout_s)
    return SqliteFile(Path(address), busy_timeout_s=busy_timeout_s)


def _bring_up_to_date(database: Database, meta: Meta, key: bytes) -> None:
    taken = _taken(database)
    if taken == FORMAT:
        return
    with database.migration():
        taken = _taken(database)
        if taken is None:
            database.define(REGISTER)
        for migration in MIGRATIONS:
            if migration.number > (taken or 0):
                _take(database, migration)
        if taken is None:
            meta.create(key)


def _take(database: Database, migration: Migration) -> None:
    for statement in migration.statements:
        database.define(statement)
    database.run(_TAKE, migration.number, migration.name, database.now())


def _taken(database: Database) -> int | None:
    """The number of the last step taken, `None` where nothing is there; raises `StateFault` for what is not ours to
    change."""
    tables = database.tables()
    if not tables:
        return None
    if "migrations" not in tables:
        raise faults.damaged(database.place, "it holds other tables")
    found = database.row(_TAKEN)
    number = int(found[0]) if found and found[0] is not None else 0
    if number > FORMAT:
        raise faults.newer(database.place, number, FORMAT)
    return number
