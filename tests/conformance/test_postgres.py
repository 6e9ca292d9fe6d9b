"""PostgreSQL keeps every promise of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.postgres import Connector
from dovetail.testing.conformance import Conformance, Faults, known
from dovetail.testing.servers.postgres import Server

_HELD = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dovetail' AND datname = current_database()"
_RULE = "ALTER TABLE item ADD CONSTRAINT rule CHECK (name IS DISTINCT FROM 'poison')"


class TestPostgres(Conformance):
    @pytest.fixture
    def system(self, postgres_url: str) -> Iterator[Connector]:
        connector = Connector(url=postgres_url, timeout_s=30)
        yield connector
        connector.close()

    @pytest.fixture
    def faults(self, system: Connector, postgres_server: Server, postgres_url: str) -> Faults:
        def ask(sql: str) -> int:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                cursor = connection.execute(sql.encode())
                return int(cursor.fetchone()[0]) if cursor.description else 0

        def restart() -> None:
            postgres_server.kill()
            postgres_server.start()

        def refuse(_: Dataset) -> None:
            ask(_RULE)

        return replace(known(system), restart=restart, refuse=refuse, held=lambda: ask(_HELD))
