"""A load of few rows from a SQLite file into a database of another kind, to see which points it passes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
from sheet import MAPPING

from dovetail.testing.program import Program

TABLE = "CREATE TABLE b (name VARCHAR(40) PRIMARY KEY, n BIGINT)"


class Further:
    """The scene: a SQLite file on the left, that kind of system on the right."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        (folder / "mappings").mkdir(parents=True)
        right = {"path": "right.duckdb"} if kind == "duckdb" else {"url": f"sqlite:///{folder}/right.db"}
        systems = {"left": {"connector": "sqlite", "path": "left.db"}, "right": {"connector": kind, **right}}
        (folder / "dovetail.yaml").write_text(json.dumps({"dovetail": 1, "project": "further", "systems": systems}))
        (folder / "mappings" / "thing.yaml").write_text(MAPPING)
        with closing(sqlite3.connect(folder / "left.db")) as connection, connection:
            connection.execute("CREATE TABLE a (name TEXT PRIMARY KEY, n INTEGER)")
            connection.executemany("INSERT INTO a VALUES (?, ?)", [(f"name {i}", i) for i in range(20)])
        self.program = Program(folder)

    def reset(self) -> None:
        shutil.rmtree(self.folder / ".dovetail", ignore_errors=True)
        for path in self.folder.glob("right.*"):
            path.unlink()
        if self.kind == "duckdb":
            with closing(duckdb.connect(str(self.folder / "right.duckdb"))) as database:
                database.execute(TABLE)
            return
        with closing(sqlite3.connect(self.folder / "right.db")) as connection, connection:
            connection.execute(TABLE)
