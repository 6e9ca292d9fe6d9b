"""`status`: what Dovetail remembers of a project, read from its state."""

from __future__ import annotations

from dovetail.engine.workspace import Workspace


def status(workspace: Workspace) -> dict[str, object]:
    """The last runs, and for each mapping its linked rows, open rejects, open conflicts and waiting keys; one JSON
    document."""
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
