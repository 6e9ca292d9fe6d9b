"""The command that keeps systems joined."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command

if TYPE_CHECKING:
    from dovetail.engine.turn import Turn
    from dovetail.model.run import Summary


@command("sync", short_help="Keep the systems joined, edits on every side included.")
@click.option("--once", is_flag=True, help="One pass over what may have changed, then end.")
@click.option("--mapping", "only", multiple=True, metavar="NAME", help="Only this mapping; may be given again.")
@click.option(
    "--allow",
    type=click.IntRange(min=0),
    default=None,
    metavar="ROWS",
    help="Let this run change so many existing rows of a member.",
)
def sync_command(frame: Frame, once: bool, only: tuple[str, ...], allow: int | None) -> int:  # noqa: FBT001
    """Keep the systems joined until a signal ends it: what changed anywhere is read again at every member, merged field
    by field and written where it is missing. With `--once`, one pass."""
    from dovetail.cli.progress import shown
    from dovetail.steps.sync import sync, sync_once

    stop = threading.Event()
    with frame.workspace() as workspace, shown(quiet=frame.as_json or not once) as progress:
        if once:
            result = sync_once(workspace, only=only, allowed=allow, progress=progress)
        else:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            result = sync(workspace, stop, only=only, allowed=allow, progress=progress, told=_told)
    _answer(frame, result)
    held = sum(count.quarantined + count.conflicts for _, count in result)
    return FOUND if held else DONE


def _told(turn: Turn) -> None:
    """One line a turn, for logs."""
    counts = ", ".join(
        f"{name}: {count.created} created, {count.updated} updated, {count.deleted} deleted, "
        f"{count.conflicts} conflicts"
        for name, count in turn.summary
        if count.created or count.updated or count.deleted or count.conflicts
    )
    failures = ", ".join(f"{name} waits: {error}" for name, error in turn.failed.items())
    if counts or failures:
        click.echo("; ".join(words for words in (counts, failures) if words), err=True)


def _answer(frame: Frame, result: Summary) -> None:
    def words() -> None:
        from dovetail.cli import show

        show.summary(result, show.console())

    frame.answer(result.document(), words)
