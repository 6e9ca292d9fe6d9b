"""The page about conflicts, `why` and `undo` is played as it is printed: edits, commands, and what they answer."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "conflicts-and-undo.md"
BLOCK = re.compile(r"^```([a-z ]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAUNCHER = "#!/bin/sh\nexec {python} -c 'import sys; from dovetail.cli.main import main; sys.exit(main())' \"$@\"\n"
SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, number TEXT, name TEXT, email TEXT, phone TEXT);
INSERT INTO customer VALUES (41, 'C-41', 'Grace Hopper', 'grace@example.org', '555-41'),
    (42, 'C-42', 'Ada Lovelace', 'ada@example.org', '555-42'), (43, 'C-43', 'Alan Turing', 'alan@example.org', '555-43');
"""
CRM = "CREATE TABLE contact (no INTEGER PRIMARY KEY, customer_no TEXT UNIQUE, full_name TEXT, mail TEXT, tel TEXT);"
HEAD = """dovetail: 1
project: shop-and-crm
systems:
  shop: {connector: sqlite, path: shop.db}
  crm: {connector: sqlite, path: crm.db}
"""


def alike(text: str) -> str:
    """The text without what differs from day to day: runs, times, and blanks at the end of lines."""
    text = re.sub(r"\d{8}T\d{6}-[0-9a-f]{9}", "RUN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "mappings").mkdir(parents=True)
    blocks = BLOCK.findall(PAGE.read_text())
    (made / "dovetail.yaml").write_text(HEAD + next(text for language, text in reversed(blocks) if language == "yaml"))
    (made / "mappings" / "customer.yaml").write_text(next(text for language, text in blocks if language == "yaml"))
    for name, ddl in (("shop", SHOP), ("crm", CRM)):
        with closing(sqlite3.connect(made / f"{name}.db")) as connection:
            connection.executescript(ddl)
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """`dovetail` on the path, from the tree under test."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "dovetail").write_text(LAUNCHER.format(python=sys.executable))
    (commands / "dovetail").chmod(0o755)
    known = os.pathsep.join(part for part in sys.path if part)
    return os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": known, "COLUMNS": "140"}


def test_the_page_is_played_as_it_is_printed(folder: Path, environment: dict[str, str]) -> None:
    said = run("dovetail migrate --for-sync", folder, environment)
    played = 0
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language.startswith("sql "):
            with closing(sqlite3.connect(folder / f"{language.split()[1]}.db")) as connection, connection:
                assert connection.execute(text).rowcount == 1
        elif language == "sh settle":
            for line in text.splitlines():
                said = run(line, folder, environment)
        elif language == "text":
            assert alike(said) == alike(text)
            played += 1
    assert played == 5
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        (row,) = connection.execute("SELECT name, email, phone FROM customer WHERE id = 42")
    assert row == ("Ada King", "lovelace@example.org", "555-4200")


def run(line: str, folder: Path, environment: dict[str, str]) -> str:
    command, _, promise = line.partition("# exit ")
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == int(promise or 0), f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout
