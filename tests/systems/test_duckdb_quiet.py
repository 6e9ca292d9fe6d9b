"""The shipped command says nothing of DuckDB's own when it ends."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb

PROGRAM = "import sys; from dovetail.cli.main import main; sys.exit(main())"
PROJECT = """\
dovetail: 1
project: quiet
systems: {a: {connector: sqlite, path: a.db}, b: {connector: duckdb, path: b.duckdb}}
"""
MAPPING = """\
mapping: item
members: {a: {dataset: item}, b: {dataset: item}}
match: id
fields:
  id: {a: id, b: id, owner: a}
  name: {a: name, b: name, owner: a}
deletes: {a: ask, b: ask}
"""


def test_nothing_of_the_driver_is_left_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text(PROJECT)
    (tmp_path / "mappings" / "item.yaml").write_text(MAPPING)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO item VALUES (1, 'a')")
    with closing(duckdb.connect(str(tmp_path / "b.duckdb"))) as database:
        database.execute("CREATE TABLE item (id BIGINT PRIMARY KEY, name VARCHAR)")
    known = os.pathsep.join(part for part in sys.path if part)
    for command in ("migrate", "verify"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, command, "--json"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": known},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
