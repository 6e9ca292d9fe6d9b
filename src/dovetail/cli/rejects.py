"""The commands about what Dovetail remembers: the quarantine, and the state of a project."""

from __future__ import annotations

import click

from dovetail.cli.frame import DONE, FOUND, Frame, command


@command("rejects", short_help="What stands in quarantine: list, show N, retry [N ...].")
@click.argument("action", type=click.Choice(["list", "show", "retry"]), default="list")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--mapping", default=None, metavar="NAME", help="Only the rejects of this mapping.")
def rejects_command(frame: Frame, action: str, numbers: tuple[int, ...], mapping: str | None) -> int:
    """What stands in quarantine, and why. `show N` prints one with the value that failed; `retry` tries again after a
    fix."""
    from dovetail.cli import show
    from dovetail.cli.progress import shown
    from dovetail.steps import rejects

    with frame.workspace() as workspace:
        if action == "retry":
            with shown(quiet=frame.as_json) as progress:
                result = rejects.retry(workspace, numbers, progress=progress)
            frame.answer(result.document(), lambda: show.summary(result, show.console()))
            return FOUND if any(count.quarantined + count.conflicts for _, count in result) else DONE
        if action == "show":
            found = [rejects.one(workspace, number) for number in numbers]
        else:
            found = list(rejects.standing(workspace, mapping=mapping))
        documents = [rejects.document(one, with_value=action == "show") for one in found]
    frame.answer(
        {"command": "rejects", "ok": not found, "rejects": documents},
        lambda: (
            show.reject_details(documents, show.console()) if action == "show" else show.rejects(found, show.console())
        ),
    )
    return FOUND if found and action == "list" else DONE


@command("status", short_help="The last runs, linked rows, rejects and conflicts of each mapping.")
def status_command(frame: Frame) -> int:
    """The last runs, and for each mapping its linked rows, open rejects and open conflicts."""
    from dovetail.cli import show
    from dovetail.steps.status import status

    with frame.workspace() as workspace:
        document = status(workspace)
    frame.answer(document, lambda: show.status(document, show.console()))
    return DONE
