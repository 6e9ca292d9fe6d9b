"""What a loop drives: the engine of a sync, as far as the loop must know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from dovetail.errors import DovetailError


class Turned(Protocol):
    """What one turn did."""

    @property
    def looked(self) -> int:
        """Keys that were looked at and dealt with."""
        ...

    @property
    def written(self) -> int:
        """Rows that were written."""
        ...

    @property
    def waiting(self) -> int:
        """Keys of these mappings that wait still."""
        ...

    @property
    def failed(self) -> Mapping[str, DovetailError]:
        """The mappings that failed, with the reason."""
        ...


class Engine(Protocol):
    """Deals with changes. What a call raises is told apart by its class alone."""

    @property
    def order(self) -> Sequence[str]:
        """The mappings, parents before children."""
        ...

    def systems(self, name: str) -> Collection[str]:
        """The systems that a mapping joins."""
        ...

    def join(self, name: str) -> None:
        """Take a mapping over from whoever worked on it, bring into the state what a crash left behind, and look at it
        as a whole where it cannot be told what changed since."""
        ...

    def leave(self, name: str) -> None:
        """Let a mapping go; nothing of it is written until it is joined again. Speaks to no system and to no state."""
        ...

    def notice(self, without: Collection[str] = ()) -> int:
        """Read what the feeds tell, but for those systems; how many keys came."""
        ...

    def census(self, name: str) -> int:
        """Look over the members of a mapping that no feed tells of; how many keys came."""
        ...

    def turn(self, names: Collection[str] | None = None, *, limits: Mapping[str, int] | None = None) -> Turned:
        """Deal with what waits of these mappings, one bounded round; `limits` are keys at most, by mapping."""
        ...

    def probe(self, system: str) -> None:
        """Raise where a system does not answer, over a connection of its own; any thread may call it."""
        ...

    def await_changes(self, timeout_s: float) -> bool:
        """Wait until a feed may hold something, at most so long."""
        ...
