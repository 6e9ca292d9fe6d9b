"""A load into a file for crashes: the file is replaced as a whole, or grows beside its place until it is put there, and
what counts is decided by one renaming."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from many import FINE

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import Kind, Type
from dovetail.systems.connectors.jsonl import Connector as JSONLines
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
SCHEMA = pa.schema([("name", pa.string()), ("n", pa.int64())])


class Sheet:
    """The scene: a SQLite file of so many rows on the left, a folder of files of that kind on the right."""

    def __init__(self, folder: Path, rows: int, *, kind: str = "csv", scope_rows: int | None = None) -> None:
        self.folder, self.rows, self.kind = folder, rows, kind
        (folder / "mappings").mkdir(parents=True)
        declared: dict[str, Any] = {"key": ["name"]}
        if kind == "csv":
            declared["types"] = {"n": "integer"}
        systems = {
            "left": {"connector": "sqlite", "path": "left.db"},
            "right": {"connector": kind, "path": "out", "datasets": {"b": declared}},
        }
        (folder / "dovetail.yaml").write_text(json.dumps({"dovetail": 1, "project": "sheet", "systems": systems}))
        (folder / "mappings" / "thing.yaml").write_text(MAPPING)
        with closing(sqlite3.connect(folder / "left.db")) as connection, connection:
            connection.execute("CREATE TABLE a (name TEXT PRIMARY KEY, n INTEGER)")
            connection.executemany("INSERT INTO a VALUES (?, ?)", self._typed())
        variables = {}
        if scope_rows is not None:
            (folder / "fine").mkdir()
            (folder / "fine" / "sitecustomize.py").write_text(FINE.format(rows=scope_rows))
            variables["PYTHONPATH"] = os.pathsep.join([str(folder / "fine"), *sys.path])
        self.program = Program(folder, variables=variables)
        self.loads: Sequence[Load] = [Load("thing", ("left", "right"), self._typed, self._found, self._count)]

    def _typed(self) -> list[tuple[object, ...]]:
        return [(f"name {i}", i) for i in range(1, self.rows + 1)]

    def _found(self) -> list[tuple[object, ...]]:
        """What any other program finds."""
        return self._rows((self.folder / "out" / f"b.{self.kind}").read_bytes())

    def _rows(self, content: bytes) -> list[tuple[object, ...]]:
        if self.kind == "csv":
            return [(row["name"], int(row["n"])) for row in csv.DictReader(io.StringIO(content.decode()))]
        if self.kind == "jsonl":
            return [(row["name"], row["n"]) for row in map(json.loads, content.decode().splitlines())]
        table = pq.read_table(io.BytesIO(content))
        return list(zip(table["name"].to_pylist(), table["n"].to_pylist(), strict=True))

    def _count(self) -> int:
        """The rows that are committed: of the file, and of the one that grows beside it."""
        growing = [one for document in self._documents() for one in document["growing"].values()]
        if not growing:
            return len(self._found())
        ((beside, _, _, _, length),) = growing
        path = self.folder / "out" / beside
        if not path.exists():
            return len(self._found())
        content = path.read_bytes()[:length]
        if self.kind != "parquet":
            return len(self._rows(content))
        file, rows = io.BytesIO(content), len(self._found())
        while file.tell() < length:
            with pa.ipc.open_stream(pa.PythonFile(file, "r")) as stream:
                rows += sum(map(len, stream))
        return rows

    def _documents(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in (self.folder / "out").glob(".dovetail*.json")]

    def ledger_rows(self) -> int:
        (document,) = self._documents()
        return len(document["entries"]) - len({partition for partition, *_ in document["entries"]})

    def reset(self) -> None:
        shutil.rmtree(self.folder / ".dovetail", ignore_errors=True)
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        (self.folder / "out").mkdir()
        path = self.folder / "out" / f"b.{self.kind}"
        if self.kind == "csv":
            path.write_text("name,n\n")
        elif self.kind == "jsonl":
            fields = (Field("name", Type(Kind.TEXT), nullable=False), Field("n", Type(Kind.INTEGER)))
            JSONLines(path=path.parent).create(Dataset("b", DatasetKind.TABLE, fields, ("name",)))
        else:
            pq.write_table(SCHEMA.empty_table(), path)
