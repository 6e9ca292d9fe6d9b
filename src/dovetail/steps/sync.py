"""`sync`: mappings kept joined, by one pass or for as long as nobody stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from dovetail.engine.progress import Progress
from dovetail.engine.sync import Sync, Turn, absorb
from dovetail.engine.workspace import Workspace
from dovetail.model.run import Summary

TURNS_MAX = 1_000
"""Turns at most in one pass; what keeps changing is left to the next."""


def sync_once(
    workspace: Workspace,
    *,
    only: Sequence[str] = (),
    allowed: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Look at everything that may have changed since the last pass, and bring it into agreement.

    Raises `GateClosed` where the guard holds a pass over a whole mapping, and the first error of a system that kept a
    mapping waiting, after all others were dealt with."""
    started = time.monotonic()
    sync = Sync(workspace, only=only, allowed=allowed, progress=progress)
    try:
        summary = sync.start()
        for name in sync.order:
            if name not in summary.mappings:
                sync.census(name)
        failed = _until_quiet(sync, summary)
    finally:
        sync.close()
    summary.seconds = time.monotonic() - started
    if failed:
        raise next(iter(failed.values()))
    return summary


def _until_quiet(sync: Sync, summary: Summary) -> dict[str, Exception]:
    failed: dict[str, Exception] = {}
    for _ in range(TURNS_MAX):
        noticed = sync.notice()
        turn = sync.turn([name for name in sync.order if name not in failed])
        absorb(summary, turn.summary)
        failed |= turn.failed
        if not noticed and not turn.looked and not turn.failed:
            break
    return failed


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
    sync = Sync(workspace, only=only, allowed=allowed, progress=progress)
    summary = Summary("sync", "")
    try:
        summary = sync.start()
        woken: set[str] | None = None
        looked_over = dict.fromkeys(sync.order, 0.0)
        while not stop.is_set():
            now = time.monotonic()
            for name, last in looked_over.items():
                if now - last >= sync.every_s(name):
                    looked_over[name] = now
                    sync.census(name)
            noticed = sync.notice(woken)
            turn = sync.turn()
            absorb(summary, turn.summary)
            if told is not None and (turn.looked or turn.failed):
                told(turn)
            woken = None if noticed else sync.await_changes(0.25)
    finally:
        sync.close()
    return summary
