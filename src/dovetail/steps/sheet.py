"""The mapping sheet and the trials of round trips as documents and as tables for the terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dovetail.expression.invert import Reversibility
from dovetail.mapping.compiled import CompiledCell, CompiledMapping, CompiledMember
from dovetail.mapping.laws import Verdict
from dovetail.model.finding import Finding

_STYLES = {Reversibility.LOSSLESS: "green", Reversibility.RESTORE: "yellow", Reversibility.ONE_WAY: "red"}

NAMED = 6
"""Cells without any trial that the last line names."""

Place = tuple[str, str, str]
"""Mapping, member, shared field."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The compiled mappings, for people and for programs."""

    mappings: tuple[CompiledMapping, ...]

    def document(self) -> dict[str, object]:
        """Per mapping, field and member: how the cell is read and written, its class, and why."""
        return {
            "mappings": {
                mapping.name: {
                    "fields": {
                        name: {"members": {member.name: _cell(cell) for member, cell in cells}}
                        for name, cells in _by_field(mapping)
                    },
                    "set": {member.name: _fills(member) for member in mapping.members if member.fills},
                }
                for mapping in self.mappings
            }
        }

    def table(self) -> RenderableType:
        """The mapping sheet: one row a cell, columns in line."""
        return Group(*(Padding(_sheet(mapping), (0, 0, 1, 0)) for mapping in self.mappings))


def _by_field(mapping: CompiledMapping) -> Iterator[tuple[str, list[tuple[CompiledMember, CompiledCell]]]]:
    for known in mapping.mapping.fields:
        cells = [(member, cell) for member in mapping.members if (cell := member.cell(known.name)) is not None]
        if cells:
            yield known.name, cells


def _cell(cell: CompiledCell) -> dict[str, object]:
    document: dict[str, object] = {
        "read": cell.read.text,
        "type": str(cell.type),
        "class": str(cell.kind),
        "reason": cell.reason,
        "write": {name: write.text for name, write in cell.writes},
    }
    if cell.creates and cell.creates != cell.writes:
        document["create"] = {name: write.text for name, write in cell.creates}
    if cell.profile:
        document["asks"] = [
            {"test": asked.test.text, "meaning": f"rows that {asked.meaning}"} for asked in cell.profile
        ]
    return document


def _fills(member: CompiledMember) -> dict[str, object]:
    """The columns that are filled from several shared fields, or from none."""
    return {
        fill.column: {"value": fill.expression.text, "when": "create" if fill.on_create_only else "always"}
        for fill in member.fills
    }


def _sheet(mapping: CompiledMapping) -> Table:
    table = Table(
        title=mapping.name, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold"
    )
    for name in ("field", "member", "class"):
        table.add_column(name, no_wrap=True)
    table.add_column("reads", overflow="fold", ratio=3)
    table.add_column("writes", overflow="fold", ratio=5)
    for name, cells in _by_field(mapping):
        for at, (member, cell) in enumerate(cells):
            writes = [Text(f"{column} = {write.text}") for column, write in cell.writes]
            reason = Text(cell.reason, style="dim italic")
            shown = Group(*writes, reason) if cell.kind is not Reversibility.LOSSLESS else Group(*writes)
            kind = Text(str(cell.kind), style=_STYLES[cell.kind])
            table.add_row(name if at == 0 else "", member.name, kind, Text(cell.read.text), shown)
    for member in mapping.members:
        for fill in member.fills:
            when = " (new rows only)" if fill.on_create_only else ""
            table.add_row("", member.name, "set", "", Text(f"{fill.column} = {fill.expression.text}{when}"))
    return table


@dataclass(frozen=True, slots=True)
class Example:
    """A finding with the counter-example that shows it; its values are for the terminal and `--json` alone."""

    finding: Finding
    example: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The finding, with its counter-example."""
        return {**self.finding.document(), **({"example": self.example} if self.example else {})}

    def lines(self) -> Text:
        """The finding in a line, the counter-example below: before -> after."""
        known = self.finding
        place = ".".join(part for part in (known.mapping, known.member, known.field) if part)
        key = " ".join(f"{name}={value}" for name, value in known.key)
        text = Text()
        text.append(f"{known.code} ", style="dim" if known.severity == "note" else "bold red")
        text.append(f"{place}{f' [{key}]' if key else ''}: {known.message}")
        if self.example:
            text.append("\n    ")
            text.append(" ".join(_shown(self.example)), style="cyan")
        return text


def _shown(example: Mapping[str, object]) -> Iterator[str]:
    """A counter-example in a line, from the row before to what it reads as in the end."""
    if "before" in example:
        yield _spelled(example["before"])
    yield f"<- {_spelled(example['shared'])}"
    yield f"-> {_spelled(example['after'])}"
    if "reads" in example:
        yield f"reads {_spelled(example['reads'])}"


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Tested:
    """What the trials showed: rows looked at by mapping and member, class and verdicts by cell, and the findings."""

    rows: Mapping[tuple[str, str], int]
    cells: Mapping[Place, tuple[Reversibility, Counter[Verdict]]]
    findings: Sequence[Example]

    @property
    def ok(self) -> bool:
        """Whether every law held and every code is listed; notes do not count."""
        return all(one.finding.severity == "note" for one in self.findings)

    def document(self) -> dict[str, object]:
        """Rows, trials and findings as `--json` prints them."""
        members: dict[tuple[str, str], dict[str, object]] = {place: {} for place in self.rows}
        for (mapping, member, name), (kind, counts) in self.cells.items():
            verdicts = {str(known): counts[known] for known in Verdict if counts[known]}
            members[mapping, member][name] = {"class": str(kind), "trials": sum(counts.values()), **verdicts}
        mappings: dict[str, dict[str, object]] = {}
        for (mapping, member), fields in members.items():
            mappings.setdefault(mapping, {})[member] = {"rows": self.rows[mapping, member], "fields": fields}
        return {"mappings": mappings, "findings": [one.document() for one in self.findings]}

    def table(self) -> RenderableType:
        """The trials by cell, then every finding with its example."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("field", "member", "class"):
            table.add_column(name, overflow="fold")
        met = [verdict for verdict in Verdict if any(counts[verdict] for _, counts in self.cells.values())]
        for name in ("rows", "trials", *met):
            table.add_column(str(name), justify="right", no_wrap=True)
        above = ""
        for (mapping, member, name), (kind, counts) in self.cells.items():
            if mapping != above:
                table.add_row(Text(mapping, style="bold"))
                above = mapping
            numbers = [self.rows[mapping, member], sum(counts.values()), *(counts[verdict] for verdict in met)]
            style = Text(str(kind), style=_STYLES[kind])
            table.add_row(f"  {name}", member, style, *(f"{number:,}" if number else "-" for number in numbers))
        return Group(table, *(one.lines() for one in self.findings), self._closing())

    def _closing(self) -> Text:
        """The last line: what was proved, and what was not for want of values."""
        if not self.ok:
            broken = sum(one.finding.severity != "note" for one in self.findings)
            return Text(f"{broken} problem{'s' if broken > 1 else ''}", style="red")
        untried = [f"{mapping}.{name}" for (mapping, _, name), (_, counts) in self.cells.items() if not counts]
        if not untried:
            return Text("both laws hold for every cell", style="green")
        if len(untried) == len(self.cells):
            return Text("nothing was tried: there are no rows to try the laws on", style="yellow")
        named = ", ".join(untried[:NAMED]) + (f" and {len(untried) - NAMED} more" if len(untried) > NAMED else "")
        return Text(f"both laws hold for every cell that was tried; no values for {named}", style="green")
