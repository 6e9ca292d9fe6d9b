"""CSV keeps every promise of the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.systems.connectors.csv import Connector
from dovetail.testing.conformance import Conformance


class TestCSV(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Connector:
        return Connector(path=tmp_path, timeout_s=10)
