"""SQLite keeps every promise of the protocol."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovetail.systems.connectors.sqlite import Connector
from dovetail.testing.conformance import Conformance


class TestSQLite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Connector]:
        sqlite3.connect(tmp_path / "system.db").close()
        connector = Connector(path=tmp_path / "system.db", timeout_s=30)
        yield connector
        connector.close()
