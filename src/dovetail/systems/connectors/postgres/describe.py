"""What a database says that it holds: tables, views and declared queries of its schemas, from a few catalog queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dovetail.errors import DeclarationError, Refused
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.systems.connectors.postgres.declared import Stored, draws, logical
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.query import shape
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.connectors.postgres.stored import bases
from dovetail.systems.sql.ledger import OURS

_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::float8, coalesce(d.description, ''),
       (SELECT sum(greatest(p.reltuples, 0))::float8 FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
        WHERE i.inhparent = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT a.attrelid, a.attname, a.attnum, a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(e.adbin, e.adrelid),
       coalesce(d.description, ''), a.atttypid, a.atttypmod
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
_RULES = """
SELECT i.indrelid, i.indisprimary, ARRAY(
         SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
         WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indrelid, i.indexrelid
"""
_REFERENCES = """
SELECT k.conrelid, k.confrelid, ARRAY(
         SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS p (number, place)
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number ORDER BY p.place), ARRAY(
         SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS p (number, place)
         JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number ORDER BY p.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1) AND k.contype = 'f' AND k.conparentid = 0
ORDER BY k.conrelid, k.oid
"""
_LABELS = """
SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum GROUP BY enumtypid
"""
_TABLES = ("r", "p")


@dataclass(slots=True)
class _Facts:
    """The catalog's answers, by relation."""

    columns: dict[int, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    types: dict[tuple[int, int], tuple[Stored, bool]] = field(default_factory=dict)
    labels: dict[int, tuple[str, ...]] = field(default_factory=dict)
    keys: dict[int, tuple[str, ...]] = field(default_factory=dict)
    uniques: dict[int, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    references: dict[int, list[tuple[int, tuple[str, ...], tuple[str, ...]]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def describe(session: Session, names: Names, queries: Mapping[str, tuple[str, tuple[str, ...]]]) -> Catalog:
    """All tables and views in the order of their names, then the declared queries."""
    with session.reading():
        schemas = [list(names.schemas)]
        relations = [row for row in session.rows(_RELATIONS, schemas) if not row[2].startswith(OURS)]
        facts = _facts(session, schemas)
    called = {row[0]: names.name(row[1], row[2]) for row in relations}
    datasets = [_dataset(row, facts, called) for row in relations]
    datasets.sort(key=lambda dataset: dataset.name)
    return Catalog((*datasets, *_queries(session, queries, called.values())))


def _facts(session: Session, schemas: list[list[str]]) -> _Facts:
    facts = _Facts()
    for relation, *rest in session.rows(_COLUMNS, schemas):
        facts.columns[relation].append(tuple(rest))
    facts.types = bases(session, [(row[7], row[8]) for rows in facts.columns.values() for row in rows])
    if any(stored.family == "e" for stored, _ in facts.types.values()):
        facts.labels = {oid: tuple(labels) for oid, labels in session.rows(_LABELS)}
    for relation, primary, parts in session.rows(_RULES, schemas):
        if primary:
            facts.keys[relation] = tuple(parts)
        elif tuple(parts) not in facts.uniques[relation]:
            facts.uniques[relation].append(tuple(parts))
    for relation, parent, parts, to in session.rows(_REFERENCES, schemas):
        facts.references[relation].append((parent, tuple(parts), tuple(to)))
    return facts


def _dataset(row: tuple[Any, ...], facts: _Facts, called: Mapping[int, str]) -> Dataset:
    relation, _, _, kind, estimate, comment, below = row
    is_table = kind in _TABLES
    estimate = below if kind == "p" and below is not None else estimate
    return Dataset(
        name=called[relation],
        kind=DatasetKind.TABLE if is_table else DatasetKind.VIEW,
        fields=tuple(_field(column, facts, is_table=is_table) for column in facts.columns[relation]),
        key=facts.keys.get(relation, ()) if is_table else (),
        uniques=tuple(facts.uniques.get(relation, ())),
        references=tuple(
            Reference(parts, called[parent], to)
            for parent, parts, to in facts.references.get(relation, ())
            if parent in called
        ),
        rows=int(estimate) if is_table and estimate >= 0 else None,
        comment=comment,
    )


def _field(column: tuple[Any, ...], facts: _Facts, *, is_table: bool) -> Field:
    name, _, notnull, identity, generated, default, comment, oid, modifier = column
    stored, forbids = facts.types[oid, modifier]
    return Field(
        name=name,
        type=logical(stored),
        nullable=not (notnull or forbids),
        default=None if generated else default,
        computed=bool(generated) or not is_table,
        drawn=bool(identity) or draws(default),
        comment=comment,
        labels=facts.labels.get(oid, ()),
        rewrites=stored.rewrites,
    )


def _queries(
    session: Session, queries: Mapping[str, tuple[str, tuple[str, ...]]], taken: Collection[str]
) -> Iterator[Dataset]:
    for name, (sql, key) in queries.items():
        if name in taken:
            raise DeclarationError(f"the query {name!r} has the name of a table or view", where=name, code="DV-323")
        try:
            with session.reading():
                fields = tuple(replace(one, computed=True) for one in shape(session, sql, name))
        except Refused as error:
            raise DeclarationError(f"the query {name!r} is {error.message}", where=name, code="DV-321") from error
        missing = [part for part in key if part not in {one.name for one in fields}]
        if missing:
            words = f"the query {name!r} gives no field {missing[0]!r}, which its key names"
            raise DeclarationError(words, where=name, code="DV-322")
        yield Dataset(name=name, kind=DatasetKind.QUERY, fields=fields, key=tuple(key))
