"""`migrate` and `apply`: a reconcile that is carried out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from dovetail.engine.account import FINDINGS_MAX, account
from dovetail.engine.decision import Decision
from dovetail.engine.due import Due, Plan
from dovetail.engine.passes import fold, hold_what_waits
from dovetail.engine.progress import Progress
from dovetail.engine.quarantine import record
from dovetail.engine.reconcile import Pass, Reconcile
from dovetail.engine.workspace import Workspace
from dovetail.errors import GateClosed, PlanMoved
from dovetail.model.finding import Finding
from dovetail.model.run import Summary
from dovetail.plan.guard import trips
from dovetail.plan.manifest import read_plan
from dovetail.steps.plan import guard_reasons, write_file


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
    started = time.monotonic()
    store = workspace.store
    reconcile = Reconcile(workspace, only=only, durable=True, progress=progress, for_sync=for_sync)
    run = store.runs.start(command, workspace.project.digest, workspace.project.environment)
    summary = Summary(command=command, run=run)
    try:
        recovered = reconcile.recover()
        if plan is None and streams:
            reconcile.choose()
        elif plan is None:
            reconcile.paths = dict.fromkeys(reconcile.order, "whole: a plain run was asked for")
        looked = reconcile.look()
        if plan is None:
            _guard(reconcile, looked.decisions, allowed)
        _write(reconcile, looked, run, Due(plan))
        account(summary, looked.decisions, looked.written)
        _add_loaded(summary, looked, reconcile)
        for decision in looked.decisions:
            record(store, run, decision)
        _follow_up(workspace, summary, looked)
        if recovered:
            summary.findings.insert(0, _recovery(recovered))
    except BaseException:  # Ctrl-C too: a run that was broken off did not end clean
        summary.ok = False
        raise
    finally:
        summary.seconds = time.monotonic() - started
        store.runs.finish(run, ok=summary.ok, summary=summary.document())
    return summary


def _add_loaded(summary: Summary, looked: Pass, reconcile: Reconcile) -> None:
    """Add what was streamed, and put all mappings into the order in which they were written."""
    for name, moved in reconcile.moved.items():
        if name not in summary.mappings:
            summary.mappings[name] = moved.counted
    for name, loaded in looked.loaded.items():
        summary.mappings[name] = loaded.count
        summary.findings += loaded.findings[: max(FINDINGS_MAX - len(summary.findings), 0)]
    summary.mappings = {name: summary.mappings[name] for name in reconcile.order}
    for name, count in summary:
        count.path = reconcile.paths.get(name, "")


def _recovery(chunks: int) -> Finding:
    what = "1 chunk" if chunks == 1 else f"{chunks:,} chunks"
    return Finding("DV-452", f"{what} of an interrupted run taken into the state", severity="note")


def _guard(reconcile: Reconcile, decisions: Sequence[Decision], allowed: int | None) -> None:
    reasons = guard_reasons(decisions, allowed=allowed)
    for blast in reconcile.met(allowed):
        reason = trips(reconcile.mappings[blast.mapping].mapping.guard, blast, allowed=allowed)
        if reason:
            reasons.append(f"{blast.mapping}.{blast.member}: {reason}")
    if reasons:
        raise GateClosed(
            "the guard holds this run; nothing was written\n  " + "\n  ".join(reasons),
            hint="look first: dovetail plan; then dovetail apply PLAN, or permit it once: --allow ROWS",
        )


def _write(reconcile: Reconcile, looked: Pass, run: str, due: Due) -> None:
    """Carry everything out. What had to wait for keys (references in a cycle) is written in further passes, into the
    account of the first."""
    reconcile.write(looked, run, due)
    passes = [looked]
    while due.turn(passes[-1].written):
        passes.append(reconcile.look())
        reconcile.write(passes[-1], run, due)
    for decision in passes[-1].decisions:
        hold_what_waits(decision, passes[-1].written[decision.survey.mapping.name])
    decided = {decision.survey.mapping.name: decision for decision in looked.decisions}
    for later in passes[1:]:
        looked.moved += later.moved
        for decision in later.decisions:
            name = decision.survey.mapping.name
            fold((decided[name], looked.written[name]), (decision, later.written[name]))


def _follow_up(workspace: Workspace, summary: Summary, looked: Pass) -> None:
    """Put rows that moved since the plan into a follow-up plan."""
    if not looked.moved:
        return
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
