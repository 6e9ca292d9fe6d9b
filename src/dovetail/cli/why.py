"""The command that tells how a value came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from dovetail.cli.frame import DONE, Frame, command


@command("why", short_help="How a row or a field came to hold what it holds: why shop.customer 42 [email].")
@click.argument("place", metavar="MEMBER.MAPPING")
@click.argument("words", nargs=-1, required=True, metavar="KEY... [FIELD]")
def why_command(frame: Frame, place: str, words: tuple[str, ...]) -> int:
    """The chain of writes, rules, losing values, conflicts and orders that led to what a row holds, the newest last;
    and what stands at each member right now. A system and its dataset may be named instead of member and mapping;
    several parts of a key one after the other."""
    from dovetail.cli import show
    from dovetail.steps import why

    with frame.workspace() as workspace:
        if "." not in place and len(words) > 1 and place not in _dotted(workspace):
            place, words = f"{place}.{words[0]}", words[1:]
        answer = why.why(workspace, place, words)
    document = why.document(answer)
    frame.answer(document, lambda: told(document, show.console()))
    return DONE


def _dotted(workspace: Any) -> set[str]:
    return {member.name for mapping in workspace.project.mappings for member in mapping.members if "." in member.name}


def told(document: Mapping[str, Any], out: Any) -> None:
    """The answer as a person reads it."""
    from rich.text import Text

    from dovetail.cli.found import value
    from dovetail.cli.show import table

    place = ".".join(part for part in (document["member"], document["mapping"], document["field"]) if part)
    out.print(Text.assemble((place, "bold"), f" [{document['key']}]"))
    if not document["chain"]:
        out.print(
            "nothing is kept of how it came to be: it was never written by us, or before the journal was pruned",
            style="dim",
        )
    for step in document["chain"]:
        when = step["at"][:19].replace("T", " ")
        out.print(Text.assemble((when, "dim"), "  ", _headline(step)), soft_wrap=True)
        for name, change in step.get("changes", {}).items():
            out.print(Text.assemble(f"    {name}: ", value(change["before"]), " -> ", value(change["after"])))
        for name, rule in step.get("rules", {}).items():
            out.print(Text.assemble("    ", (f"{name}: " if name else "", ""), (rule, "italic")))
        for name, lost in step.get("losing", {}).items():
            for member, held in lost.items():
                out.print(Text.assemble(f"    {name}: ", value(held), f" of {member} lost"))
    out.print()
    made = table("now", "key", "holds")
    for member, seen in document["now"].items():
        made.add_row(member, Text(seen["key"]), _holds(seen))
    out.print(made)
    for member, names in document["owed"].items():
        out.print(Text(f"{member} is still owed: {', '.join(names)}", style="yellow"))
    for one in document["held"]:
        field = f"{one['field']}: " if one["field"] else ""
        out.print(
            Text(f"held: {one['code']} {field}{one['reason']}; dovetail rejects show {one['number']}", style="yellow")
        )
    for number in document["conflicts"]:
        out.print(Text(f"in conflict: dovetail conflicts show {number}", style="yellow"))


def _headline(step: Mapping[str, Any]) -> Any:
    from rich.text import Text

    from dovetail.cli.found import value

    if step["kind"] == "conflict":
        about = step["field"] or "the row"
        held = Text(", ").join(Text.assemble(f"{member} ", _held(one)) for member, one in step["values"].items())
        return Text.assemble(
            (f"conflict {step['number']}", "bold"), f" about {about}: ", held, f"; {step['status']} {step['how']}"
        )
    if step["kind"] == "order":
        what = {"take": f"take {step['member']}", "gone": "the row shall be gone", "there": "the row shall be there"}
        said = Text(what[step["order"]]) if step["order"] in what else value(step["value"])
        return Text.assemble(
            (f"order {step['number']}", "bold"), ": ", said, f" ({step['why']}): {step['status']} {step['how']}"
        )
    verb = {"create": "created at", "update": "written to", "delete": "deleted at"}[step["kind"]]
    unsure = "" if step["sure"] else " (perhaps: the target has not said yet)"
    key = f" [{step['key']}]" if step["key"] else ""
    run = " ".join(part for part in (step["command"], step["run"]) if part)
    return Text.assemble(verb, " ", (step["member"], "bold"), f"{key} by {run}{unsure}")


def _held(one: object) -> Any:
    from rich.text import Text

    from dovetail.cli.found import value

    return Text("the row") if isinstance(one, Mapping) else value(one)


def _holds(seen: Mapping[str, Any]) -> Any:
    from rich.text import Text

    from dovetail.cli.found import value

    if "fault" in seen:
        return Text(seen["fault"], style="yellow")
    if seen["values"] is None:
        return Text("no row", style="dim")
    parts = [Text.assemble(f"{name} ", value(held)) for name, held in seen["values"].items()]
    if seen["changed"]:
        parts.append(Text(f"changed {seen['changed']}", style="dim"))
    return Text(", ").join(parts)
