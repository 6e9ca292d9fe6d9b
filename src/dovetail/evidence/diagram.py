"""The dependency map of the systems as a drawing (SVG), with the threads that mappings draw between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from dovetail.analysis.answer import Analysis, Link, SystemAnalysis
from dovetail.evidence.layout import Box, Drawing, Line, Measures, Point, arrange, mirrored, spaced
from dovetail.evidence.words import anchor, counted, short

MEASURES = Measures(layer_gap=48)
LETTER = 7.3
"""Mean width of a letter of a node's name."""

LABEL_LENGTH_MAX = 32
MARGIN = 24.0
HEAD = 44.0
"""Room above each system's drawing for its name."""

BETWEEN = 170.0
"""Room between two systems, where the mappings' names stand."""

PILL_HEIGHT = 22.0


@dataclass(frozen=True, slots=True)
class _Block:
    """One system's part of the drawing, at its place."""

    system: SystemAnalysis
    number: int
    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    x: float
    width: float
    height: float
    is_mirrored: bool


def diagram(analysis: Analysis) -> str:
    """The drawing as an SVG element in a frame that scrolls.

    Datasets stand in layers, parents beside their children; mappings are threads between systems."""
    blocks = _blocks(analysis)
    if not blocks:
        return ""
    width = max(block.x + block.width for block in blocks) + MARGIN
    height = max(block.height for block in blocks) + HEAD + MARGIN
    threads, pills = _threads(blocks, analysis.links)
    parts = [*threads]
    for block in blocks:
        parts += _system(block)
    parts += pills
    words = escape(f"Dependency map of {', '.join(block.system.name for block in blocks)}")
    return (
        f'<div class="scroll" tabindex="0" style="--natural:{width:.0f}px">'
        f'<svg class="map" role="img" aria-label="{words}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg></div>'
    )


def _blocks(analysis: Analysis) -> list[_Block]:
    """The systems side by side; with mappings, parents of the first one stand at its right side, near the others."""
    drawn = [_arranged(system) for system in analysis.systems]
    tallest = max((drawing.height for drawing in drawn), default=0.0)
    blocks: list[_Block] = []
    x = MARGIN
    for number, (system, drawing) in enumerate(zip(analysis.systems, drawn, strict=True)):
        turned = number == 0 and bool(analysis.links) and len(drawn) > 1
        shown = mirrored(drawing) if turned else drawing
        down = HEAD + (tallest - shown.height) / 2
        boxes = {name: _moved(box, x, down) for name, box in shown.boxes.items()}
        lines = tuple(
            Line(line.parent, line.child, tuple((px + x, py + down) for px, py in line.via)) for line in shown.lines
        )
        blocks.append(_Block(system, number, boxes, lines, x, shown.width, tallest, turned))
        x += shown.width + BETWEEN
    return blocks


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.name, box.x + x, box.y + y, box.width, box.height)


def _arranged(system: SystemAnalysis) -> Drawing:
    """One system's drawing; datasets without references stand in rows beneath the others."""
    alone = set(system.dependency.alone)
    layers = [[name for name in layer if name not in alone] for layer in system.dependency.layers]
    parents = {
        dataset.name: {reference.dataset for reference in dataset.references} - {dataset.name}
        for dataset in system.catalog.datasets
    }
    edges = [(parent, name) for name, needed in parents.items() for parent in needed]
    known = {name for layer in layers for name in layer}
    edges = [(parent, name) for parent, name in edges if parent in known and name in known]
    tight = _tightened([layer for layer in layers if layer], edges)
    drawing = arrange(tight, edges, lambda name: _width(system, name), MEASURES)
    return _with_rows(drawing, system)


