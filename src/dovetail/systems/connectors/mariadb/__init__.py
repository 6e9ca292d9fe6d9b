"""MariaDB and MySQL: read in one snapshot from the bytes of the text protocol, written exactly, in strict mode."""

from __future__ import annotations

from dovetail.systems.connectors.mariadb.connector import Connector

__all__ = ["Connector"]
