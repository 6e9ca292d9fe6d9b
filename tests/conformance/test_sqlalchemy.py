"""The SQLAlchemy connector keeps every promise of the protocol, over dialects that differ a lot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from dovetail.systems.connectors.sqlalchemy import Connector
from dovetail.testing.conformance import Conformance
from dovetail.testing.conformance.trial import Outcome, examine

CHOICE = (
    "described_as_created",
    "a_taken_key_is_never_overwritten",
    "many_bad_rows_are_all_named",
    "expectations_are_exact",
    "applying_twice_equals_once",
    "an_exception_undoes_everything",
    "an_old_epoch_is_fenced",
    "a_new_epoch_waits_for_the_old_holder",
    "the_ledger_is_in_order",
    "hostile_prices",
    "hostile_dates",
    "reading_may_stop_early",
    "what_is_gone_is_drift",
    "queries_only_read",
)
"""What is tried each time; everything is tried by the classes below."""


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_chosen_promises_are_kept(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'system.db'}"
    else:
        url = f"postgresql+psycopg://{request.getfixturevalue('postgres_url').partition('://')[2]}"
    results = examine(lambda: emptied(url), CHOICE)
    assert [result.words for result in results if result.outcome is Outcome.BROKEN] == []
    assert len([result for result in results if result.outcome is Outcome.PASSED]) > len(CHOICE)


@contextmanager
def emptied(url: str) -> Iterator[Connector]:
    """A connector to that database, in which there is nothing."""
    engine = sa.create_engine(url)
    found = sa.MetaData()
    found.reflect(engine)
    found.drop_all(engine)
    engine.dispose()
    connector = Connector(url=url, timeout_s=20)
    yield connector
    connector.close()


@pytest.mark.slow
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
