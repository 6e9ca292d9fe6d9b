"""The commands about mappings: show what is derived, test it on real rows."""

from __future__ import annotations

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command


@click.group("map", short_help="Show every cell's derived writing direction; test round trips on real rows.")
def map_command() -> None:
    """Show every cell's derived writing direction, and test round trips on real rows."""


@command("show", short_help="Reading and writing direction of every cell, and its class.")
@click.option("--mapping", default=None, metavar="NAME", help="Only this mapping.")
def show_command(frame: Frame, mapping: str | None) -> int:
    """Write out every cell: how it is read, how it is written, whether it is lossless, lossy-with-restore or one-way,
    and why."""
    from dovetail.cli import show
    from dovetail.steps import map as step

    with frame.workspace() as workspace:
        shown = step.show(workspace, mapping)
    frame.answer({"command": "map show", "ok": True, **shown.document()}, lambda: show.console().print(shown.table()))
    return DONE


@command("test", short_help="Check round trips on rows sampled from the real systems.")
@click.option("--mapping", default=None, metavar="NAME", help="Only this mapping.")
@click.option("--rows", type=click.IntRange(min=1), default=1000, metavar="N", help="Rows sampled from each member.")
def test_command(frame: Frame, mapping: str | None, rows: int) -> int:
    """Check both round-trip laws on real rows and on edited values; a failure prints the row before and after."""
    from dovetail.cli import show
    from dovetail.steps import map as step

    with frame.workspace() as workspace:
        tested = step.test(workspace, mapping, rows=rows)
    frame.answer(
        {"command": "map test", "ok": tested.ok, **tested.document()}, lambda: show.console().print(tested.table())
    )
    return DONE if tested.ok else FOUND


map_command.add_command(show_command)
map_command.add_command(test_command)
