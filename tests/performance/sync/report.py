"""What was measured of continuous sync, as tables of text and Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.performance.sync.round import SPEEDS, Line

MEASURE = "pglogical"
OURS = "Dovetail"
GOALS = {"one-way": 0.8, "two-way": 0.8, "backlog": 1.0}
"""Dovetail's changes a second as a part of pglogical's."""
_AGAINST = {"held": "backlog"}
GOAL_MS = {"p50": 5.0, "p99": 25.0}

_WORKS = (*SPEEDS, "backlog", "held")
_HEAD = ("server", "link", *(f"{work} /s" for work in _WORKS), "p50 ms", "p95 ms", "p99 ms")


def _cells(line: Line) -> tuple[str, ...]:
    numbers = ["-" if (found := line.speed(work)) is None else f"{found:,.0f}" for work in _WORKS]
    late = line.latency()
    times = ["-"] * 3 if late is None else [f"{number:,.1f}" for number in (late.p50, late.p95, late.p99)]
    numbers = ["failed" if work in line.failures else cell for work, cell in zip(_WORKS, numbers, strict=True)]
    if "latency" in line.failures:
        times = ["failed"] * 3
    return (line.server, line.link, *numbers, *times)


def ratios(lines: Sequence[Line]) -> Iterator[tuple[str, str, float]]:
    """Server, work and Dovetail's speed as a part of pglogical's on the same servers."""
    for ours in lines:
        for other in lines:
            if ours.link == OURS and other.link.startswith(MEASURE) and other.server == ours.server:
                for work in _WORKS:
                    mine, its = ours.speed(work), other.speed(_AGAINST.get(work, work))
                    if mine and its:
                        yield ours.server, work, mine / its


def goals(lines: Sequence[Line]) -> Iterator[str]:
    """Each goal: whether it was reached, in words."""
    for server, work, ratio in ratios(lines):
        goal = GOALS.get(work)
        said = "" if goal is None else f", goal {goal}: {'reached' if ratio >= goal else 'missed'}"
        yield f"PostgreSQL {server}: {work} {ratio:.2f} of {MEASURE}{said}"
    for line in lines:
        late = line.latency()
        if line.link == OURS and late is not None:
            for name, goal_ms in GOAL_MS.items():
                found = getattr(late, name)
                said = "reached" if found <= goal_ms else "missed"
                yield f"PostgreSQL {line.server}: {name} {found:.1f} ms, goal {goal_ms:g}: {said}"


def text(lines: Sequence[Line], facts: Mapping[str, str]) -> str:
    """For a terminal."""
    rows = [_HEAD, *map(_cells, lines)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    table = ["  ".join(map(_padded, row, widths, range(len(row)))) for row in rows]
    failures = [f"{line.server} {line.link} {work}: {why}" for line in lines for work, why in line.failures.items()]
    parts = [[f"{name}: {value}" for name, value in facts.items()], table, list(goals(lines)), failures]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _padded(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at < 2 else cell.rjust(width)


def markdown(lines: Sequence[Line], facts: Mapping[str, str]) -> str:
    """For a page."""
    head = f"| {' | '.join(_HEAD)} |\n|---|---|{'---:|' * (len(_HEAD) - 2)}"
    rows = [f"| {' | '.join(_cells(line))} |" for line in lines]
    told = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    reached = "\n".join(f"- {line}" for line in goals(lines))
    return "\n\n".join((told, "\n".join((head, *rows)), reached)) + "\n"


def write(folder: Path, lines: Sequence[Line], facts: Mapping[str, str]) -> None:
    """The three forms, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench-sync.txt").write_text(text(lines, facts))
    (folder / "bench-sync.md").write_text(markdown(lines, facts))
    document: dict[str, Any] = {"facts": dict(facts), "lines": [asdict(line) for line in lines]}
    (folder / "bench-sync.json").write_text(json.dumps(document, indent=1) + "\n")
