"""Files of delimited values: read in a stream, each value exactly or with the reason why not."""

from __future__ import annotations

from dovetail.systems.connectors.csv.connector import Connector

__all__ = ["Connector"]
"""The CSV connector: its settings are its fields, its verbs the protocol's."""
