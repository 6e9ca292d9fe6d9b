"""Keys that the server draws: from sequences and as UUIDs ahead of the rows, by AUTO_INCREMENT with them."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from dovetail.errors import Refused
from dovetail.model.catalog import Dataset
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.bind import bind_one
from dovetail.systems.connectors.mariadb.declared import draws
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.stored import Column, found, learn
from dovetail.systems.sql import statements
from dovetail.systems.sql.dialect import MARIADB, MYSQL
from dovetail.systems.sql.fields import known
from dovetail.systems.sql.quote import table

_AT_ONCE = 500


def reserve(session: Session, dataset: Dataset, count: int) -> pa.RecordBatch:
    """`count` new keys, where the defaults of all its parts give each row another value. `Refused` for AUTO_INCREMENT:
    the server would give the same keys to the application."""
    facts = learn(session, dataset)
    drawn = []
    for part in dataset.key:
        column, kind = found(facts, dataset, part), known(dataset, part).type
        values = draw(session, column, count)
        if values is None:
            words = f"keys of {dataset.name} cannot be drawn ahead: create rows without them instead"
            raise Refused(words, where=f"{dataset.name}.{part}")
        drawn.append(bind_one(pa.array(values, pa.string()).cast(kind.arrow()), column, kind)[0].carried)
    if not drawn:
        raise Refused(f"{dataset.name} has no key", where=dataset.name)
    return pa.RecordBatch.from_arrays(drawn, list(dataset.key))


def draw(session: Session, column: Column, count: int) -> list[str] | None:
    """That many new values of a column, as texts; `None` where its default gives none that are new."""
    if column.default is None or not draws(column.default):
        return None
    values: list[str] = []
    while len(values) < count:
        some = min(_AT_ONCE, count - len(values))
        tree = exp.Select(
            expressions=[exp.Cast(this=exp.Var(this=column.default), to=exp.DataType.build("char"))] * some
        )
        values += [value for (value,) in zip(*session.rows(tree.sql("mysql")), strict=True)]
    return values


def create(session: Session, dataset: Dataset) -> None:
    """Make a table, if it is not there yet."""
    dialect = MARIADB if session.is_maria else MYSQL
    tree = _with_draws(statements.create(table(dataset.name, session.schema), dataset, dialect=dialect), dataset)
    session.run(dialect.sql(tree))


def _with_draws(tree: exp.Create, dataset: Dataset) -> exp.Create:
    """The statement that makes a table, with the fields that the system is to draw."""
    drawn = {field.name: field.type.kind for field in dataset.fields if field.drawn}
    for defined in tree.find_all(exp.ColumnDef):
        kind = drawn.get(defined.name)
        if kind is Kind.INTEGER:
            rule: exp.Expression = exp.AutoIncrementColumnConstraint()
        elif kind is Kind.UUID:
            rule = exp.DefaultColumnConstraint(this=exp.Paren(this=exp.Anonymous(this="uuid")))
        else:
            continue
        defined.append("constraints", exp.ColumnConstraint(kind=rule))
    return tree