def _tightened(layers: list[list[str]], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Nodes without parents moved next to their nearest child, so that lines are short."""
    at = {name: number for number, layer in enumerate(layers) for name in layer}
    children: dict[str, list[str]] = {}
    with_parents = set()
    for parent, child in edges:
        if at[parent] < at[child]:
            children.setdefault(parent, []).append(child)
            with_parents.add(child)
    for name, below in children.items():
        if name not in with_parents:
            at[name] = min(at[child] for child in below) - 1
    return [[name for layer in layers for name in layer if at[name] == number] for number in range(len(layers))]


def _with_rows(drawing: Drawing, system: SystemAnalysis) -> Drawing:
    alone = system.dependency.alone
    if not alone:
        return drawing
    wide = max(_width(system, name) for name in alone)
    pitch = MEASURES.node_height + MEASURES.node_gap
    fitting = int((drawing.width + 20) // (wide + 20))
    count = max(1, fitting) if drawing.boxes else max(1, -(-len(alone) // 12))
    top = drawing.height + 40 if drawing.boxes else 0.0
    boxes = dict(drawing.boxes)
    for number, name in enumerate(alone):
        row, column = divmod(number, count)
        boxes[name] = Box(name, column * (wide + 20), top + row * pitch, wide, MEASURES.node_height)
    width = max(drawing.width, min(count, len(alone)) * (wide + 20) - 20)
    return Drawing(boxes, drawing.lines, width, top + -(-len(alone) // count) * pitch)


def _width(system: SystemAnalysis, name: str) -> float:
    return 40 + LETTER * len(_label(name)) + 6.6 * len(_rows(system, name))


def _label(name: str) -> str:
    if len(name) <= LABEL_LENGTH_MAX:
        return name
    half = LABEL_LENGTH_MAX // 2
    return f"{name[:half]}…{name[-half + 1 :]}"


def _rows(system: SystemAnalysis, name: str) -> str:
    profile = system.profile(name)
    return short(profile.rows) if profile else "–"


def _system(block: _Block) -> list[str]:
    name = escape(block.system.name)
    held = f"{counted(len(block.system.catalog.datasets), 'dataset')} · {short(block.system.rows)} rows"
    parts = [
        f'<g class="system s{block.number % 4}">',
        f'<text class="caption" x="{block.x:.0f}" y="20">{name}</text>',
        f'<text class="under" x="{block.x:.0f}" y="36">{escape(block.system.connector)} · {held}</text>',
    ]
    parts += [_edge(block, line) for line in block.lines]
    parts += _rings(block)
    parts += [_node(block, box) for box in block.boxes.values()]
    return [*parts, "</g>"]


def _edge(block: _Block, line: Line) -> str:
    parent, child = block.boxes[line.parent], block.boxes[line.child]
    ends = (parent.left, child.right) if block.is_mirrored else (parent.right, child.left)
    points = [ends[0], *line.via, ends[1]]
    names = f'data-a="{anchor(block.system.name, line.parent)}" data-b="{anchor(block.system.name, line.child)}"'
    title = f"<title>{escape(line.child)} refers to {escape(line.parent)}</title>"
    return f'<path class="edge" {names} d="{_curve(points)}">{title}</path>'


def _curve(points: Sequence[Point]) -> str:
    """A smooth line through the points, level at each."""
    text = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (x1 - x0) / 2
        text.append(f"C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return "".join(text)


def _rings(block: _Block) -> list[str]:
    """Lines between datasets that refer to each other in a ring; they stand in one layer."""
    parts = []
    for cycle in block.system.dependency.cycles:
        for dataset in block.system.catalog.datasets:
            if dataset.name not in cycle:
                continue
            for parent in sorted({reference.dataset for reference in dataset.references} & set(cycle) - {dataset.name}):
                (x0, y0), (x1, y1) = block.boxes[dataset.name].right, block.boxes[parent].right
                parts.append(
                    f'<path class="edge ring" data-a="{anchor(block.system.name, parent)}" '
                    f'data-b="{anchor(block.system.name, dataset.name)}" '
                    f'd="M{x0:.1f} {y0:.1f}C{x0 + 30:.1f} {y0:.1f} {x1 + 30:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"/>'
                )
    return parts


def _node(block: _Block, box: Box) -> str:
    system = block.system
    dataset = system.catalog.dataset(box.name)
    kind = str(dataset.kind) if dataset else "table"
    refers_to_itself = dataset is not None and any(reference.dataset == box.name for reference in dataset.references)
    profile = system.profile(box.name)
    kind += " empty" if profile and not profile.rows else ""
    personal = sum(1 for field in profile.fields if field.sensitive) if profile else 0
    middle = box.y + box.height / 2 + 4
    label = escape(_label(box.name)) + ("&#8201;↻" if refers_to_itself else "")
    mark = (
        f'<circle class="personal" cx="{box.x + 11:.1f}" cy="{box.y + box.height / 2:.1f}" r="3"/>' if personal else ""
    )
    facts = [f"{box.name}: {profile.rows if profile else 'unknown number of'} rows"]
    facts += [f"{personal} fields may be personal"] if personal else []
    facts += ["refers to itself"] if refers_to_itself else []
    return (
        f'<a class="node {kind}" href="#{anchor(system.name, box.name)}"><title>{escape("; ".join(facts))}</title>'
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>{mark}'
        f'<text x="{box.x + 18:.1f}" y="{middle:.1f}">{label}</text>'
        f'<text class="count" x="{box.x + box.width - 8:.1f}" y="{middle:.1f}">{_rows(system, box.name)}</text></a>'
    )


def _threads(blocks: Sequence[_Block], links: Sequence[Link]) -> tuple[list[str], list[str]]:
    """The mappings between neighbouring systems: threads, to be drawn under the datasets, and their names."""
    threads: list[str] = []
    pills: list[str] = []
    for left, right in pairwise(blocks):
        between = []
        for link in links:
            ends = dict((link.left, link.right))
            start, end = (
                left.boxes.get(ends.get(left.system.name, "")),
                right.boxes.get(ends.get(right.system.name, "")),
            )
            if start is not None and end is not None:
                between.append((link.mapping, start, end))
        between.sort(key=lambda thread: thread[1].y + thread[2].y)
        heights = _pill_heights(between)
        for at, (mapping, start, end) in enumerate(between):
            wide = 24 + LETTER * len(mapping)
            middle = left.x + left.width + BETWEEN / 2
            y = heights[str(at)]
            first, second = (middle - wide / 2, y), (middle + wide / 2, y)
            names = f'data-a="{anchor(left.system.name, start.name)}" data-b="{anchor(right.system.name, end.name)}"'
            threads += [
                f'<path class="thread" {names} d="{_curve([start.right, first])}"/>',
                f'<path class="thread" {names} d="{_curve([second, end.left])}"/>',
            ]
            pills.append(
                f'<g class="pill" {names}><rect x="{first[0]:.1f}" y="{y - PILL_HEIGHT / 2:.1f}" width="{wide:.1f}" '
                f'height="{PILL_HEIGHT:.0f}" rx="{PILL_HEIGHT / 2:.0f}"/>'
                f'<text x="{middle:.1f}" y="{y + 4:.1f}">{escape(mapping)}</text></g>'
            )
    return threads, pills


def _pill_heights(threads: Sequence[tuple[str, Box, Box]]) -> dict[str, float]:
    """Heights of the mappings' names, by their place in the list: between both ends, never touching."""
    wishes = [(start.left[1] + end.left[1]) / 2 for _, start, end in threads]
    return spaced([str(at) for at in range(len(threads))], wishes, lambda _: PILL_HEIGHT + 8)
