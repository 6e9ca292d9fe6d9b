"""Fence and ledger in any database, made by SQLAlchemy's own DDL.

A partition is named by the beginning of its name and a digest of it, so that no collation takes two for one; a ledger
entry is cut into pieces that every database's smallest type for bytes holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy import exc

from dovetail.errors import Fenced, Overdue
from dovetail.model.change import LedgerEntry
from dovetail.systems.connectors.sqlalchemy.session import Session
from dovetail.systems.sql.ledger import FENCE, LEDGER

_NAME_LENGTH = 120
_PIECE_BYTES = 32_000
_RUN_LENGTH = 190


class Ours:
    """Our two tables in one schema."""

    def __init__(self, schema: str | None) -> None:
        self._schema = schema
        self._tables = sa.MetaData(schema=schema)
        name = sa.Unicode(_NAME_LENGTH + 40)
        self._fence = sa.Table(
            FENCE.name,
            self._tables,
            sa.Column("part_name", name, primary_key=True),
            sa.Column("epoch", sa.BigInteger, nullable=False),
        )
        self._ledger = sa.Table(
            LEDGER.name,
            self._tables,
            sa.Column("part_name", name, primary_key=True),
            sa.Column("chunk", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("piece", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("run_name", sa.Unicode(_RUN_LENGTH), nullable=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
        )

    @property
    def tables(self) -> tuple[sa.Table, sa.Table]:
        """Fence and ledger."""
        return self._fence, self._ledger

    def make(self, session: Session) -> None:
        """Both tables, where they are missing; in a transaction of their own."""
        session.call(lambda: self._tables.create_all(session.connection, checkfirst=True))
        session.call(session.connection.commit)

    def are_there(self, session: Session) -> bool:
        """Whether they were made."""
        return session.call(lambda: bool(sa.inspect(session.connection).has_table(LEDGER.name, schema=self._schema)))

    def begin(self, session: Session) -> None:
        """Let the transaction really begin, by a statement that touches no row: some drivers wait for the first that
        writes, and would take a savepoint before it for a transaction of its own."""
        if not self.are_there(session):
            with suppress(exc.SQLAlchemyError):
                self.make(session)
            session.rollback()
            if not self.are_there(session):
                session.rollback()
                return
        session.rollback()
        session.execute(sa.update(self._fence).values(epoch=self._fence.c.epoch).where(self._fence.c.part_name == ""))

    def raise_epoch(self, session: Session, partition: str) -> int:
        """The next epoch, the first being 1; waits for a transaction that holds the fence."""
        fence, name = self._fence, named(partition)
        mine = fence.c.part_name == name
        raised = sa.update(fence).values(epoch=fence.c.epoch + 1).where(mine)
        session.execute(raised)
        found = session.execute(sa.select(fence.c.epoch).where(mine)).rows
        if not found:
            try:
                with session.savepoint():
                    session.execute(sa.insert(fence).values(part_name=name, epoch=1))
            except exc.IntegrityError as error:
                raise Overdue("another worker raised the epoch at the same time", where=partition) from error
            found = session.execute(sa.select(fence.c.epoch).where(mine)).rows
        return int(found[0][0])

    def check(self, session: Session, partition: str, epoch: int, *, locks: bool) -> None:
        """Lock the partition's row until the transaction ends; raise where its epoch is another one."""
        fence = self._fence
        mine = fence.c.part_name == named(partition)
        if not locks:
            session.execute(sa.update(fence).values(epoch=fence.c.epoch).where(mine))
        query = sa.select(fence.c.epoch).where(mine)
        rows = session.execute(query.with_for_update() if locks else query).rows
        if [int(row[0]) for row in rows] != [epoch]:
            raise Fenced(f"another worker has taken the partition {partition} over", where=partition)

    def record(self, session: Session, entries: Sequence[LedgerEntry]) -> None:
        """Put entries into the ledger."""
        rows = [
            {"part_name": named(one.partition), "chunk": one.chunk, "piece": at, "run_name": one.run, "content": piece}
            for one in entries
            for at, piece in enumerate(_pieces(one.content))
        ]
        if rows:
            session.many(sa.insert(self._ledger), rows)

    def entries(self, session: Session, partition: str) -> Sequence[LedgerEntry]:
        """The entries of a partition, by chunk."""
        ledger = self._ledger
        query = sa.select(ledger.c.chunk, ledger.c.run_name, ledger.c.content)
        query = query.where(ledger.c.part_name == named(partition)).order_by(ledger.c.chunk, ledger.c.piece)
        found: dict[int, tuple[str, bytes]] = {}
        for chunk, run, content in session.execute(query).rows:
            found[int(chunk)] = run, found.get(int(chunk), (run, b""))[1] + bytes(content)
        return [LedgerEntry(partition, chunk, run, content) for chunk, (run, content) in found.items()]

    def last(self, session: Session, partition: str) -> int:
        """The number of the last entry of a partition; 0 where there is none."""
        ledger = self._ledger
        query = sa.select(sa.func.max(ledger.c.chunk)).where(ledger.c.part_name == named(partition))
        return int(session.execute(query).rows[0][0] or 0)

    def forget(self, session: Session, partition: str, chunk: int) -> None:
        """Remove the entries up to and with `chunk`."""
        ledger = self._ledger
        session.execute(sa.delete(ledger).where(ledger.c.part_name == named(partition), ledger.c.chunk <= chunk))


def named(partition: str) -> str:
    """The partition's name in our tables.

    >>> named("shop")[:5], named("shop") == named("SHOP"), len(named("x" * 999))
    ('shop ', False, 153)
    """
    return f"{partition[:_NAME_LENGTH]} {hashlib.sha256(partition.encode()).hexdigest()[:32]}"


def _pieces(content: bytes) -> list[bytes]:
    """The content in pieces, at least one."""
    return [content[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES)] or [b""]
