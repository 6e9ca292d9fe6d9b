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


@command("simulate", short_help="Whole syncs in this process under a seed, with people, mishaps and an oracle.")
@click.option("--seed", type=int, default=None, metavar="N", help="One history only, the one of this seed.")
@click.option("--seeds", type=int, default=100, metavar="N", show_default=True, help="How many histories are played.")
@click.option("--first", type=int, default=0, metavar="N", show_default=True, help="The seed of the first of them.")
@click.option("-v", "--verbose", is_flag=True, help="Tell every event of every history.")
def simulate_command(
    frame: Frame,
    seed: int | None,
    seeds: int,
    first: int,
    verbose: bool,  # noqa: FBT001
) -> int:
    """Play whole syncs in this process: generated systems and mappings, people who type on all sides, workers that die,
    connections that break, commits that land late. An oracle that knows nothing of the engine judges every commit. A
    history that fails is told in its shortest form. Nothing of yours is touched; exit code 1 when one failed."""
    from dovetail.testing.simulation.campaign import campaign
    from dovetail.testing.simulation.history import Told

    def say(told: Told) -> None:
        if verbose:
            click.echo(f"seed {told.seed}", err=frame.as_json)
            click.echo("\n".join(f"  {line}" for line in told.log), err=frame.as_json)

    played = campaign([seed] if seed is not None else range(first, first + seeds), say=say)

    def words() -> None:
        for told in played.failed:
            click.echo(f"seed {told.seed} fails; its shortest history, and what is wrong with it:")
            click.echo("\n".join(f"  {line}" for line in [*told.log, *told.violations]))
            click.echo(f"next: dovetail chaos simulate --seed {told.seed} -v")
        click.echo("\n".join(played.lines()))

    failed = [{"seed": told.seed, "violations": told.violations, "history": told.log} for told in played.failed]
    answer = {"command": "chaos simulate", "ok": not failed, "counts": dict(played.counts), "failed": failed}
    frame.answer(answer, words)
    return FOUND if failed else DONE


chaos_command.add_command(run_command)
chaos_command.add_command(simulate_command)
