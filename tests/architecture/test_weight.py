"""`dovetail --help` and `import dovetail` stay light."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "adbc_driver_manager",
    "cryptography",
    "duckdb",
    "numpy",
    "psycopg",
    "pyarrow",
    "pydantic",
    "rich.progress",
    "sqlglot",
)


def loaded(program: str) -> set[str]:
    """The heavy modules that a program loads."""
    probe = f"{program}\nimport sys\nprint('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["migrate", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys
sys.argv = ['dovetail', *{arguments!r}]
from dovetail.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded(program) == set()


def test_import_loads_nothing_heavy() -> None:
    assert loaded("import dovetail") == set()


def test_the_probe_sees_heavy_modules() -> None:
    assert "sqlglot" in loaded("import sqlglot")
