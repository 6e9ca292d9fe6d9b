"""A copy of the project in which one change at a time is made and the tests that matter are run."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("src", "tests", "docs", "pyproject.toml")
PATIENCE_S = 180
"""Seconds for the tests of one change; a change that makes them endless is noticed."""

PASSED, FAILED, INTERRUPTED = 0, 1, 2
"""What pytest's exit codes say: no test failed, some did, a file could not even be read."""


class Workshop:
    """One copy in a folder of its own; each worker has one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "site"))
            else:
                shutil.copy2(ROOT / part, folder / part)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / "tests" / "mutants")
        compileall.compile_dir(folder / "src", quiet=2)

    def text(self, path: str) -> str:
        """The unbroken text of a file."""
        return (self.folder / path).read_text(encoding="utf-8")

    def tried(self, path: str, text: str, tests: Sequence[str]) -> int:
        """The exit code of the tests with another text in one file, which is then as it was."""
        file = self.folder / path
        kept, times = self.text(path), file.stat()
        file.write_text(text, encoding="utf-8")
        try:
            return self.examined(tests)
        finally:
            file.write_text(kept, encoding="utf-8")
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def examined(self, tests: Sequence[str]) -> int:
        """The exit code of the tests as the copy stands; the first failure ends them."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not network", *tests]
        environment = os.environ | {
            "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{self.folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / ".hypothesis"),
        }
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            return FAILED
        self.words = done.stdout[-2_000:]
        return done.returncode
