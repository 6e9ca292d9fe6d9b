"""Progress on a terminal as bars with rate and time left, elsewhere as plain lines; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dovetail.engine.progress import Advance
from dovetail.engine.progress import Progress as ProgressProtocol

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_S = 10.0
"""Seconds between plain lines about one task."""

MINUTE_S, HOUR_S = 60, 3600

ROWS = "rows"

UNITS = {"measure": "datasets"}
"""What a task counts, by the first word of its name, where that is not rows."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[ProgressProtocol]:
    """Progress as this place can show it."""
    if quiet or not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}", justify="right"),
        TextColumn("{task.fields[rate]}", justify="right"),
        TextColumn("{task.fields[left]}", justify="right"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars)


class Bars:
    """One bar a task, and a moving one between tasks."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._running = 0
        self._between = bars.add_task("working", total=None, done="", rate="", left="")

    @contextmanager
    def task(self, name: str, *, total: int | None) -> Iterator[Advance]:
        """Draw a bar while the task lasts."""
        bar = self._bars.add_task(name, total=total or None, done="", rate="", left="")
        unit = UNITS.get(name.split(" ", 1)[0], ROWS)
        started, done = time.monotonic(), 0
        self._count(1)

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            rate = done / max(time.monotonic() - started, 0.001)
            left = spoken((total - done) / rate) if total and rate and total >= done else ""
            shown = f"{done:,}/{total:,}" if total else f"{done:,}"
            speed = f"{rate:,.0f} {unit}/s" if unit == ROWS else unit
            self._bars.update(bar, advance=rows, done=shown, rate=speed, left=left)

        try:
            yield advance
        finally:
            self._bars.remove_task(bar)
            self._count(-1)

    def _count(self, change: int) -> None:
        self._running += change
        self._bars.update(self._between, visible=self._running == 0)


def spoken(seconds: float) -> str:
    """A time to wait in words.

    >>> spoken(7.4), spoken(200), spoken(9000)
    ('7 s left', '3 min left', '2.5 h left')
    """
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s left"
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min left"
    return f"{seconds / HOUR_S:.1f} h left"


class Lines:
    """A plain line now and then for a task that takes long."""

    @contextmanager
    def task(self, name: str, *, total: int | None) -> Iterator[Advance]:
        """Tell of a long task every few seconds."""
        started = last = time.monotonic()
        unit = UNITS.get(name.split(" ", 1)[0], ROWS)
        done = 0

        def advance(rows: int) -> None:
            nonlocal last, done
            done += rows
            now = time.monotonic()
            if now - last >= LINE_S:
                last = now
                rate = done / (now - started)
                left = f", {spoken((total - done) / rate)}" if total and rate and total > done else ""
                speed = f", {rate:,.0f} {unit}/s" if unit == ROWS else ""
                click.echo(f"{name}: {done:,} {unit}{speed}{left}", err=True)

        yield advance
