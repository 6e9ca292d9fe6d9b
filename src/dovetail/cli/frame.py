"""What every command shares: its options and its way to answer."""

from __future__ import annotations

import datetime as dt
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.cli import fault

if TYPE_CHECKING:
    from dovetail.engine.workspace import Workspace

_AGES = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

DONE = 0
FOUND = 1
"""Done, and it found differences, findings or failing tests."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The options that every command takes."""

    command: str
    folder: Path
    environment: str | None
    as_json: bool

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The opened project, closed at the end."""
        from dovetail.engine.open import open_workspace

        with open_workspace(self.folder, environment=self.environment, variables=dict(os.environ)) as workspace:
            collecting()
            yield workspace

    def answer(self, document: Mapping[str, object], text: Callable[[], object]) -> None:
        """One JSON document on standard output, or the text for people."""
        if self.as_json:
            fault.emit(document)
        else:
            text()


def age(text: str) -> dt.timedelta:
    """A time that went by, as a person writes it.

    >>> age("90m")
    datetime.timedelta(seconds=5400)
    """
    number, unit = text[:-1], text[-1:]
    if not number.isdigit() or unit not in _AGES:
        message = f"{text!r} is no age; write 30m, 12h, 2d or 1w"
        raise click.UsageError(message)
    return dt.timedelta(seconds=int(number) * _AGES[unit])


def collecting() -> None:
    """Look for garbage from now on, and never among what is there already: modules, and what they hold."""
    gc.freeze()
    gc.enable()


def command(name: str, **settings: Any) -> Callable[[Callable[..., int]], click.Command]:
    """A command whose function takes a `Frame` and its own options, and returns the exit code."""

    def decorate(function: Callable[..., int]) -> click.Command:
        @click.option("--project", "folder", default=".", metavar="DIR", help="The project's folder (default: here).")
        @click.option("--env", "environment", default=None, metavar="NAME", help="The environment to run in.")
        @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
        @functools.wraps(function)
        def run(folder: str, environment: str | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001
            frame = Frame(click.get_current_context().command_path.split(" ", 1)[1], Path(folder), environment, as_json)
            sys.exit(fault.guarded(frame.command, lambda: function(frame, **options), as_json=as_json))

        make: Callable[[Callable[..., None]], click.Command] = click.command(name, **settings)
        return make(run)

    return decorate
