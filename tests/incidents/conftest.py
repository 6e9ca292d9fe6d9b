"""Two systems that are kept joined while their users work; once with feeds, once without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.incidents.live import Live


@pytest.fixture(params=["feeds", "digests"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    """A store and a warehouse, one product mapping; changes are told by feeds, or found by comparing."""
    joined = Live(tmp_path, has_feeds=request.param == "feeds")
    yield joined
    joined.close()
