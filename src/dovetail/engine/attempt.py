"""Trying again what failed for a reason that passes: a few times, with growing pauses, then the error stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from dovetail.engine.progress import Progress
from dovetail.errors import DovetailError, Remedy, Throttled

TRIES_MAX = 7
"""Times that one piece of work is tried at most."""
PATIENCE_S = 60.0
"""Seconds after the first try in which another one may begin."""
patience: ContextVar[float] = ContextVar("patience", default=PATIENCE_S)
"""That many seconds, where whoever runs the work can do something else meanwhile."""
PAUSE_FIRST_S = 0.25
"""Seconds before the second try; each further pause is twice as long."""
PAUSE_MAX_S = 8.0
"""Seconds of one pause at most, whatever a system asks for."""

_Result = TypeVar("_Result")


def persist(
    work: Callable[[], _Result],
    progress: Progress,
    *,
    after: DovetailError | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> _Result:
    """What `work` answers. Only an error whose remedy is to retry is met with another try; the last one is raised.

    `work` begins from the start each time, so it must find out itself what an earlier try has left behind. `after` is
    how a first try ended that was made elsewhere."""
    limit = clock() + patience.get()
    for failed in range(1, TRIES_MAX + 1):
        try:
            if failed == 1 and after is not None:
                raise after
            return work()
        except DovetailError as error:
            pause = pause_s(error, failed)
            if error.remedy is not Remedy.RETRY or failed == TRIES_MAX or clock() + pause > limit:
                raise
            with progress.task(f"{error.code} {error.message}; trying again in {pause:g} s", total=None):
                sleep(pause)
    raise AssertionError("the last try answers or raises")


def pause_s(error: DovetailError, failed: int) -> float:
    """Seconds to wait after so many failed tries.

    >>> [pause_s(DovetailError("lost"), failed) for failed in (1, 2, 3, 6, 60)]
    [0.25, 0.5, 1.0, 8.0, 8.0]
    """
    asked = error.retry_after_s if isinstance(error, Throttled) else 0.0
    return min(PAUSE_MAX_S, max(asked, PAUSE_FIRST_S * 2.0 ** min(failed - 1, 10)))
