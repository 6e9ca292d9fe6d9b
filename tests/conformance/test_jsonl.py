"""JSON lines keeps every promise of the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.systems.connectors.jsonl import Connector
from dovetail.testing.conformance import Conformance


class TestJSONLines(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Connector:
        return Connector(path=tmp_path, timeout_s=10)
