"""Worlds as fixtures, and the table of faults that stands at the end of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import World

from dovetail.engine import attempt, giver, write
from dovetail.errors import MissingDriver, Unreachable
from dovetail.testing.servers.postgres import server

_NUMBERS = count(1)
_TOLD: list[tuple[str, str, float]] = []


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes an empty place of a kind: `postgres` or `mariadb` (its URL), or `sqlite` (its file)."""
    made: list[tuple[str, str]] = []

    def make(kind: str) -> str:
        number = next(_NUMBERS)
        if kind == "sqlite":
            return str(tmp_path / f"place_{number}.db")
        made.append((f"{kind}_server", f"world_{number}"))
        return request.getfixturevalue(f"{kind}_server").create(f"world_{number}")

    yield make
    for of, name in made:
        request.getfixturevalue(of).drop(name)


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes an outcome for the table, with the seconds given, or those since the last note of this test."""
    began = [time.monotonic()]

    def note(fault: str, outcome: str, seconds: float | None = None) -> None:
        now = time.monotonic()
        _TOLD.append((fault, outcome, now - began[0] if seconds is None else seconds))
        began[0] = now

    return note


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Nobody types and nothing runs once a test is over, however it ended."""
    yield
    two = sys.modules.get("two")
    while two is not None and two.OPEN:
        two.OPEN.pop().close()


@pytest.fixture
def edits(request: pytest.FixtureRequest) -> int:
    """How much people type around a fault: little where the slow tests are left out."""
    return 1_500 if "not slow" in request.config.option.markexpr else 20_000


@pytest.fixture
def fault(told: Callable[..., None], request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Notes that a fault was survived, with the seconds from its end to the first change carried over; else it is
    told as failed."""
    passed: list[str] = []

    def note(name: str, words: str, seconds: float = 0.0) -> None:
        passed.append(name)
        told(name, f"passed  {words}", seconds)

    yield note
    if not passed:
        told(f"{request.node.name.removeprefix('test_').replace('_', ' ')}", "FAILED")


@pytest.fixture
def world(place: Callable[[str], str], tmp_path: Path) -> Callable[..., World]:
    """Makes a world of two systems, `left` and `right`, of the kinds asked for."""

    def make(left: str, right: str, *, state: str = "sqlite", timeout_s: float = 10) -> World:
        places = {"left": place(left), "right": place(right)}
        where = place("postgres") if state == "postgres" else ""
        return World(tmp_path / "project", places, state=where, timeout_s=timeout_s)

    return make


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and chunks of a hundred rows."""
    monkeypatch.setattr(attempt, "PAUSE_FIRST_S", 0.01)
    monkeypatch.setattr(write, "CHUNK_ROWS", 100)
    monkeypatch.setattr(write, "CREATE_ROWS", 100)
    monkeypatch.setattr(giver, "SCOPE_ROWS", 100)
    monkeypatch.setattr(giver, "POURED_ROWS", 100)


@pytest.fixture(scope="module")
def own():
    """A server that may be killed; its commits are on disk before they are answered."""
    try:
        with server(durable=True) as running:
            yield running
    except (MissingDriver, Unreachable) as reason:
        pytest.skip(str(reason))


@pytest.fixture
def database(own, request):
    """Makes empty databases on that server."""
    names = []

    def make():
        names.append(f"d{len(names)}_{abs(hash(request.node.name)) % 10**6}")
        return own.create(names[-1])

    yield make
    for name in names:
        own.drop(name)


@pytest.fixture
def small() -> Iterator[Callable[[int], Path]]:
    """Makes a folder with little room, outside of pytest's own, where a server that does not run as root may go."""
    made: list[Path] = []

    def make(megabytes: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="dovetail-small-"))
        made.append(folder)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root can make a small disk")
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)
        folder.rmdir()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table: fault, outcome, seconds until everything was in order again."""
    if not _TOLD:
        return
    terminalreporter.section("faults and outcomes")
    wide = max(len(fault) for fault, _, _ in _TOLD)
    for fault, outcome, seconds in sorted(_TOLD) if _TOLD[0][0].startswith("F") else _TOLD:
        terminalreporter.write_line(f"{fault:<{wide}}  {seconds:6.2f} s  {outcome}")
