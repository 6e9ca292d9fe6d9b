"""What the systems' feeds tell, as keys of members; our own writes are known again and left out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import flags
from dovetail.engine.feed import able, covered
from dovetail.engine.workspace import Workspace
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import VERSION, Feed, Noticed
from dovetail.model.key import encode
from dovetail.systems.protocol import SupportsCapture

OWN_MAX = 256
"""Writes of ours that are remembered at most for each dataset, to be known again when a feed tells of them."""

_NOTHING = pa.array([], pa.string())


@dataclass(frozen=True, slots=True)
class Told:
    """What one feed told: keys by mapping and member, and members of which every row may have changed."""

    keys: dict[tuple[str, str], pa.Array] = field(default_factory=dict)
    whole: dict[tuple[str, str], str] = field(default_factory=dict)
    cursor: str | None = None
    more: bool = False


class Feeds:
    """The feeds of a project's systems, under one name."""

    def __init__(self, workspace: Workspace, mappings: Sequence[CompiledMapping], name: str) -> None:
        self.name = name
        self._workspace = workspace
        self._members: dict[str, list[tuple[str, CompiledMember]]] = {}
        for mapping in mappings:
            for member in mapping.members:
                self._members.setdefault(member.member.system, []).append((mapping.name, member))
        self._own: dict[tuple[str, str, str], OrderedDict[str, list[pa.Array]]] = {}
        self.standing: dict[str, Feed] = {}

    def adopt(self, mapping: CompiledMapping) -> None:
        """Know the members of a mapping as they were compiled anew."""
        for system, known in self._members.items():
            anew = [(mapping.name, member) for member in mapping.members if member.member.system == system]
            self._members[system] = [one for one in known if one[0] != mapping.name] + anew

    def open(self, systems: Collection[str]) -> None:
        """Find out which of these systems have a feed."""
        for system in systems:
            source = self._workspace.connector(system)
            found = source.feed(self.name) if isinstance(source, SupportsCapture) else None
            self.standing.pop(system, None)
            if found is not None:
                self.standing[system] = found

    def mend(self, system: str) -> None:
        """Make a feed anew that lost something; it covers what the members need, as far as that is there, and names
        what it may have missed as what may have changed."""
        source = self._workspace.connector(system)
        assert isinstance(source, SupportsCapture)
        datasets = covered(self._workspace.project, system, self._workspace.connector(system).describe())
        self.standing[system] = source.capture(self.name, able(source, datasets))

    def covers(self, member: CompiledMember) -> bool:
        """Whether a feed that lost nothing tells of the member's rows."""
        feed = self.standing.get(member.member.system)
        return feed is not None and not feed.lost and set(self._watched(member)) <= set(feed.datasets)

    def _watched(self, member: CompiledMember) -> Sequence[str]:
        """The datasets whose changes may change the member's rows."""
        system = self._workspace.project.system(member.member.system)
        queries = {query.name: query for query in system.queries} if system is not None else {}
        query = queries.get(member.dataset.name)
        if query is None:
            return (member.dataset.name,)
        return tuple(query.watches) or ("",)

    def wrote(self, mapping: str, member: CompiledMember, version: str, keys: pa.Array) -> None:
        """Remember a write of ours: its transaction left these rows as the mapping knows them; others must look."""
        place = (mapping, member.member.system, member.dataset.name)
        versions = self._own.setdefault(place, OrderedDict())
        versions.setdefault(version, []).append(keys)
        while len(versions) > OWN_MAX:
            versions.popitem(last=False)

    def read(self, system: str, rows: int) -> Told:
        """What the feed of a system holds, about `rows` changes at most."""
        source = self._workspace.connector(system)
        assert isinstance(source, SupportsCapture)
        return self.told(system, source.noticed(self.name, rows=rows))

    def told(self, system: str, noticed: Noticed) -> Told:
        """What was noticed at a system, in the words of its members."""
        told = Told(cursor=noticed.cursor, more=noticed.more)
        for mapping, member in self._members[system]:
            place = (mapping, member.name)
            for dataset in self._watched(member):
                if dataset in noticed.whole:
                    told.whole[place] = noticed.whole[dataset]
                batch = noticed.keys.get(dataset)
                if batch is None or not batch.num_rows:
                    continue
                if dataset != member.dataset.name or not set(member.key) <= set(batch.schema.names):
                    told.whole[place] = f"{dataset} changed"
                    continue
                own: Mapping[str, list[pa.Array]] = self._own.get((mapping, system, dataset), {})
                keys = _others(own, batch, encode([batch.column(part) for part in member.key]))
                if len(keys):
                    known = told.keys.get(place, _NOTHING)
                    told.keys[place] = pa.concat_arrays([known, keys]).unique()
        return told

    def acknowledge(self, system: str, cursor: str) -> None:
        """Let the feed forget what was dealt with."""
        source = self._workspace.connector(system)
        assert isinstance(source, SupportsCapture)
        source.acknowledge(self.name, cursor)


def _others(versions: Mapping[str, list[pa.Array]], batch: pa.RecordBatch, keys: pa.Array) -> pa.Array:
    """The keys of changes that are not our own: a row that one of our transactions changed once, and that we wrote in
    it, stands as we left it."""
    if not versions or VERSION not in batch.schema.names:
        return keys
    column = batch.column(VERSION)
    ours = np.zeros(batch.num_rows, dtype=np.bool_)
    for version in pc.unique(column).to_pylist():
        written = versions.get(version)
        if written is None:
            continue
        at = np.flatnonzero(flags(pc.equal(column, pa.scalar(version, column.type))))
        some = keys.take(pa.array(at)).dictionary_encode()
        codes = some.indices.to_numpy()
        once = np.bincount(codes)[codes] == 1
        known = flags(pc.is_in(some.cast(pa.string()), value_set=pa.concat_arrays(written)))
        ours[at[once & known]] = True
    return keys.filter(pa.array(~ours)) if ours.any() else keys
