"""A table in parts: ranges of SQLite's row numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlglot import exp

from dovetail.model.catalog import Dataset
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.quote import column, table

_ALL = ":"
_NAMES = ("rowid", "_rowid_", "oid")
_HAS_NONE = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?1)"


def bounds(connection: sqlite3.Connection, dataset: Dataset) -> tuple[int, int] | None:
    """The lowest and highest row number, or `None` where the table is empty or has no row numbers."""
    number = _number(connection, dataset)
    if number is None:
        return None
    least = exp.Select(expressions=[exp.Min(this=number)]).from_(table(dataset.name, "main"))
    most = exp.Select(expressions=[exp.Max(this=number.copy())]).from_(table(dataset.name, "main"))
    low = connection.execute(SQLITE.sql(least)).fetchone()[0]
    high = connection.execute(SQLITE.sql(most)).fetchone()[0]
    return None if low is None else (low, high)


def named_parts(found: tuple[int, int] | None, parts: int) -> Sequence[str]:
    """Names `first:last`, an open end meaning everything beyond; together they hold every row once.

    >>> named_parts((1, 100), 3)
    [':34', '35:68', '69:']
    """
    if found is None or parts < 2:
        return [_ALL]
    low, high = found
    width = max(1, -(-(high - low + 1) // parts))
    starts = list(range(low, high + 1, width))
    ends = [start - 1 for start in starts[1:]]
    return [f"{start if at else ''}:{ends[at] if at < len(ends) else ''}" for at, start in enumerate(starts)]


def rowid(connection: sqlite3.Connection, dataset: Dataset, partition: str) -> exp.Condition:
    """The test that a row belongs to a part."""
    first, _, last = partition.partition(":")
    number = _number(connection, dataset) if partition != _ALL else None
    tests: list[exp.Condition] = [exp.true()]
    if number is not None and first:
        tests.append(exp.GTE(this=number.copy(), expression=exp.Literal.number(int(first))))
    if number is not None and last:
        tests.append(exp.LTE(this=number.copy(), expression=exp.Literal.number(int(last))))
    return exp.and_(*tests, copy=False)


def _number(connection: sqlite3.Connection, dataset: Dataset) -> exp.Column | None:
    """The name of the row number that no field hides."""
    row = connection.execute(_HAS_NONE, (dataset.name,)).fetchone()
    taken = {name.lower() for name in dataset.names}
    free = [name for name in _NAMES if name not in taken]
    if row is None or row[0] or not free:
        return None
    return column(free[0], table(dataset.name, "main"))
