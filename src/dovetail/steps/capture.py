"""`capture`: the joined systems note which rows change, so that sync need not look for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.engine.feed import NOTED, able, covered, feed_name
from dovetail.engine.workspace import Workspace
from dovetail.errors import UnknownName
from dovetail.model.catalog import Dataset
from dovetail.model.change import Feed, Visibility
from dovetail.systems.protocol import SupportsCapture


@dataclass(frozen=True, slots=True)
class Captured:
    """How the changes of one system come to be known.

    `feed` is what it notes, `None` where it notes nothing; `visibility` says how the changes of each dataset could be
    noted."""

    system: str
    feed: Feed | None
    visibility: tuple[Visibility, ...]

    @property
    def uncovered(self) -> tuple[Visibility, ...]:
        """Datasets whose changes are looked for instead."""
        noted = self.feed.datasets if self.feed is not None else ()
        return tuple(one for one in self.visibility if one.dataset not in noted)

    @property
    def is_sound(self) -> bool:
        """Whether everything that could be noted is, and nothing was lost."""
        open_ = any(one.way in NOTED for one in self.uncovered)
        return not open_ and (self.feed is None or not self.feed.lost)


def captured(workspace: Workspace, systems: Sequence[str] = ()) -> list[Captured]:
    """How it stands at each system (all, or those named)."""
    return [_standing(workspace, name) for name in _named(workspace, systems)]


def make(workspace: Workspace, systems: Sequence[str] = ()) -> list[Captured]:
    """Let the systems note the changes of exactly the datasets of the project's members, and of the tables that its
    queries watch; mend what is lost."""
    found = []
    for name in _named(workspace, systems):
        source = workspace.connector(name)
        if isinstance(source, SupportsCapture):
            noted = able(source, _datasets(workspace, name))
            if noted:
                source.capture(_feed(workspace), noted)
        found.append(_standing(workspace, name))
    return found


def drop(workspace: Workspace, systems: Sequence[str] = ()) -> list[Captured]:
    """Take away everything that was made for noting changes."""
    found = []
    for name in _named(workspace, systems):
        source = workspace.connector(name)
        if isinstance(source, SupportsCapture):
            source.release(_feed(workspace))
        found.append(_standing(workspace, name))
    return found


def document(found: Sequence[Captured]) -> dict[str, object]:
    """The same as one JSON document."""
    return {
        "command": "capture",
        "ok": all(one.is_sound for one in found),
        "systems": {
            one.system: {
                "feed": one.feed.name if one.feed else None,
                "way": one.feed.way if one.feed else None,
                "datasets": list(one.feed.datasets) if one.feed else [],
                "kept_bytes": one.feed.kept_bytes if one.feed else 0,
                "headroom_bytes": one.feed.headroom_bytes if one.feed else None,
                "lost": one.feed.lost if one.feed else "",
                "visibility": {
                    seen.dataset: {"way": seen.way, "missed": seen.missed, "cost": seen.cost, "reason": seen.reason}
                    for seen in one.visibility
                },
            }
            for one in found
        },
    }


def _standing(workspace: Workspace, name: str) -> Captured:
    source = workspace.connector(name)
    if not isinstance(source, SupportsCapture):
        words = "its connector notes no changes"
        datasets = _datasets(workspace, name)
        return Captured(name, None, tuple(Visibility(one.name, "reading", reason=words) for one in datasets))
    visibility = tuple(source.visibility(_datasets(workspace, name)))
    return Captured(name, source.feed(_feed(workspace)), visibility)


def _datasets(workspace: Workspace, system: str) -> tuple[Dataset, ...]:
    return covered(workspace.project, system, workspace.catalog(system))


def _feed(workspace: Workspace) -> str:
    project = workspace.project
    return feed_name(project.name, project.environment, workspace.store.meta.installation)


def _named(workspace: Workspace, systems: Sequence[str]) -> list[str]:
    """The systems asked for, by default those of the project's members."""
    project = workspace.project
    for name in systems:
        if project.system(name) is None:
            known = ", ".join(system.name for system in project.systems)
            raise UnknownName(f"no system is named {name!r}", hint=f"declared systems: {known}")
    used = {member.system for mapping in project.mappings for member in mapping.members}
    return list(systems) or [system.name for system in project.systems if system.name in used]
