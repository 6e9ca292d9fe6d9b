"""What a SQLite file says that it holds: tables, views and declared queries, from the pragmas alone."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlglot import exp

from dovetail.errors import DeclarationError, Refused, SchemaDrift
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.sqlite.declared import logical
from dovetail.systems.connectors.sqlite.session import Session
from dovetail.systems.sql.dialect import SQLITE
from dovetail.systems.sql.ledger import OURS
from dovetail.systems.sql.quote import column, table

_COUNTED_BYTES = 64 * 2**20
"""Files up to this size have their rows counted; larger ones are estimated."""

_SAMPLE_ROWS = 1_000
"""Rows of a view or query that are looked at where a field has no declared type."""

_TABLES = """
SELECT name, type, wr FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
_COLUMNS = """
SELECT l.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM pragma_table_list AS l, pragma_table_xinfo(l.name, 'main') AS c
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') ORDER BY l.name, c.cid
"""
_VIEW_COLUMNS = """
SELECT ?1, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden FROM pragma_table_xinfo(?1, ?2) AS c ORDER BY c.cid
"""
_INDEXES = """
SELECT l.name, i.name, i.origin, i.partial, x.name, x.cid
FROM pragma_table_list AS l, pragma_index_list(l.name, 'main') AS i, pragma_index_info(i.name, 'main') AS x
WHERE l.schema = 'main' AND l.type = 'table' AND i."unique" = 1 ORDER BY l.name, i.seq, x.seqno
"""
_REFERENCES = """
SELECT l.name, f.id, f."table", f."from", f."to"
FROM pragma_table_list AS l, pragma_foreign_key_list(l.name, 'main') AS f
WHERE l.schema = 'main' AND l.type = 'table' ORDER BY l.name, f.id, f.seq
"""

_GENERATED = (2, 3)
_HIDDEN = 1


