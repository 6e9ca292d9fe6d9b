"""`status`: what Dovetail remembers of a project, read from its state."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.engine.standing import Standing
from dovetail.engine.workspace import Workspace
from dovetail.errors import UnknownName
from dovetail.model.mapping import Mapping
from dovetail.schedule.lease import read_holder


def status(workspace: Workspace) -> dict[str, object]:
    """The last runs, for each mapping its linked rows, open rejects and open conflicts, who works on which mappings,
    and which of them wait and why; one JSON document."""
    store = workspace.store
    rejects, conflicts = store.rejects.counts(), store.conflicts.counts()
    return {
        "command": "status",
        "ok": True,
        "project": workspace.project.name,
        "environment": workspace.project.environment,
        "state": store.place,
        "mappings": {
            mapping.name: {
                "linked": store.crossref.paired(mapping.name),
                "rejects": rejects.get(mapping.name, 0),
                "conflicts": conflicts.get(mapping.name, 0),
            }
            for mapping in workspace.project.mappings
        },
        "working": _working(workspace),
        "waits": [
            {
                "mapping": one.mapping,
                "kind": one.kind,
                "reason": one.reason,
                "next": one.hint,
                "since": one.since.isoformat(timespec="seconds"),
                "until": one.until.isoformat(timespec="seconds") if one.until else None,
            }
            for one in store.holds.list()
        ],
        "interrupted": list(store.intents.partitions()),
        "runs": [
            {
                "run": run.id,
                "command": run.command,
                "started": run.started.isoformat(timespec="seconds"),
                "finished": run.finished.isoformat(timespec="seconds") if run.finished else None,
                "ok": run.ok,
            }
            for run in store.runs.last(10)
        ],
    }


def _working(workspace: Workspace) -> list[dict[str, object]]:
    """The processes that work on mappings, as far as their leases last."""
    found: dict[str, list[str]] = {}
    for lease in workspace.store.leases.list():
        if lease.holder and lease.until > workspace.clock():
            found.setdefault(lease.holder, []).append(lease.partition)
    return [{"process": read_holder(holder).words, "mappings": names} for holder, names in found.items()]


def trust(workspace: Workspace, names: Sequence[str]) -> None:
    """Let the declared rules decide again about mappings that are doubted since something was put back from a backup; a
    running sync, or the next one, looks at all of their rows."""
    store = workspace.store
    for name in names:
        mapping = _declared(workspace, name)
        Standing(store).trust(name)
        store.queue.mark_all(name, mapping.members[0].name, "it is believed again")


def _declared(workspace: Workspace, name: str) -> Mapping:
    mapping = workspace.project.mapping(name)
    if mapping is None:
        known = ", ".join(one.name for one in workspace.project.mappings)
        raise UnknownName(f"no mapping is named {name!r}", hint=f"declared mappings: {known}")
    return mapping


def accept(workspace: Workspace, names: Sequence[str]) -> None:
    """Agree with the datasets of mappings as they are now; what a running sync holds because they changed goes on, as
    far as the mapping still fits them."""
    for name in names:
        _declared(workspace, name)
        workspace.store.shapes.forget(name)
