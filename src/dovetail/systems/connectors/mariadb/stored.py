"""How the columns of a table are stored at this moment, and what else decides how it must be written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlglot import exp

from dovetail.errors import SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.sql.dependants import Dependant
from dovetail.systems.sql.dialect import MARIADB
from dovetail.systems.sql.quote import table

_LABEL = re.compile(r"'((?:[^']|'')*)'")
_COLUMNS = """
SELECT column_name, lower(data_type), column_type, character_maximum_length, character_octet_length,
       coalesce(lower(character_set_name), ''), coalesce(lower(collation_name), ''), numeric_scale,
       coalesce(datetime_precision, 0), is_nullable = 'YES',
       lower(extra), column_default, coalesce(generation_expression, '') <> ''
FROM information_schema.columns WHERE table_schema = ?1 AND table_name = ?2 ORDER BY ordinal_position
"""
_ENGINE = """
SELECT lower(coalesce(t.engine, '')), coalesce(e.transactions, 'NO') = 'YES'
FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = ?1 AND t.table_name = ?2
"""
_INDEXES = """
SELECT index_name, column_name, sub_part FROM information_schema.statistics
WHERE table_schema = ?1 AND table_name = ?2 AND non_unique = 0 ORDER BY index_name, seq_in_index
"""
_TRIGGERS = """
SELECT DISTINCT event_manipulation FROM information_schema.triggers
WHERE event_object_schema = ?1 AND event_object_table = ?2 AND action_timing = 'BEFORE'
  AND trigger_name NOT LIKE 'dovetail\\_%'
"""
"""Those that may change the row at hand; ours do not, and what runs behind it cannot."""
_SEES_TRIGGERS = """
SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER' AND grantee = ?3
UNION ALL SELECT 1 FROM information_schema.schema_privileges
WHERE privilege_type = 'TRIGGER' AND grantee = ?3 AND ?1 LIKE table_schema
UNION ALL SELECT 1 FROM information_schema.table_privileges
WHERE privilege_type = 'TRIGGER' AND grantee = ?3 AND table_schema = ?1 AND table_name = ?2 LIMIT 1
"""
_CARRIED = """
SELECT k.table_schema, k.table_name, k.constraint_name, k.column_name, k.referenced_column_name
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
     AND r.table_name = k.table_name
WHERE k.referenced_table_schema = ?1 AND k.referenced_table_name = ?2
  AND r.delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it is stored now: its `base` type, all of its `native` one, the characters or bytes that it holds,
    and the decimal places of a time."""

    name: str
    base: str
    native: str
    length: int | None
    octets: int | None
    charset: str
    collation: str
    scale: int | None
    decimals: int
    is_nullable: bool
    extra: str
    default: str | None
    is_generated: bool

    @property
    def is_drawn(self) -> bool:
        """Whether the server gives a number to a row that comes without one."""
        return "auto_increment" in self.extra

    @property
    def is_unsigned(self) -> bool:
        """Whether the column holds no numbers below zero."""
        return "unsigned" in self.native.lower()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of an ENUM or SET, in their order."""
        return tuple(label.replace("''", "'") for label in _LABEL.findall(self.native))


@dataclass(frozen=True)
class Facts:
    """A table: its columns, its unique indexes with their columns, and the events on which triggers have their say;
    `sees_triggers` where this account would be told of them."""

    place: exp.Table
    columns: Mapping[str, Column]
    uniques: Mapping[str, tuple[str, ...]]
    prefixed: frozenset[str]
    """Unique indexes that look at the beginning of a text only."""
    triggers: frozenset[str]
    sees_triggers: bool

    def may_rewrite(self, event: str) -> bool:
        """Whether something else than the statement may decide what a row holds after an `INSERT` or `UPDATE`."""
        return event in self.triggers or not self.sees_triggers

    def may_move(self, event: str) -> bool:
        """Whether a write may change fields of its rows that it does not name."""
        if event == "DELETE":
            return False
        columns = self.columns.values()
        is_stamped = event == "UPDATE" and any("on update" in column.extra for column in columns)
        return is_stamped or any(column.is_generated for column in columns) or self.may_rewrite(event)

    @cached_property
    def _keys(self) -> frozenset[frozenset[str]]:
        return frozenset(frozenset(parts) for name, parts in self.uniques.items() if name not in self.prefixed)

    def is_unique(self, fields: Sequence[str]) -> bool:
        """Whether an index keeps these fields unique."""
        return frozenset(fields) in self._keys


def learn(session: Session, dataset: Dataset) -> Facts:
    """What is known of a table. It is touched first, so that nobody changes its definition until the transaction
    ends."""
    place = table(dataset.name, session.schema)
    session.rows(MARIADB.sql(exp.select("1").from_(place).limit(0)))
    names = (session.schema, dataset.name)
    _transactional(session, dataset, names)
    uniques: dict[str, tuple[str, ...]] = {}
    prefixed = set()
    for index, name, part in session.rows(_INDEXES, names):
        uniques[index] = (*uniques.get(index, ()), name)
        if part is not None:
            prefixed.add(index)
    columns = {row[0]: _column(row) for row in session.rows(_COLUMNS, names)}
    triggers = frozenset(event for (event,) in session.rows(_TRIGGERS, names))
    sees = bool(triggers) or bool(session.rows(_SEES_TRIGGERS, [*names, _grantee(session)]))
    return Facts(place, columns, uniques, frozenset(prefixed), triggers, sees)


def _transactional(session: Session, dataset: Dataset, names: tuple[str, str]) -> None:
    rows = session.rows(_ENGINE, names)
    if not rows:
        raise SchemaDrift(f"{dataset.name} is not there", where=dataset.name, hint="describe the system again")
    ((engine, is_transactional),) = rows
    if not is_transactional:
        words = f"{dataset.name} is kept by {engine or 'no engine'}, which cannot take a write back"
        hint = f"ALTER TABLE {MARIADB.sql(table(dataset.name))} ENGINE=InnoDB;"
        raise SystemFault(words, where=dataset.name, hint=hint, code="DV-346")


def _column(row: tuple[Any, ...]) -> Column:
    name, base, native, length, octets, charset, collation, scale, decimals, is_nullable, *rest = row
    extra, default, is_generated = rest
    return Column(
        name, base, native, length, octets, charset, collation, scale, int(decimals), bool(is_nullable), extra, default,
        bool(is_generated),
    )  # fmt: skip


def _grantee(session: Session) -> str:
    user, _, host = str(session.rows("SELECT current_user()")[0][0]).rpartition("@")
    return f"'{user}'@'{host}'"


def found(facts: Facts, dataset: Dataset, name: str) -> Column:
    """The column of that name as it is now; one that is gone is drift."""
    if name not in facts.columns:
        raise SchemaDrift(f"{dataset.name} no longer has the column {name!r}", where=f"{dataset.name}.{name}")
    return facts.columns[name]


def carried(session: Session, dataset: Dataset) -> list[Dependant]:
    """The foreign keys by which the server would carry a delete on to other rows."""
    keys: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for schema, child, constraint, name, part in session.rows(_CARRIED, (session.schema, dataset.name)):
        keys.setdefault((schema, child, constraint), []).append((name, part))
    return [
        Dependant(
            table(child, schema),
            tuple(name for name, _ in pairs),
            tuple(part for _, part in pairs),
            is_own=(schema, child) == (session.schema, dataset.name),
        )
        for (schema, child, _), pairs in keys.items()
    ]