@dataclass(slots=True)
class _Facts:
    """The pragmas' answers, by table."""

    columns: dict[str, list[tuple[str, str, int, str | None, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    uniques: dict[str, dict[str, tuple[str, list[str | None]]]] = field(default_factory=lambda: defaultdict(dict))
    references: dict[str, dict[int, list[tuple[str, str, str | None]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )


def describe(session: Session, path: Path) -> Catalog:
    """All tables and views in the order of their names, then the declared queries."""
    with session.reading() as connection:
        facts = _facts(connection)
        listed = sorted(connection.execute(_TABLES).fetchall())
        listed = [entry for entry in listed if not entry[0].startswith(OURS)]
        counts = _counts(connection, path, [name for name, kind, _ in listed if kind == "table"])
        tables = [
            _table(name, facts, rowids=not wr, rows=counts.get(name)) for name, kind, wr in listed if kind != "view"
        ]
        keys = {dataset.name.lower(): dataset for dataset in tables}
        tables = [_with_references(dataset, facts, keys) for dataset in tables]
        views = list(_views(connection, [name for name, kind, _ in listed if kind == "view"]))
        datasets = sorted([*tables, *views], key=lambda dataset: dataset.name)
        virtual = {name for name, kind, _ in listed if kind == "virtual"}
    for name in session.queries:
        if name.lower() in {dataset.name.lower() for dataset in datasets}:
            raise DeclarationError(f"the query {name!r} has the name of a table or view", where=name, code="DV-323")
    queries = [_query(session, name, key) for name, (_, key) in session.queries.items()]
    return Catalog(tuple(_read_only(entry) if entry.name in virtual else entry for entry in [*datasets, *queries]))


def shape(connection: sqlite3.Connection, view: exp.Table) -> tuple[Field, ...]:
    """The fields of a view or query: types as declared, else from the storage classes of its first rows."""
    rows = connection.execute(_VIEW_COLUMNS, (view.name, view.db)).fetchall()
    unknown = [row[1] for row in rows if row[2].upper() in ("", "NUM")]
    seen = _sampled(connection, view, unknown) if unknown else {}
    return tuple(
        Field(name=name, type=seen[name] if name in seen else logical(declared), computed=True)
        for _, name, declared, *_ in rows
    )


def _facts(connection: sqlite3.Connection) -> _Facts:
    facts = _Facts()
    for name, *rest in connection.execute(_COLUMNS):
        facts.columns[name].append(tuple(rest))
    for name, index, origin, partial, part, cid in connection.execute(_INDEXES):
        entry = facts.uniques[name].setdefault(index, (origin, []))
        entry[1].append(None if partial or cid < 0 else part)
    for name, number, parent, part, to in connection.execute(_REFERENCES):
        facts.references[name].setdefault(number, []).append((parent, part, to))
    return facts


def _table(name: str, facts: _Facts, *, rowids: bool, rows: int | None) -> Dataset:
    columns = [entry for entry in facts.columns[name] if entry[5] != _HIDDEN]
    parts = sorted((entry for entry in columns if entry[4]), key=lambda entry: entry[4])
    key = tuple(entry[0] for entry in parts)
    indexes = facts.uniques[name].values()
    is_rowid = rowids and len(key) == 1 and not any(origin == "pk" for origin, _ in indexes)
    fields = tuple(
        Field(
            name=part,
            type=logical(declared),
            nullable=not (notnull or (pk and (is_rowid or not rowids))),
            default=default,
            computed=hidden in _GENERATED,
            drawn=bool(pk) and is_rowid,
        )
        for part, declared, notnull, default, pk, hidden in columns
    )
    plain = (
        [part for part in parts if part is not None]
        for origin, parts in indexes
        if origin != "pk" and None not in parts
    )
    uniques = tuple(map(tuple, plain))
    return Dataset(name=name, kind=DatasetKind.TABLE, fields=fields, key=key, uniques=uniques, rows=rows)


def _with_references(dataset: Dataset, facts: _Facts, keys: dict[str, Dataset]) -> Dataset:
    """The dataset with its foreign keys; names as the parent spells them, and its key where none was named."""
    references = []
    for parts in facts.references[dataset.name].values():
        parent = keys.get(parts[0][0].lower())
        if parent is None:
            continue
        spelled = {name.lower(): name for name in parent.names}
        named = tuple(spelled.get(to.lower(), to) for _, _, to in parts if to is not None)
        references.append(Reference(tuple(part for _, part, _ in parts), parent.name, named or parent.key))
    return replace(dataset, references=tuple(references))


def _views(connection: sqlite3.Connection, names: list[str]) -> Iterator[Dataset]:
    """The views that can be read; a broken one is left out (`examine` names it)."""
    for name in names:
        try:
            fields = shape(connection, table(name, "main"))
        except sqlite3.OperationalError:
            continue
        yield Dataset(name=name, kind=DatasetKind.VIEW, fields=fields)


def _query(session: Session, name: str, key: tuple[str, ...]) -> Dataset:
    try:
        view = session.view(name, session.queries[name][0])
        with session.reading() as connection:
            fields = shape(connection, view)
    except Refused as error:
        raise DeclarationError(f"the query {name!r} is {error.message}", where=name, code="DV-321") from error
    except sqlite3.OperationalError as error:
        fault = DeclarationError if "no such function" in str(error) else SchemaDrift
        raise fault(f"the query {name!r} cannot be read: {error}", where=name) from error
    missing = [part for part in key if part not in {entry.name for entry in fields}]
    if missing:
        words = f"the query {name!r} gives no field {missing[0]!r}, which its key names"
        raise DeclarationError(words, where=name, code="DV-322")
    return Dataset(name=name, kind=DatasetKind.QUERY, fields=fields, key=key)


def _sampled(connection: sqlite3.Connection, view: exp.Table, names: list[str]) -> dict[str, Type]:
    """A type for each field, where all values of the first rows agree on one."""
    classes = [exp.Anonymous(this="typeof", expressions=[column(name, view)]) for name in names]
    rows = connection.execute(SQLITE.sql(exp.Select(expressions=classes).from_(view.copy()).limit(_SAMPLE_ROWS)))
    kinds = {"integer": Kind.INTEGER, "real": Kind.FLOAT, "text": Kind.TEXT, "blob": Kind.BYTES}
    found: dict[str, Type] = {}
    for name, seen in zip(names, zip(*rows, strict=True), strict=False):
        stored = set(seen) - {"null"}
        stored = {"real"} if stored == {"integer", "real"} else stored
        found[name] = Type(kinds[stored.pop()]) if len(stored) == 1 else Type(Kind.OPAQUE)
    return found


def _counts(connection: sqlite3.Connection, path: Path, names: list[str]) -> dict[str, int]:
    """Rows by table: counted in a small file, else as the last ANALYZE found them."""
    if path.stat().st_size <= _COUNTED_BYTES:
        every = exp.Count(this=exp.Star())
        return {
            name: connection.execute(SQLITE.sql(exp.select(every).from_(table(name, "main")))).fetchone()[0]
            for name in names
        }
    try:
        rows = connection.execute("SELECT tbl, stat FROM sqlite_stat1").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {name: int(stat.split()[0]) for name, stat in rows if stat}


def _read_only(dataset: Dataset) -> Dataset:
    """A virtual table, which only its module knows how to write."""
    return replace(dataset, kind=DatasetKind.VIEW, key=())
