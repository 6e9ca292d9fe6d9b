"""Any database that SQLAlchemy speaks to: read exactly, written by portable statements."""

from __future__ import annotations

from dovetail.systems.connectors.sqlalchemy.connector import Connector

__all__ = ["Connector"]
