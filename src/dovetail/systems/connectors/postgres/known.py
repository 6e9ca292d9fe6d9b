"""What is known of tables, for as long as their signatures stay: how their columns are stored and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from dovetail.systems.connectors.postgres.pipe import Statement
from dovetail.systems.connectors.postgres.stored import Column, Habits

_SIGNATURE = """
SELECT concat_ws(' ', c.oid, c.xmin, c.relfilenode,
  (SELECT count(*) || '/' || sum(a.xmin::text::bigint) FROM pg_attribute a WHERE a.attrelid = c.oid),
  (SELECT sum(e.xmin::text::bigint) FROM pg_attrdef e WHERE e.adrelid = c.oid),
  (SELECT count(*) || '/' || sum(i.xmin::text::bigint) FROM pg_index i WHERE i.indrelid = c.oid),
  (SELECT count(*) || '/' || sum(t.xmin::text::bigint) FROM pg_trigger t WHERE t.tgrelid = c.oid),
  (SELECT sum(t.xmin::text::bigint) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = c.oid AND a.atttypid >= 16384),
  (SELECT count(*) || '/' || sum(l.xmin::text::bigint) FROM pg_attribute a JOIN pg_enum l ON l.enumtypid = a.atttypid
   WHERE a.attrelid = c.oid AND a.atttypid >= 16384))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
"""
"""Every change of a table's definition writes one of these catalog rows anew, which gives it another `xmin`."""


@dataclass(slots=True)
class Facts:
    """What is known of one table, and the statements that were made for it, by what they are for."""

    signature: str
    columns: dict[str, Column]
    habits: Habits
    statements: dict[tuple[Any, ...], Any] = field(default_factory=dict)


class Known:
    """Facts by table. They are used only in a transaction that holds the table and has seen its signature."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}

    def of(self, place: exp.Table) -> Facts | None:
        """What is known of a table, for now."""
        return self._facts.get(_name(place))

    def keep(self, place: exp.Table, facts: Facts) -> None:
        """Know this of a table from now on."""
        self._facts[_name(place)] = facts

    def drop(self, place: exp.Table) -> None:
        """Know nothing of a table any more."""
        self._facts.pop(_name(place), None)


def _name(place: exp.Table) -> str:
    return f"{place.db}\x00{place.name}"


def signature(place: exp.Table) -> Statement:
    """Asks for the signature of a table; no row where there is none."""
    return Statement(_SIGNATURE, [place.db, place.name])
