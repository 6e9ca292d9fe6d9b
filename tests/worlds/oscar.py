"""A real store's database, loaded from its dump, and the example project that moves it into an inventory."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
from world import World

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "oscar-to-warehouse"
PLACE = Path("shared", "data", "oscar", "oscar.sql.gz")


def find_dump() -> Path | None:
    """The dump that DOVETAIL_OSCAR_DUMP names, or the one in a folder `shared` in, beside or above the checkout."""
    named = os.environ.get("DOVETAIL_OSCAR_DUMP")
    places = [Path(named)] if named else [folder / PLACE for folder in (ROOT, *ROOT.parents)]
    return next((place for place in places if place.is_file()), None)


def load(dump: Path, url: str) -> None:
    """Run a plain pg_dump, as psql does: statements, and the rows of each COPY up to the line of a backslash and a
    point."""
    text = gzip.decompress(dump.read_bytes()).decode()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement, rows in _parts(text):
            if rows is None:
                connection.execute(statement.encode())
                continue
            with connection.cursor().copy(statement.encode()) as copy:
                copy.write(rows)


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Statements in order; a COPY with its rows. Lines that are commands to psql itself are left out."""
    pending: list[str] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if line.startswith("COPY ") and line.endswith("FROM stdin;"):
            yield "\n".join(pending), None
            pending = []
            yield line, "".join(f"{row}\n" for row in iter(lambda: next(lines), "\\."))
        elif not line.startswith(("\\", "--")):
            pending.append(line)
    yield "\n".join(pending), None


def make_inventory(place: str) -> None:
    """The inventory's empty tables: in a database (its URL) or in a file."""
    if place.startswith("postgresql:"):
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute((EXAMPLE / "inventory.postgres.sql").read_bytes())
        return
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript((EXAMPLE / "inventory.sqlite.sql").read_text(encoding="utf-8"))


class OscarWorld(World):
    """The example project as it stands, in a folder of its own, over a loaded store and an empty inventory."""

    def __init__(self, folder: Path, places: dict[str, str]) -> None:
        super().__init__(folder, places)
        make_inventory(places["warehouse"])

    def declare(self, **changed: str) -> None:
        """Copy the example; the two places are told by the variables that it names."""
        shutil.copytree(EXAMPLE, self.folder, dirs_exist_ok=True)
        places = {**self.places, **changed}
        self.variables = {f"{name.upper()}_URL": place for name, place in places.items()}

    def command(self, name: str, *options: str) -> list[str]:
        """As everywhere, and commands of two words."""
        first, *rest = name.split()
        _, *common = super().command(first, *options)
        return [first, *rest, *common]

    @property
    def environment(self) -> str | None:
        return None if self.places["warehouse"].startswith("postgresql:") else "rehearsal"
