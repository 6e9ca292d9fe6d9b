"""A load in which something goes wrong when it is halfway, and what must be true in the end."""

from __future__ import annotations

import time
from collections.abc import Callable

from many import Many

from dovetail.failpoints import Point
from dovetail.testing.oracle import counts, judge
from dovetail.testing.program import Ended, Running

SLOWLY = f"{Point.APPLY_AFTER}=delay(0.15)@*"
"""Every chunk lasts a little longer, so that a fault finds it in the middle."""

WAIT_S = 90


class Trial:
    """One load in which something goes wrong once."""

    def __init__(self, scene: Many) -> None:
        self.scene = scene
        scene.reset()
        self.begun = counts(scene)

    def during(self, harm: Callable[[], None], *, orders: str = SLOWLY, after_rows: int = 1) -> tuple[Ended, float]:
        """Begin a load, do the harm when so many rows stand there, and wait for the end.

        `harm` returns when the fault is over; then the seconds are counted until more rows stand there."""
        running = self.scene.program.start("migrate", orders=orders)
        self._wait_for(running, after_rows)
        harm()
        seconds = self.recovered(running, self.there())
        return running.wait(WAIT_S), seconds

    def again(self) -> tuple[Ended, float]:
        """The load once more, after a run that could not go on."""
        there = self.there()
        self.begun = counts(self.scene)
        running = self.scene.program.start("migrate")
        seconds = self.recovered(running, there)
        return running.wait(WAIT_S), seconds

    def recovered(self, running: Running, there: int) -> float:
        began = time.monotonic()
        self._wait_for(running, there + 1)
        return time.monotonic() - began

    def _wait_for(self, running: Running, rows: int) -> None:
        while running.is_alive and self.there() < rows:
            time.sleep(0.01)

    def there(self) -> int:
        """About how many rows stand in the target: its highest keys, which are found quickly."""
        drawn = "fpc" if self.scene.kind == "mariadb" else "fpci"
        question = " + ".join(f"coalesce((SELECT max(no) FROM {table}), 0)" for table in drawn)
        question += " + (SELECT count(*) FROM i)" if self.scene.kind == "mariadb" else ""
        return int(self.scene.world.sql("right", f"SELECT {question}")[0][0])

    def judge(self, last: Ended) -> str:
        assert last.is_done, (last.code, last.errors, last.words[-500:])
        verdict = judge(self.scene, last, self.begun)
        assert verdict.is_clean, verdict
        return f"{verdict.rows:,} rows: 0 lost, 0 doubled"
