"""Files of fixed-width records, by a declared layout: nothing is cut, and nothing is guessed."""

from __future__ import annotations

from dovetail.systems.connectors.fixed.connector import Connector

__all__ = ["Connector"]
"""The fixed-width connector: its settings are its fields, its verbs the protocol's."""
