"""A load into a CSV file for crashes: the file is replaced as a whole, and what counts is decided by one renaming."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from dovetail.testing.oracle import Load
from dovetail.testing.program import Program

MAPPING = """
mapping: thing
members: {left: {dataset: a}, right: {dataset: b}}
match: name
fields:
  name: {left: name, right: name, owner: left}
  n: {left: n, right: n, owner: left}
"""


class Sheet:
    """The scene: a SQLite file of so many rows on the left, a folder of CSV files on the right."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        (folder / "mappings").mkdir(parents=True)
        systems = {
            "left": {"connector": "sqlite", "path": "left.db"},
            "right": {
                "connector": "csv",
                "path": "out",
                "datasets": {"b": {"key": ["name"], "types": {"n": "integer"}}},
            },
        }
        (folder / "dovetail.yaml").write_text(json.dumps({"dovetail": 1, "project": "sheet", "systems": systems}))
        (folder / "mappings" / "thing.yaml").write_text(MAPPING)
        with closing(sqlite3.connect(folder / "left.db")) as connection, connection:
            connection.execute("CREATE TABLE a (name TEXT PRIMARY KEY, n INTEGER)")
            connection.executemany("INSERT INTO a VALUES (?, ?)", self._typed())
        self.program = Program(folder)
        self.loads: Sequence[Load] = [Load("thing", ("left", "right"), self._typed, self._found, self._count)]

    def _typed(self) -> list[tuple[object, ...]]:
        return [(f"name {i}", i) for i in range(1, self.rows + 1)]

    def _found(self) -> list[tuple[object, ...]]:
        with (self.folder / "out" / "b.csv").open(newline="") as file:
            return [(row["name"], int(row["n"])) for row in csv.DictReader(file)]

    def _count(self) -> int:
        return len(self._found())

    def ledger_rows(self) -> int:
        documents = [json.loads(path.read_text()) for path in (self.folder / "out").glob(".dovetail*.json")]
        assert len(documents) == 1
        return len(documents[0]["entries"])

    def reset(self) -> None:
        shutil.rmtree(self.folder / ".dovetail", ignore_errors=True)
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        (self.folder / "out").mkdir()
        (self.folder / "out" / "b.csv").write_text("name,n\n")
