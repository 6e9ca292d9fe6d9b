"""Servers shared by the tests: one of each kind for each test process, one empty database for each test that asks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.conformance import table
from dovetail.testing.servers import mariadb
from dovetail.testing.servers.postgres import Pool, Server, server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the promises, connector by connector."""
    lines = table(terminalreporter.stats)
    if lines:
        terminalreporter.section("promises")
        terminalreporter.write("\n".join(lines) + "\n")
    _tell_of_values(terminalreporter)


def _tell_of_values(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the hostile values between systems, where they were tried."""
    reports = [one for found in ("passed", "failed") for one in terminalreporter.stats.get(found, [])]
    told = [text for one in reports for name, text in getattr(one, "user_properties", []) if name == "fidelity"]
    if told:
        from tests.fidelity.table import Result, lines

        terminalreporter.section("hostile values")
        terminalreporter.write("\n".join(lines([Result.of(json.loads(text)) for text in told])) + "\n")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A running PostgreSQL; tests that kill or stop one start their own."""
    try:
        running = server()
        started = running.__enter__()
    except (MissingDriver, Unreachable) as reason:
        pytest.skip(str(reason))
    yield started
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: Server) -> Pool:
    """Databases that are emptied and used again."""
    return Pool(postgres_server)


@pytest.fixture
def postgres_url(postgres_pool: Pool) -> Iterator[str]:
    """The URL of an empty database that no other test uses."""
    name = postgres_pool.take()
    yield postgres_pool.server.url(name)
    postgres_pool.give_back(name)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.Server]:
    """A running MariaDB; tests that kill or stop one start their own. In CI it must be there."""
    try:
        running = mariadb.server()
        started = running.__enter__()
    except (MissingDriver, Unreachable) as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(reason))
    yield started
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def mariadb_pool(mariadb_server: mariadb.Server) -> mariadb.Pool:
    """Databases that are made for a test and removed after it."""
    return mariadb.Pool(mariadb_server)


@pytest.fixture
def mariadb_url(mariadb_pool: mariadb.Pool) -> Iterator[str]:
    """The URL of an empty database that no other test uses."""
    name = mariadb_pool.take()
    yield mariadb_pool.server.url(name)
    mariadb_pool.give_back(name)
