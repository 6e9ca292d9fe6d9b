"""Parquet files: their types are the logical ones, their row groups are read in a stream."""

from __future__ import annotations

from dovetail.systems.connectors.parquet.connector import Connector

__all__ = ["Connector"]
"""The Parquet connector: its settings are its fields, its verbs the protocol's."""
