"""Excel workbooks: each sheet is a dataset; formulas are never overwritten, and text never becomes one."""

from __future__ import annotations

from dovetail.systems.connectors.excel.connector import Connector

__all__ = ["Connector"]
"""The Excel connector: its settings are its fields, its verbs the protocol's."""
