"""What an author may tell of a system besides the protocol: how it is opened anew, cut off, filled up and restarted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from dovetail.model.catalog import Dataset
from dovetail.systems.protocol import Target
from dovetail.testing.conformance.disk import small_disk


class Disk(Protocol):
    """Where a fresh, empty system keeps its rows, and what can be done to that place."""

    @property
    def system(self) -> Target:
        """A connector to the system that stands there."""
        ...

    def fill(self) -> None:
        """Leave no room, but for some hundred thousand bytes."""
        ...

    def forbid(self) -> None:
        """Let nobody write."""
        ...

    def mend(self) -> None:
        """Give room and rights back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How a system can be troubled. All of it is optional: what is not told is not tried, and the table says so.

    For a connector with a setting `url` or `path`, `known` tells the most of it without a word of the author's."""

    open: Callable[..., Target] | None = None
    """Opens another connector to the same system; named arguments are settings that are to be others."""
    settings: frozenset[str] = frozenset()
    """The names of the settings that `open` can change."""
    server: tuple[str, int] | None = None
    """Host and port of a server that is reached by TCP."""
    through: Callable[[int], Mapping[str, object]] | None = None
    """The settings under which the server is reached by a port of this machine instead."""
    secret: str = ""
    """The password in the settings, which nothing may tell."""
    wrong: Mapping[str, object] | None = None
    """The settings with another password, `CANARY`, that the system refuses."""
    disk: Callable[[], AbstractContextManager[Disk]] | None = None
    """A fresh, empty system of the same kind on a disk that can be filled up."""
    restart: Callable[[], None] | None = None
    """Stops the system as a crash would, and starts it again; its address stays."""
    refuse: Callable[[Dataset], None] | None = None
    """Lets the system itself, by a rule that no catalog tells, refuse rows of the dataset whose `name` is `POISON`."""
    held: Callable[[], int] | None = None
    """How many connections of ours the system counts, itself."""

    def lacks(self, name: str) -> bool:
        """Whether nothing is told of that: a field's name, `network`, or `setting:NAME`."""
        if name == "network":
            return self.open is None or self.server is None or self.through is None
        if name.startswith("setting:"):
            return self.open is None or name.partition(":")[2] not in self.settings
        return not getattr(self, name)


CANARY = "canary-n7Qx2/pw@9"
"""A password that no system has, with signs that a URL must escape."""

POISON = "poison"
"""The name of a row that the system itself refuses, where `Faults.refuse` told it to."""


def known(system: object) -> Faults:
    """What the settings of a connector tell: how it is opened again, its server, its password, its disk."""
    if not is_dataclass(system) or isinstance(system, type):
        return Faults()
    names = frozenset(one.name for one in fields(system) if one.init)
    if not names & {"url", "path"}:
        return Faults()
    again = partial(_again, system)
    found = Faults(open=again, settings=names)
    url, path = getattr(system, "url", None), getattr(system, "path", None)
    if isinstance(url, str):
        return _reached(found, url)
    if isinstance(path, str | Path) and "://" not in str(path):
        return replace(found, disk=partial(small_disk, again, Path(path)))
    return found


def _again(system: Any, **settings: object) -> Target:
    again: Target = replace(system, **settings)
    return again


def _reached(found: Faults, url: str) -> Faults:
    """The same, with what a URL tells."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        return found
    account, _, _ = parts.netloc.rpartition("@")

    def through(port: int) -> Mapping[str, object]:
        place = f"127.0.0.1:{port}"
        return {"url": urlunsplit(parts._replace(netloc=f"{account}@{place}" if account else place))}

    user, place = account.partition(":")[0], parts.netloc.rpartition("@")[2]
    wrong = f"{user}:{CANARY.replace('/', '%2F').replace('@', '%40')}@{place}"
    secret = unquote(parts.password or "")
    return replace(
        found,
        server=(parts.hostname, parts.port),
        through=through,
        secret=secret,
        wrong={"url": urlunsplit(parts._replace(netloc=wrong))} if secret else None,
    )
