"""The command about what no rule could settle: list, show, resolve."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dovetail.cli.frame import DONE, FOUND, Frame, age, command

if TYPE_CHECKING:
    from dovetail.engine.workspace import Workspace
    from dovetail.state.conflicts import Conflict, Sought
    from dovetail.steps.conflicts import Outcome


@command("conflicts", short_help="What no rule could settle: list, show N, resolve N --take MEMBER.")
@click.argument("action", type=click.Choice(["list", "show", "resolve"]), default="list")
@click.argument("numbers", type=int, nargs=-1)
@click.option("--mapping", default="", metavar="NAME", help="Only conflicts of this mapping.")
@click.option("--member", default="", metavar="NAME", help="Only conflicts in which this member has a part.")
@click.option("--field", default="", metavar="NAME", help="Only conflicts about this shared field.")
@click.option("--code", default="", metavar="DV-nnn", help="Only conflicts of this kind.")
@click.option("--older-than", "age", default="", metavar="AGE", help="Only conflicts that wait so long: 2d, 3h, 10m.")
@click.option("--all", "whole", is_flag=True, help="List every one; with `resolve`: all that the filters let through.")
@click.option("--take", default="", metavar="MEMBER", help="Resolve: what this member holds shall count.")
@click.option("--value", default=None, metavar="VALUE", help="Resolve: this value shall count.")
@click.option("--null", "is_null", is_flag=True, help="Resolve: the field shall be empty.")
@click.option(
    "--as", "name", default="", metavar="NAME", help="Resolve: who decided (default: the user of this machine)."
)
@click.option("--yes", is_flag=True, help="Resolve without asking.")
def conflicts_command(frame: Frame, action: str, numbers: tuple[int, ...], **options: Any) -> int:
    """Fields that several members changed to different values, and rows of which a person must say what becomes of
    them. `show N` prints the values, who changed them when, and the rule; `resolve` says what shall count. Only that
    field of that row waits meanwhile."""
    from dovetail.state.conflicts import Sought
    from dovetail.steps import conflicts

    with frame.workspace() as workspace:
        before = workspace.clock() - age(options["age"]) if options["age"] else None
        sought = Sought(options["mapping"], options["member"], options["field"], options["code"], before)
        if action == "show":
            return _show(frame, workspace, numbers)
        if action == "resolve":
            return _resolve(frame, workspace, _chosen(workspace, numbers, sought, options), options)
        if numbers:
            _misused(f"to see one conflict: dovetail conflicts show {numbers[0]}")
        found = conflicts.standing(workspace, sought)
    return _list(frame, found, whole=options["whole"])


def _list(frame: Frame, found: Sequence[Conflict], *, whole: bool) -> int:
    from dovetail.cli import disputed, show
    from dovetail.steps import conflicts

    document = {
        "command": "conflicts",
        "ok": not found,
        "total": len(found),
        "counts": conflicts.counted(found),
        "conflicts": [conflicts.document(one) for one in found],
    }
    frame.answer(document, lambda: disputed.listed(found, show.console(), whole=whole))
    return FOUND if found else DONE


def _show(frame: Frame, workspace: Workspace, numbers: Sequence[int]) -> int:
    from dovetail.cli import disputed, show
    from dovetail.steps import conflicts

    if not numbers:
        _misused("name the numbers of the conflicts to be shown; `dovetail conflicts` lists them")
    shown = [conflicts.show(workspace, number) for number in numbers]
    documents = [conflicts.shown_document(one) for one in shown]
    document = {"command": "conflicts", "ok": True, "total": len(shown), "counts": {}, "conflicts": documents}
    frame.answer(document, lambda: disputed.details(documents, show.console()))
    return DONE


def _chosen(workspace: Workspace, numbers: Sequence[int], sought: Sought, options: dict[str, Any]) -> list[Conflict]:
    """The conflicts that are named, or, with `--all`, those that the filters let through."""
    from dovetail.steps import conflicts

    given = [options["value"] is not None, bool(options["take"]), options["is_null"]]
    if sum(given) != 1:
        _misused("say what shall count: --take MEMBER, --value VALUE or --null")
    if bool(numbers) == options["whole"]:
        _misused("name the numbers of the conflicts, or give --all, with filters such as --mapping and --field")
    if numbers:
        return [conflicts.one(workspace, number) for number in numbers]
    return conflicts.standing(workspace, sought)


def _resolve(frame: Frame, workspace: Workspace, chosen: Sequence[Conflict], options: dict[str, Any]) -> int:
    from dovetail.cli import disputed, show
    from dovetail.steps import conflicts

    by = options["name"] or getpass.getuser()
    choice = conflicts.Choice(options["take"], None if options["is_null"] else options["value"], by)
    outcomes = conflicts.settle(workspace, chosen, choice)
    if not frame.as_json:
        disputed.outcomes(outcomes, show.console())
    possible = [outcome for outcome in outcomes if outcome.ruling is not None]
    is_done = bool(possible) and (options["yes"] or _agrees(frame, possible))
    ordered = conflicts.order(workspace, possible) if is_done else 0
    document = {
        "command": "conflicts",
        "ok": len(possible) == len(outcomes) and (is_done or not possible),
        "done": is_done,
        "ordered": ordered,
        "outcomes": [conflicts.outcome_document(outcome) for outcome in outcomes],
    }
    frame.answer(document, lambda: click.echo(_closing(ordered, possible)))
    return DONE if document["ok"] else FOUND


def _agrees(frame: Frame, possible: Sequence[Outcome]) -> bool:
    """Whether the person at the terminal says yes; nobody else is asked."""
    if frame.as_json or not sys.stdin.isatty():
        return False
    return click.confirm(f"settle {len(possible):,} so?")


def _closing(ordered: int, possible: Sequence[Outcome]) -> str:
    if ordered:
        return f"{ordered:,} settled; a running sync takes that up at once, else: dovetail sync --once"
    return "nothing was settled" + ("; give --yes to do it" if possible else "")


def _misused(words: str) -> None:
    raise click.UsageError(words, ctx=click.get_current_context())
