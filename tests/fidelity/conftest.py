"""Servers for the stands, one of each kind for a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

PROPERTY = "fidelity"


@pytest.fixture(scope="session")
def fidelity_servers(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The address of a server of each kind that could be started; one of each for a whole process."""
    found: dict[str, str] = {}
    for name, database in (("postgres", "postgres"), ("mariadb", "mysql")):
        try:
            found[name] = request.getfixturevalue(f"{name}_server").url(database)
        except pytest.skip.Exception as reason:
            found[f"{name} is missing"] = str(reason)
    return found
