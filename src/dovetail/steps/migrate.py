"""`migrate` and `apply`: a reconcile that is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dovetail.engine.due import Plan
from dovetail.engine.progress import Progress
from dovetail.engine.reconcile import Pass, Reconcile
from dovetail.engine.retention import forget_old
from dovetail.engine.whole import carry_out
from dovetail.engine.workspace import Workspace
from dovetail.errors import PlanMoved
from dovetail.model.finding import Finding
from dovetail.model.run import Summary
from dovetail.plan.manifest import read_plan
from dovetail.schedule.lease import seized
from dovetail.steps.plan import write_file


def migrate(
    workspace: Workspace,
    *,
    only: Sequence[str] = (),
    allowed: int | None = None,
    progress: Progress | None = None,
    for_sync: bool = False,
    plain: bool = False,
) -> Summary:
    """Reconcile everything in bulk. A run that was killed is continued by the next one; doing it twice writes nothing
    twice. With `for_sync` every agreed value is kept, also where no rule of today asks for it; `plain` decides every
    mapping whole.

    Raises `GateClosed` before the first write when more existing rows would change than the guard, or `allowed`,
    permits."""
    return _execute(
        workspace, "migrate", only=only, progress=progress, allowed=allowed, streams=not plain, for_sync=for_sync
    )


def apply(workspace: Workspace, path: Path, *, progress: Progress | None = None) -> Summary:
    """Carry out a reviewed plan: rows exactly as it shows them; what moved since is left out and goes to a follow-up
    plan.

    The guard does not hold a plan that a person reviewed. Raises `PlanMoved` when the plan belongs to other
    declarations."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise PlanMoved(
            "the plan cannot be read", where=str(path), hint="make one: dovetail plan", code="DV-603"
        ) from error
    manifest, rows = read_plan(lines, where=str(path))
    project = workspace.project
    if (manifest.project, manifest.digest, manifest.environment) != (
        project.name,
        project.digest,
        project.environment or "",
    ):
        raise PlanMoved(
            "the plan was made for other declarations or another environment",
            where=str(path),
            hint="make it again: dovetail plan",
        )
    return _execute(workspace, "apply", progress=progress, plan=rows, only=list(manifest.mappings))


def _execute(
    workspace: Workspace,
    command: str,
    *,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    allowed: int | None = None,
    plan: Plan | None = None,
    streams: bool = True,
    for_sync: bool = False,
) -> Summary:
    reconcile = Reconcile(workspace, only=only, durable=True, progress=progress, for_sync=for_sync)

    def follow_up(summary: Summary, looked: Pass) -> None:
        _follow_up(workspace, summary, looked)

    with seized(workspace.store, reconcile.order):
        summary = carry_out(reconcile, command, allowed=allowed, plan=plan, streams=streams, follow_up=follow_up)
    forget_old(workspace)
    return summary


def _follow_up(workspace: Workspace, summary: Summary, looked: Pass) -> None:
    """Put rows that moved since the plan into a follow-up plan."""
    path = workspace.folder / ".dovetail" / "plan-follow-up"
    fresh = Reconcile(workspace, only=list(summary.mappings), durable=False).look()
    write_file(workspace, summary, fresh.decisions, path)
    summary.follow_up = str(path)
    for row in looked.moved:
        summary.findings.append(
            Finding(
                code="DV-453",
                message="not as the plan saw it; left alone and put into a follow-up plan",
                mapping=row.mapping,
                member=row.member,
                key=(("key", row.key),),
                next=f"dovetail apply {path.name}",
            )
        )
