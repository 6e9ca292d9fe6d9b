"""SQLite keeps every promise of the protocol."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.sqlite import Connector
from dovetail.testing.conformance import Conformance, Faults, known

_RULE = """CREATE TRIGGER rule_{0} BEFORE {0} ON item WHEN NEW.name = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END"""


class TestSQLite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Connector]:
        sqlite3.connect(tmp_path / "system.db").close()
        connector = Connector(path=tmp_path / "system.db", timeout_s=30)
        yield connector
        connector.close()

    @pytest.fixture
    def faults(self, system: Connector) -> Faults:
        def refuse(_: Dataset) -> None:
            with sqlite3.connect(system.path) as connection:
                for verb in ("INSERT", "UPDATE"):
                    connection.execute(_RULE.format(verb))
            connection.close()

        return replace(known(system), refuse=refuse)
