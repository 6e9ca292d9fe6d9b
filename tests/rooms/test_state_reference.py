"""The page about the state's format tells of every table and column, and of nothing else."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from dovetail.state.schema import FORMAT
from dovetail.state.store import open_state

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "state.md"
KEY = bytes(range(32))


def described() -> dict[str, list[str]]:
    """The columns under each table's heading, in order."""
    parts = re.split(r"^### `(\w+)`$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^\| `(\w+)` \| \S.* \|$", text, flags=re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_the_page_tells_of_every_column(tmp_path, clock):
    path = tmp_path / "state.db"
    open_state(path, key=KEY, clock=clock).close()
    with sqlite3.connect(path) as state:
        tables = [name for (name,) in state.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        held = {name: [column[1] for column in state.execute(f"PRAGMA table_info({name})")] for name in tables}
    assert described() == held


def test_the_page_names_the_format():
    assert f"**format {FORMAT}**" in PAGE.read_text()
