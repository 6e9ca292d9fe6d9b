"""How the columns of a table are stored at this moment, and what else decides how it must be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset
from dovetail.model.type import Kind
from dovetail.systems.connectors.postgres.declared import Stored, cast
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.dialect import POSTGRES

_BASES = """
WITH RECURSIVE base (oid, given, bottom, modifier, filled) AS (
    SELECT w.oid, w.given, w.oid, w.given, false FROM unnest($1::oid[], $2::int[]) AS w (oid, given)
  UNION ALL
    SELECT b.oid, b.given, t.typbasetype, CASE WHEN t.typtypmod = -1 THEN b.modifier ELSE t.typtypmod END,
           b.filled OR t.typnotnull
    FROM base b JOIN pg_type t ON t.oid = b.bottom WHERE t.typtype = 'd'
)
SELECT b.oid, b.given, t.typname, n.nspname, b.modifier,
       format_type(t.oid, -1), format_type(t.oid, b.modifier), t.typtype,
       b.filled
FROM base b JOIN pg_type t ON t.oid = b.bottom JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype <> 'd'
"""
_COLUMNS = """
SELECT a.attname, a.atttypid, a.atttypmod, a.attidentity <> '', a.attgenerated <> '', pg_get_expr(e.adbin, e.adrelid),
       coalesce(o.collisdeterministic, true)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_HABITS = """
SELECT row_security_active(c.oid), has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE'), c.relhasrules, coalesce((
         SELECT bit_or(t.tgtype::int) FROM pg_trigger t
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND NOT starts_with(t.tgname, 'dovetail_')
           AND t.tgrelid IN (SELECT c.oid UNION ALL SELECT p.relid FROM pg_partition_tree(c.oid) p)), 0),
       coalesce((SELECT jsonb_agg(ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid
                                        AND a.attnum = ANY (i.indkey::int2[])))
                 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                   AND i.indpred IS NULL AND i.indexprs IS NULL), '[]'),
       c.relkind IN ('r', 'p') AND NOT EXISTS (
         SELECT FROM pg_class p LEFT JOIN pg_am m ON m.oid = p.relam
         WHERE p.oid IN (SELECT c.oid UNION ALL SELECT t.relid FROM pg_partition_tree(c.oid) t) AND p.relkind <> 'p'
           AND (p.relkind <> 'r' OR p.relhassubclass OR m.amname IS DISTINCT FROM 'heap'))
         AND NOT EXISTS (
         SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace m ON m.oid = t.typnamespace
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND (m.nspname <> 'pg_catalog' OR a.attgenerated = 'v'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
"""
_ON_INSERT, _ON_UPDATE = 4, 16


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it is stored now."""

    name: str
    stored: Stored
    is_identity: bool = False
    is_generated: bool = False
    default: str | None = None
    is_told_apart: bool = False
    """Whether texts that the system calls equal have the same bytes, as far as is known."""

    @property
    def source(self) -> str:
        """The type of the array in which values travel to the server."""
        return "text[]" if self.stored.kind is Kind.OPAQUE else f"{self.stored.written}[]"

    def value(self, given: exp.Expression) -> exp.Expression:
        """A value from such an array, as the column's type."""
        return cast(given, self.stored.written) if self.stored.kind is Kind.OPAQUE else given


@dataclass(frozen=True, slots=True)
class Habits:
    """What else a write must know about a table."""

    is_row_secured: bool
    denies_rows: bool
    has_insert_triggers: bool
    has_update_triggers: bool
    uniques: frozenset[frozenset[str]]
    may_lock: bool
    """Whether this account may lock the table against change, as one that may write only some columns may not."""
    has_versions: bool
    """Whether the number of the transaction that wrote a row tells all changes: the rows stand in ordinary tables, and
    no type's labels, nor a computation, can change under them."""


def bases(session: Session, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[Stored, bool]]:
    """By type and modifier, how values are stored (domains resolved), and whether a domain forbids nulls."""
    pairs = sorted(set(wanted))
    rows = session.rows(_BASES, [[oid for oid, _ in pairs], [modifier for _, modifier in pairs]])
    return {
        (oid, given): (Stored(name, schema, modifier, written, native, family), notnull)
        for oid, given, name, schema, modifier, written, native, family, notnull in rows
    }


def columns(session: Session, place: exp.Table) -> dict[str, Column]:
    """The columns of a table by name; a table that is not there is drift."""
    rows: list[tuple[Any, ...]] = session.rows(_COLUMNS, [place.db, place.name])
    if not rows:
        raise _gone(place)
    types = bases(session, [(oid, modifier) for _, oid, modifier, *_ in rows])
    return {name: Column(name, types[oid, modifier][0], *rest) for name, oid, modifier, *rest in rows}


def found(stored: Mapping[str, Column], dataset: Dataset, name: str) -> Column:
    """The column of that name as it is now; one that is gone is drift."""
    if name not in stored:
        raise SchemaDrift(f"{dataset.name} no longer has the column {name!r}", where=f"{dataset.name}.{name}")
    return stored[name]


def habits(session: Session, place: exp.Table) -> Habits:
    """Triggers, row security and unique keys of a table that is there."""
    rows = session.rows(_HABITS, [place.db, place.name])
    if not rows:
        raise _gone(place)
    secured, may_write, rules, triggers, uniques, is_plain = rows[0]
    return Habits(
        is_row_secured=secured,
        denies_rows=secured and may_write,
        has_insert_triggers=bool(triggers & _ON_INSERT) or rules,
        has_update_triggers=bool(triggers & _ON_UPDATE) or rules,
        uniques=frozenset(frozenset(parts) for parts in uniques),
        may_lock=may_write,
        has_versions=is_plain,
    )


def _gone(place: exp.Table) -> SchemaDrift:
    return SchemaDrift(f"{POSTGRES.sql(place)} is not there", where=place.name, hint="describe the system again")
