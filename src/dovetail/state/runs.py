"""Which runs there were, and how they ended."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from dovetail.failpoints import Point, failpoint
from dovetail.state.database import Database, Row, moment

_START = """INSERT INTO runs (run_id, command, project_digest, environment, started_at) VALUES (?, ?, ?, ?, ?)"""
_FINISH = "UPDATE runs SET finished_at = ?, ok = ?, summary = ? WHERE run_id = ?"
_COLUMNS = "run_id, command, project_digest, environment, started_at, finished_at, ok, summary"
_GET = f"SELECT {_COLUMNS} FROM runs WHERE run_id = ?"  # noqa: S608 - constants of this file
_LAST = f"SELECT {_COLUMNS} FROM runs ORDER BY run_id DESC LIMIT ?"  # noqa: S608 - as above
_LAST_OF = f"SELECT {_COLUMNS} FROM runs WHERE command = ? ORDER BY run_id DESC LIMIT ?"  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a command. `finished`, `ok` and `summary` are `None` while it runs, or where it died."""

    id: str
    command: str
    project_digest: str
    environment: str
    started: dt.datetime
    finished: dt.datetime | None
    ok: bool | None
    summary: Mapping[str, object] | None


class Runs:
    """All runs, by ids that sort by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, command: str, project_digest: str, environment: str | None = None) -> str:
        """The id of a new run: its time and a random suffix."""
        now = self._database.now()
        run = f"{now[:19].replace('-', '').replace(':', '')}-{now[20:23]}{secrets.token_hex(3)}"
        failpoint(Point.RUN_START_BEFORE)
        self._database.run(_START, run, command, project_digest, environment or "", now)
        failpoint(Point.RUN_START_AFTER)
        return run

    def finish(self, run: str, *, ok: bool, summary: Mapping[str, object]) -> None:
        """Keep how a run ended; `summary` is its document (`Summary.document()`)."""
        failpoint(Point.RUN_FINISH_BEFORE)
        self._database.run(_FINISH, self._database.now(), int(ok), json.dumps(summary), run)
        failpoint(Point.RUN_FINISH_AFTER)

    def get(self, run: str) -> Run | None:
        """The run of that id, or `None`."""
        found = self._database.row(_GET, run)
        return _run(found) if found else None

    def last(self, count: int = 1, *, command: str | None = None) -> tuple[Run, ...]:
        """The newest runs, newest first; of one command where it is given."""
        if command is None:
            return tuple(_run(row) for row in self._database.rows(_LAST, count))
        return tuple(_run(row) for row in self._database.rows(_LAST_OF, command, count))


def _run(row: Row) -> Run:
    run, command, digest, environment, started, finished, ok, summary = row
    return Run(
        id=run,
        command=command,
        project_digest=digest,
        environment=environment,
        started=moment(started),
        finished=moment(finished) if finished else None,
        ok=None if ok is None else bool(ok),
        summary=json.loads(summary) if summary else None,
    )
