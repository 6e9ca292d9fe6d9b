"""The import contracts of pyproject.toml hold, and each of them can break."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = [
    sys.executable,
    "-c",
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        LINT,
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_contracts_hold() -> None:
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("mapping/broken.py", "import os", "Thinking rooms touch no system"),
        ("quality/broken.py", "import duckdb", "Thinking rooms touch no system"),
        ("merge/broken.py", "import dovetail.systems.protocol", "The floors of the house"),
        ("engine/broken.py", "import dovetail.evidence", "The floors of the house"),
        ("newroom/__init__.py", "", "The floors of the house"),
    ],
)
def test_each_contract_can_break(module: str, line: str, contract: str, tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src" / "dovetail", tmp_path / "src" / "dovetail", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / "src" / "dovetail" / module
    broken.parent.mkdir(exist_ok=True)
    broken.write_text(f'"""Broken on purpose."""\n{line}\n')
    answer = lint(tmp_path)
    text = answer.stdout + answer.stderr
    assert answer.returncode != 0, text
    assert contract in text
