"""One load as a way is asked for it, and what the way answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.performance.maria import Maria
from tests.performance.measure import Command
from tests.performance.server import Server
from tests.performance.shape import Shape

WORKS = ("pg-pg", "csv-pg", "sqlite-pg", "parquet-pg", "pg-parquet", "pg-maria", "maria-pg")
LOADS = ("for-sync", "first", "again", "changed", "upsert")
EMPTY = ("for-sync", "first")
"""Loads into an empty target; with `for-sync`, everything is kept that a two-way sync needs afterwards."""
SPEEDS = ("fast", "slow")


@dataclass(frozen=True, slots=True)
class Task:
    """Load this shape by this work into this database; files of the way's own stand in its folder."""

    server: Server
    shape: Shape
    work: str
    load: str
    rows: int
    source: str
    """The database of the source."""
    target: str
    """The database that is this way's alone."""
    files: Path
    """The folder of the source's CSV files and of its SQLite file."""
    folder: Path
    homes: Path
    """The folder of the peers' environments."""
    maria: Maria | None = None

    @property
    def ends(self) -> tuple[str, str]:
        """What the source is, and what the target is: `pg`, `maria`, `csv`, `sqlite` or `parquet`."""
        source, target = self.work.split("-")
        return source, target

    @property
    def out(self) -> Path:
        """The folder of the target, where that is files."""
        return self.folder / "target"

    @property
    def lite(self) -> Path:
        """The source as a SQLite file."""
        return self.files / f"{self.shape.name}.db"

    def csv(self, table: str) -> Path:
        """One table of the source as a CSV file with a header."""
        return self.files / f"{table}.csv"

    def command(self, *words: str | Path, **environment: str) -> Command:
        """A command in the way's folder."""
        return Command([str(word) for word in words], self.folder, environment)


@dataclass(frozen=True, slots=True)
class Steps:
    """The commands of one load, and the files that a person would have to write for them."""

    commands: Sequence[Command]
    written: Mapping[str, str] = field(default_factory=dict)
    options: int = 0
    """Options on the command line; each counts as a line."""

    @property
    def lines(self) -> int:
        """Lines of configuration: those that are neither empty nor a comment, and the options."""
        texts = [line.strip() for text in self.written.values() for line in text.splitlines()]
        return self.options + sum(1 for line in texts if line and not line.startswith(("#", "--", "//")))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do the work. `steps` answers None for what the way cannot do."""

    name: str
    family: str
    """The word by which it is chosen."""
    steps: Callable[[Task], Steps | None]
    missing: Callable[[Path], str] = lambda homes: ""
    """Why it cannot run here, in words; empty where it can."""
    works: tuple[str, ...] = ("pg-pg", "csv-pg", "sqlite-pg")
    """What it is asked for."""
    kept: Callable[[Task], Path] | None = None
    """The folder of what it remembers between loads."""
    slow: bool = False
    """Measured once only from a million rows on, and left out at ten million."""
