"""Waits until nobody is writing a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dovetail.errors import Unreachable
from dovetail.systems.files.place import faults
from dovetail.systems.files.swap import watched

TICK_S = 0.02
"""Two changes of a file within this time may bear the same time."""
COARSE_TICK_S = 2.0
"""The same, on a disk that notes whole seconds alone."""
QUIET_S = 1.0
"""Seconds for which a file must have been left alone where nobody can say whether it is open for writing."""
BACK_S = 1.0
"""Seconds in which a file that vanished while it was looked at may be there again."""
_PAUSE_S = 0.01
_SECOND_NS = 10**9
Answer = TypeVar("Answer")
"""What a look answers."""


def await_quiet(path: Path, timeout_s: float, *, is_ours: bool = False, ticks: bool = True) -> None:
    """Return once nobody has the file open for writing, and where it `ticks`, so long after its last change that the
    next one bears another time. `DV-358` where somebody goes on writing for `timeout_s`. A file that `is_ours`, as we
    left it, was written by nobody else."""
    until = time.monotonic() + timeout_s
    while True:
        with faults(path.name), watched(path) as watch:
            age_s, tick_s = _age(path)
            wanted_s = max(tick_s if ticks else 0.0, 0.0 if watch.is_kept or is_ours else QUIET_S)
            if not watch.is_disturbed and (age_s >= wanted_s or age_s < -tick_s):
                return
        if time.monotonic() > until:
            raise Unreachable(
                f"another program has been writing the file for {timeout_s:g} s",
                where=path.name,
                hint="let it end; or let it write under another name, and rename the whole file",
                code="DV-358",
            )
        time.sleep(_PAUSE_S)


def is_old(path: Path) -> bool:
    """Whether the next change of a file will bear another time."""
    with faults(path.name):
        age_s, tick_s = _age(path)
    return age_s >= tick_s or age_s < -tick_s


def _age(path: Path) -> tuple[float, float]:
    """Seconds since the last change of a file, and within how many of them another one may bear the same time."""
    status = path.stat()
    is_coarse = not (status.st_mtime_ns % _SECOND_NS or status.st_ctime_ns % _SECOND_NS)
    age_s = time.clock_gettime(time.CLOCK_REALTIME) - max(status.st_mtime, status.st_ctime)
    return age_s, COARSE_TICK_S if is_coarse else TICK_S


def found_again(look: Callable[[], Answer]) -> Answer:
    """What `look` finds in a file, which another program may take away and put back while it is looked at."""
    until = time.monotonic() + BACK_S
    while True:
        try:
            return look()
        except Unreachable as error:
            if not isinstance(error.__cause__, FileNotFoundError) or time.monotonic() > until:
                raise
        time.sleep(_PAUSE_S)
