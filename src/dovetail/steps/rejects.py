"""`rejects`: what stands in quarantine, why, and another try after a fix."""

from __future__ import annotations

from collections.abc import Sequence

from dovetail.engine.progress import Progress
from dovetail.engine.workspace import Workspace
from dovetail.errors import UnknownName
from dovetail.model.run import Summary
from dovetail.state.rejects import Reject
from dovetail.steps.migrate import migrate


def standing(workspace: Workspace, *, mapping: str | None = None) -> tuple[Reject, ...]:
    """The open rejects, of one mapping or of all, by number."""
    if mapping is not None and workspace.project.mapping(mapping) is None:
        known = ", ".join(one.name for one in workspace.project.mappings)
        raise UnknownName(f"no mapping is named {mapping!r}", hint=f"declared mappings: {known}")
    return workspace.store.rejects.list(mapping)


def one(workspace: Workspace, number: int) -> Reject:
    """The reject of that number, its value decrypted; raises `UnknownName`."""
    found = workspace.store.rejects.get(number)
    if found is None:
        raise UnknownName(f"there is no reject {number}", hint="list them: dovetail rejects", code="DV-420")
    return found


def retry(
    workspace: Workspace, numbers: Sequence[int], *, mapping: str | None = None, progress: Progress | None = None
) -> Summary:
    """Reconcile the mappings of these rejects again (when none is named, of all open ones of `mapping`, or of all), and
    what waits for their rows; without any reject nothing is done."""
    chosen = [one(workspace, number) for number in numbers] or list(standing(workspace, mapping=mapping))
    names = {reject.mapping for reject in chosen}
    names |= {
        reject.mapping
        for reject in workspace.store.rejects.list()
        if reject.refusal.waiting_for is not None and reject.refusal.waiting_for.mapping in names
    }
    if not names:
        return Summary(command="migrate", run="")
    return migrate(workspace, only=sorted(names), progress=progress)


def document(reject: Reject, *, with_value: bool = False) -> dict[str, object]:
    """A reject as `--json` prints it; the value only where it was asked for."""
    refusal = reject.refusal
    parts: dict[str, object] = {
        "number": reject.id,
        "mapping": reject.mapping,
        "member": refusal.member,
        "key": refusal.key,
        "field": refusal.field,
        "check": refusal.check,
        "code": refusal.code,
        "reason": refusal.reason,
        "status": reject.status,
        "times": reject.times,
        "first_run": reject.first_run,
        "last_run": reject.last_run,
    }
    if refusal.waiting_for is not None:
        parent = refusal.waiting_for
        parts["waiting_for"] = {"mapping": parent.mapping, "member": parent.member, "key": parent.key}
    if with_value:
        parts["value"] = refusal.value
    return parts
