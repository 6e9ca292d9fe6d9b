"""The command that puts back what a run wrote."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dovetail.cli.frame import DONE, FOUND, Frame, age, command

if TYPE_CHECKING:
    from dovetail.engine.undo import Undoing

SHOWN_MAX = 20
"""Lines at most of each kind."""


@command("undo", short_help="Put back what a run wrote: undo RUN, or undo shop.customer 42 [email].")
@click.argument("what", metavar="RUN|MEMBER.MAPPING")
@click.argument("words", nargs=-1, metavar="[KEY... [FIELD]]")
@click.option(
    "--run", default="", metavar="RUN", help="Of a row: the run whose writes are taken back (default: the last)."
)
@click.option("--since", default="", metavar="AGE", help="Of a run: only what it wrote in this time: 10m, 2h, 1d.")
@click.option(
    "--allow", "allowed", type=int, default=None, metavar="ROWS", help="Permit so many existing rows to change."
)
@click.option("--as", "name", default="", metavar="NAME", help="Who says so (default: the user of this machine).")
@click.option("--yes", is_flag=True, help="Carry it out without asking.")
def undo_command(frame: Frame, what: str, words: tuple[str, ...], **options: Any) -> int:
    """Show what putting a run, a row or a field back would do, and do it with `--yes`. All members are brought to the
    old value. What was edited since is listed and left alone."""
    from dovetail.cli import show
    from dovetail.cli.progress import shown
    from dovetail.steps import undo

    if options["run"] and not words:
        raise click.UsageError("--run goes with a row: dovetail undo MEMBER.MAPPING KEY --run RUN")
    if options["since"] and words:
        raise click.UsageError("--since goes with a run: dovetail undo RUN --since 10m")
    since = age(options["since"]) if options["since"] else None
    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        by = options["name"] or getpass.getuser()
        if words:
            undoing = undo.undo_row(workspace, what, words, run=options["run"], by=by)
        else:
            undoing = undo.undo_run(workspace, what, since=workspace.clock() - since if since else None, by=by)
        if not frame.as_json:
            planned(undo.document(undoing), show.console())
        summary = None
        if undoing.back and (options["yes"] or _agrees(frame, undoing)):
            summary = undo.carry_out(workspace, undoing, allowed=options["allowed"], progress=progress)
    document = undo.document(undoing, summary)
    frame.answer(document, lambda: _closing(undoing, summary))
    return FOUND if undoing.left or (undoing.back and summary is None) else DONE


def _agrees(frame: Frame, undoing: Undoing) -> bool:
    """Whether the person at the terminal says yes; nobody else is asked."""
    if frame.as_json or not sys.stdin.isatty():
        return False
    return click.confirm(f"put {len(undoing.back):,} back?")


def _closing(undoing: Undoing, summary: Any) -> None:
    from dovetail.cli import show

    if summary is not None:
        show.summary(summary, show.console())
    elif undoing.back:
        click.echo("nothing was written; give --yes to do it")


def planned(document: Mapping[str, Any], out: Any) -> None:
    """What would be put back, and what would not."""
    from rich.text import Text

    from dovetail.cli.show import table

    out.print(Text.assemble("undo of run ", (document["of"], "bold")))
    if document["back"]:
        made = table("of", "row", "now", "then")
        for one in document["back"][:SHOWN_MAX]:
            now, then = _change(one)
            path = ".".join(part for part in (one["mapping"], one["field"]) if part)
            made.add_row(Text(path), Text(_keys(one["keys"])), now, then)
        out.print(made)
        _more(document["back"], out)
    else:
        out.print("nothing can be put back")
    if document["left"]:
        out.print(Text("\nleft alone:", style="yellow"))
        for one in document["left"][:SHOWN_MAX]:
            path = ".".join(part for part in (one["mapping"], one["field"]) if part)
            out.print(Text(f"{path} [{_keys(one['keys'])}] {one['reason']}"))
        _more(document["left"], out)


def _more(found: Sequence[object], out: Any) -> None:
    if len(found) > SHOWN_MAX:
        out.print(f"... and {len(found) - SHOWN_MAX:,} more; --json lists them", style="dim", highlight=False)


def _keys(keys: Mapping[str, str]) -> str:
    return " ".join(f"{member} {key}" for member, key in keys.items())


def _change(one: Mapping[str, Any]) -> tuple[Any, Any]:
    from rich.text import Text

    from dovetail.cli.found import value

    if one["kind"] == "gone":
        return Text(f"stands at {one['at']}"), Text("gone there")
    if one["kind"] == "there":
        return Text(f"gone at {one['at']}"), Text("there again")
    now = Text(", ").join(Text.assemble(f"{member} ", value(held)) for member, held in one["now"].items())
    return now, Text.assemble("all ", value(one["then"]))
