"""`sync`: mappings kept joined, by one pass or for as long as nobody stops it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from dovetail.engine.attempt import TRIES_MAX, pause_s, persist
from dovetail.engine.progress import Progress
from dovetail.engine.retention import Retention, forget_old
from dovetail.engine.sync import Sync
from dovetail.engine.turn import Turn, absorb
from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError, Remedy
from dovetail.model.run import Summary
from dovetail.schedule.assemble import assemble, buckets
from dovetail.schedule.clock import Time
from dovetail.schedule.lease import seized
from dovetail.schedule.pace import Metered

TURNS_MAX = 1_000
"""Turns at most in one pass; what keeps changing is left to the next."""


def sync_once(
    workspace: Workspace,
    *,
    only: Sequence[str] = (),
    allowed: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Look at everything that may have changed since the last pass, and bring it into agreement. What fails for a
    reason that passes is tried again, as everywhere.

    Raises `GateClosed` where the guard holds a mapping, and the first error of a system that kept a mapping waiting,
    after all others were dealt with."""
    started = time.monotonic()
    engine = Sync(workspace, only=only, allowed=allowed, progress=progress)
    failed: dict[str, DovetailError] = {}
    summary = Summary("sync", "")
    try:
        with seized(workspace.store, engine.order):
            for name in engine.order:
                _join(engine, name, failed)
            _until_quiet(engine, summary, failed)
    finally:
        engine.close()
        summary.seconds = time.monotonic() - started
        engine.finish(summary, ok=not failed)
    forget_old(workspace)
    if failed:
        raise next(iter(failed.values()))
    return summary


def _until_quiet(engine: Sync, summary: Summary, failed: dict[str, DovetailError]) -> None:
    tries: Counter[str] = Counter()
    for _ in range(TURNS_MAX):
        noticed = persist(engine.notice, engine.progress)
        turn = engine.turn([name for name in engine.order if name not in failed])
        absorb(summary, turn.summary)
        tries.update(turn.failed.keys())
        lasting = {name for name, error in turn.failed.items() if not _passes(error, tries[name])}
        failed |= {name: turn.failed[name] for name in lasting}
        pauses = [pause_s(error, tries[name]) for name, error in turn.failed.items() if name not in lasting]
        time.sleep(max(pauses, default=0.0))
        if not noticed and not turn.looked and not turn.failed and not turn.waiting:
            return


def _passes(error: DovetailError, tries: int) -> bool:
    return error.remedy is Remedy.RETRY and tries < TRIES_MAX


def _join(engine: Sync, name: str, failed: dict[str, DovetailError]) -> None:
    try:
        persist(lambda: engine.join(name), engine.progress)
    except DovetailError as error:
        failed[name] = error


def sync(
    workspace: Workspace,
    stop: threading.Event,
    *,
    only: Sequence[str] = (),
    allowed: int | None = None,
    progress: Progress | None = None,
    told: Callable[[Turn], None] | None = None,
) -> Summary:
    """Keep everything in agreement until `stop` is set; `told` hears of every turn that did something."""
    started = time.monotonic()
    summary = Summary("sync", "")

    retention = Retention(workspace)

    def hear(turn: Turn) -> None:
        absorb(summary, turn.summary)
        retention.now_and_then()
        if told is not None and (turn.looked or turn.failed):
            told(turn)

    engine = Sync(workspace, only=only, allowed=allowed, progress=progress, told=hear)
    clock = Time()
    paces = buckets(workspace.project, clock.now_s)
    engine.onlookers.append(Metered(paces))
    loop = assemble(engine, workspace.store, workspace.project, paces=paces, clock=clock)
    try:
        loop.run(stop)
    finally:
        engine.close()
        summary.seconds = time.monotonic() - started
        engine.finish(summary, ok=True)
    return summary
