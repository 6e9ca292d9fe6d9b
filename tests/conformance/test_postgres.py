"""PostgreSQL keeps every promise of the protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dovetail.systems.connectors.postgres import Connector
from dovetail.testing.conformance import Conformance


class TestPostgres(Conformance):
    @pytest.fixture
    def system(self, postgres_url: str) -> Iterator[Connector]:
        connector = Connector(url=postgres_url, timeout_s=30)
        yield connector
        connector.close()
