"""Servers shared by the tests: one PostgreSQL for each test process, one empty database for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.servers.postgres import Server, server

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A running PostgreSQL; tests that kill or stop one start their own."""
    try:
        running = server()
        with running as started:
            yield started
    except (MissingDriver, Unreachable) as reason:
        pytest.skip(str(reason))


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty database that no other test uses."""
    name = f"test_{next(_NUMBERS)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)
