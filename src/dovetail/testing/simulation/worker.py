"""One simulated process: the shipped engine over simulated systems, with a state that dies with it in mid-sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dovetail.engine.attempt as trying
import dovetail.engine.deliver as delivering
import dovetail.engine.ear as hearing
import dovetail.engine.inbox as listening
import dovetail.engine.quiet as settling
import dovetail.engine.reconcile as reconciling
import dovetail.engine.write as writing
from dovetail.engine import journaling
from dovetail.engine.sync import Sync
from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.compiled import CompiledMapping
from dovetail.model.mapping import Mapping, Project
from dovetail.model.run import Summary
from dovetail.project.load import load
from dovetail.state.sqlite import SqliteFile
from dovetail.state.store import Store, open_state
from dovetail.steps.migrate import migrate
from dovetail.systems import protocol
from dovetail.systems.protocol import Source
from dovetail.testing.conformance.hidden import hide
from dovetail.testing.simulation.connector import Connector
from dovetail.testing.simulation.database import Database
from dovetail.testing.simulation.fate import Crash, Fate
from dovetail.testing.simulation.world import World

KEY = b"simulated key of a test's state!"
"""The key of every simulated state."""
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ROUNDS_MAX = 12
"""Turns of one round at most: more means that it does not come to rest."""


class MortalState(SqliteFile):
    """The state's file as one process has it open: when that process dies, what it was in is rolled back."""

    def __init__(self, path: Path, fate: Fate) -> None:
        super().__init__(path, busy_timeout_s=0.2)
        self._fate = fate
        self._is_writing = False
        fate.is_between.append(lambda: not self._is_writing)
        fate.when_dead.append(self._end)

    def _end(self) -> None:
        super().rollback()
        super().close()

    def _live(self) -> None:
        if self._fate.is_dead:
            raise Crash(self._fate.worker)

    def begin(self, *, is_lazy: bool = False) -> None:
        """As the file's."""
        self._live()
        super().begin(is_lazy=is_lazy)
        self._is_writing = True

    def commit(self) -> None:
        """As the file's."""
        self._live()
        super().commit()
        self._is_writing = False

    def rollback(self) -> None:
        """As the file's."""
        self._live()
        super().rollback()
        self._is_writing = False

    def begin_reading(self) -> None:
        """As the file's."""
        self._live()
        super().begin_reading()

    def rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """As the file's."""
        self._live()
        return super().rows(sql, parameters)

    def close(self) -> None:
        """As the file's."""
        if not self._fate.is_dead:
            super().close()


@dataclass(frozen=True)
class Settings:
    """A simulated system has none."""


@dataclass(slots=True)
class Site:
    """Where a simulated project lives: its folder, its systems, its time."""

    folder: Path
    world: World
    databases: dict[str, Database]
    seconds: float = 0.0
    _project: list[Project] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """The state's file."""
        return self.folder / "state.db"

    def now(self) -> dt.datetime:
        """The virtual time; it goes on whenever somebody asks."""
        self.seconds += 0.001
        return EPOCH + dt.timedelta(seconds=self.seconds)

    def declare(self, world: World) -> None:
        """The declarations as they are from now on."""
        self.world = world
        world.write(self.folder)
        self._project = [load(self.folder, variables={}, settings_of=lambda _: Settings)]

    @property
    def project(self) -> Project:
        """The declarations, loaded."""
        return self._project[0]


class Worker:
    """One process over a site."""

    def __init__(self, site: Site, fate: Fate, allowed: int | None = None) -> None:
        self.allowed = allowed
        self.site = site
        self.fate = fate
        self.workspace = Workspace(site.project, connect=self._connect, remember=self._remember, clock=site.now)
        self.sync: Sync | None = None

    def _connect(self, system: str) -> Source:
        connector = Connector(self.site.databases[system], self.fate)
        return hide(connector, *(getattr(protocol, name) for name in self.site.world.hidden.get(system, ())))

    def _remember(self) -> Store:
        return open_state(MortalState(self.site.state, self.fate), key=KEY, clock=self.site.now)

    def whole(self) -> Summary:
        """One pass over whole mappings."""
        return migrate(self.workspace, for_sync=True, plain=True, allowed=self.allowed)

    def round(self) -> list[Summary]:
        """Look over what no feed tells of, then take turns until nothing waits; the summaries of the turns."""
        summaries = []
        if self.sync is None:
            self.sync = Sync(self.workspace, allowed=self.allowed)
            summaries.append(self.sync.start())
        for name in self.sync.order:
            self.sync.census(name)
        self.sync.ear.hark()
        for _ in range(ROUNDS_MAX):
            noticed = self.sync.notice()
            turn = self.sync.turn()
            summaries.append(turn.summary)
            for error in turn.failed.values():
                raise error
            if not noticed and not turn.looked and not turn.waiting:
                break
        return summaries

    def close(self) -> None:
        """End in an orderly way."""
        self.fate.plan(())
        with suppress(Crash, DovetailError):
            if self.sync is not None:
                self.sync.close()
        with suppress(Crash):
            self.workspace.close()


_TIGHT: tuple[tuple[Any, str, int], ...] = (
    (writing, "CHUNK_ROWS", 2),
    (writing, "CREATE_ROWS", 3),
    (delivering, "BULK_ROWS_MIN", 2),
    (settling, "BULK_ROWS_MIN", 2),
    (journaling, "COLUMNS_MIN", 2),
    (listening, "SCOPE_KEYS", 3),
    (hearing, "CHANGES_MAX", 4),
)
"""Bounds of the engine, as small as a few rows can reach."""


@contextmanager
def one_thread(*, tight: bool) -> Iterator[None]:
    """Whatever is given to a pool of threads is done at once, and nobody waits: a history must not depend on threads or
    on clocks. Declarations that did not change are compiled once, however many processes there were. Where it is
    `tight`, a few rows are many."""
    compiled: dict[int, tuple[Mapping, CompiledMapping]] = {}

    def submit(_: ThreadPoolExecutor, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given, **named))
        except Exception as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future

    def compile_once(mapping: Mapping, *rest: Any) -> CompiledMapping:
        if id(mapping) not in compiled:
            compiled[id(mapping)] = mapping, compile_mapping(mapping, *rest)
        return compiled[id(mapping)][1]

    with ExitStack() as stack:
        stack.enter_context(_replaced(ThreadPoolExecutor, "submit", submit))
        stack.enter_context(_replaced(trying, "PAUSE_MAX_S", 0.0))
        stack.enter_context(_replaced(reconciling, "compile_mapping", compile_once))
        for owner, name, value in _TIGHT if tight else ():
            stack.enter_context(_replaced(owner, name, value))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    former = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, former)
