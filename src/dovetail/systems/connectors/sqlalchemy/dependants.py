"""Rows that point to one that is to be deleted: the database would refuse, or delete or change them by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from dovetail.systems.connectors.sqlalchemy.session import Session
from dovetail.systems.sql import refusal
from dovetail.systems.sql.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Child:
    """A foreign key: these `fields` of a table name the `parts` of the row to be deleted. `is_own` where both are one
    table. What becomes of its rows is not asked: few dialects tell it in every case."""

    table: str
    fields: tuple[str, ...]
    parts: tuple[str, ...]
    is_own: bool


def children(session: Session, schema: str | None, name: str) -> list[Child]:
    """The foreign keys that point to a table."""

    def look() -> list[Child]:
        inspector: Inspector = sa.inspect(session.connection)
        found = inspector.get_multi_foreign_keys(schema=schema)
        return [
            Child(
                at[1],
                tuple(one["constrained_columns"]),
                tuple(one["referred_columns"]),
                is_own=at[1] == name,
            )
            for at, keys in found.items()
            for one in keys
            if one["referred_table"] == name and one["referred_schema"] in (None, schema)
        ]

    return session.call(look)


def remove(
    attempt: Attempt, pointers: Sequence[Child], points: Callable[[int], bool], write: Callable[[Sequence[int]], None]
) -> None:
    """Delete the rows to which nothing points, again and again where rows of the same table were in the way; a row
    that would take others with it is refused."""
    todo = attempt.todo()
    while todo:
        free = [at for at in todo if not points(at)]
        write(free)
        todo = [at for at in todo if at not in set(free)]
        if not free or not any(child.is_own for child in pointers):
            break
    for at in todo:
        attempt.refuse(at, refusal.ORPHAN)


def pointing(
    session: Session, schema: str | None, pointers: Sequence[Child], key: dict[str, sa.BindParameter[object]], name: str
) -> bool:
    """Whether any row points to the row of that key; one that points to itself does not count."""
    place = sa.table(
        name, *(sa.column(part) for part in {*key, *(p for one in pointers for p in one.parts)}), schema=schema
    )
    mine = sa.and_(*(place.c[part] == value for part, value in key.items()))
    for child in pointers:
        columns = {*child.fields, *(key if child.is_own else ())}
        other = sa.table(child.table, *(sa.column(field) for field in columns), schema=schema).alias("dovetail_child")
        tests = [other.c[field] == place.c[part] for field, part in zip(child.fields, child.parts, strict=True)]
        if child.is_own:
            tests.append(sa.not_(sa.and_(*(other.c[part] == place.c[part] for part in key))))
        tree = sa.select(sa.func.count()).select_from(sa.join(place, other, sa.and_(*tests))).where(mine)
        if session.execute(tree).rows[0][0]:
            return True
    return False
