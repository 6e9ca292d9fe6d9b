"""What a database says that it holds, by SQLAlchemy's inspector: tables, views and declared queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector, ObjectKind

from dovetail.errors import DeclarationError
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.model.type import Kind
from dovetail.systems.connectors.sqlalchemy.kinds import labels, logical, rewrites
from dovetail.systems.connectors.sqlalchemy.query import Query
from dovetail.systems.connectors.sqlalchemy.session import Session
from dovetail.systems.sql.ledger import OURS

_Found = Mapping[tuple[str | None, str], Any]


def describe(session: Session, schema: str | None, queries: Mapping[str, Query]) -> Catalog:
    """All tables and views in the order of their names, then the declared queries."""
    datasets = session.call(lambda: list(_datasets(sa.inspect(session.connection), schema)))
    datasets.sort(key=lambda dataset: dataset.name)
    taken = {dataset.name.lower() for dataset in datasets}
    for name in queries:
        if name.lower() in taken:
            raise DeclarationError(f"the query {name!r} has the name of a table or view", where=name, code="DV-323")
    return Catalog((*datasets, *(query.dataset(session, name) for name, query in queries.items())))


def is_there(session: Session, schema: str | None, dataset: Dataset, fields: Sequence[str]) -> bool:
    """Whether the table or view and those columns of it are there now."""

    def look() -> bool:
        try:
            columns = sa.inspect(session.connection).get_columns(dataset.name, schema=schema)
        except exc.NoSuchTableError:
            return False
        return set(fields) <= {column["name"] for column in columns}

    return session.call(look)


def key_of(session: Session, schema: str | None, dataset: Dataset) -> frozenset[str]:
    """The columns of the table's primary key."""
    found = session.call(lambda: sa.inspect(session.connection).get_pk_constraint(dataset.name, schema=schema))
    return frozenset(found.get("constrained_columns") or ())


def _datasets(inspector: Inspector, schema: str | None) -> Iterator[Dataset]:
    columns = inspector.get_multi_columns(schema=schema, kind=ObjectKind.TABLE)
    keys = _asked(lambda: inspector.get_multi_pk_constraint(schema=schema, kind=ObjectKind.TABLE))
    uniques = _asked(lambda: inspector.get_multi_unique_constraints(schema=schema, kind=ObjectKind.TABLE))
    indexes = _asked(lambda: inspector.get_multi_indexes(schema=schema, kind=ObjectKind.TABLE))
    references = _asked(lambda: inspector.get_multi_foreign_keys(schema=schema, kind=ObjectKind.TABLE))
    comments = _asked(lambda: inspector.get_multi_table_comment(schema=schema, kind=ObjectKind.ANY))
    for at, parts in columns.items():
        if at[1].startswith(OURS):
            continue
        key = tuple((keys.get(at) or {}).get("constrained_columns") or ())
        made = Dataset(at[1], DatasetKind.TABLE, tuple(_field(part, key) for part in parts), key=key)
        groups = _groups(uniques.get(at) or (), indexes.get(at) or (), key)
        pointing = tuple(
            _reference(one) for one in references.get(at) or () if one["referred_schema"] in (None, schema)
        )
        yield replace(made, uniques=groups, references=pointing, comment=_comment(comments, at))
    for at, parts in _asked(lambda: inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY_VIEW)).items():
        fields = tuple(replace(_field(part, ()), computed=True) for part in parts)
        if fields:
            yield Dataset(at[1], DatasetKind.VIEW, fields, comment=_comment(comments, at))


def _field(column: ReflectedColumn, key: Sequence[str]) -> Field:
    kind = logical(column["type"])
    default = column.get("default")
    identity = column.get("identity")
    draws = bool(identity) or column.get("autoincrement") is True
    return Field(
        column["name"],
        kind,
        nullable=bool(column["nullable"]) and column["name"] not in key,
        default=default,
        computed="computed" in column or bool(identity and identity.get("always")),
        drawn=draws and kind.kind in (Kind.INTEGER, Kind.DECIMAL),
        comment=column.get("comment") or "",
        labels=labels(column["type"]),
        rewrites=rewrites(column["type"]),
    )


def _groups(uniques: Sequence[Any], indexes: Sequence[Any], key: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    found = [tuple(one["column_names"]) for one in uniques]
    found += [tuple(one["column_names"]) for one in indexes if one.get("unique")]
    return tuple(dict.fromkeys(group for group in found if group and None not in group and set(group) != set(key)))


def _reference(one: Any) -> Reference:
    return Reference(tuple(one["constrained_columns"]), one["referred_table"], tuple(one["referred_columns"]))


def _comment(comments: _Found, at: tuple[str | None, str]) -> str:
    return (comments.get(at) or {}).get("text") or ""


def _asked(ask: Callable[[], Any]) -> _Found:
    """The answer; nothing where the dialect has no such thing."""
    try:
        found: _Found = ask()
    except NotImplementedError:
        return {}
    return found
