"""The system in memory keeps every promise of the protocol."""

from __future__ import annotations

import pytest

from dovetail.systems.connectors.memory import Connector
from dovetail.testing.conformance import Conformance


class TestMemory(Conformance):
    @pytest.fixture
    def system(self) -> Connector:
        return Connector()
