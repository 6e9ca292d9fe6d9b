"""Measured figures over time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from dovetail.state.database import Database, moment, stamp

_ADD = "INSERT INTO metrics (name, labels, measured_at, value) VALUES (?, ?, ?, ?)"
_LIST = "SELECT labels, measured_at, value FROM metrics WHERE name = ? AND measured_at >= ? ORDER BY measured_at"
_PRUNE = "DELETE FROM metrics WHERE measured_at < ?"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, with what it belongs to and when it was measured."""

    name: str
    labels: Mapping[str, str]
    at: dt.datetime
    value: float


class Metrics:
    """Figures by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, value: float, *, labels: Mapping[str, str] | None = None) -> None:
        """Keep a figure, measured now."""
        self._database.run(
            _ADD, name, json.dumps(dict(labels or {}), sort_keys=True), self._database.now(), float(value)
        )

    def list(self, name: str, *, since: dt.datetime | None = None) -> tuple[Metric, ...]:
        """The figures of a name, oldest first."""
        found = self._database.rows(_LIST, name, stamp(since) if since else "")
        return tuple(Metric(name, json.loads(labels), moment(at), value) for labels, at, value in found)

    def prune(self, before: dt.datetime) -> int:
        """Forget the figures measured before that time."""
        return self._database.run(_PRUNE, stamp(before))
