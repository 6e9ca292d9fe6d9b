"""The feeds of an installation: the name under which they stand in the joined systems, and what each is to cover."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.mapping import Project
from dovetail.systems.protocol import SupportsCapture

NOTED = ("slot", "triggers", "binlog")
"""Ways in which a system notes changes."""

_NAME_MAX = 18
_DIGEST_BYTES = 5


def feed_name(project: str, environment: str | None, installation: str) -> str:
    """A name of its own for each state of each project and environment, in letters that every system takes.

    >>> feed_name("Shop & Warehouse", None, "7d1f")
    'dovetail_shop_warehouse_4a75cabc8e'
    """
    told = "\0".join((project, environment or "", installation))
    digest = blake2b(told.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    spoken = re.sub("[^a-z0-9]+", "_", project.lower())[:_NAME_MAX].strip("_")
    return "_".join(part for part in ("dovetail", spoken, digest) if part)


def covered(project: Project, system: str, catalog: Catalog) -> tuple[Dataset, ...]:
    """The datasets of a system whose changes concern the project's members, and the tables that their queries watch.

    Where members name keys of their own, a dataset's key here has all their parts; a dataset that is not there is left
    out."""
    declared = project.system(system)
    watches = {query.name: query.watches for query in declared.queries} if declared is not None else {}
    keys: dict[str, list[str]] = {}
    for mapping in project.mappings:
        for member in mapping.members:
            if member.system == system:
                for name in watches.get(member.dataset, (member.dataset,)):
                    keys.setdefault(name, []).extend(member.key if name == member.dataset else ())
    found = [(catalog.dataset(name), key) for name, key in sorted(keys.items())]
    return tuple(replace(one, key=tuple(dict.fromkeys(key)) or one.key) for one, key in found if one is not None)


def able(source: SupportsCapture, datasets: Sequence[Dataset]) -> list[Dataset]:
    """Those of the datasets whose changes the system can note."""
    ways = {one.dataset: one.way for one in source.visibility(datasets)}
    return [one for one in datasets if ways.get(one.name) in NOTED]
