"""DuckDB files keep every promise of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dovetail.systems.connectors.duckdb import Connector
from dovetail.testing.conformance import Conformance


class TestDuckDB(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Connector]:
        duckdb.connect(tmp_path / "system.duckdb").close()
        connector = Connector(path=tmp_path / "system.duckdb", timeout_s=30)
        yield connector
        connector.close()
