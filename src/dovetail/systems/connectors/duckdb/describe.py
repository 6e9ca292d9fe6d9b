"""What a DuckDB file says that it holds: tables, views and declared queries of one schema."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.systems.connectors.duckdb.declared import is_known, labels, logical
from dovetail.systems.connectors.duckdb.session import Session
from dovetail.systems.sql.ledger import OURS

_TABLES = """
SELECT table_name, estimated_size, coalesce(comment, '') FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = $1 AND NOT internal ORDER BY table_name
"""
_VIEWS = """
SELECT view_name, coalesce(comment, '') FROM duckdb_views()
WHERE database_name = current_database() AND schema_name = $1 AND NOT internal ORDER BY view_name
"""
_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, coalesce(comment, '') FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = $1 AND NOT internal ORDER BY table_name, column_index
"""
_CONSTRAINTS = """
SELECT table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
FROM duckdb_constraints() WHERE database_name = current_database() AND schema_name = $1
ORDER BY table_name, constraint_index
"""
_INDEXES = """
SELECT table_name, sql FROM duckdb_indexes()
WHERE database_name = current_database() AND schema_name = $1 AND is_unique AND NOT is_primary ORDER BY index_name
"""
_GENERATED = """
SELECT table_name, sql FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = $1 AND contains(sql, ' GENERATED ALWAYS AS')
"""
_DRAWING = re.compile(r"\s*\(?(nextval|uuid|gen_random_uuid|uuidv4|uuidv7)\(", re.IGNORECASE)

Columns = dict[str, list[tuple[Any, ...]]]


def describe(session: Session) -> Catalog:
    """All tables and views in the order of their names, then the declared queries."""
    columns, found = _by_table(session, _COLUMNS), _by_table(session, _CONSTRAINTS)
    indexes, generated = _by_table(session, _INDEXES), _by_table(session, _GENERATED)
    datasets = []
    for name, rows, comment in session.rows(_TABLES, [session.schema]):
        if str(name).startswith(OURS):
            continue
        computed = _computed(generated[str(name)])
        fields = tuple(_field(entry, computed=computed) for entry in columns[str(name)])
        made = Dataset(str(name), DatasetKind.TABLE, fields, rows=_whole(rows), comment=str(comment))
        datasets.append(_constrained(made, found[str(name)], [sql for (sql,) in indexes[str(name)]]))
    for name, comment in session.rows(_VIEWS, [session.schema]):
        fields = tuple(_field(entry, computed=None) for entry in columns[str(name)])
        if fields:
            datasets.append(Dataset(str(name), DatasetKind.VIEW, fields, comment=str(comment)))
    datasets.sort(key=lambda dataset: dataset.name)
    taken = {dataset.name.lower() for dataset in datasets}
    for name in session.queries:
        if name.lower() in taken:
            raise DeclarationError(f"the query {name!r} has the name of a table or view", where=name, code="DV-323")
    return Catalog((*datasets, *_queries(session)))


def shape(session: Session, view: exp.Table) -> tuple[Field, ...]:
    """The fields of a query."""
    found = session.types_of(view)
    return tuple(Field(name, logical(native), computed=True, labels=labels(native)) for name, native in found.items())


def draws(default: str | None) -> bool:
    """Whether a default gives each row another value.

    >>> draws("nextval('order_id')"), draws("'nextval('"), draws(None)
    (True, False, False)
    """
    return default is not None and _DRAWING.match(default) is not None


def _field(row: Sequence[Any], *, computed: set[str] | None) -> Field:
    name, native, nullable, default, comment = row
    is_computed = computed is None or name in computed or not is_known(native)
    return Field(
        name,
        logical(native),
        nullable=nullable,
        default=default,
        computed=is_computed,
        drawn=draws(default) and not is_computed,
        comment=comment,
        labels=labels(native),
    )


def _computed(created: Sequence[tuple[str]]) -> set[str]:
    """The generated columns, by the statement with which the catalog says that the table was made."""
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError

    names: set[str] = set()
    for (sql,) in created:
        try:
            defined = list(parse_one(sql, read="duckdb").find_all(exp.ColumnDef))
        except SqlglotError:
            defined = []
        kinds = (exp.GeneratedAsIdentityColumnConstraint, exp.ComputedColumnConstraint)
        names |= {one.name for one in defined if any(isinstance(rule.kind, kinds) for rule in one.constraints)}
    return names


def _constrained(dataset: Dataset, rows: Sequence[tuple[Any, ...]], indexes: Sequence[str]) -> Dataset:
    key: tuple[str, ...] = ()
    uniques, references = [], []
    for kind, parts, parent, others in rows:
        if kind == "PRIMARY KEY":
            key = tuple(parts)
        elif kind == "UNIQUE":
            uniques.append(tuple(parts))
        elif kind == "FOREIGN KEY" and tuple(parts) and parent and set(parts) <= set(dataset.names):
            references.append(Reference(tuple(parts), parent, tuple(others)))
    uniques += [parts for parts in map(_indexed, indexes) if parts and set(parts) <= set(dataset.names)]
    return replace(dataset, key=key, uniques=tuple(dict.fromkeys(uniques)), references=tuple(references))


def _indexed(sql: str) -> tuple[str, ...]:
    """The columns of a unique index; none where it is over an expression."""
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError

    try:
        index = parse_one(sql, read="duckdb").find(exp.Index)
    except SqlglotError:
        return ()
    parameters = index.args.get("params") if index is not None else None
    ordered = parameters.args.get("columns") or [] if parameters is not None else []
    columns = [entry.this if isinstance(entry, exp.Ordered) else entry for entry in ordered]
    return tuple(entry.name for entry in columns) if all(isinstance(one, exp.Column) for one in columns) else ()


def _queries(session: Session) -> Iterator[Dataset]:
    for name, (sql, key) in session.queries.items():
        try:
            fields = shape(session, session.view(name, sql))
        except Refused as error:
            raise DeclarationError(f"the query {name!r} is {error.message}", where=name, code="DV-321") from error
        missing = [part for part in key if part not in {entry.name for entry in fields}]
        if missing:
            words = f"the query {name!r} gives no field {missing[0]!r}, which its key names"
            raise DeclarationError(words, where=name, code="DV-322")
        yield Dataset(name=name, kind=DatasetKind.QUERY, fields=fields, key=tuple(key))


def _by_table(session: Session, sql: str) -> Columns:
    found: Columns = defaultdict(list)
    for name, *rest in session.rows(sql, [session.schema]):
        found[str(name)].append(tuple(rest))
    return found


def _whole(rows: object) -> int | None:
    return rows if isinstance(rows, int) else None
