"""Files of JSON lines: one object a line, numbers to their last digit."""

from __future__ import annotations

from dovetail.systems.connectors.jsonl.connector import Connector

__all__ = ["Connector"]
"""The connector for JSON lines: its settings are its fields, its verbs the protocol's."""
