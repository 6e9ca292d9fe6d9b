"""What is moved: a schema of a source and of a target, its rows, and what must arrive, as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape:
    """One pair of tables and the work between them.

    All SQL is PostgreSQL's; what stands under `lite` is SQLite's. `{rows}` and `{part}` are filled in with numbers.
    """

    name: str
    source: str
    """The table that is read."""
    target: str
    """The table that is written."""
    key: tuple[str, ...]
    """The key of the target's table."""
    columns: Mapping[str, str]
    """The target's columns, each with the expression over the source that gives its value."""
    origin: str
    """What stands behind FROM: the source with its look-ups."""
    tables: Mapping[str, Mapping[str, str]]
    """The source's tables, those that are looked up before the one that is read: columns with their types."""
    exact: Mapping[str, str]
    """Target columns whose type peers guess wrong, as `decimal(14,2)` or `timestamp_ntz`."""
    source_ddl: str
    fill: str
    """Fills the source with `{rows}` rows, the same ones every time."""
    target_ddl: str
    lite_ddl: str
    change: str
    """Changes one row in a hundred, scattered: part `{part}` of 1 to 99; runs in SQLite, too."""
    older: Mapping[str, str]
    """Target columns whose older value is another in every second row, each with the expression over the source."""
    mappings: Mapping[str, str]
    """Dovetail's mappings, file by file."""
    keys: Mapping[str, tuple[str, ...]]
    """The keys of the source's tables."""
    maria_source: str = ""
    """The source's tables in MariaDB's SQL; empty where the shape is not measured there."""
    maria_target: str = ""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The target's tables with their keys, where it is a folder of files; empty where it is not measured."""

    def select(self, *, older: bool = False, numbered: bool = False) -> str:
        """The query whose answer must stand in the target; or an older version of it. With `numbered`, truths are 0
        and 1, as MariaDB keeps them."""
        columns = dict(self.columns) | (dict(self.older) if older else {})
        if numbered:
            truths = {name: f"({columns[name]})::integer" for name in columns if self.exact.get(name) == "boolean"}
            columns |= truths
        cells = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
        return f"SELECT {cells} FROM {self.origin}"

    def maria_select(self) -> str:
        """The same query in MariaDB's SQL, for a session that takes `||` for joining texts."""
        return self.select().replace(" AS numeric(", " AS decimal(")

    def stage_ddl(self, kind: str) -> str:
        """Tables `stage_*` in the target, for ways that load a file as it is and compute afterwards."""
        return "".join(
            f"CREATE {kind} TABLE stage_{table} ({', '.join(f'{name} {said}' for name, said in columns.items())});\n"
            for table, columns in self.tables.items()
        )

    def staged_select(self) -> str:
        """The query over the stage tables; each value is of its type, whatever was made of the tables meanwhile."""
        cells = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())
        origin = self.origin
        for table, columns in self.tables.items():
            typed = ", ".join(f"{name}::{said}" for name, said in columns.items())
            origin = origin.replace(f"{table} AS ", f"(SELECT {typed} FROM stage_{table}) AS ")
        return f"SELECT {cells} FROM {origin}"

    def upsert(self, rows: str, *, differing: bool) -> str:
        """Put the rows of a query or table into the target; with `differing`, touch only what is another."""
        others = [name for name in self.columns if name not in self.key]
        names = ", ".join(self.columns)
        put = ", ".join(f"{name} = excluded.{name}" for name in others)
        old, new = (", ".join(f"{side}.{name}" for name in others) for side in ("t", "excluded"))
        where = f" WHERE ({old}) IS DISTINCT FROM ({new})" if differing else ""
        return (
            f"INSERT INTO {self.target} AS t ({names}) {rows} "
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {put}{where}"
        )
