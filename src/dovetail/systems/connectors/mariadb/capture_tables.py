"""What must be known of tables before their changes can be noted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.mariadb.capture_values import Part
from dovetail.systems.connectors.mariadb.phrase import literal
from dovetail.systems.connectors.mariadb.session import Session

DEPTH_MAX = 5
"""Foreign keys after each other that are followed to rows which are removed or changed without a trigger."""

_DIGEST_BYTES = 8
_STORES = """
SELECT t.table_name, t.table_type, coalesce(t.engine, ''), coalesce(e.transactions, 'NO') = 'YES'
FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = ?1
"""
_COLUMNS = """
SELECT table_name, column_name, lower(data_type), lower(column_type), column_type, lower(character_set_name),
       ordinal_position
FROM information_schema.columns WHERE table_schema = ?1 AND table_name IN ({names})
ORDER BY table_name, ordinal_position
"""
_KEYS = """
SELECT table_name, column_name FROM information_schema.statistics
WHERE table_schema = ?1 AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index
"""
_CASCADES = """
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema = ?1, k.referenced_table_name,
       k.referenced_column_name, r.delete_rule IN ('CASCADE', 'SET NULL'), r.update_rule IN ('CASCADE', 'SET NULL')
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
     AND r.table_name = k.table_name
WHERE k.table_schema = ?1 AND k.referenced_table_name IS NOT NULL
  AND (r.delete_rule IN ('CASCADE', 'SET NULL') OR r.update_rule IN ('CASCADE', 'SET NULL'))
ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
_NUMBERS = """
SELECT t.table_name, group_concat(n.table_id ORDER BY n.table_id)
FROM information_schema.tables t JOIN information_schema.{numbers} n
  ON n.name = concat(cast(convert(t.table_schema USING filename) AS binary), '/',
                     cast(convert(t.table_name USING filename) AS binary))
  OR n.name LIKE concat(replace(cast(convert(t.table_schema USING filename) AS binary), '_', '\\\\_'), '/',
                        replace(cast(convert(t.table_name USING filename) AS binary), '_', '\\\\_'), '#P#%')
WHERE t.table_schema = ?1 AND t.table_name IN ({names}) GROUP BY t.table_name
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key by which the server changes rows of `child` itself, when those of `parent` are deleted or get other
    values; `fields` are pairs of the child's column and the parent's."""

    child: str
    parent: str
    fields: tuple[tuple[str, str], ...]
    on_delete: bool
    on_update: bool
    is_here: bool = True
    """Whether the parent stands in this database."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is now."""

    name: str
    engine: str
    is_transactional: bool
    parts: tuple[Part, ...]
    places: tuple[int, ...]
    columns: int
    primary: tuple[str, ...]
    digest: str
    """All on which the telling of its changes depends: its columns, its key, and where it may be seen, its number,
    which changes when it is truncated."""
    number: str = ""
    paths: tuple[tuple[Link, ...], ...] = ()
    """How other tables' rows take rows of this one with them: from the table itself to each forebear."""

    @property
    def key(self) -> tuple[str, ...]:
        """The names of its key's parts."""
        return tuple(part.name for part in self.parts)


def look(session: Session, datasets: Sequence[Dataset], *, sees_numbers: bool) -> dict[str, Table]:
    """The tables among the datasets, by name; views and queries are left out."""
    wanted = [one for one in datasets if one.kind is DatasetKind.TABLE]
    names = [one.name for one in wanted]
    if not wanted:
        return {}
    stores = {name: rest for name, *rest in session.rows(_STORES, [session.schema])}
    held: dict[str, list[tuple[object, ...]]] = {}
    for name, *rest in session.rows(_listed(_COLUMNS, names), [session.schema]):
        held.setdefault(name, []).append(tuple(rest))
    primaries: dict[str, list[str]] = {}
    for name, column in session.rows(_KEYS, [session.schema]):
        primaries.setdefault(name, []).append(column)
    links = _links(session)
    numbers = _numbers(session, names) if sees_numbers else {}
    found = {}
    for one in wanted:
        kind, engine, is_transactional = stores.get(one.name, ("", "", 0))
        if "TABLE" in kind and "VIEW" not in kind and set(one.key) <= {str(row[0]) for row in held.get(one.name, ())}:
            told = held[one.name]
            place = {str(row[0]): at for at, row in enumerate(told)}
            parts = tuple(_part(told[place[name]]) for name in one.key)
            number = numbers.get(one.name, "")
            digest = _digest([[list(row) for row in told], list(one.key), number, engine])
            found[one.name] = Table(
                one.name, engine, bool(is_transactional), parts, tuple(place[name] for name in one.key), len(told),
                tuple(primaries.get(one.name, ())), digest, number, tuple(_paths(links, one.name)),
            )  # fmt: skip
    return found


def columns(session: Session, name: str, wanted: Sequence[str]) -> tuple[tuple[Part, ...], tuple[int, ...], int]:
    """Some columns of a table, where each stands, and how many the table has."""
    told = [row[1:] for row in session.rows(_listed(_COLUMNS, [name]), [session.schema])]
    place = {str(row[0]): at for at, row in enumerate(told)}
    if not set(wanted) <= set(place):
        return (), (), len(told)
    return tuple(_part(told[place[one]]) for one in wanted), tuple(place[one] for one in wanted), len(told)


def _part(row: tuple[object, ...]) -> Part:
    name, base, _, declared, charset, _ = row
    return Part(str(name), str(base), str(declared), None if charset is None else str(charset))


def _digest(told: object) -> str:
    return blake2b(json.dumps(told, default=str).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _links(session: Session) -> dict[str, list[Link]]:
    """The foreign keys that carry changes on, by child."""
    rows: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for child, constraint, *rest in session.rows(_CASCADES, [session.schema]):
        rows.setdefault((child, constraint), []).append(tuple(rest))
    found: dict[str, list[Link]] = {}
    for (child, _), told in rows.items():
        _, is_here, parent, _, on_delete, on_update = told[0]
        fields = tuple((str(row[0]), str(row[3])) for row in told)
        link = Link(child, str(parent), fields, bool(on_delete), bool(on_update), bool(is_here))
        found.setdefault(child, []).append(link)
    return found


def _paths(links: Mapping[str, list[Link]], name: str) -> Iterator[tuple[Link, ...]]:
    """All ways up from a table; one that comes back to a table where it was ends there."""
    ways: list[tuple[Link, ...]] = [()]
    while ways:
        way = ways.pop()
        at = way[-1].parent if way else name
        seen = {name, *(link.parent for link in way[:-1])}
        if way:
            yield way
        if len(way) < DEPTH_MAX and not (way and at in seen):
            ways += [(*way, link) for link in links.get(at, ())]


def _numbers(session: Session, names: Sequence[str]) -> dict[str, str]:
    """The engine's own numbers of tables: others once they were truncated."""
    sql = _listed(_NUMBERS, names).replace("{numbers}", "innodb_sys_tables" if session.is_maria else "innodb_tables")
    return {name: _written(number) for name, number in session.rows(sql, [session.schema])}


def _written(number: object) -> str:
    return number.decode() if isinstance(number, bytes) else str(number)


def _listed(sql: str, names: Sequence[str]) -> str:
    return sql.replace("{names}", ", ".join(map(literal, names)))
