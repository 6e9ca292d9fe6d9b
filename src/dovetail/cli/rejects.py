"""The commands about what Dovetail remembers: the quarantine, and the state of a project."""

from __future__ import annotations

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command


@command("rejects", short_help="What stands in quarantine: list, show N, retry [N ...].")
@click.argument("action", type=click.Choice(["list", "show", "retry"]), default="list")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--mapping", default=None, metavar="NAME", help="Only the rejects of this mapping.")
@click.option("--all", "whole", is_flag=True, help="List every row, however many there are.")
def rejects_command(
    frame: Frame,
    action: str,
    numbers: tuple[int, ...],
    mapping: str | None,
    whole: bool,  # noqa: FBT001
) -> int:
    """What stands in quarantine, and why. `show N` prints one with the value that failed; `retry` tries again after a
    fix."""
    _agree(action, numbers)
    if action == "retry":
        return _retry(frame, numbers, mapping)
    from dovetail.cli import found, show
    from dovetail.steps import rejects

    with frame.workspace() as workspace:
        if action == "show":
            chosen = [rejects.one(workspace, number) for number in numbers]
        else:
            chosen = list(rejects.standing(workspace, mapping=mapping))
        documents = [rejects.document(one, with_value=action == "show") for one in chosen]

    def words() -> None:
        if action == "show":
            found.reject_details(documents, show.console())
        else:
            found.rejects(chosen, show.console(), whole=whole)

    frame.answer({"command": "rejects", "ok": not chosen, "rejects": documents}, words)
    return FOUND if chosen and action == "list" else DONE


def _agree(action: str, numbers: tuple[int, ...]) -> None:
    """Refuse numbers where none belong, and none where some belong."""
    if action == "show" and not numbers:
        words = "name the numbers of the rejects to be shown; `dovetail rejects` lists them"
        raise click.UsageError(words, ctx=click.get_current_context())
    if action == "list" and numbers:
        words = f"to see one reject: dovetail rejects show {numbers[0]}"
        raise click.UsageError(words, ctx=click.get_current_context())


def _retry(frame: Frame, numbers: tuple[int, ...], mapping: str | None) -> int:
    from dovetail.cli import show
    from dovetail.cli.progress import shown
    from dovetail.steps import rejects

    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        result = rejects.retry(workspace, numbers, mapping=mapping, progress=progress)
    frame.answer(result.document(), lambda: show.summary(result, show.console()))
    return FOUND if any(count.quarantined + count.conflicts for _, count in result) else DONE


@command("status", short_help="What is linked, works and waits: runs, rejects, conflicts, holds.")
@click.option("--accept", multiple=True, metavar="MAPPING", help="Agree with its datasets as a system changed them.")
@click.option(
    "--trust", multiple=True, metavar="MAPPING", help="Let its rules decide again after something was put back."
)
def status_command(frame: Frame, accept: tuple[str, ...], trust: tuple[str, ...]) -> int:
    """The last runs; for each mapping its linked rows, open rejects and open conflicts; which processes work on which
    mappings, and which of them wait, why, and what can be done. `--accept` goes on with datasets that a system's owner
    changed; `--trust` lets the declared rules decide again about a mapping after a system, or the state, was put back
    from a backup."""
    from dovetail.cli import show
    from dovetail.steps import status as steps

    with frame.workspace() as workspace:
        steps.accept(workspace, accept)
        steps.trust(workspace, trust)
        document = steps.status(workspace)
    frame.answer(document, lambda: show.status(document, show.console()))
    return DONE
