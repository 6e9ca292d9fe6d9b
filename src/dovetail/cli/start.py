"""The commands to begin with: the demo, a first draft of a project, and a look at the systems' health."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from dovetail.cli.frame import DONE, FOUND, Frame, collecting, command


@command("init", short_help="Draft a project from two systems: NAME=URL NAME=URL.")
@click.argument("systems", nargs=-1, required=True, metavar="NAME=URL NAME=URL")
def init_command(frame: Frame, systems: tuple[str, ...]) -> int:
    """Draft a project from the catalogs of two systems: each the URL of a database, or the path of a database file, of
    a workbook, or of a folder of files. Nothing is overwritten."""
    from dovetail.steps.init import init

    collecting()

    pairs = [(name, url) for name, _, url in (system.partition("=") for system in systems)]
    written = init(frame.folder, pairs, variables=dict(os.environ))
    paths = [str(path) for path in written]
    frame.answer(
        {"command": "init", "ok": True, "written": paths}, lambda: click.echo("\n".join(_drafted(frame, paths)))
    )
    return DONE


def _drafted(frame: Frame, paths: Sequence[str]) -> list[str]:
    """What was written, and what to do next."""
    lines = ["written:", *(f"  {path}" for path in paths)]
    if not any(Path(path).parent.name == "mappings" for path in paths):
        lines += [
            "no datasets of the two systems are alike enough to draft a mapping;",
            "write one: mappings/NAME.yaml",
        ]
    project = "" if str(frame.folder) == "." else f" --project {frame.folder}"
    return [*lines, f"next: read them, then dovetail check{project}"]


@command("doctor", short_help="Connect, test rights with a scratch row rolled back, clocks, encodings, versions.")
def doctor_command(frame: Frame) -> int:
    """Connect to every system and say what is missing and how to grant it. Scratch rows are rolled back."""
    from rich.table import Table
    from rich.text import Text

    from dovetail.cli import show
    from dovetail.steps.doctor import doctor, is_healthy

    with frame.workspace() as workspace:
        remarks = doctor(workspace)

    def words() -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("system", "topic", "", "what"):
            table.add_column(title)
        for system, topic, verdict, words in remarks:
            style = {"ok": "green", "warn": "yellow"}.get(verdict, "red")
            table.add_row(system, Text(topic), Text(verdict, style=style), Text(words))
        show.console().print(table)

    healthy = is_healthy(remarks)
    document = {
        "command": "doctor",
        "ok": healthy,
        "remarks": [dict(zip(("system", "topic", "verdict", "words"), remark, strict=True)) for remark in remarks],
    }
    frame.answer(document, words)
    return DONE if healthy else FOUND


@click.command("demo", short_help="All of it, live, on two embedded databases.")
@click.option(
    "--rows", default=None, type=click.IntRange(min=20), metavar="N", help="Products; the rest in proportion."
)
@click.option("--keep", default=None, metavar="DIR", help="Where to put it (default: a new temporary folder).")
@click.option(
    "--systems",
    default="sqlite",
    type=click.Choice(["sqlite", "postgres", "mariadb", "three"]),
    help="The databases to use; `three`: MariaDB, PostgreSQL and a CSV file.",
)
@click.option("--live", is_flag=True, help="People edit both systems while sync keeps them joined.")
@click.option(
    "--seconds", default=20, show_default=True, type=click.IntRange(1, 3600), metavar="N", help="With --live: how long."
)
@click.pass_context
def demo_command(
    ctx: click.Context,
    rows: int | None,
    keep: str | None,
    systems: str,
    *,
    live: bool,
    seconds: int,
) -> None:
    """Build an online store and an inventory system, then analyse, check, map, plan, migrate and verify them. With
    `--live`, join them and let people edit on both sides, conflicts included, until everything has arrived."""
    from dovetail.cli import show
    from dovetail.demo.live import run_live
    from dovetail.demo.run import run
    from dovetail.errors import DovetailError

    collecting()
    folder = Path(keep) if keep else None
    try:
        if live:
            code = run_live(rows, folder, systems, seconds=seconds, console=show.console())
        else:
            code = run(rows, folder, systems, console=show.console())
    except DovetailError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    ctx.exit(code)
