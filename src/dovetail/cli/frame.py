"""What every command shares: its options, its way to answer, and how an error ends it."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.errors import Declarations, DovetailError

if TYPE_CHECKING:
    from dovetail.engine.workspace import Workspace

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
            yield workspace

    def answer(self, document: Mapping[str, object], text: Callable[[], object]) -> None:
        """One JSON document on standard output, or the text for people."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False, default=str))
        else:
            text()


def command(name: str, **settings: Any) -> Callable[[Callable[..., int]], click.Command]:
    """A command whose function takes a `Frame` and its own options, and returns the exit code."""

    def decorate(function: Callable[..., int]) -> click.Command:
        @click.option("--project", "folder", default=".", metavar="DIR", help="The project's folder (default: here).")
        @click.option("--env", "environment", default=None, metavar="NAME", help="The environment to run in.")
        @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
        @functools.wraps(function)
        def run(folder: str, environment: str | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001
            frame = Frame(click.get_current_context().command_path.split(" ", 1)[1], Path(folder), environment, as_json)
            sys.exit(_guarded(frame, lambda: function(frame, **options)))

        make: Callable[[Callable[..., None]], click.Command] = click.command(name, **settings)
        return make(run)

    return decorate


def _guarded(frame: Frame, work: Callable[[], int]) -> int:
    """Do the work; an error of Dovetail's own becomes words, a document, and an exit code."""
    try:
        return work()
    except DovetailError as error:
        _say_error(frame, error)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        click.echo("stopped; what was written is complete, and the same command goes on from here", err=True)
        return 130


def _say_error(frame: Frame, error: DovetailError) -> None:
    mistakes = error.mistakes if isinstance(error, Declarations) else (error,)
    if frame.as_json:
        document = {"command": frame.command, "ok": False, "errors": [_document(mistake) for mistake in mistakes]}
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    for mistake in mistakes:
        click.echo(str(mistake), err=True)
    if len(mistakes) > 1:
        click.echo(f"{len(mistakes)} mistakes", err=True)


def _document(error: DovetailError) -> dict[str, object]:
    parts = {"code": error.code, "where": str(error.where or ""), "message": error.message, "next": error.hint}
    return {name: part for name, part in parts.items() if part}
