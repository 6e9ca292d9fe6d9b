"""What must be known of a table before it is said how its changes can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlglot import exp

from dovetail.model.catalog import Dataset, DatasetKind
from dovetail.systems.connectors.postgres.names import Names
from dovetail.systems.connectors.postgres.session import Session
from dovetail.systems.sql.dialect import POSTGRES
from dovetail.systems.sql.ledger import OURS
from dovetail.systems.sql.quote import identifier

_TABLES = """
WITH wanted (place, schema, name) AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[])),
found AS (
  SELECT w.place, c.oid, c.relkind, c.relowner, c.relpersistence
  FROM wanted w JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
),
stores AS (
  SELECT f.oid AS root, s.oid, s.relkind, s.relpersistence, s.relreplident,
         format('%I.%I', n.nspname, s.relname) AS place
  FROM found f
  JOIN pg_class s ON s.oid = f.oid OR f.relkind = 'p' AND s.oid IN (SELECT relid FROM pg_partition_tree(f.oid))
  JOIN pg_namespace n ON n.oid = s.relnamespace
)
SELECT f.place, f.oid::int8, f.relkind, o.rolname, pg_has_role(f.relowner, 'USAGE'),
       has_table_privilege(f.oid, 'TRIGGER'),
       f.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = f.oid),
       (SELECT jsonb_agg(jsonb_build_array(s.relkind, s.oid::int8, s.place, s.relpersistence, s.relreplident, (
          SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_index i
          CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
          WHERE i.indrelid = s.oid AND k.place <= i.indnkeyatts AND i.indisvalid AND i.indimmediate
            AND CASE s.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
          ORDER BY s.oid) FROM stores s WHERE s.root = f.oid),
       (SELECT coalesce(jsonb_object_agg(a.attname, jsonb_build_array(
                 a.attnum, a.attgenerated, a.atttypid::int8, a.atttypmod)), '{}')
        FROM pg_attribute a WHERE a.attrelid = f.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM found f JOIN pg_roles o ON o.oid = f.relowner
"""
_DATABASE = "SELECT oid::int8 FROM pg_database WHERE datname = current_database()"
_DIGEST_BYTES, _NAME_BYTES = 8, 4
_NAME_MAX = 31


@dataclass(frozen=True, slots=True)
class Store:
    """A table in which rows really stand: a partition, or the table itself. `identity` are the columns by which the log
    names a row; `place` is its quoted name."""

    oid: int
    place: str
    persistence: str
    letter: str
    identity: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset's table as it is now."""

    name: str
    key: tuple[str, ...]
    place: exp.Table
    oid: int
    kind: str
    owner: str
    is_owned: bool
    may_trigger: bool
    has_children: bool
    stores: tuple[Store, ...]
    columns: dict[str, tuple[int, str, int, int]]
    """By name, the number of a column, the letter of how it is computed, and its type."""

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows stand in partitions."""
        return self.kind == "p"

    @property
    def partitions(self) -> tuple[str, ...]:
        """The quoted names of its partitions."""
        return tuple(store.place for store in self.stores) if self.is_partitioned else ()

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns by which the log names its rows."""
        return self.stores[0].identity

    @property
    def digest(self) -> str:
        """Another one where the log would tell of its rows otherwise, or rows may have come in without a trace."""
        told = (self.oid, self.stores, [self.columns.get(part) for part in (*self.key, *self.identity)])
        return blake2b(repr(told).encode(), digest_size=_DIGEST_BYTES).hexdigest()

    def unseen(self) -> str:
        """Why neither log nor triggers could tell of its rows; empty where one can."""
        if self.kind not in ("r", "p"):
            return "it is no table of this database's own"
        if self.has_children:
            return "other tables inherit from it, and their rows are its rows"
        missing = [part for part in self.key if part not in self.columns]
        return f"it has no column {missing[0]!r}" if missing else ""

    def unpublished(self, version: int) -> str:
        """Why the log cannot name its rows by their keys without making the application's writes fail; empty where it
        can."""
        if not self.key:
            return "it has no key"
        if any(store.persistence != "p" for store in self.stores):
            return "it is unlogged"
        for store in self.stores:
            if not store.identity:
                return _UNNAMED.get(store.letter, "it has no primary key that names its rows at once")
            if set(store.identity) != set(self.identity):
                return "its partitions name their rows by different columns (REPLICA IDENTITY)"
        beyond = [part for part in self.key if part not in self.identity]
        if beyond:
            return f"the log would not tell {beyond[0]!r}, a part of the key, of a row that is deleted"
        computed = [part for part in self.identity if self.columns[part][1]]
        return f"{computed[0]!r}, a part of the key, is computed" if computed and version < _COMPUTED_SINCE else ""


_UNNAMED = {"f": "the log names its rows by all columns (REPLICA IDENTITY FULL)", "n": "the log does not name its rows"}
_COMPUTED_SINCE = 180_000


def look(session: Session, names: Names, datasets: Sequence[Dataset]) -> dict[str, Table]:
    """The tables of those datasets, by their names; those that are not there are left out."""
    asked = {one.name: (one, names.table(one.name)) for one in datasets if one.kind is not DatasetKind.QUERY}
    places = [place for _, place in asked.values()]
    rows = session.rows(_TABLES, [list(asked), [place.db for place in places], [place.name for place in places]])
    found: dict[str, Table] = {}
    for name, oid, kind, owner, is_owned, may_trigger, has_children, stores, columns in rows:
        dataset, place = asked[name]
        leaves = [one for one in stores if one[0] != "p"] or stores
        held = [
            Store(oid, place, persistence, letter, tuple(parts)) for _, oid, place, persistence, letter, parts in leaves
        ]
        described = {column: tuple(facts) for column, facts in columns.items()}
        found[name] = Table(
            name, dataset.key, place, oid, kind, owner, is_owned, may_trigger, has_children, tuple(held), described
        )
    return found


def called(session: Session, names: Names, feed: str) -> str:
    """What begins the names of all that is made for a feed: slots of all databases stand in one list, and two
    systems may be two schemas of one database."""
    told = f"{session.rows(_DATABASE)[0][0]} {names.schemas!r} {feed}"
    digest = blake2b(told.encode(), digest_size=_NAME_BYTES).hexdigest()
    return f"{OURS}{feed.removeprefix(OURS)[:_NAME_MAX]}_{digest}"


def grants(tables: Sequence[Table], account: str) -> list[str]:
    """The statements that give an account the rights of the owners of those tables."""
    owners = dict.fromkeys(table.owner for table in tables if not table.is_owned)
    return [f"GRANT {POSTGRES.sql(identifier(owner))} TO {POSTGRES.sql(identifier(account))};" for owner in owners]
