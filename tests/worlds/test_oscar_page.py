"""The page about the Oscar store is run as it is printed, and prints what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from oscar import EXAMPLE, ROOT, find_dump

from dovetail.testing.servers.postgres import Server

pytestmark = pytest.mark.server

PAGE = ROOT / "docs" / "how-to" / "move-an-oscar-store.md"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMES = re.compile(r"took \d+\.\d s|run \d{8}T\d{6}-\w+")
LAUNCHER = "#!/bin/sh\nexec {python} -c 'import sys; from dovetail.cli.main import main; sys.exit(main())' \"$@\"\n"


def blocks() -> list[tuple[str, str]]:
    """The page's blocks in order: language and text."""
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def plain(text: str) -> list[str]:
    """The lines without times, names of runs and blanks at their ends."""
    return [TIMES.sub("...", line).rstrip() for line in text.split("\n") if line.strip()]


def shows(page: list[str], printed: list[str]) -> str:
    """What the page shows and the commands did not print, in order; a line of three points stands for what is left
    out."""
    at = 0
    skipped = True
    for line in page:
        if line == "...":
            skipped = True
            continue
        while skipped and at < len(printed) and printed[at] != line:
            at += 1
        if at >= len(printed) or printed[at] != line:
            return line
        at += 1
        skipped = False
    return ""


@pytest.fixture
def environment(postgres_server: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """`dovetail` on the path, from the tree under test, and two empty databases."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "dovetail").write_text(LAUNCHER.format(python=sys.executable))
    (commands / "dovetail").chmod(0o755)
    known = os.pathsep.join(part for part in sys.path if part)
    yield os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": known,
        "COLUMNS": "100",
        "SHOP_URL": postgres_server.create("page_shop"),
        "WAREHOUSE_URL": postgres_server.create("page_warehouse"),
    }
    for name in ("page_shop", "page_warehouse"):
        postgres_server.drop(name)


@pytest.mark.timeout(300)
def test_every_command_of_the_page_ends_and_prints_as_it_says(environment: dict[str, str], tmp_path: Path) -> None:
    dump = find_dump()
    if dump is None or shutil.which("psql") is None:
        pytest.skip("the store's dump, or psql, is not here")
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder)
    shutil.copy(dump, folder / "oscar.sql.gz")
    printed = ""
    for language, text in blocks():
        if language == "sh oscar":
            printed = ""
            for line in text.splitlines():
                command, _, promise = line.partition("# exit ")
                done = subprocess.run(
                    ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
                )
                assert done.returncode == int(promise or 0), f"{line}\n{done.stdout}\n{done.stderr}"
                printed += done.stdout
        elif language == "text":
            assert shows(plain(text), plain(printed)) == "", printed


def test_what_the_page_quotes_stands_in_the_example() -> None:
    files = [EXAMPLE / "dovetail.yaml", *sorted((EXAMPLE / "mappings").glob("*.yaml"))]
    told = "\n".join(textwrap.dedent(file.read_text(encoding="utf-8")) for file in files)
    whole = re.sub(r"\n +", "\n", told)
    quoted = [text for language, text in blocks() if language == "yaml"]
    assert quoted
    assert all(re.sub(r"\n +", "\n", text) in whole for text in quoted)


def test_the_comparison_can_fail() -> None:
    assert shows(["a", "...", "d"], ["a", "b", "c", "d"]) == ""
    assert shows(["a", "d"], ["a", "b", "d"]) == "d"
    assert shows(["x"], ["a"]) == "x"
