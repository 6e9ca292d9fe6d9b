"""A system in memory, for tests and simulations."""

from __future__ import annotations

from dovetail.systems.connectors.memory.connector import Connector

__all__ = ["Connector"]
