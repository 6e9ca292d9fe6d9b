"""The system in memory keeps every promise of the protocol."""

from __future__ import annotations

import pytest

from dovetail.systems.connectors.memory import Connector
from dovetail.testing.conformance import Conformance, Faults


class TestMemory(Conformance):
    @pytest.fixture
    def system(self) -> Connector:
        return Connector()

    @pytest.fixture
    def faults(self, system: Connector) -> Faults:
        return Faults(open=system.beside, settings=frozenset({"timeout_s", "batch_rows"}))
