"""What was measured, as a table of text, as Markdown and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.performance.block import Line

_SAID = {
    "for-sync": "first load, with all that a two-way sync needs",
    "first": "first load",
    "again": "re-run, nothing changed",
    "changed": "re-run, 1 % changed",
    "upsert": "upsert of all rows, half of them older",
}
_HEAD = ("way", "rows/s", "s", "x", "CPU s", "MB", "MB tree", "kept MB", "lines", "runs", "check")


def titles(lines: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    """The lines by work, rows and load, each group under its title."""
    for (shape, work, rows, load), group in groupby(lines, lambda line: (line.shape, line.work, line.rows, line.load)):
        yield f"{shape}, {work}, {rows:,} rows, {_SAID[load]}", list(group)


def cells(line: Line, anchor_s: float | None) -> tuple[str, ...]:
    """One line of the table."""
    cost = line.cost
    told = f"wrong: {line.fault}" if line.fault else "right"
    if line.failure:
        told = f"failed: {_reason(line.failure)}"
    if cost is None:
        return (line.way, *("-" for _ in _HEAD[1:-3]), str(line.lines), "0", told)[-len(_HEAD) :]
    times = f"{cost.seconds / anchor_s:.2f}" if anchor_s else "-"
    numbers = (f"{line.rows / cost.seconds:,.0f}", f"{cost.seconds:.2f}", times, f"{cost.cpu_s:.2f}")
    return (
        line.way,
        *numbers,
        f"{cost.peak_mb:.0f}",
        f"{cost.tree_mb:.0f}",
        f"{line.kept_mb:.0f}" if line.kept_mb else "-",
        str(line.lines),
        str(len(line.costs)),
        told,
    )


def _reason(failure: str) -> str:
    """The line of a failed command's last words that says most."""
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|exception|cannot|refused", line, re.IGNORECASE)]
    return (telling or lines)[-1][:160].replace("|", "/")


def _tables(lines: Sequence[Line]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    for title, group in titles(lines):
        first = group[0]
        anchor_s = first.cost.seconds if first.cost and first.way.startswith("COPY") else None
        yield title, [cells(line, anchor_s) for line in group]


def text(lines: Sequence[Line], facts: dict[str, Any]) -> str:
    """The table for a terminal."""
    parts = ["\n".join(f"{name}: {value}" for name, value in facts.items())]
    for title, rows in _tables(lines):
        widths = [max(len(row[at]) for row in [_HEAD, *rows]) for at in range(len(_HEAD))]
        shown = [_padded(row, widths) for row in [_HEAD, *rows]]
        parts.append("\n".join([title, *shown]))
    return "\n\n".join(parts) + "\n"


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    last = len(row) - 1
    aligned = (
        cell.ljust(width) if at in (0, last) else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  " + "  ".join(aligned).rstrip()


def markdown(lines: Sequence[Line], facts: dict[str, Any]) -> str:
    """The tables for a page."""
    parts = ["\n".join(f"- {name}: {value}" for name, value in facts.items())]
    for title, rows in _tables(lines):
        marks = "|---|" + "---:|" * (len(_HEAD) - 2) + "---|"
        shown = [f"| {' | '.join(row)} |" for row in rows]
        parts.append("\n".join([f"**{title}**", "", f"| {' | '.join(_HEAD)} |", marks, *shown]))
    return "\n\n".join(parts) + "\n"


def document(lines: Sequence[Line], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "facts": facts,
        "lines": [
            {
                "schema": line.shape,
                "work": line.work,
                "load": line.load,
                "rows": line.rows,
                "way": line.way,
                "configuration_lines": line.lines,
                "kept_mb": line.kept_mb,
                "wrong": line.fault,
                "failed": line.failure,
                "runs": [
                    {"seconds": cost.seconds, "cpu_s": cost.cpu_s, "peak_mb": cost.peak_mb, "tree_mb": cost.tree_mb}
                    for cost in line.costs
                ],
            }
            for line in lines
        ],
    }


def write(folder: Path, lines: Sequence[Line], facts: dict[str, Any]) -> None:
    """The three forms, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.txt").write_text(text(lines, facts))
    (folder / "bench.md").write_text(markdown(lines, facts))
    (folder / "bench.json").write_text(json.dumps(document(lines, facts), indent=1) + "\n")
