"""Opening a project: its files are loaded, its systems and its state wait until they are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

from dovetail.engine.workspace import Workspace, utc_now
from dovetail.model.mapping import Project, System
from dovetail.project.load import load
from dovetail.project.settings import prepared
from dovetail.state.key import read_or_create
from dovetail.state.store import Store, open_state
from dovetail.systems import registry
from dovetail.systems.protocol import Source
from dovetail.systems.secret import expand, resolve

STATE_FOLDER = ".dovetail"
"""Where a project keeps its state and its key; never in git."""


def open_workspace(
    folder: Path,
    *,
    environment: str | None = None,
    variables: Mapping[str, str],
    clock: Callable[[], dt.datetime] = utc_now,
) -> Workspace:
    """The project in `folder`; raises `Declarations` with all mistakes. `variables` are the environment variables."""
    project = load(folder, environment=environment, variables=variables, settings_of=registry.settings_class)

    def connect(name: str) -> Source:
        return connector_of(project, next(one for one in project.systems if one.name == name), variables)

    def remember() -> Store:
        home = Path(project.folder) / STATE_FOLDER
        return open_state(_state_of(project, home, variables), key=read_or_create(home, variables), clock=clock)

    return Workspace(project, connect=connect, remember=remember, clock=clock)


def _state_of(project: Project, home: Path, variables: Mapping[str, str]) -> str:
    """Where the state is: as declared, its secrets resolved and a path taken from the project's folder; else a file."""
    if project.state is None:
        return str(home / (f"state-{project.environment}.db" if project.environment else "state.db"))
    address = expand(project.state, variables, Path(project.folder))
    return address if "://" in address else str(Path(project.folder) / address)


def connector_of(project: Project, system: System, variables: Mapping[str, str]) -> Source:
    """The connector of a declared system, its secrets resolved and its paths taken from the project's folder."""
    folder = Path(project.folder)
    given = resolve(dict(system.settings), variables, folder)
    settings = prepared(registry.settings_class(system.connector), given, folder)
    if system.timezone is not None:
        settings["timezone"] = system.timezone
    if system.queries:
        settings["queries"] = {query.name: (query.sql, query.key) for query in system.queries}
    return registry.open(system.connector, settings)
