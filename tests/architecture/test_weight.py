"""`dovetail --help` and `import dovetail` stay light, and a run imports no more than it needs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "adbc_driver_manager",
    "cryptography",
    "dns",
    "duckdb",
    "email_validator",
    "numpy",
    "pandas",
    "psycopg",
    "pyarrow",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic",
    "rich",
    "rich.progress",
    "ruamel.yaml",
    "sqlglot",
)

NEEDED = {"cryptography", "numpy", "pyarrow", "sqlglot"}
"""What every run needs: rows are in arrays, expressions are trees, and the state is sealed."""

PROJECT = """
dovetail: 1
project: small
systems:
  shop:  {connector: sqlite, path: shop.db}
  stock: {connector: sqlite, path: stock.db, timeout_s: 5}
"""
MAPPING = """
mapping: product
members:
  shop:  {dataset: product}
  stock: {dataset: item}
match: sku
fields:
  sku:  {shop: upper(sku), stock: code, owner: shop, check: not_null}
  name: {shop: name, stock: label, owner: shop}
"""


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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose one mapping has rows in both members."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text(PROJECT)
    (tmp_path / "mappings" / "product.yaml").write_text(MAPPING)
    for file, script in {
        "shop.db": "CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT, name TEXT);"
        "INSERT INTO product VALUES (1, 'a', 'Pan'), (2, 'b', 'Pot')",
        "stock.db": "CREATE TABLE item (no INTEGER PRIMARY KEY, code TEXT UNIQUE, label TEXT);"
        "INSERT INTO item VALUES (9, 'A', 'Pen')",
    }.items():
        connection = sqlite3.connect(tmp_path / file)
        connection.executescript(script)
        connection.close()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "needed"), [(["--json"], NEEDED), ([], {*NEEDED, "rich"}), (["--plain", "--json"], NEEDED)]
)
def test_a_small_run_loads_no_more_than_it_needs(arguments: list[str], needed: set[str], project: Path) -> None:
    program = f"""
import sys
sys.argv = ['dovetail', 'migrate', '--project', {str(project)!r}, *{arguments!r}]
from dovetail.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded(program) == needed


def test_the_module_is_the_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "dovetail", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.startswith("Usage: dovetail ")
