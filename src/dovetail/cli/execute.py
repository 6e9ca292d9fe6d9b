"""The commands that plan, write and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command

if TYPE_CHECKING:
    from dovetail.model.run import Summary
    from dovetail.steps.plan import Sample

_only = click.option("--mapping", "only", multiple=True, metavar="NAME", help="Only this mapping; may be given again.")


@command("plan", short_help="Show everything that a run would do; change nothing.")
@_only
@click.option("--out", default=None, metavar="FILE", help="Where the plan is written (default: .dovetail/plan).")
@click.option("--sql", is_flag=True, help="Also print the statements that would be sent.")
def plan_command(frame: Frame, only: tuple[str, ...], out: str | None, sql: bool) -> int:  # noqa: FBT001
    """Show everything that a run would do: creates, updates, deletes, conflicts, rejects. Neither systems nor state are
    changed."""
    from dovetail.cli import show
    from dovetail.cli.progress import shown
    from dovetail.steps.plan import plan
    from dovetail.steps.statements import statements

    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        planned = plan(workspace, only=only, progress=progress, path=Path(out) if out else None)
        document = planned.summary.document() | {"guard": planned.held}
        texts = statements(workspace, planned) if sql else []
    frame.answer(document | ({"sql": texts} if sql else {}), lambda: show.plan(planned, show.console()))
    if sql and not frame.as_json:
        click.echo("\n" + "\n".join(texts))
    return _found(planned.summary)


@command("apply", short_help="Carry out a reviewed plan, exactly as it was shown.")
@click.argument("plan", type=click.Path(dir_okay=False))
def apply_command(frame: Frame, plan: str) -> int:
    """Carry out a reviewed plan. Rows that moved since are left out and go to a follow-up plan."""
    from dovetail.cli.progress import shown
    from dovetail.steps.migrate import apply

    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        result = apply(workspace, Path(plan), progress=progress)
    _answer(frame, result)
    return FOUND if result.follow_up else _found(result)


@command("migrate", short_help="Plan and apply in bulk; a run that was stopped goes on where it stood.")
@_only
@click.option(
    "--allow",
    type=click.IntRange(min=0),
    default=None,
    metavar="ROWS",
    help="Let this run change so many existing rows of a member.",
)
@click.option("--for-sync", is_flag=True, help="Keep every agreed value, also where no rule of today asks for it.")
@click.option("--plain", is_flag=True, help="Decide every mapping whole: no streams, and no row taken as known.")
def migrate_command(frame: Frame, allow: int | None, **how: Any) -> int:
    """Plan and apply in bulk. A run that was stopped goes on where it stood; a second one writes nothing."""
    from dovetail.cli.progress import shown
    from dovetail.steps.migrate import migrate

    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        result = migrate(workspace, allowed=allow, progress=progress, **how)
    _answer(frame, result)
    return _found(result)


@command("verify", short_help="Compare all systems field by field, every row.")
@_only
def verify_command(frame: Frame, only: tuple[str, ...]) -> int:
    """Compare all systems field by field, every row, as their types mean it. Exit code 1 when anything differs."""
    from dovetail.cli import show
    from dovetail.cli.found import findings, values
    from dovetail.cli.progress import shown
    from dovetail.steps.verify import verify

    samples: list[Sample] = []
    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        result = verify(workspace, only=only, progress=progress, show=samples.extend)

    def words() -> None:
        out = show.console()
        show.counts(result, out)
        findings(result.findings, out)
        values([sample for sample in samples if not sample.new], out, ("it holds", "it should hold"))
        show.closing(result, out)

    frame.answer(result.document(), words)
    return DONE if result.ok else FOUND


def _answer(frame: Frame, result: Summary) -> None:
    def words() -> None:
        from dovetail.cli import show

        show.summary(result, show.console())

    frame.answer(result.document(), words)


def _found(result: Summary) -> int:
    """1 where rows stand in quarantine or in conflict."""
    held = sum(count.quarantined + count.conflicts for _, count in result)
    return FOUND if held else DONE
