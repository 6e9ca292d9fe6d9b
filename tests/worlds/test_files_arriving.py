"""Files that are replaced while a run reads them: a run has one state of a file or another, never some of both."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from contextlib import closing
from typing import Self

import pytest

from dovetail.testing.nursery import Nursery

ROWS = 2_000
MAPPING = """
mapping: thing
members: {file: {dataset: goods, creates: never}, lite: {dataset: item}}
match: code
deletes: {file: ask, lite: ask}
fields:
  code: {file: code, lite: code, owner: file}
  version: {file: version, lite: version, owner: file}
  words: {file: words, lite: words, owner: file}
guard: {rows: 1000000, share: 100%}
"""
KINDS = ["csv", pytest.param("jsonl", marks=pytest.mark.slow), pytest.param("parquet", marks=pytest.mark.slow)]


class Drops:
    """A project that reads files of a kind into a SQLite file, and a program that drops new versions."""

    def __init__(self, folder, kind: str) -> None:
        self.folder, self.kind, self.version = folder, kind, 0
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._work)
        (folder / "mappings").mkdir(parents=True)
        (folder / "drop").mkdir()
        types = {"goods": {"key": ["code"]}}
        systems = {
            "file": {"connector": kind, "path": "drop", "datasets": types},
            "lite": {"connector": "sqlite", "path": "lite.db"},
        }
        (folder / "dovetail.yaml").write_text(json.dumps({"dovetail": 1, "project": "drops", "systems": systems}))
        (folder / "mappings" / "thing.yaml").write_text(MAPPING)
        with closing(sqlite3.connect(folder / "lite.db")) as lite:
            lite.execute("PRAGMA journal_mode = WAL")
            lite.execute("CREATE TABLE item (code TEXT PRIMARY KEY, version INTEGER, words TEXT)")
        self.program = Nursery(folder, timeout_s=120)
        self.drop()

    def drop(self) -> None:
        """Put a whole new file there; all of its rows bear one number."""
        self.version += 1
        fresh, rows = self.folder / "fresh", [(f"C{at}", self.version, f"words {at}") for at in range(ROWS)]
        if self.kind == "csv":
            fresh.write_text("code,version,words\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
        elif self.kind == "jsonl":
            names = ("code", "version", "words")
            fresh.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
        else:
            import pyarrow as pa
            import pyarrow.parquet as pq

            columns = [list(column) for column in zip(*rows, strict=True)]
            pq.write_table(pa.table(dict(zip(("code", "version", "words"), columns, strict=True))), fresh)
        fresh.replace(self.folder / "drop" / f"goods.{self.kind}")

    def _work(self) -> None:
        while not self._stop.is_set():
            self.drop()
            time.sleep(random.uniform(0, 0.03))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def versions(self) -> set[int]:
        """The numbers that stand in the SQLite file."""
        with closing(sqlite3.connect(self.folder / "lite.db")) as lite:
            found = lite.execute("SELECT DISTINCT version, count(*) FROM item GROUP BY version").fetchall()
        assert sum(count for _, count in found) == ROWS
        return {version for version, _ in found}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_takes_one_state_of_a_file(tmp_path, kind):
    drops = Drops(tmp_path, kind)
    with drops:
        first = drops.program.run("migrate")
        assert first.is_done, (first.errors, first.words)
        assert len(drops.versions()) == 1
        planned = drops.program.run("plan")
        assert planned.is_done, (planned.errors, planned.words)
        second = drops.program.run("migrate")
        assert second.is_done, (second.errors, second.words)
        assert len(drops.versions()) == 1
        compared = drops.program.run("verify")
        assert compared.code == 1, "the file has moved on, and that is all that is wrong"
    assert drops.version > 10
    assert drops.program.run("migrate").is_done
    assert drops.versions() == {drops.version}
    assert drops.program.run("verify").code == 0


def test_a_plan_is_not_carried_out_over_a_file_that_arrived_since(tmp_path):
    drops = Drops(tmp_path, "csv")
    assert drops.program.run("migrate").is_done
    drops.drop()
    assert drops.program.run("plan").is_done
    drops.drop()
    ended = drops.program.run("apply", str(tmp_path / ".dovetail" / "plan"))
    assert ended.code == 1 or ended.errors, ended.document
    assert drops.versions() == {1}, "nothing was written that was not shown"
    assert drops.program.run("migrate").is_done
    assert drops.versions() == {3}
