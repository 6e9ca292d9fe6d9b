"""An opened project: its declarations, its systems and its state, for as long as a command runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from dovetail.engine.attempt import persist
from dovetail.engine.progress import Silent
from dovetail.errors import DovetailError, Location, Throttled, UnknownName
from dovetail.model.catalog import Catalog
from dovetail.model.mapping import Project
from dovetail.state.store import Store
from dovetail.systems.protocol import Source

ASKED_MAX = 8
"""Systems that are asked at the same time at most."""


def utc_now() -> dt.datetime:
    """The time of now, in UTC."""
    return dt.datetime.now(dt.UTC)


@contextmanager
def _named(system: str) -> Iterator[None]:
    """An error from inside says which system it is about."""
    try:
        yield
    except DovetailError as error:
        if not isinstance(error, UnknownName) and not isinstance(error.where, Location):
            place = "" if error.where in (None, "", system) else f" ({error.where})"
            if not str(error.where or "").startswith(f"{system} "):
                error.where = f"{system}{place}"
        raise


class Workspace:
    """A project with its systems, opened when first asked for and closed together.

    `connect` opens the connector of a system by name; `remember` opens the state. Both are called at most once a name,
    and
    catalogs are read at most once a system.
    """

    def __init__(
        self,
        project: Project,
        *,
        connect: Callable[[str], Source],
        remember: Callable[[], Store],
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self.project = project
        self.clock = clock
        self._connect = connect
        self._remember = remember
        self._connectors: dict[str, Source] = {}
        self._catalogs: dict[str, Catalog] = {}
        self._store: Store | None = None

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return Path(self.project.folder)

    @property
    def store(self) -> Store:
        """The state; created on first use."""
        if self._store is None:
            self._store = self._remember()
        return self._store

    def connector(self, system: str) -> Source:
        """The open connector of a system; raises `UnknownName` and whatever opening raises."""
        if system not in self._connectors:
            if self.project.system(system) is None:
                known = ", ".join(system.name for system in self.project.systems)
                raise UnknownName(f"no system is named {system!r}", hint=f"declared systems: {known}")
            with _named(system):
                self._connectors[system] = self._connect(system)
        return self._connectors[system]

    def connect_anew(self, system: str) -> Source:
        """Another connector of a system, for whoever asks; closing it is theirs to do."""
        with _named(system):
            return self._connect(system)

    def catalog(self, system: str) -> Catalog:
        """What a system says that it holds, read once."""
        if system not in self._catalogs:
            with _named(system):
                self._catalogs[system] = _told(self.connector(system))
        return self._catalogs[system]

    def catalogs(self, systems: Collection[str]) -> dict[str, Catalog]:
        """What several systems say that they hold; they are asked at the same time."""
        with ThreadPoolExecutor(max_workers=min(max(len(systems), 1), ASKED_MAX)) as pool:
            return dict(zip(systems, pool.map(self.catalog, systems), strict=True))

    def vars(self) -> Mapping[str, object]:
        """The bound values of expressions."""
        return dict(self.project.vars)

    def close(self) -> None:
        """Close every connector and the state."""
        for connector in self._connectors.values():
            connector.close()
        if self._store is not None:
            self._store.close()
        self._connectors, self._catalogs, self._store = {}, {}, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _told(source: Source) -> Catalog:
    """What a system says that it holds; one that asks for patience is there, and is asked again."""
    try:
        return source.describe()
    except Throttled as error:
        return persist(source.describe, Silent(), after=error)
