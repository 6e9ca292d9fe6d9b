"""A connector whose driver is not installed says what to install: all drivers are hidden from a program of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dovetail.errors import DeclarationError, MissingDriver
from dovetail.systems.connectors.sqlalchemy.address import engine

PROGRAM = """
import json, sys

hidden, cases, folder = json.loads(sys.argv[1])


class Hidden:
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


sys.meta_path.insert(0, Hidden())

from pathlib import Path

from dovetail.errors import MissingDriver
from dovetail.project.settings import prepared
from dovetail.systems import registry

registry.names()
told = []
for name, settings in cases:
    try:
        connector = registry.settings_class(name)
        registry.open(name, prepared(connector, settings, Path(folder))).describe()
        told.append(["", 0, "", ""])
    except MissingDriver as missing:
        told.append([missing.code, missing.exit_code, missing.message, missing.hint])
print(json.dumps(told))
"""

HIDDEN = ["psycopg", "adbc_driver_postgresql", "pymysql", "sqlalchemy", "openpyxl"]
HIDDEN += ["fsspec", "s3fs", "botocore", "paramiko"]
CASES = {
    "postgres": ("postgres", {"url": "postgresql://u@localhost/x"}),
    "mariadb": ("mariadb", {"url": "mariadb://u@localhost/x"}),
    "mysql": ("mariadb", {"url": "mysql://u@localhost/x"}),
    "sqlalchemy": ("sqlalchemy", {"url": "sqlite://"}),
    "excel": ("excel", {"path": "."}),
    "csv": ("s3", {"path": "s3://bucket/folder"}),
    "jsonl": ("sftp", {"path": "sftp://user@localhost/folder"}),
}
"""For each connector the extra that it needs with such settings."""


def test_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    cases = [(name, settings) for name, (_, settings) in CASES.items()]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([HIDDEN, cases, str(tmp_path)])],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (name, (extra, _)), told in zip(CASES.items(), json.loads(done.stdout), strict=True):
        code, exit_code, message, hint = told
        assert (code, exit_code) == ("DV-700", 2), name
        assert hint.startswith(f"pip install 'dovetail[{extra}]'"), name
        assert "not installed" in message, name


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("mssql+pyodbc://u:secret@h/x", "pip install 'pyodbc'"),
        ("oracle+oracledb://u:secret@h/x", "pip install 'oracledb'"),
        ("postgresql+psycopg2://u:secret@h/x", "pip install 'psycopg2-binary'"),
        ("mysql+mysqldb://u:secret@h/x", "pip install 'mysqlclient'"),
        ("snowflake://u:secret@h/x", "pip install snowflake-sqlalchemy"),
        ("unheard://u:secret@h/x", "pip install sqlalchemy-unheard"),
    ],
)
def test_the_package_of_a_dialect_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyodbc", "oracledb", "psycopg2", "MySQLdb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDriver) as raised:
        engine(url, {})
    assert package in raised.value.hint
    assert "secret" not in str(raised.value)


def test_a_url_that_cannot_be_used_is_told_without_its_text() -> None:
    for url in ("no url: secret", "mysql+aiomysql://u:secret@h/x", "postgresql+psycopg_async://u:secret@h/x"):
        with pytest.raises((DeclarationError, MissingDriver)) as raised:
            engine(url, {})
        assert "secret" not in str(raised.value)
