"""The order in which mappings are written: parents before children, cycles together."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from collections.abc import Sequence
from graphlib import TopologicalSorter

from dovetail.model.mapping import Mapping


def routes(mappings: Sequence[Mapping]) -> tuple[tuple[Mapping, ...], ...]:
    """The mappings in groups, each after the groups that it refers to; the members of one group refer to each other in
    a cycle."""
    by_name = {mapping.name: mapping for mapping in mappings}
    needs = {mapping.name: references(mapping) & by_name.keys() - {mapping.name} for mapping in mappings}
    groups = _cycles(needs)
    group_of = {name: group for group in groups for name in group}
    sorter: TopologicalSorter[tuple[str, ...]] = TopologicalSorter()
    for group in groups:
        sorter.add(group, *{group_of[need] for name in group for need in needs[name]} - {group})
    return tuple(tuple(by_name[name] for name in group) for group in sorter.static_order())


def references(mapping: Mapping) -> set[str]:
    """The names of the mappings that this one refers to, itself included where it does."""
    return {field.ref for field in mapping.fields if field.ref is not None}


def _cycles(needs: Bindings[str, set[str]]) -> list[tuple[str, ...]]:
    """The strongly connected groups of names, in the order of first appearance (each name reaches every other of its
    group)."""
    reach = {name: _reachable(name, needs) for name in needs}
    groups: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for name in needs:
        if name not in seen:
            group = tuple(other for other in needs if other == name or (other in reach[name] and name in reach[other]))
            seen.update(group)
            groups.append(group)
    return groups


def _reachable(start: str, needs: Bindings[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found


def waves(parents: Sequence[int]) -> list[int]:
    """For each row of a self-referencing mapping the wave in which it can be written; -1 where its ancestors form a
    cycle.

    `parents[i]` is the place of the parent of row `i`, or -1 where it has none that must be written first.

    >>> waves([-1, 0, 1, 4, 3])
    [0, 1, 2, -1, -1]
    """
    unseen, on_path = -3, -2
    depth = [unseen] * len(parents)
    for start in range(len(parents)):
        path = []
        row = start
        while row >= 0 and depth[row] == unseen:
            depth[row] = on_path
            path.append(row)
            row = parents[row]
        above = -1 if row < 0 else depth[row]
        cyclic = row >= 0 and above in (on_path, -1)
        for at, member in enumerate(reversed(path)):
            depth[member] = -1 if cyclic else above + 1 + at
    return depth
