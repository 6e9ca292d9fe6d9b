"""MariaDB keeps every promise of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.mariadb import Connector
from dovetail.testing.conformance import Conformance, Faults, known
from dovetail.testing.servers.mariadb import Server

_RULE = "ALTER TABLE item ADD CONSTRAINT rule CHECK (name <> 'poison')"


class TestMariaDB(Conformance):
    @pytest.fixture
    def system(self, mariadb_url: str) -> Iterator[Connector]:
        connector = Connector(url=mariadb_url, timeout_s=30)
        yield connector
        connector.close()

    @pytest.fixture
    def faults(self, system: Connector, mariadb_server: Server, mariadb_url: str) -> Faults:
        def restart() -> None:
            mariadb_server.kill()
            mariadb_server.start()

        def refuse(_: Dataset) -> None:
            mariadb_server.run(_RULE, mariadb_url.rpartition("/")[2])

        return replace(known(system), restart=restart, refuse=refuse)
