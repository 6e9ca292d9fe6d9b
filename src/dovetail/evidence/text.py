"""The analysis for a terminal: one table a system, and what deserves a look."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dovetail.analysis.answer import Analysis, SystemAnalysis
from dovetail.evidence.words import counted

NOTES_MAX = 10
"""Notes shown for one system at most; the page and `--json` hold all."""

NAMES_MAX = 6
"""Names in one list at most."""


def overview(analysis: Analysis) -> RenderableType:
    """Everything worth seeing at once; the page holds the rest."""
    parts: list[RenderableType] = [_system(system) for system in analysis.systems]
    parts += _personal(analysis)
    if analysis.overlaps:
        parts.append(_overlaps(analysis))
    parts += [_notes(system) for system in analysis.systems if system.notes]
    return Group(*parts)


def _system(system: SystemAnalysis) -> RenderableType:
    held = f"{counted(len(system.catalog.datasets), 'dataset')}, {counted(system.rows, 'row')}"
    table = Table(
        title=escape(f"{system.name} ({system.connector}): {held}"),
        title_justify="left",
        title_style="bold",
        caption=escape(_seen(system)),
        caption_justify="left",
        caption_style="",
        box=SIMPLE_HEAD,
    )
    table.add_column("dataset", overflow="fold")
    table.add_column("rows", justify="right", overflow="fold")
    table.add_column("fields", justify="right", overflow="fold")
    table.add_column("key", overflow="fold")
    table.add_column("refers to", overflow="fold")
    table.add_column("personal", justify="right", overflow="fold")
    for dataset in system.catalog.datasets:
        profile = system.profile(dataset.name)
        personal = sum(1 for field in profile.fields if field.sensitive) if profile else 0
        parents = list(dict.fromkeys(reference.dataset for reference in dataset.references))
        shown = [*parents[:3], *([f"and {len(parents) - 3} more"] if len(parents) > 3 else [])]
        table.add_row(
            escape(dataset.name),
            f"{profile.rows:,}" if profile else "not read",
            str(len(dataset.fields)),
            escape(", ".join(dataset.key)) or "none",
            escape(", ".join(shown)),
            str(personal or ""),
        )
    return table


def _seen(system: SystemAnalysis) -> str:
    """How changes can be seen: the commonest way, and the datasets that have another one."""
    ways: dict[str, list[str]] = {}
    for dataset in system.catalog.datasets:
        seen = system.seen(dataset.name)
        if seen is not None:
            ways.setdefault(seen.way, []).append(dataset.name)
    if not ways:
        return ""
    usual = max(ways, key=lambda way: len(ways[way]))
    others = [f"by {way}: {_some(names)}" for way, names in ways.items() if way != usual]
    return "; ".join([f"Changes can be seen by {usual}", *others])


def _some(names: list[str]) -> str:
    rest = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f", and {rest} more" if rest > 0 else "")


def _personal(analysis: Analysis) -> Iterator[RenderableType]:
    found: dict[str, list[str]] = {}
    for system in analysis.systems:
        for dataset, field in system.personal:
            found.setdefault(field.sensitive, []).append(f"{system.name}.{dataset}.{field.name}")
    if not found:
        return
    table = Table(title="May hold personal data or secrets", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("class", overflow="fold")
    table.add_column("fields", overflow="fold")
    for label, names in sorted(found.items()):
        table.add_row(label, escape(_some(names)))
    yield table


def _overlaps(analysis: Analysis) -> RenderableType:
    table = Table(title="What the members have in common", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for heading in ("mapping", "left", "right"):
        table.add_column(heading, overflow="fold")
    for heading in ("left only", "both", "right only", "doubled"):
        table.add_column(heading, justify="right", overflow="fold")
    for overlap in analysis.overlaps:
        numbers = (overlap.left_only, overlap.both, overlap.right_only, overlap.doubled)
        table.add_row(
            escape(overlap.mapping), escape(overlap.left), escape(overlap.right), *(f"{n:,}" for n in numbers)
        )
    return table


def _notes(system: SystemAnalysis) -> RenderableType:
    rest = len(system.notes) - NOTES_MAX
    lines = [f"{system.name}: {note}" for note in system.notes[:NOTES_MAX]]
    lines += [f"{system.name}: and {rest} more notes"] if rest > 0 else []
    return Text("\n".join(lines))
