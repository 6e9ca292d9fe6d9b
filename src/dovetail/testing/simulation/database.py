"""A simulated system's memory: committed rows, open transactions, constraints, triggers, and what must survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.change import LedgerEntry
from dovetail.systems.sql import refusal
from dovetail.testing.simulation.cells import rewritten

Row: TypeAlias = "dict[str, object]"
Key: TypeAlias = "tuple[object, ...]"
Place: TypeAlias = "tuple[str, Key]"
"""A table and the key of one of its rows."""

REPLICA_LAG_MAX = 6
"""Commits that a replica may lag behind."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `folded` are columns whose unique index knows no case, `triggers` rewrite a column whenever it is
    written, `touched` is a column that a trigger counts up. Without `is_strict` nobody enforces its references."""

    dataset: Dataset
    folded: frozenset[str] = frozenset()
    triggers: Mapping[str, str] = field(default_factory=dict)
    touched: str = ""
    is_strict: bool = True

    def key(self, row: Mapping[str, object]) -> Key:
        """The key of a row."""
        return tuple(row[name] for name in self.dataset.key)

    def stored(self, row: Row, before: Row | None) -> Row:
        """What the triggers make of a row."""
        stored = {name: rewritten(self.triggers.get(name, ""), value) for name, value in row.items()}
        if self.touched:
            stored[self.touched] = int(str((before or {}).get(self.touched) or 0)) + 1
        return stored

    def unique(self, row: Row, names: Sequence[str]) -> Key | None:
        """What a unique index compares; `None` where a part is null."""
        parts = tuple(
            str(row[name]).casefold() if name in self.folded and row[name] is not None else row[name] for name in names
        )
        return None if None in parts else parts


@dataclass(frozen=True, slots=True)
class Altered:
    """One row of a commit."""

    table: str
    key: Key
    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Commit:
    """What became durable at once: `author` is `people`, or the name of the worker."""

    system: str
    number: int
    author: str
    altered: tuple[Altered, ...]


class Writing:
    """Writes of one transaction that is not committed yet; its rows are locked for others."""

    def __init__(self, database: Database, author: str) -> None:
        self.database = database
        self.author = author
        self.rows: dict[Place, Row | None] = {}
        self.entries: dict[tuple[str, int], LedgerEntry] = {}
        self.partition = ""
        self.is_sent = False
        """Its COMMIT is on its way: it may be carried out though the client is gone."""
        self.is_over = False

    def row(self, table: str, key: Key) -> Row | None:
        """The row as this transaction sees it."""
        place = (table, key)
        return self.rows[place] if place in self.rows else self.database.rows[table].get(key)

    def all_rows(self, table: str) -> Iterator[tuple[Key, Row]]:
        """Every row of a table as this transaction sees it."""
        own = {key: row for (name, key), row in self.rows.items() if name == table}
        for key, row in self.database.rows[table].items():
            if key not in own:
                yield key, row
        yield from ((key, row) for key, row in own.items() if row is not None)

    def refused(self, table: Table, key: Key, row: Row) -> tuple[str, str] | None:
        """The code and the field of the constraint that is against a row; `None` where none is."""
        dataset = table.dataset
        for one in dataset.fields:
            if row[one.name] is None and (not one.nullable or one.name in dataset.key):
                return refusal.MISSING, one.name
        for names in dataset.uniques:
            wanted = table.unique(row, names)
            if wanted is not None and any(
                other != key and table.unique(held, names) == wanted for other, held in self.all_rows(dataset.name)
            ):
                return refusal.DOUBLE, names[0]
        for reference in dataset.references if table.is_strict else ():
            parent = tuple(row[name] for name in reference.fields)
            if None not in parent and self.row(reference.dataset, parent) is None:
                return refusal.ORPHAN, reference.fields[0]
        return None

    def children(self, table: Table, key: Key) -> list[Place]:
        """The rows that refer to a row."""
        return [
            (other.dataset.name, child)
            for other in self.database.tables.values()
            for reference in other.dataset.references
            if reference.dataset == table.dataset.name
            for child, row in self.all_rows(other.dataset.name)
            if tuple(row[name] for name in reference.fields) == key
        ]

    def set(self, table: Table, key: Key, row: Row | None) -> Row | None:
        """Put a row as it will be stored; the answer is what the triggers made of it."""
        stored = None if row is None else table.stored(row, self.row(table.dataset.name, key))
        self.rows[table.dataset.name, key] = stored
        return stored


class Database:
    """One system. Engine transactions are open while people commit; what they wrote is locked."""

    def __init__(self, name: str, tables: Sequence[Table]) -> None:
        self.name = name
        self.tables = {table.dataset.name: table for table in tables}
        self.rows: dict[str, dict[Key, Row]] = {name: {} for name in self.tables}
        self.drawn: dict[str, int] = dict.fromkeys(self.tables, 0)
        self.epochs: dict[str, int] = {}
        self.entries: dict[tuple[str, int], LedgerEntry] = {}
        self.feeds: dict[str, Feed] = {}
        self.commits: list[Commit] = []
        self.open: list[Writing] = []
        self.listeners: list[Callable[[Commit], None]] = []

    def describe(self) -> Catalog:
        """Its tables, with their rows counted."""
        return Catalog(tuple(replace(table.dataset, rows=len(self.rows[name])) for name, table in self.tables.items()))

    def draw(self, table: str) -> int:
        """The next key that the system gives."""
        self.drawn[table] += 1
        return self.drawn[table]

    def locked(self) -> set[Place]:
        """Rows that open transactions wrote."""
        return {place for writing in self.open for place in writing.rows}

    def lagging(self, table: str, commits: int) -> list[Row]:
        """The rows as they were so many commits ago."""
        rows = dict(self.rows[table])
        for commit in reversed(self.commits[len(self.commits) - commits :] if commits else ()):
            for one in reversed(commit.altered):
                if one.table != table:
                    continue
                if one.before is None:
                    rows.pop(one.key, None)
                else:
                    rows[one.key] = one.before
        return list(rows.values())

    def begin(self, author: str) -> Writing:
        """A transaction."""
        writing = Writing(self, author)
        self.open.append(writing)
        return writing

    def roll_back(self, writing: Writing) -> None:
        """Forget what it wrote."""
        if writing in self.open:
            self.open.remove(writing)
        writing.is_over = True

    def commit(self, writing: Writing) -> None:
        """Make it durable, and tell everybody who listens."""
        self.roll_back(writing)
        altered = []
        for (table, key), after in writing.rows.items():
            before = self.rows[table].get(key)
            if before is None and after is None:
                continue
            altered.append(Altered(table, key, before, after))
            if after is None:
                del self.rows[table][key]
            else:
                self.rows[table][key] = after
                if isinstance(key[0], int):
                    self.drawn[table] = max(self.drawn[table], key[0])
        self.entries.update(writing.entries)
        commit = Commit(self.name, len(self.commits) + 1, writing.author, tuple(altered))
        self.commits.append(commit)
        for feed in self.feeds.values():
            feed.note(commit)
        for listener in self.listeners:
            listener(commit)

    def edit(self, changes: Sequence[tuple[str, Key, Row | None]]) -> bool:
        """What people do in one transaction of theirs; false where the system refuses it or a row is locked. Unique
        values are compared at its end."""
        locked = self.locked()
        if any((table, key) in locked for table, key, _ in changes):
            return False
        writing = Writing(self, "people")
        for other in self.open:
            writing.rows.update(other.rows)
        for table, key, row in changes:
            writing.set(self.tables[table], key, row)
        for table, key, row in changes:
            stored = writing.row(table, key)
            if stored is not None and writing.refused(self.tables[table], key, stored) is not None:
                return False
            if row is None and self.tables[table].is_strict and writing.children(self.tables[table], key):
                return False
        for place in locked:
            writing.rows.pop(place, None)
        self.commit(writing)
        return True


@dataclass(slots=True)
class Feed:
    """Keys of what was committed, in order, until somebody acknowledges them."""

    datasets: tuple[str, ...]
    noted: list[tuple[int, str, Key]] = field(default_factory=list)
    serial: int = 0
    lost: str = ""

    def note(self, commit: Commit) -> None:
        """Note the rows of a commit."""
        for one in commit.altered:
            if one.table in self.datasets and not self.lost:
                self.serial += 1
                self.noted.append((self.serial, one.table, one.key))
