"""The commands that test an integration by making things go wrong."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command


@click.group("chaos", short_help="Make things go wrong on purpose, and judge what comes of it.")
def chaos_command() -> None:
    """Make things go wrong on purpose, and judge what comes of it. Only with copies of your systems, never the real
    ones."""


@command("run", short_help="People type into real systems while the sync is killed, cut and starved.")
@click.argument("scenario", type=click.Path(dir_okay=False))
@click.option("--junit", default=None, metavar="FILE", help="Also write the verdict as a JUnit file.")
@click.option("--history", default=None, metavar="DIR", help="Where every edit is written down (default: nowhere).")
def run_command(frame: Frame, scenario: str, junit: str | None, history: str | None) -> int:
    """Let people type on all sides of a project while what a scenario names goes wrong, then judge every row. The
    scenario names the project. Exit code 1 when a promise was broken."""
    from dovetail.testing.chaos import report
    from dovetail.testing.chaos.run import run
    from dovetail.testing.chaos.scenario import read_scenario

    variables = dict(os.environ)
    read = read_scenario(Path(scenario), variables)
    if frame.environment is not None:
        read = replace(read, environment=frame.environment)
    with tempfile.TemporaryDirectory(prefix="dovetail-chaos-") as own:
        folder = Path(history or own)
        folder.mkdir(parents=True, exist_ok=True)
        told = run(read, folder, variables=variables, say=lambda words: click.echo(words, err=True))
    if junit is not None:
        report.write_junit(told, Path(junit))
    answer = {"command": "chaos run", **report.document(told)}
    frame.answer(answer, lambda: click.echo("\n".join(report.lines(told))))
    return DONE if told.outcome.verdict.is_clean else FOUND


chaos_command.add_command(run_command)
