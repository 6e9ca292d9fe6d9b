"""Run summaries, plans and the state of a project as a person reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dovetail.cli.found import findings, values
from dovetail.model.run import OUTCOMES, MappingCount, Summary

if TYPE_CHECKING:
    from dovetail.steps.plan import Planned

FILE_COLUMNS = 140
"""Columns of a line where the output is no terminal."""

PLANNED = {"created": "to create", "updated": "to update", "deleted": "to delete"}
"""What the outcomes are called where nothing is written."""

NO_MAPPING = "no mapping is declared yet: write one, mappings/NAME.yaml (docs/reference/project-file.md shows how)"


def console() -> Console:
    """Standard output, wide enough where it is a file or a pipe."""
    shown = Console()
    return shown if shown.is_terminal or "COLUMNS" in os.environ else Console(width=FILE_COLUMNS)


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in the one look of Dovetail; the columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold")
    return made


def place(path: str) -> str:
    """A path as a person would write it from here."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def summary(result: Summary, out: Console) -> None:
    """The counts by mapping and how each was dealt with, then what was found, then how long it took."""
    counts(result, out)
    paths(result, out)
    losses(result, out)
    findings(result.findings, out)
    closing(result, out)


def counts(result: Summary, out: Console) -> None:
    """The outcomes of each mapping: a table, or, where that is too wide, a sentence each."""
    if not result.mappings:
        out.print(Text(NO_MAPPING, style="yellow"))
        return
    possible = ["rows", *OUTCOMES] + (["different"] if result.command == "verify" else [])
    always = ("rows", "created", "updated", "unchanged", "different")
    names = [name for name in possible if name in always or any(getattr(count, name) for _, count in result)]
    planned = PLANNED if result.command in ("plan", "verify") else {}
    titles = [planned.get(name, name) for name in names]
    made = table("mapping", *titles, right=titles)
    for name, count in result:
        made.add_row(name, *(_number(getattr(count, column), column) for column in names))
    if Measurement.get(out, out.options.update(max_width=FILE_COLUMNS), made).maximum <= out.width:
        out.print(made)
        return
    for name, count in result:
        out.print(Text.assemble((name, "bold"), ": ", _sentence(count, names, planned)))


def paths(result: Summary, out: Console) -> None:
    """How each mapping is dealt with, or would be."""
    for name, count in result:
        if count.path:
            out.print(Text.assemble((name, "bold"), ": ", count.path))


def losses(result: Summary, out: Console) -> None:
    """What may be changed on writing; after a run only what was."""
    is_ahead = result.command in ("plan", "verify")
    told = [loss for loss in result.lossy if loss.rows or is_ahead]
    if not told:
        return
    out.print(Text("may be changed on writing:" if is_ahead else "changed on writing:", style="yellow"))
    for loss in told:
        way = f"{loss.given} -> {loss.taken}" if loss.given else loss.taken
        values_told = f"{loss.rows:,} value{'' if loss.rows == 1 else 's'}"
        place_told = f"  {loss.mapping}.{loss.field} at {loss.member} ({way}), {values_told}: {loss.words}"
        out.print(place_told, highlight=False, markup=False, soft_wrap=True)


def _sentence(count: MappingCount, names: Sequence[str], planned: Mapping[str, str]) -> str:
    parts = [(name, getattr(count, name)) for name in names if name != "rows"]
    return f"{count.rows:,} rows; " + ", ".join(
        f"{number:,} {planned.get(name, name)}" for name, number in parts if number
    )


def _number(value: int, column: str) -> Text:
    style = "red" if value and column in ("quarantined", "conflicts", "different") else ""
    return Text(f"{value:,}" if value else "-", style=style or ("" if value else "dim"))


def closing(result: Summary, out: Console) -> None:
    """How long it took, and what to do next."""
    out.print(f"{result.command} took {result.seconds:.1f} s, run {result.run}", style="dim", highlight=False)
    if result.follow_up:
        out.print(f"next: dovetail apply {place(result.follow_up)}", highlight=False, soft_wrap=True)
        return
    for command in dict.fromkeys(finding.next for finding in result.findings if finding.severity != "note"):
        if command:
            out.print(f"next: {command}", highlight=False, soft_wrap=True)


def plan(planned: Planned, out: Console) -> None:
    """A plan: counts, how a run would deal with each mapping, findings, samples of what would change, and what
    holds it."""
    result = planned.summary
    counts(result, out)
    paths(result, out)
    losses(result, out)
    findings(result.findings, out)
    values(planned.samples, out, ("now", "then"))
    for reason in planned.held:
        out.print(Text(f"the guard would hold this: {reason}", style="yellow"))
    for promise in planned.promises:
        out.print(Text(promise, style="dim"))
    out.print(f"plan took {result.seconds:.1f} s; nothing was written", style="dim", highlight=False)
    if any(count.created or count.updated or count.deleted for _, count in result):
        out.print(f"next: dovetail apply {place(result.plan or '')}", highlight=False, soft_wrap=True)
    elif any(count.quarantined or count.conflicts for _, count in result):
        out.print("nothing can be written until what is held is mended", highlight=False)
    elif result.mappings:
        out.print("nothing to do", highlight=False)


def status(document: Mapping[str, object], out: Console) -> None:
    """What Dovetail remembers of a project."""
    out.print(Text.assemble(("project ", "bold"), str(document["project"])))
    out.print(Text.assemble(("state   ", "bold"), place(str(document["state"]))), soft_wrap=True)
    out.print()
    made = table("mapping", "linked rows", "rejects", "conflicts", right=("linked rows", "rejects", "conflicts"))
    for name, numbers in dict(document["mappings"]).items():  # type: ignore[call-overload]
        cells = [_number(numbers["linked"], "")]
        cells += [_number(numbers["rejects"], "quarantined"), _number(numbers["conflicts"], "conflicts")]
        made.add_row(name, *cells)
    out.print(made if made.row_count else Text(NO_MAPPING, style="yellow"))
    out.print()
    runs = table("run", "command", "started", "ended")
    for run in list(document["runs"]):  # type: ignore[call-overload]
        ended = {True: Text("clean", "green"), False: Text("failed", "red"), None: Text("did not end", "yellow")}
        runs.add_row(
            run["run"], run["command"], run["started"].replace("T", " ").replace("+00:00", " UTC"), ended[run["ok"]]
        )
    out.print(runs if runs.row_count else "nothing has been run yet")
    for one in list(document["working"]):  # type: ignore[call-overload]
        out.print(f"{one['process']} works on {', '.join(one['mappings'])}", highlight=False, soft_wrap=True)
    for one in list(document["waits"]):  # type: ignore[call-overload]
        until = f" until {one['until']}" if one["until"] else ""
        out.print(f"{one['mapping']} waits{until} ({one['kind']}): {one['reason']}", style="yellow", soft_wrap=True)
        if one["next"]:
            out.print(f"  {one['next']}", highlight=False, soft_wrap=True)
    for partition in list(document["interrupted"]):  # type: ignore[call-overload]
        out.print(f"interrupted: {partition}; the next run takes it up", style="yellow", highlight=False)


def written(path: Path, words: str, out: Console) -> None:
    """A file that was written, and what it is."""
    out.print(f"{words}: {place(str(path))}", highlight=False, soft_wrap=True)
