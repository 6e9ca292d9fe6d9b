"""Which pairs of connectors there are, and which of them every test run goes through."""

from __future__ import annotations

from collections.abc import Mapping

from dovetail.systems import registry

EXEMPT: Mapping[str, str] = {"memory": "it lives inside one process, so nothing of it can be read without Dovetail"}
"""Connectors without a stand, each with the reason."""

SERVERS: Mapping[str, str] = {"sqlalchemy": "postgres", "postgres": "postgres", "mariadb": "mariadb"}
"""The server that a stand needs."""


def connectors() -> list[str]:
    """The connectors present, but for those that are exempt."""
    return [name for name in registry.names() if name not in EXEMPT]


def every_pair() -> list[tuple[str, str]]:
    """All ordered pairs, a system with another one of its own kind too."""
    names = connectors()
    return [(source, target) for source in names for target in names]


def ring() -> list[tuple[str, str]]:
    """Each connector once as a source and once as a target."""
    names = connectors()
    return list(zip(names, names[1:] + names[:1], strict=True))


def missing_server(connector: str, servers: Mapping[str, str]) -> str:
    """Why a connector cannot be tried here; empty where it can."""
    needed = SERVERS.get(connector)
    return "" if needed is None or needed in servers else servers.get(f"{needed} is missing", f"no {needed}")
