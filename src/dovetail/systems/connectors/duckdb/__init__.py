"""DuckDB files: read in one snapshot, written exactly, in transactions with fence and ledger."""

from __future__ import annotations

from dovetail.systems.connectors.duckdb.connector import Connector

__all__ = ["Connector"]
