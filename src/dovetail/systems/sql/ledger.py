"""Our own two tables in a target: the fence (who may write a partition) and the ledger (what was committed).

All parameters are numbered in the order in which each statement's words name them.
"""

from __future__ import annotations

from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import Dialect
from dovetail.systems.sql.quote import column, identifier, table

OURS = "dovetail_"
"""What the names of our own tables begin with; `describe` leaves them out."""

FENCE = Dataset(
    name="dovetail_fence",
    kind=DatasetKind.TABLE,
    fields=(
        Field("partition", Type(Kind.TEXT), nullable=False),
        Field("epoch", Type(Kind.INTEGER), nullable=False),
    ),
    key=("partition",),
)
"""One row per partition; its epoch only grows."""

LEDGER = Dataset(
    name="dovetail_ledger",
    kind=DatasetKind.TABLE,
    fields=(
        Field("partition", Type(Kind.TEXT), nullable=False),
        Field("chunk", Type(Kind.INTEGER), nullable=False),
        Field("run", Type(Kind.TEXT), nullable=False),
        Field("content", Type(Kind.BYTES), nullable=False),
    ),
    key=("partition", "chunk"),
)
"""One row per committed chunk, until the state has it too."""

_PARTITION, _EPOCH, _CHUNK = "partition", "epoch", "chunk"


def make(dialect: Dialect, schema: str | None = None) -> tuple[exp.Create, exp.Create]:
    """The statements that make both tables where they are missing."""
    fence, ledger = (statements.create(table(ours.name, schema), ours, dialect=dialect) for ours in (FENCE, LEDGER))
    return fence, ledger


def raise_epoch(dialect: Dialect, schema: str | None = None) -> exp.Insert:
    """Give a partition (1) its next epoch, the first being 1, and return it; `read_epoch` tells it where the dialect
    answers no rows to an `INSERT`."""
    fence = table(FENCE.name, schema)
    tree = statements.insert(fence, FENCE.names, dialect=dialect)
    tree.set(
        "expression", exp.Values(expressions=[exp.Tuple(expressions=[dialect.parameter(1), exp.Literal.number(1)])])
    )
    next_epoch = exp.Add(this=column(_EPOCH, fence), expression=exp.Literal.number(1))
    grown = exp.EQ(this=exp.Column(this=identifier(_EPOCH)), expression=next_epoch)
    if not dialect.answers_inserts:
        tree.set("conflict", exp.OnConflict(duplicate=True, action=exp.var("UPDATE"), expressions=[grown]))
        return tree
    conflict = exp.OnConflict(conflict_keys=[identifier(_PARTITION)], action=exp.var("DO UPDATE"), expressions=[grown])
    tree.set("conflict", conflict)
    tree.set("returning", exp.Returning(expressions=[exp.Column(this=identifier(_EPOCH))]))
    return tree


def read_epoch(dialect: Dialect, schema: str | None = None, *, lock: bool) -> exp.Select:
    """The epoch of a partition (1); with `lock`, its row stays locked until the transaction ends."""
    fence = table(FENCE.name, schema)
    query = statements.select(fence, [_EPOCH]).where(_same(fence, _PARTITION, dialect.parameter(1)))
    return query.lock() if lock else query


def record(dialect: Dialect, schema: str | None = None) -> exp.Insert:
    """Put one entry into the ledger: partition (1), chunk (2), run (3), content (4)."""
    return statements.insert(table(LEDGER.name, schema), LEDGER.names, dialect=dialect)


def entries(dialect: Dialect, schema: str | None = None) -> exp.Select:
    """The entries of a partition (1), by chunk."""
    ledger = table(LEDGER.name, schema)
    query = statements.select(ledger, LEDGER.names).where(_same(ledger, _PARTITION, dialect.parameter(1)))
    return query.order_by(column(_CHUNK, ledger))


def last(dialect: Dialect, schema: str | None = None) -> exp.Select:
    """The number of the last entry of a partition (1), null where there is none."""
    ledger = table(LEDGER.name, schema)
    greatest = exp.Max(this=column(_CHUNK, ledger))
    return exp.select(greatest).from_(ledger).where(_same(ledger, _PARTITION, dialect.parameter(1)))


def forget(dialect: Dialect, schema: str | None = None) -> exp.Delete:
    """Remove the entries of a partition (1) up to and with a chunk (2)."""
    ledger = table(LEDGER.name, schema)
    until = exp.LTE(this=column(_CHUNK, ledger), expression=dialect.parameter(2))
    where = exp.and_(_same(ledger, _PARTITION, dialect.parameter(1)), until)
    return exp.Delete(this=ledger, where=exp.Where(this=where))


def _same(of: exp.Table, name: str, value: exp.Expression) -> exp.EQ:
    return exp.EQ(this=column(name, of), expression=value)
