"""PostgreSQL: read in one snapshot as CSV, written exactly, in transactions with fence and ledger."""

from __future__ import annotations

from dovetail.systems.connectors.postgres.connector import Connector

__all__ = ["Connector"]
