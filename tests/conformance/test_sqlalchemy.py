"""The SQLAlchemy connector keeps every promise of the protocol, over dialects that differ a lot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovetail.systems.connectors.sqlalchemy import Connector
from dovetail.testing.conformance import Conformance


class TestSQLAlchemySQLite(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[Connector]:
        sqlite3.connect(tmp_path / "system.db").close()
        connector = Connector(url=f"sqlite:///{tmp_path / 'system.db'}", timeout_s=30)
        yield connector
        connector.close()


@pytest.mark.slow
class TestSQLAlchemyPostgres(Conformance):
    @pytest.fixture
    def system(self, postgres_url: str) -> Iterator[Connector]:
        connector = Connector(url=f"postgresql+psycopg://{postgres_url.partition('://')[2]}", timeout_s=30)
        yield connector
        connector.close()


@pytest.mark.slow
class TestSQLAlchemyMariaDB(Conformance):
    @pytest.fixture
    def system(self, mariadb_url: str) -> Iterator[Connector]:
        url = f"mysql+pymysql://{mariadb_url.partition('://')[2]}"
        connector = Connector(url=url, options={"charset": "utf8mb4"}, timeout_s=30)
        yield connector
        connector.close()
