"""MariaDB keeps every promise of the protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dovetail.systems.connectors.mariadb import Connector
from dovetail.testing.conformance import Conformance


class TestMariaDB(Conformance):
    @pytest.fixture
    def system(self, mariadb_url: str) -> Iterator[Connector]:
        connector = Connector(url=mariadb_url, timeout_s=30)
        yield connector
        connector.close()
