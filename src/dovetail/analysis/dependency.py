"""Which dataset needs which other one first: layers, cycles and the order of loading."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.model.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the references of a catalog say.

    `layers` hold the names of the datasets, parents first: a dataset refers only to earlier layers, or to others of
    its own cycle.
    `cycles` are groups that refer to each other in a ring; a dataset that refers to itself is a group of one. `alone`
    are datasets
    without any reference, in either direction. `unknown` are pairs of a dataset and a name it refers to that the
    catalog lacks.
    """

    layers: tuple[tuple[str, ...], ...]
    cycles: tuple[tuple[str, ...], ...]
    alone: tuple[str, ...]
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """All datasets in an order of loading."""
        return tuple(name for layer in self.layers for name in layer)


def dependency(catalog: Catalog) -> Dependency:
    """The dependencies between the datasets of one system."""
    parents = {dataset.name: {reference.dataset for reference in dataset.references} for dataset in catalog.datasets}
    unknown = tuple(
        (name, parent) for name, needed in parents.items() for parent in sorted(needed) if parent not in parents
    )
    known = {name: {parent for parent in needed if parent in parents} for name, needed in parents.items()}
    groups = rings(known)
    group_of = {name: at for at, group in enumerate(groups) for name in group}
    depth: list[int] = []
    for at, group in enumerate(groups):
        needed = {group_of[parent] for name in group for parent in known[name]} - {at}
        depth.append(max((depth[parent] + 1 for parent in needed), default=0))
    layers = tuple(
        tuple(name for name in known if depth[group_of[name]] == level) for level in range(max(depth, default=-1) + 1)
    )
    cycles = tuple(group for group in groups if len(group) > 1 or group[0] in known[group[0]])
    related = {parent for needed in known.values() for parent in needed} | {name for name in known if known[name]}
    return Dependency(layers, cycles, tuple(name for name in known if name not in related), unknown)


def rings(parents: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """The groups of names that reach each other, each name in exactly one, parents before children (Tarjan, without
    recursion).

    >>> rings({"line": {"order"}, "order": {"customer"}, "customer": {"customer"}})
    [('customer',), ('order',), ('line',)]
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    trail: list[str] = []
    groups: list[tuple[str, ...]] = []
    closed: set[str] = set()
    for start, needed in parents.items():
        work = [] if start in index else [(start, iter(sorted(needed)))]
        while work:
            name, rest = work[-1]
            if name not in index:
                index[name] = low[name] = len(index)
                trail.append(name)
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    at = trail.index(name)
                    groups.append(tuple(sorted(trail[at:])))
                    closed.update(trail[at:])
                    del trail[at:]
            elif following not in index:
                work.append((following, iter(sorted(parents[following]))))
            elif following not in closed:
                low[name] = min(low[name], index[following])
    return groups
