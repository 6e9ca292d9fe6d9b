"""Who may write a partition, and what was committed: our two tables in the first schema, made when they are first
needed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import psycopg
import pyarrow as pa
from sqlglot import exp

from dovetail.errors import AccessDenied, Fenced, Overdue
from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, LedgerEntry, Receipt, Verb
from dovetail.systems.connectors.postgres.attempt import begin
from dovetail.systems.connectors.postgres.faults import DENIED, LOCKED
from dovetail.systems.connectors.postgres.pipe import Statement, texts
from dovetail.systems.connectors.postgres.push_passage import take
from dovetail.systems.connectors.postgres.read import Reader
from dovetail.systems.connectors.postgres.session import NAME, Session
from dovetail.systems.connectors.postgres.versions import version_of
from dovetail.systems.connectors.postgres.write import Writer
from dovetail.systems.sql import ledger
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.quote import table

PATIENCE_S = 5.0
"""Seconds that a new worker waits for the transaction of the one before it, until it ends it."""

_OWN = "SELECT (txid_current() % 4294967296)::text"
"""The number of the transaction as a row's version and a feed tell it."""
_TRANSACTION = "transaction"
_IS_THERE = "SELECT to_regclass($1) IS NOT NULL"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(1685024353)"
_PATIENT = "SELECT set_config('lock_timeout', $1, true)"
_HOLDER = """
SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' AND a.application_name = $2
  AND l.transactionid = (SELECT xmax FROM {fence} WHERE partition = $1)
"""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Writes that become durable together, behind a fence."""

    session: Session
    reader: Reader

    def fence(self, partition: str, epoch: int) -> None:
        """Lock the partition's row until the end; `Fenced` when its epoch is another."""
        self.session.renew()
        try:
            rows, told = self.session.send(Statement(_locking(self.session.schema), [partition]), Statement(_OWN))
        except psycopg.errors.UndefinedTable:
            raise _fenced(partition) from None
        if texts(rows) != [(str(epoch),)]:
            raise _fenced(partition)
        self.session.remembered[_TRANSACTION] = texts(told)[0][0]

    def apply(self, dataset: Dataset, change: Change) -> Receipt:
        """Carry a change out; not idempotent."""
        self.session.renew()
        return Writer(self.session, self.reader, self.session.remembered.get(_TRANSACTION)).apply(dataset, change)

    def lock(self, dataset: Dataset, keys: pa.RecordBatch) -> None:
        """Until the transaction ends, nobody else changes the rows of these keys."""
        self.session.renew()
        attempt = begin(self.session, self.reader, dataset, Change(Verb.DELETE, keys))
        staged = attempt.staged(values=False)
        self.session.rows(staged.standing(lock=True), staged.parameters(range(keys.num_rows)))

    def take(self, dataset: Dataset, fields: Sequence[str], blocks: Iterable[bytes]) -> int:
        """Rows in the binary form of `COPY`, all or none of them; `Refused` leaves the transaction as it was."""
        self.session.renew()
        place = self.reader.place(dataset)
        return take(self.session, place, dataset, fields=fields, blocks=blocks)

    def version(self, dataset: Dataset, key: pa.RecordBatch) -> str | None:
        """The number of the transaction, or the part of one, that wrote the row."""
        self.session.renew()
        return version_of(self.session, begin(self.session, self.reader, dataset, Change(Verb.DELETE, key)))

    def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        self.session.renew()
        for entry in entries:
            parameters = [entry.partition, entry.chunk, entry.run, entry.content]
            self.session.defer(Statement(_recording(self.session.schema), parameters))


@cache
def _locking(schema: str) -> str:
    return POSTGRES.sql(ledger.read_epoch(POSTGRES, schema, lock=True))


@cache
def _recording(schema: str) -> str:
    return POSTGRES.sql(ledger.record(POSTGRES, schema))


@cache
def _last(schema: str) -> str:
    return POSTGRES.sql(ledger.last(POSTGRES, schema))


def _fenced(partition: str) -> Fenced:
    return Fenced(f"another worker has taken the partition {partition} over", where=partition)


def is_there(session: Session, dataset: Dataset) -> bool:
    """Whether one of our tables is there."""
    return bool(session.rows(_IS_THERE, [POSTGRES.sql(table(dataset.name, session.schema))])[0][0])


def last_chunk(session: Session, partition: str) -> int:
    """The number of the last entry of a partition, 0 where there is none."""
    try:
        (answer,) = session.send(Statement(_last(session.schema), [partition]))
    except psycopg.errors.UndefinedTable:
        session.rest()
        return 0
    return int(texts(answer)[0][0] or 0)


def make(session: Session) -> None:
    """Make fence and ledger where they are missing."""
    if is_there(session, ledger.FENCE) and is_there(session, ledger.LEDGER):
        return
    try:
        with session.writing():
            session.rows(_ONE_AT_A_TIME)
            for tree in ledger.make(POSTGRES, session.schema):
                session.rows(tree)
    except psycopg.Error as error:
        if error.sqlstate != DENIED:
            raise
        session.rest()
        schema = POSTGRES.sql(exp.Identifier(this=session.schema, quoted=True))
        hint = (
            f"GRANT CREATE ON SCHEMA {schema} TO {POSTGRES.sql(exp.Identifier(this=_account(session), quoted=True))};"
        )
        raise AccessDenied("fence and ledger cannot be made", where=session.schema, hint=hint) from error


def raise_epoch(session: Session, partition: str) -> int:
    """The next epoch; the transaction of the former holder is waited for, then ended."""
    make(session)
    limit = time.monotonic() + session.timeout_s
    patience_s = min(PATIENCE_S, session.timeout_s / 3)
    while True:
        session.renew()
        try:
            with session.writing():
                session.rows(_PATIENT, [f"{max(1, int(patience_s * 1000))}ms"])
                rows = session.rows(ledger.raise_epoch(POSTGRES, session.schema), [partition])
                epoch = int(rows[0][0])
        except psycopg.Error as error:
            if error.sqlstate != LOCKED:
                raise
            session.rest()
            if time.monotonic() > limit:
                raise Overdue(f"the former holder of {partition} cannot be ended", where=partition) from error
            end_holder(session, partition)
        else:
            return epoch


def end_holder(session: Session, partition: str) -> None:
    """End the session that holds the partition's row, if it is one of ours."""
    fence = POSTGRES.sql(table(ledger.FENCE.name, session.schema))
    session.renew()
    session.rows(_HOLDER.replace("{fence}", fence), [partition, NAME])


def _account(session: Session) -> str:
    return str(session.rows("SELECT current_user")[0][0])
