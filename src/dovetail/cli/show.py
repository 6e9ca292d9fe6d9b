"""Run summaries, plans and lists as a person reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dovetail.model.finding import Finding
from dovetail.model.run import OUTCOMES, Summary

if TYPE_CHECKING:
    from dovetail.state.rejects import Reject
    from dovetail.steps.plan import Planned, Sample

FILE_COLUMNS = 140
"""Columns of a line where the output is no terminal."""

FINDINGS_SHOWN_MAX = 20
"""Findings at most below one summary."""


def console() -> Console:
    """Standard output, wide enough where it is a file or a pipe."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=FILE_COLUMNS)


def summary(result: Summary, out: Console) -> None:
    """The counts by mapping, then the first findings."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("mapping")
    possible = ["rows", *OUTCOMES] + (["different"] if result.command == "verify" else [])
    always = ("rows", "created", "updated", "unchanged", "different")
    columns = [name for name in possible if name in always or any(getattr(count, name) for _, count in result)]
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, count in result:
        cells = [getattr(count, column) for column in columns]
        table.add_row(name, *(_number(cell, column) for cell, column in zip(cells, columns, strict=True)))
    out.print(table)
    findings(result.findings, out)
    out.print(f"{result.command} took {result.seconds:.1f} s, run {result.run}", style="dim", highlight=False)


def _number(value: int, column: str) -> Text:
    style = "red" if value and column in ("quarantined", "conflicts", "different") else ""
    return Text(f"{value:,}" if value else "-", style=style or ("" if value else "dim"))


def findings(found: Sequence[Finding], out: Console) -> None:
    """The first findings, and how many of each kind there are."""
    serious = [finding for finding in found if finding.severity != "note"]
    for finding in serious[:FINDINGS_SHOWN_MAX]:
        key = " ".join(f"{name}={value}" for name, value in finding.key)
        place = ".".join(part for part in (finding.mapping, finding.member, finding.field) if part)
        out.print(
            Text.assemble((finding.code, "yellow"), " ", (place, "bold"), f" [{key}] " if key else " ", finding.message)
        )
    if len(serious) > FINDINGS_SHOWN_MAX:
        kinds = ", ".join(f"{code} {count}" for code, count in Counter(one.code for one in serious).most_common())
        out.print(
            f"... {len(serious) - FINDINGS_SHOWN_MAX} more ({kinds}); --json lists them", style="dim", highlight=False
        )
    for finding in found:
        if finding.severity == "note" and not finding.key:
            out.print(Text(finding.message, style="dim"))


def plan(planned: Planned, out: Console) -> None:
    """A plan: counts, what would change field by field, and what holds it."""
    summary(planned.summary, out)
    by_field: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in planned.samples:
        by_field.setdefault((sample.mapping, sample.member, sample.field), []).append(sample)
    if by_field:
        table = Table(
            "mapping", "member", "field", "row", "before", "after", box=None, pad_edge=False, header_style="bold"
        )
        for (mapping, member, field), samples in by_field.items():
            one = samples[0]
            key = " ".join(value for _, value in one.key)
            table.add_row(mapping, member, field, key, _value(one.before), _value(one.after))
        out.print()
        out.print("one sample a field (values are shown here only, the plan file holds none)", style="dim")
        out.print(table)
    for reason in planned.held:
        out.print(Text(f"the guard would hold this: {reason}", style="yellow"))
    out.print(f"next: dovetail apply {planned.summary.plan}", highlight=False)


def _value(value: object) -> Text:
    if value is None:
        return Text("null", style="dim")
    text = repr(value) if isinstance(value, str) else str(value)
    return Text(text if len(text) <= 40 else text[:39] + "…")


def rejects(found: Iterable[Reject], out: Console) -> None:
    """A list of rejects."""
    table = Table(
        "no", "mapping", "member", "key", "field", "check", "reason", box=None, pad_edge=False, header_style="bold"
    )
    for one in found:
        refusal = one.refusal
        table.add_row(
            str(one.id),
            one.mapping,
            refusal.member,
            refusal.key,
            refusal.field,
            refusal.check,
            f"{refusal.code} {refusal.reason}",
        )
    out.print(table if table.row_count else "the quarantine is empty")


def reject_details(documents: Sequence[dict[str, object]], out: Console) -> None:
    """Rejects one below the other, the value that failed included."""
    for document in documents:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, part in document.items():
            table.add_row(Text(name, style="bold"), Text(repr(part) if name == "value" else str(part)))
        out.print(table)
        out.print()


def status(document: dict[str, object], out: Console) -> None:
    """What Dovetail remembers of a project."""
    out.print(
        Text.assemble(("project ", "bold"), str(document["project"]), ("   state ", "bold"), str(document["state"]))
    )
    mappings = Table("mapping", "linked rows", "rejects", "conflicts", box=None, pad_edge=False, header_style="bold")
    for name, counts in dict(document["mappings"]).items():  # type: ignore[call-overload]
        mappings.add_row(name, *(f"{counts[part]:,}" for part in ("linked", "rejects", "conflicts")))
    out.print(mappings)
    runs = Table("run", "command", "started", "ended", box=None, pad_edge=False, header_style="bold")
    for run in list(document["runs"]):  # type: ignore[call-overload]
        ended = {True: "clean", False: "failed", None: "did not end"}[run["ok"]]
        runs.add_row(run["run"], run["command"], run["started"], ended)
    out.print(runs)
    for partition in list(document["interrupted"]):  # type: ignore[call-overload]
        out.print(f"interrupted: {partition}; the next run takes it up", style="yellow", highlight=False)
