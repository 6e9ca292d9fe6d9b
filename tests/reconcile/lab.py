"""Two or three SQLite systems and a project over them, for tests that run the shipped steps."""

from __future__ import annotations

import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

from dovetail.engine.open import open_workspace
from dovetail.model.run import Summary
from dovetail.state.rejects import Reject
from dovetail.steps import migrate as steps
from dovetail.steps import rejects
from dovetail.steps.plan import Planned, plan
from dovetail.steps.verify import verify


class Lab:
    """A project in a folder; `sql` speaks to a system behind Dovetail's back, as its users do."""

    def __init__(self, folder: Path, systems: dict[str, str], mappings: dict[str, str], head: str = "") -> None:
        self.folder = folder
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        lines = ["dovetail: 1", "project: lab", "systems:"]
        lines += [f"  {name}: {{connector: sqlite, path: {name}.db}}" for name in systems]
        self.write("dovetail.yaml", "\n".join(lines) + "\n" + textwrap.dedent(head))
        for name, text in mappings.items():
            self.map(name, text)
        for name, ddl in systems.items():
            with closing(sqlite3.connect(self.folder / f"{name}.db")) as connection:
                connection.executescript(ddl)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def map(self, name: str, text: str) -> None:
        self.write(f"mappings/{name}.yaml", f"mapping: {name}\n" + textwrap.dedent(text))

    def sql(self, system: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / f"{system}.db")) as connection, connection:
            return connection.execute(statement, parameters).fetchall()

    def migrate(self, **options: Any) -> Summary:
        with open_workspace(self.folder, variables={}) as workspace:
            return checked(steps.migrate(workspace, **options))

    def verify(self) -> Summary:
        with open_workspace(self.folder, variables={}) as workspace:
            return checked(verify(workspace))

    def plan(self) -> Planned:
        with open_workspace(self.folder, variables={}) as workspace:
            planned = plan(workspace)
            checked(planned.summary)
            return planned

    def apply(self, path: str | Path | None = None) -> Summary:
        with open_workspace(self.folder, variables={}) as workspace:
            return checked(steps.apply(workspace, Path(path) if path else self.folder / ".dovetail" / "plan"))

    def rejects(self) -> list[Reject]:
        with open_workspace(self.folder, variables={}) as workspace:
            return list(rejects.standing(workspace))

    def retry(self, *numbers: int, mapping: str | None = None) -> Summary:
        with open_workspace(self.folder, variables={}) as workspace:
            return checked(rejects.retry(workspace, numbers, mapping=mapping))

    def conflicts(self) -> list[tuple[str, str]]:
        with open_workspace(self.folder, variables={}) as workspace:
            return [(one.mapping, one.dispute.field) for one in workspace.store.conflicts.list()]


def checked(summary: Summary) -> Summary:
    """The summary, after its arithmetic: every shared row has exactly one outcome."""
    for name, count in summary:
        assert count.adds_up, (name, count)
    return summary


def writes(summary: Summary) -> int:
    """Rows written, or that would be, at any member."""
    return sum(
        member.created + member.updated + member.deleted for _, count in summary for member in count.members.values()
    )


def codes(summary: Summary) -> list[str]:
    """The codes of the findings."""
    return sorted(finding.code for finding in summary.findings)
