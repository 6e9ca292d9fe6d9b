"""A table in parts: ranges of the first part of its key, which no update moves a row out of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.model.type import Kind
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import column

ALL = ":"
"""The part that is the whole."""

_NAME = re.compile(r"(-?\d*):(-?\d*)")


def bounds(session: Session, dataset: Dataset, place: exp.Table) -> tuple[int, int] | None:
    """The least and the greatest of the key's first part; `None` where the table cannot be read in parts."""
    first = dataset.field(dataset.key[0]) if dataset.key and dataset.kind is DatasetKind.TABLE else None
    if first is None or not (first.type.kind is Kind.INTEGER or first.type.scale == 0):
        return None
    key = column(first.name, place)
    tree = exp.Select(expressions=[exp.Min(this=key), exp.Max(this=key.copy())]).from_(place.copy())
    ((low, high),) = session.rows(MARIADB.sql(tree))
    return None if low is None else (int(low), int(high))


def named_parts(found: tuple[int, int] | None, parts: int) -> Sequence[str]:
    """Names `first:end`, an open end meaning everything beyond; together they hold every row once.

    >>> named_parts((1, 100), 3), named_parts(None, 3)
    ([':35', '35:69', '69:'], [':'])
    """
    if found is None or parts < 2:
        return [ALL]
    low, high = found
    width = max(1, -(-(high - low + 1) // parts))
    starts = list(range(low, high + 1, width))
    return [
        f"{start if at else ''}:{starts[at + 1] if at + 1 < len(starts) else ''}" for at, start in enumerate(starts)
    ]


def belongs(dataset: Dataset, place: exp.Table, partition: str) -> exp.Condition | None:
    """The test that a row belongs to a part; `None` where all do. A key that is null belongs to the first."""
    named = _NAME.fullmatch(partition)
    if named is None or (partition != ALL and not dataset.key):
        raise SchemaDrift(f"no part is named {partition!r}", where=dataset.name)
    if partition == ALL:
        return None
    first, end = named.groups()
    held = column(dataset.key[0], place)
    tests: list[exp.Expression] = []
    if first:
        tests.append(exp.GTE(this=held.copy(), expression=exp.Literal.number(int(first))))
    if end:
        tests.append(exp.LT(this=held.copy(), expression=exp.Literal.number(int(end))))
    test = exp.and_(*tests, copy=False)
    return test if first else exp.or_(test, exp.Is(this=held.copy(), expression=exp.null()), copy=False)
