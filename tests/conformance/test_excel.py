"""Excel keeps every promise of the protocol, as far as its cells reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.systems.connectors.excel import Connector
from dovetail.testing.conformance import Conformance


class TestExcel(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Connector:
        return Connector(path=tmp_path / "book.xlsx", timeout_s=10)
