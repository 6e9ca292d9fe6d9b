"""The statements that changes become, for one row each: p0, p1 and so on stand for its values."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from dovetail.systems.connectors.sqlalchemy.kinds import given
from dovetail.systems.connectors.sqlalchemy.read import Place
from dovetail.systems.sql.fields import known


def amendment(where: Place, names: Sequence[str]) -> sa.Update:
    """New values (p0 and so on) for the row whose key follows them."""
    tests = _same_key(where, len(names))
    return sa.update(where.table).values(parameters(where, names)).where(*tests)


def removal(where: Place) -> sa.Delete:
    """The row of a key less."""
    return sa.delete(where.table).where(*_same_key(where, 0))


def insertion(where: Place, names: Sequence[str]) -> sa.Insert:
    """One new row."""
    return sa.insert(where.table).values(parameters(where, names))


def _same_key(where: Place, first: int) -> list[sa.ColumnElement[bool]]:
    return [
        where.column(part) == sa.bindparam(f"p{first + at}", type_=given(known(where.dataset, part).type))
        for at, part in enumerate(where.dataset.key)
    ]


def parameters(where: Place, names: Sequence[str]) -> dict[sa.ColumnElement[object], sa.BindParameter[object]]:
    """For each field the parameter that its value is."""
    return {
        where.column(name): sa.bindparam(f"p{at}", type_=given(known(where.dataset, name).type))
        for at, name in enumerate(names)
    }
