"""Every command of the how-to pages and the README is run as it is printed, in a small project of the demo.

A block that begins with three backquotes and `sh` is run line by line; `# exit N` at a line's end promises another exit
code than 0.
`sh fragment` marks a block that only shows; `sh` with another word is run by the test that has that world.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.demo.folder import Place, build

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
BLOCK = re.compile(r"^```(sh[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAUNCHER = "#!/bin/sh\nexec {python} -c 'import sys; from dovetail.cli.main import main; sys.exit(main())' \"$@\"\n"


def lines_of(text: str) -> list[str]:
    """The commands of a page, in order."""
    blocks = [block for language, block in BLOCK.findall(text) if language.strip() == "sh"]
    return [line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """`dovetail` on the path, from the tree under test."""
    commands = tmp_path / "bin"
    commands.mkdir()
    launcher = commands / "dovetail"
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(0o755)
    known = os.pathsep.join(part for part in sys.path if part)
    return os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": known, "COLUMNS": "120"}


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of(page.read_text())], ids=lambda page: page.name)
def test_commands_end_as_the_page_says(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    build(Place(folder, folder / "shop.db", folder / "warehouse.db"), 40)
    for line in lines_of(page.read_text()):
        command, _, promise = line.partition("# exit ")
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == int(promise or 0), f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_runner_finds_commands_and_leaves_fragments_out() -> None:
    text = "```sh\ndovetail check\n# said\ndovetail verify  # exit 1\n```\n\n```sh fragment\nmake demo\n```\n"
    assert lines_of(text) == ["dovetail check", "dovetail verify  # exit 1"]
