"""Who may write a partition, and what was committed: our two tables in the database, made when they are first
needed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pymysql

from dovetail.errors import AccessDenied, Fenced, Overdue, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt
from dovetail.systems.connectors.mariadb import faults
from dovetail.systems.connectors.mariadb.read import Reader
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.write import Writer
from dovetail.systems.sql import ledger
from dovetail.systems.sql.dialect import MARIADB, MYSQL
from dovetail.systems.sql.quote import identifier

PATIENCE_S = 5.0
"""Seconds that a new worker waits for the transaction of the one before it, until it ends it."""

_ABSENT = 1146
_LOCKED = frozenset({1205, 1213})
_IS_THERE = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ?1 AND table_name IN (?2, ?3)"
_SHOW = "SELECT get_lock(?1, 0)"
_HIDE = "SELECT release_lock(?1)"
_HOLDER = "SELECT is_used_lock(?1)"


@dataclass(frozen=True, slots=True)
class Transaction:
    """Writes that become durable together, behind a fence."""

    session: Session
    reader: Reader
    names: list[str] = field(default_factory=list)
    """By which others can find who holds the fences, and end the connection."""
    name: str | None = None
    """What feeds call this transaction."""

    def fence(self, partition: str, epoch: int) -> None:
        """Lock the partition's row until the end; `Fenced` when its epoch is another."""
        self.session.renew()
        rows = _epoch(self.session, partition)
        if rows != [(epoch,)]:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)
        name = _name(self.session, partition)
        self.session.rows(_SHOW, [name])
        self.names.append(name)

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry a change out; not idempotent."""
        self.session.renew()
        return Writer(self.session, self.reader, self.name).apply(dataset, change)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Until the transaction ends, nobody else changes the rows of these keys."""
        self.session.renew()
        Writer(self.session, self.reader).lock(dataset, keys)

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        self.session.renew()
        sql = MARIADB.sql(ledger.record(MARIADB, self.session.schema))
        for entry in entries:
            self.session.run(sql, [entry.partition, entry.chunk, entry.run, entry.content])


@contextmanager
def transaction(session: Session, reader: Reader) -> Iterator[Transaction]:
    """Commits at the end of the block; an exception rolls everything back."""
    names: list[str] = []
    try:
        with session.writing():
            yield Transaction(session, reader, names)
            if not session.is_in_transaction:
                words = "the server ended the transaction by itself; what it wrote may stand there without its ledger"
                hint = "does a trigger or a proxy commit? the next run compares what stands there with what was meant"
                raise SystemFault(words, code="DV-347", hint=hint)
    finally:
        with suppress(pymysql.Error, Overdue):
            if names and session.rest():
                for name in names:
                    session.rows(_HIDE, [name])


def _epoch(session: Session, partition: str) -> list[tuple[int, ...]]:
    try:
        return session.rows(MARIADB.sql(ledger.read_epoch(MARIADB, session.schema, lock=True)), [partition])
    except pymysql.Error as error:
        if faults.number(error) != _ABSENT:
            raise
        return []


def _name(session: Session, partition: str) -> str:
    """The name by which the holder of a partition can be found."""
    return f"dovetail.{hashlib.sha256(f'{session.schema}.{partition}'.encode()).hexdigest()[:40]}"


def is_there(session: Session) -> bool:
    """Whether our tables are there."""
    return bool(session.rows(_IS_THERE, [session.schema, ledger.FENCE.name, ledger.LEDGER.name])[0][0] == len(_OURS))


_OURS = (ledger.FENCE, ledger.LEDGER)


def make(session: Session) -> None:
    """Make fence and ledger where they are missing; outside of any transaction, which it would end."""
    if is_there(session):
        return
    try:
        for tree in ledger.make(MARIADB if session.is_maria else MYSQL, session.schema):
            session.run(MARIADB.sql(tree))
    except pymysql.Error as error:
        if not isinstance(faults.fault(error, "", 0), AccessDenied):
            raise
        database = MARIADB.sql(identifier(session.schema))
        hint = f"GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {_account(session)};"
        raise AccessDenied("fence and ledger cannot be made", where=session.schema, hint=hint) from error


def raise_epoch(session: Session, partition: str) -> int:
    """The next epoch; the transaction of the former holder is waited for, then ended."""
    make(session)
    limit = time.monotonic() + session.timeout_s
    while True:
        session.renew()
        try:
            with session.patient(min(PATIENCE_S, session.timeout_s / 3)), session.writing():
                session.run(MARIADB.sql(ledger.raise_epoch(MARIADB, session.schema)), [partition])
                ((epoch,),) = _epoch(session, partition)
        except pymysql.Error as error:
            if faults.number(error) not in _LOCKED:
                raise
            session.rest()
            if time.monotonic() > limit:
                raise Overdue(f"the former holder of {partition} cannot be ended", where=partition) from error
            end_holder(session, partition)
        else:
            return int(epoch)


def end_holder(session: Session, partition: str) -> None:
    """End the connection that holds the partition's row, if it is one of ours."""
    ((number,),) = session.rows(_HOLDER, [_name(session, partition)])
    if number is not None and int(number) != session.number:
        session.kill(int(number))


def entries(session: Session, partition: str) -> list[LedgerEntry]:
    """The entries of a partition, by chunk."""
    if not is_there(session):
        return []
    rows = session.rows(MARIADB.sql(ledger.entries(MARIADB, session.schema)), [partition])
    return [LedgerEntry(*row) for row in rows]


def last_chunk(session: Session, partition: str) -> int:
    """The number of the last entry of a partition, 0 where there is none."""
    try:
        ((last,),) = session.rows(MARIADB.sql(ledger.last(MARIADB, session.schema)), [partition])
    except pymysql.Error as error:
        if faults.number(error) != _ABSENT:
            raise
        return 0
    return int(last or 0)


def forget(session: Session, partition: str, chunk: int) -> None:
    """Remove the entries up to and with a chunk."""
    if is_there(session):
        with session.writing():
            session.run(MARIADB.sql(ledger.forget(MARIADB, session.schema)), [partition, chunk])


def _account(session: Session) -> str:
    user, _, host = str(session.rows("SELECT current_user()")[0][0]).rpartition("@")
    return f"'{user}'@'{host}'"
