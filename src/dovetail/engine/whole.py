"""One pass over whole mappings, carried out: recovered, decided, held by the guard or written, and accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dovetail.engine.account import FINDINGS_MAX, account
from dovetail.engine.decision import Decision
from dovetail.engine.due import Due, Plan
from dovetail.engine.gone import hold_emptied
from dovetail.engine.lossy import tell
from dovetail.engine.passes import fold, hold_what_waits
from dovetail.engine.quarantine import record
from dovetail.engine.reconcile import Pass, Reconcile
from dovetail.engine.standing import verify
from dovetail.errors import GateClosed
from dovetail.model.finding import Finding
from dovetail.model.run import Summary
from dovetail.plan.guard import Blast, trips


def carry_out(
    reconcile: Reconcile,
    command: str,
    *,
    allowed: int | None = None,
    plan: Plan | None = None,
    streams: bool = True,
    follow_up: Callable[[Summary, Pass], None] | None = None,
    within: str = "",
) -> Summary:
    """Carry a pass out, all of it or as far as a plan shows it; `follow_up` sees what had moved since. It is a run of
    its own, unless it is part of one that goes on (`within`).

    Raises `GateClosed` before the first write when more existing rows would change than the guard, or `allowed`,
    permits."""
    started = time.monotonic()
    workspace = reconcile.workspace
    store = workspace.store
    run = within or store.runs.start(command, workspace.project.digest, workspace.project.environment)
    summary = Summary(command=command, run=run)
    try:
        recovered = reconcile.recover()
        if plan is None and streams:
            reconcile.choose()
        elif plan is None:
            reconcile.paths = dict.fromkeys(reconcile.order, "whole: a plain run was asked for")
        looked = _looked(reconcile)
        if plan is None:
            _guard(reconcile, looked.decisions, allowed)
        _write(reconcile, looked, run, Due(plan))
        if plan is not None:
            for name in reconcile.order:
                store.changed.forget(name)
        _account(summary, looked, reconcile)
        if follow_up is not None and looked.moved:
            follow_up(summary, looked)
        if recovered:
            summary.findings.insert(0, recovery(recovered))
    except BaseException:  # Ctrl-C too: a run that was broken off did not end clean
        summary.ok = False
        raise
    finally:
        summary.seconds = time.monotonic() - started
        if not within:
            store.runs.finish(run, ok=summary.ok, summary=summary.document())
    return summary


def _looked(reconcile: Reconcile) -> Pass:
    """What was decided, as far as it may be believed."""
    looked = reconcile.look()
    for decision in looked.decisions:
        verify(decision, reconcile.partitions)
        if reconcile.pingpong is not None:
            reconcile.pingpong.hold(decision)
    return looked


def _account(summary: Summary, looked: Pass, reconcile: Reconcile) -> None:
    """Count what became of the rows, and bring quarantine and conflicts up to date."""
    account(summary, looked.decisions, looked.written)
    _add_loaded(summary, looked, reconcile)
    tell(summary, reconcile.mappings)
    for decision in looked.decisions:
        written = looked.written[decision.survey.mapping.name]
        record(reconcile.workspace.store, summary.run, decision, written)


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


def recovery(chunks: int) -> Finding:
    """What to say of chunks that an interrupted run had written."""
    what = "1 chunk" if chunks == 1 else f"{chunks:,} chunks"
    return Finding("DV-452", f"{what} of an interrupted run taken into the state", severity="note")


def guard_reasons(decisions: Sequence[Decision], *, allowed: int | None = None) -> list[str]:
    """Why the guard would hold these decisions, one reason a mapping and member."""
    reasons = []
    for decision in decisions:
        for work in decision.work:
            rows = decision.survey.sides[work.side]
            blast = Blast(
                mapping=decision.survey.mapping.name,
                member=rows.member.name,
                updates=len(work.touched),
                deletes=len(work.deletes),
                existing=len(rows) if decision.standing is None else decision.standing[rows.member.name],
            )
            reason = trips(decision.survey.mapping.mapping.guard, blast, allowed=allowed)
            if reason:
                reasons.append(f"{blast.mapping}.{blast.member}: {reason}")
    return reasons


def _guard(reconcile: Reconcile, decisions: Sequence[Decision], allowed: int | None) -> None:
    for decision in decisions:
        hold_emptied(decision, reconcile.workspace, allowed=allowed)
    if reconcile.guard is not None:
        reasons = [reason for one in decisions for reason in reconcile.guard.holds(one, is_whole=True)]
    else:
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
