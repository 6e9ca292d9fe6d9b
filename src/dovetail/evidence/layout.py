"""Places the parts of a layered drawing so that few lines cross and most are short."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 16
"""Passes over the layers; each looks at one neighbouring layer and puts nodes where their lines come from."""

Point = tuple[float, float]
Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands; `x` and `y` are its upper left corner."""

    name: str
    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        """The middle of its left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        """The middle of its right side."""
        return self.x + self.width, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two nodes, with the points that it passes between them, from `parent` to `child`."""

    parent: str
    child: str
    via: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and lines, with the size of the whole."""

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Measures:
    """Sizes of a drawing: of a node, of the room between nodes and between layers, and of a line that passes a
    layer."""

    node_height: float = 28
    node_gap: float = 10
    layer_gap: float = 64
    pass_height: float = 8


def arrange(
    layers: Sequence[Sequence[str]],
    edges: Iterable[tuple[str, str]],
    width_of: Callable[[str], float],
    measures: Measures,
) -> Drawing:
    """A drawing of layers from left to right; `edges` are pairs of (parent, child), the parent in an earlier layer."""
    columns, chains = _with_passes(layers, sorted(set(edges)))
    before, after = _neighbours(columns, chains)
    columns = _untangled(columns, before, after)
    heights = {name: measures.node_height for layer in layers for name in layer}
    middle = _settled(columns, before, after, lambda name: heights.get(name, measures.pass_height) + measures.node_gap)
    boxes: dict[str, Box] = {}
    passes: dict[str, tuple[Point, Point]] = {}
    x = 0.0
    for column in columns:
        width = max((width_of(name) for name in column if name in heights), default=0.0)
        for name in column:
            if name in heights:
                boxes[name] = Box(name, x, middle[name] - measures.node_height / 2, width, measures.node_height)
            else:
                passes[name] = ((x, middle[name]), (x + width, middle[name]))
        x += width + measures.layer_gap
    lines = tuple(
        Line(chain[0], chain[-1], tuple(point for name in chain[1:-1] for point in passes[name])) for chain in chains
    )
    height = max((box.y + box.height for box in boxes.values()), default=0.0)
    height = max([height, *(points[0][1] for points in passes.values())])
    return Drawing(boxes, lines, max(0.0, x - measures.layer_gap), height)


def mirrored(drawing: Drawing) -> Drawing:
    """The same drawing from right to left."""
    boxes = {
        name: Box(name, drawing.width - box.x - box.width, box.y, box.width, box.height)
        for name, box in drawing.boxes.items()
    }
    lines = tuple(
        Line(line.parent, line.child, tuple((drawing.width - x, y) for x, y in line.via)) for line in drawing.lines
    )
    return Drawing(boxes, lines, drawing.width, drawing.height)


def _with_passes(
    layers: Sequence[Sequence[str]], edges: Sequence[tuple[str, str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """The layers, with a stand-in in every layer that a long edge passes; and each edge as its chain of nodes.

    Edges of one parent share their stand-ins, so that they run together until they must part."""
    layer_of = {name: at for at, layer in enumerate(layers) for name in layer}
    columns = [list(layer) for layer in layers]
    chains: list[list[str]] = []
    for parent, child in edges:
        first, last = layer_of[parent], layer_of[child]
        if first >= last:
            continue
        chain = [parent]
        for at in range(first + 1, last):
            stand_in = f"\x00{at}\x00{parent}"
            if stand_in not in columns[at]:
                columns[at].append(stand_in)
            chain.append(stand_in)
        chains.append([*chain, child])
    return columns, chains


def _neighbours(columns: list[list[str]], chains: list[list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {name: [] for column in columns for name in column}
    after: dict[str, list[str]] = {name: [] for column in columns for name in column}
    for chain in chains:
        for left, right in pairwise(chain):
            if left not in before[right]:
                before[right].append(left)
                after[left].append(right)
    return before, after


def _untangled(columns: list[list[str]], before: Neighbours, after: Neighbours) -> list[list[str]]:
    """The order within each column that crossed least of all those tried."""
    best, fewest = [list(column) for column in columns], crossings(columns, after)
    tried = [list(column) for column in columns]
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        order = range(1, len(tried)) if forward else range(len(tried) - 2, -1, -1)
        for at in order:
            fixed = {name: place for place, name in enumerate(tried[at - 1 if forward else at + 1])}
            tried[at] = _by_neighbours(tried[at], before if forward else after, fixed)
        found = crossings(tried, after)
        if found < fewest:
            best, fewest = [list(column) for column in tried], found
    return best


def _by_neighbours(column: list[str], neighbours: Neighbours, fixed: Mapping[str, int]) -> list[str]:
    """The column ordered by the mean place of each node's neighbours; nodes without any keep their place."""
    wish: dict[str, float] = {}
    for place, name in enumerate(column):
        places = [fixed[other] for other in neighbours[name] if other in fixed]
        wish[name] = sum(places) / len(places) if places else place * max(1, len(fixed)) / max(1, len(column))
    return sorted(column, key=lambda name: wish[name])


def crossings(columns: Sequence[Sequence[str]], after: Neighbours) -> int:
    """How often lines between neighbouring columns cross.

    >>> crossings([["a", "b"], ["c", "d"]], {"a": ["d"], "b": ["c"]})
    1
    """
    total = 0
    for left, right in pairwise(columns):
        place = {name: at for at, name in enumerate(right)}
        ends = [place[other] for name in left for other in sorted(after.get(name, ()), key=place.__getitem__)]
        seen: list[int] = []
        for end in ends:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _settled(
    columns: list[list[str]], before: Neighbours, after: Neighbours, room: Callable[[str], float]
) -> dict[str, float]:
    """The height of each node's middle: near its neighbours, in the order of its column, never touching."""
    middle: dict[str, float] = {}
    for column in columns:
        middle.update(spaced(column, [0.0] * len(column), room))
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            wishes = []
            for name in column:
                near = [*before[name], *after[name]] if sweep > SWEEPS // 2 else (before if forward else after)[name]
                wishes.append(sum(middle[other] for other in near) / len(near) if near else middle[name])
            middle.update(spaced(column, wishes, room))
    top = min((middle[name] - room(name) / 2 for column in columns for name in column), default=0.0)
    return {name: height - top for name, height in middle.items()}


def spaced(column: Sequence[str], wishes: Sequence[float], room: Callable[[str], float]) -> dict[str, float]:
    """The heights nearest to the wishes (in the sum of squares) that keep the order and the room of each.

    >>> spaced(["a", "b"], [5.0, 5.0], lambda name: 10.0)
    {'a': 0.0, 'b': 10.0}
    """
    offsets = [0.0]
    for upper, lower in pairwise(column):
        offsets.append(offsets[-1] + (room(upper) + room(lower)) / 2)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=False):
        total, size = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            more, count = pools.pop()
            total, size = total + more, size + count
        pools.append((total, size))
    heights = [total / size for total, size in pools for _ in range(size)]
    return {name: height + offset for name, height, offset in zip(column, heights, offsets, strict=False)}
