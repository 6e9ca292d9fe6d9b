"""The SQLAlchemy connector keeps every promise of the protocol, over dialects that differ a lot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

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


SMALL = "SQLAlchemy's plain types for long texts and bytes hold 64 kB here: longer values are refused"
BEYOND = {
    "big_values_survive": SMALL,
    "a_hundred_megabytes_survive": SMALL,
    "odd_names_are_names": "SQLAlchemy cannot describe a table of MariaDB with a back quote in a name",
}
"""Promises that cannot be kept over MariaDB by what dialects have in common; its own connector keeps them."""


@pytest.mark.slow
class TestSQLAlchemyMariaDB(Conformance):
    """Its database compares texts byte by byte, so that texts that only look alike can be keys beside each other."""

    @pytest.fixture
    def system(self, mariadb_url: str, request: pytest.FixtureRequest) -> Iterator[Connector]:
        beyond = [words for name, words in BEYOND.items() if name in request.node.name]
        if beyond:
            pytest.skip(beyond[0])
        url = f"mysql+pymysql://{mariadb_url.partition('://')[2]}"
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text("ALTER DATABASE COLLATE utf8mb4_nopad_bin"))
        engine.dispose()
        connector = Connector(url=url, options={"charset": "utf8mb4"}, timeout_s=30)
        yield connector
        connector.close()
