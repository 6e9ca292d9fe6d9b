"""A table in parts: ranges of the first part of its key, which no update moves a row out of."""

from __future__ import annotations

from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.parts import ALL, ends, named_parts
from dovetail.systems.sql.quote import column

__all__ = ["ALL", "belongs", "bounds", "named_parts"]


def bounds(session: Session, dataset: Dataset, place: exp.Table) -> tuple[int, int] | None:
    """The least and the greatest of the key's first part; `None` where the table cannot be read in parts."""
    first = dataset.field(dataset.key[0]) if dataset.key and dataset.kind is DatasetKind.TABLE else None
    if first is None or not (first.type.kind is Kind.INTEGER or first.type.scale == 0):
        return None
    key = column(first.name, place)
    tree = exp.Select(expressions=[exp.Min(this=key), exp.Max(this=key.copy())]).from_(place.copy())
    ((low, high),) = session.rows(MARIADB.sql(tree))
    return None if low is None else (int(low), int(high))


def belongs(dataset: Dataset, place: exp.Table, partition: str) -> exp.Condition | None:
    """The test that a row belongs to a part; `None` where all do. A key that is null belongs to the first."""
    first, end = ends(partition, where=dataset.name)
    if partition == ALL:
        return None
    if not dataset.key:
        raise SchemaDrift(f"no part is named {partition!r}", where=dataset.name)
    held = column(dataset.key[0], place)
    tests: list[exp.Expression] = []
    if first is not None:
        tests.append(exp.GTE(this=held.copy(), expression=exp.Literal.number(first)))
    if end is not None:
        tests.append(exp.LT(this=held.copy(), expression=exp.Literal.number(end)))
    test = exp.and_(*tests, copy=False)
    return test if first is not None else exp.or_(test, exp.Is(this=held.copy(), expression=exp.null()), copy=False)
