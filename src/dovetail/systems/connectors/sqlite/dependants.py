"""Foreign keys by which SQLite would carry a delete on to other rows."""

from __future__ import annotations

import sqlite3

from dovetail.model.catalog import Dataset
from dovetail.systems.sql.dependants import Dependant
from dovetail.systems.sql.quote import table

_CARRIED = """SELECT m.name, f.id, f."from", coalesce(f."to", p.name) FROM main.sqlite_master AS m
JOIN pragma_foreign_key_list(m.name, 'main') AS f ON m.type = 'table' AND lower(f."table") = lower(?1)
LEFT JOIN pragma_table_info(?1, 'main') AS p ON p.pk = f.seq + 1
WHERE f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY m.name, f.id, f.seq"""


def carried(connection: sqlite3.Connection, dataset: Dataset) -> list[Dependant]:
    """Those of a dataset, where the connection checks foreign keys at all."""
    if not connection.execute("PRAGMA foreign_keys").fetchone()[0]:
        return []
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for child, number, name, part in connection.execute(_CARRIED, (dataset.name,)):
        found.setdefault((child, number), []).append((name, part))
    return [
        Dependant(
            table(child, "main"),
            tuple(name for name, _ in pairs),
            tuple(part for _, part in pairs),
            is_own=child.lower() == dataset.name.lower(),
        )
        for (child, _), pairs in found.items()
    ]
