"""Progress on a terminal as bars with rate and time left, elsewhere as plain lines; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dovetail.engine.progress import Advance
from dovetail.engine.progress import Progress as ProgressProtocol

LINE_S = 10.0
"""Seconds between plain lines about one task."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[ProgressProtocol]:
    """Progress as this place can show it."""
    if quiet or not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars)


class Bars:
    """One bar a task."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    @contextmanager
    def task(self, name: str, *, total: int | None) -> Iterator[Advance]:
        """Draw a bar while the task lasts."""
        bar = self._bars.add_task(name, total=total or None, rate="")
        started, done = time.monotonic(), 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            rate = done / max(time.monotonic() - started, 0.001)
            self._bars.update(bar, advance=rows, rate=f"{rate:,.0f} rows/s")

        yield advance
        self._bars.remove_task(bar)


class Lines:
    """A plain line now and then for a task that takes long."""

    @contextmanager
    def task(self, name: str, *, total: int | None) -> Iterator[Advance]:
        """Tell of a long task every few seconds."""
        started = last = time.monotonic()
        done = 0

        def advance(rows: int) -> None:
            nonlocal last, done
            done += rows
            now = time.monotonic()
            if now - last >= LINE_S:
                last = now
                rate = done / (now - started)
                left = f", {(total - done) / rate:,.0f} s left" if total and total > done else ""
                click.echo(f"{name}: {done:,} rows, {rate:,.0f} rows/s{left}", err=True)

        yield advance
