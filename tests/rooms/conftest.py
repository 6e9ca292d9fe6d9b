"""A fresh state in SQLite and another in PostgreSQL: every test that asks for one runs on both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dovetail.state.store import Store, open_state
from dovetail.testing.servers.postgres import Server

KEY = bytes(range(32))


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def states_url(postgres_server: Server) -> str:
    """A database in which each test's state has a schema of its own."""
    return postgres_server.create("states")


@pytest.fixture(params=["sqlite", "postgres"])
def state_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a state can be made that nobody else uses."""
    if request.param == "sqlite":
        return str(tmp_path / ".dovetail" / "state.db")
    url = request.getfixturevalue("states_url")
    return f"{url}{'&' if '?' in url else '?'}schema=state_{uuid4().hex}"


@pytest.fixture
def reopen(state_address: str, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens the same state, again and again; all are closed at the end."""
    opened: list[Store] = []

    def again() -> Store:
        opened.append(open_state(state_address, key=KEY, clock=clock, busy_timeout_s=0.3))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    """A fresh state."""
    return reopen()
