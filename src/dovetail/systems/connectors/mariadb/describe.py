"""What a database says that it holds: tables, views and declared queries, from a few queries of its own catalog."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pymysql

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.systems.connectors.mariadb.declared import Declared, draws, labels, logical
from dovetail.systems.connectors.mariadb.query import shape
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.ledger import OURS
from dovetail.systems.sql.quote import table

_RELATIONS = """
SELECT table_name, table_type, table_rows, table_comment FROM information_schema.tables
WHERE table_schema = ?1 AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW') ORDER BY table_name
"""
_COLUMNS = """
SELECT table_name, column_name, column_type, collation_name, is_nullable, column_default, lower(extra), column_comment,
       coalesce(generation_expression, '') <> ''
FROM information_schema.columns WHERE table_schema = ?1 ORDER BY table_name, ordinal_position
"""
_DOCUMENTS = """
SELECT table_name, check_clause FROM information_schema.check_constraints
WHERE constraint_schema = ?1 AND check_clause LIKE 'json\\\\_valid(%'
"""
_RULES = """
SELECT table_name, index_name, column_name FROM information_schema.statistics
WHERE table_schema = ?1 AND non_unique = 0 ORDER BY table_name, index_name = 'PRIMARY' DESC, index_name, seq_in_index
"""
_REFERENCES = """
SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = ?1 AND referenced_table_schema = ?1 AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
_PRIMARY = "PRIMARY"
_DOCUMENT = "longtext", "utf8mb4_bin"
"""As what MariaDB stores a column that was declared JSON."""

_CHECKED = re.compile(r"CHECK \(json_valid\(`((?:[^`]|``)+)`\)\)", re.IGNORECASE)


@dataclass(slots=True)
class _Facts:
    """The catalog's answers, by table."""

    columns: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    documents: set[tuple[str, str]] = field(default_factory=set)
    rules: dict[str, dict[str, list[str | None]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    references: dict[str, dict[str, list[tuple[str, str, str]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )


def describe(session: Session, queries: Mapping[str, tuple[str, tuple[str, ...]]], *, truth: bool) -> Catalog:
    """All tables and views in the order of their names, then the declared queries."""
    relations = [row for row in session.rows(_RELATIONS, [session.schema]) if not row[0].startswith(OURS)]
    facts = _facts(session)
    relations = [row for row in relations if facts.columns[row[0]]]  # a view over what is gone has none
    datasets = [_dataset(row, facts, {name for name, *_ in relations}, truth=truth) for row in relations]
    datasets.sort(key=lambda dataset: dataset.name)
    return Catalog((*datasets, *_queries(session, queries, {dataset.name for dataset in datasets}, truth=truth)))


def _facts(session: Session) -> _Facts:
    facts, schema = _Facts(), [session.schema]
    for relation, *column in session.rows(_COLUMNS, schema):
        facts.columns[relation].append(tuple(column))
    if session.is_maria:
        facts.documents = {(name, _named(clause)) for name, clause in session.rows(_DOCUMENTS, schema)}
        facts.documents |= set(_hidden(session, facts))
    for relation, rule, name in session.rows(_RULES, schema):
        facts.rules[relation][rule].append(name)
    for relation, rule, *pair in session.rows(_REFERENCES, schema):
        facts.references[relation][rule].append((pair[0], pair[1], pair[2]))
    return facts


def _named(clause: str) -> str:
    """The column in a check such as json_valid(`a`)."""
    return clause.removeprefix("json_valid(").removesuffix(")").strip("`").replace("``", "`")


def _hidden(session: Session, facts: _Facts) -> Iterator[tuple[str, str]]:
    """Documents whose check the catalog keeps from an account that has rights to single tables only."""
    for relation, columns in facts.columns.items():
        if any(column[1:3] == _DOCUMENT and (relation, column[0]) not in facts.documents for column in columns):
            place = MARIADB.sql(table(relation, session.schema))
            with contextlib.suppress(pymysql.Error):  # a view, or a right that is missing
                ((_, made, *_),) = session.rows(f"SHOW CREATE TABLE {place}")
                yield from ((relation, name.replace("``", "`")) for name in _CHECKED.findall(made))


def _dataset(row: tuple[Any, ...], facts: _Facts, known: Collection[str], *, truth: bool) -> Dataset:
    name, kind, estimate, comment = row
    is_table = kind != "VIEW"
    rules = {rule: tuple(str(part) for part in parts) for rule, parts in facts.rules[name].items() if None not in parts}
    key = rules.pop(_PRIMARY, ())
    return Dataset(
        name=name,
        kind=DatasetKind.TABLE if is_table else DatasetKind.VIEW,
        fields=tuple(_field(name, column, facts, is_table=is_table, truth=truth) for column in facts.columns[name]),
        key=key,
        uniques=tuple(dict.fromkeys(rules.values())),
        references=tuple(
            Reference(tuple(one[0] for one in parts), parts[0][1], tuple(one[2] for one in parts))
            for parts in facts.references[name].values()
            if parts[0][1] in known
        ),
        rows=int(estimate) if is_table and estimate is not None else None,
        comment=comment if is_table else "",
    )


def _field(relation: str, column: tuple[Any, ...], facts: _Facts, *, is_table: bool, truth: bool) -> Field:
    name, text, collation, nullable, default, extra, comment, is_generated = column
    stored = Declared(text, collation or "", is_json=(relation, name) in facts.documents)
    default = None if is_generated or default == "NULL" else default
    return Field(
        name=name,
        type=logical(stored, truth=truth),
        nullable=nullable == "YES",
        default=default,
        computed=bool(is_generated) or not is_table,
        drawn="auto_increment" in extra or draws(default),
        comment=comment,
        labels=labels(stored),
        rewrites="" if is_generated or not is_table else stored.rewrites,
    )


def _queries(
    session: Session, queries: Mapping[str, tuple[str, tuple[str, ...]]], taken: Collection[str], *, truth: bool
) -> Iterator[Dataset]:
    for name, (sql, key) in queries.items():
        if name in taken:
            raise DeclarationError(f"the query {name!r} has the name of a table or view", where=name, code="DV-323")
        try:
            with session.reading():
                fields = tuple(replace(one, computed=True) for one in shape(session, sql, name, truth=truth))
        except Refused as error:
            raise DeclarationError(f"the query {name!r} is {error.message}", where=name, code="DV-321") from error
        missing = [part for part in key if part not in {one.name for one in fields}]
        if missing:
            words = f"the query {name!r} gives no field {missing[0]!r}, which its key names"
            raise DeclarationError(words, where=name, code="DV-322")
        yield Dataset(name=name, kind=DatasetKind.QUERY, fields=fields, key=tuple(key))
