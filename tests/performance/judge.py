"""Whether what arrived is what must arrive: count, nulls and a hash of every column, computed by the server."""

from __future__ import annotations

from dataclasses import dataclass

from tests.performance.server import Server
from tests.performance.shape import Shape

_FAULTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Sum:
    """A table in few numbers: its rows, and for each column the values that are not null and a hash over all of them."""

    rows: int
    counts: tuple[int, ...]
    hashes: tuple[int, ...]


def expected(server: Server, shape: Shape, database: str) -> Sum:
    """What must stand in the target, computed from the source by SQL that no way under test has seen."""
    return _sum(server, shape, f"({shape.select()})", database)


def fault(server: Server, shape: Shape, database: str, meant: Sum) -> str:
    """What is wrong with the target's rows and columns, in words; empty where nothing is."""
    found = [*_columns(server, shape, database)]
    held = _sum(server, shape, shape.target, database)
    if held.rows != meant.rows:
        found.append(f"{held.rows:,} rows for {meant.rows:,}")
    for at, name in enumerate(shape.columns):
        if held.counts[at] != meant.counts[at]:
            nulls = (held.rows - held.counts[at], meant.rows - meant.counts[at])
            found.append(f"{name}: {nulls[0]:,} nulls for {nulls[1]:,}")
        elif held.hashes[at] != meant.hashes[at]:
            found.append(f"{name}: other values")
    more = f"; and {len(found) - _FAULTS_MAX} more" if len(found) > _FAULTS_MAX else ""
    return "; ".join(found[:_FAULTS_MAX]) + more


def _columns(server: Server, shape: Shape, database: str) -> list[str]:
    """How the table's columns differ from those that it was made with."""
    server.run(
        f"DROP SCHEMA IF EXISTS made CASCADE; CREATE SCHEMA made; SET search_path = made; {shape.target_ddl}", database
    )
    query = "SELECT json_object_agg(attname, format_type(atttypid, atttypmod)) FROM pg_attribute WHERE "
    query += "attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped"
    made, now = (dict(server.value(query.format(f"{where}.{shape.target}"), database)) for where in ("made", "public"))
    server.run("DROP SCHEMA made CASCADE", database)
    added = [f"added column {name}" for name in now if name not in made]
    lost = [f"lost column {name}" for name in made if name not in now]
    return [*added, *lost, *(f"{name} is now {now[name]}" for name in made if now.get(name, made[name]) != made[name])]


def _sum(server: Server, shape: Shape, rows: str, database: str) -> Sum:
    key = " || '|' || ".join(f"{name}::text" for name in shape.key)
    counts = [f"count({name})" for name in shape.columns]
    # A row without a value adds nothing to the hash; the counts tell such rows.
    hashes = [f"bit_xor(hashtextextended({key} || '|' || {name}::text, 0))" for name in shape.columns]
    answer = server.row(f"SELECT count(*), {', '.join([*counts, *hashes])} FROM {rows} AS t", database)
    half = 1 + len(counts)
    return Sum(int(answer[0]), tuple(answer[1:half]), tuple(answer[half:]))
