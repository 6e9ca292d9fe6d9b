"""The clocks, chance and threads of a running sync, in one place, so that tests can bring their own."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom

from dovetail.engine.workspace import utc_now


def in_a_thread(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, which does not keep the process alive."""
    threading.Thread(target=work, daemon=True).start()


@dataclass(frozen=True, slots=True)
class Time:
    """`now_s` says seconds that only grow, `wall` what the clock on the wall shows, `draw` a share from 0 to 1; `rest`
    sleeps, `aside` does something beside all else."""

    now_s: Callable[[], float] = time.monotonic
    wall: Callable[[], dt.datetime] = utc_now
    rest: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = field(default_factory=lambda: SystemRandom().random)
    aside: Callable[[Callable[[], None]], None] = in_a_thread
