"""What keeps a pair of databases the same, as the benchmark asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.performance.sync.pair import PRODUCT, Form, Pair, Servers

ONE_WAY, TWO_WAY = "one-way", "two-way"
ALONE = "writers alone"
DIRECTIONS = (ONE_WAY, TWO_WAY)


class Link(Protocol):
    """One way to keep a pair of databases the same."""

    name: str
    forms: tuple[Form, Form]
    directions: tuple[str, ...]

    def missing(self, servers: Servers) -> str:
        """Why it cannot run on these servers; empty where it can."""
        ...

    def make(self, pair: Pair, direction: str, folder: Path) -> None:
        """Set it up on a pair that is filled alike, and leave it running."""
        ...

    def start(self, pair: Pair, direction: str) -> None:
        """Switch it on again; what was edited meanwhile is to arrive."""
        ...

    def stop(self, pair: Pair, direction: str) -> None:
        """Switch it off, so that edits pile up."""
        ...

    def hold(self) -> bool:
        """Let its own process stand still; false where it has none."""
        ...

    def resume(self) -> None:
        """Let the process go on."""
        ...

    def remove(self, pair: Pair, direction: str) -> None:
        """Take it away for good, so that the databases can be dropped."""
        ...

    def processes(self) -> Sequence[int]:
        """The numbers of its own processes outside the servers."""
        ...

    def fault(self) -> str:
        """Why it is not running any more; empty where it runs, or where the servers alone know."""
        ...


class InServer:
    """A link that has no process outside the servers."""

    def hold(self) -> bool:
        return False

    def resume(self) -> None: ...

    def processes(self) -> Sequence[int]:
        return ()

    def fault(self) -> str:
        return ""


class Alone(InServer):
    """Nobody keeps anything the same: what the writers alone can do."""

    name = ALONE
    forms = (PRODUCT, PRODUCT)
    directions = DIRECTIONS

    def missing(self, servers: Servers) -> str:
        return ""

    def make(self, pair: Pair, direction: str, folder: Path) -> None: ...
    def start(self, pair: Pair, direction: str) -> None: ...
    def stop(self, pair: Pair, direction: str) -> None: ...
    def remove(self, pair: Pair, direction: str) -> None: ...
