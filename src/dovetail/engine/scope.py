"""Some shared rows looked at wherever they stand: read by key at every member, paired, and decided as one scope."""

from __future__ import annotations

from collections.abc import Mapping as Bindings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.agreed import Agreed
from dovetail.engine.arrays import flags, taken
from dovetail.engine.decide import decide, let_go
from dovetail.engine.decision import Decision, Surroundings
from dovetail.engine.meeting import counterparts_at
from dovetail.engine.rows import MemberRows, one_table, parts_of, see
from dovetail.engine.scoped import ScopeLinks
from dovetail.engine.survey import follow_references, naturals_of, take_survey
from dovetail.engine.workspace import Workspace
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.key import encode
from dovetail.systems.protocol import Source, SupportsLookup

TOGETHER_MIN = 500
"""Keys from which members are asked at the same time; for fewer, threads cost more than they save."""
STEPS_MAX = 4
"""Times at most that rows which were found by their natural key lead to further rows."""

_NOTHING = pa.array([], pa.string())


def look_at(
    mapping: CompiledMapping, keys: Bindings[str, pa.Array], around: Surroundings, workspace: Workspace
) -> Decision:
    """Decide about the shared rows that these keys name, by member. What the keys are linked to is read too, and
    whatever stands under the same natural key where a row is new or a partner is missing: a row is created, or taken
    for deleted, only after that was looked up."""
    look = _Look(mapping, around, workspace)
    look.ask(keys)
    for _ in range(STEPS_MAX):
        found = look.met()
        if not found:
            break
        look.ask(found)
    return look.decide()


class _Look:
    """Rows read so far, by member, and the shared rows that they are known to be."""

    def __init__(self, mapping: CompiledMapping, around: Surroundings, workspace: Workspace) -> None:
        self.mapping = mapping
        self.around = around
        self.workspace = workspace
        self.numbers = np.zeros(0, dtype=np.int64)
        self._asked = {member.name: _NOTHING for member in mapping.members}
        self._batches: dict[str, list[pa.RecordBatch]] = {member.name: [] for member in mapping.members}
        self._linked: dict[str, pa.Array] = {}
        self._sides: dict[str, MemberRows] = {}

    def ask(self, keys: Bindings[str, pa.Array]) -> None:
        """Read the rows of these keys, and of all keys that are linked to them."""
        crossref, name = self.workspace.store.crossref, self.mapping.name
        wanted = {member.name: keys.get(member.name, _NOTHING) for member in self.mapping.members}
        found = [self.numbers]
        for member, own in wanted.items():
            if len(own):
                found.append(crossref.rows(name, member, own).drop_null().to_numpy(zero_copy_only=False))
        self.numbers = np.unique(np.concatenate(found)).astype(np.int64)
        fresh = {}
        for member, own in wanted.items():
            self._linked[member] = crossref.keys(name, member, pa.array(self.numbers))
            every = pa.concat_arrays([own, self._linked[member].drop_null()]).unique()
            known = self._asked[member]
            fresh[member] = every.filter(pc.invert(pc.is_in(every, value_set=known))) if len(known) else every
            self._asked[member] = pa.concat_arrays([known, fresh[member]])
        self._read({member: own for member, own in fresh.items() if len(own)})
        for compiled in self.mapping.members:
            if compiled.name not in self._sides or len(fresh[compiled.name]):
                own, unreadable = one_table(compiled, self._batches[compiled.name])
                self._sides[compiled.name] = see(self.mapping, compiled, own, unreadable)

    def _read(self, wanted: Bindings[str, pa.Array]) -> None:
        members = [member for member in self.mapping.members if member.name in wanted]
        if max(map(len, wanted.values()), default=0) < TOGETHER_MIN:
            for member in members:
                self._batches[member.name] += self._rows(member, wanted[member.name])
            return
        with ThreadPoolExecutor(max_workers=max(len(members), 1)) as pool:
            answers = pool.map(lambda member: self._rows(member, wanted[member.name]), members)
            for member, batches in zip(members, answers, strict=True):
                self._batches[member.name] += batches

    def _rows(self, member: CompiledMember, keys: pa.Array) -> list[pa.RecordBatch]:
        source = self.workspace.connector(member.member.system)
        return rows_of_keys(source, member, keys)

    def met(self) -> dict[str, pa.Array]:
        """Keys, by member, of rows that nobody has read yet and that stand under the natural key of a row which has no
        partner there."""
        if self.mapping.mapping.match is None:
            return {}
        found: dict[str, pa.Array] = {}
        links, parents = self._links(), self.around.mappings
        for giver in self.mapping.members:
            rows = self._sides[giver.name]
            if not len(rows):
                continue
            numbers = links.numbers(self.mapping.name, giver.name, rows.keys)
            is_loose = ~np.isin(numbers, self.numbers)
            for member in self.mapping.members:
                lacks = is_loose if member is giver else is_loose | ~np.isin(numbers, self._standing(member))
                if not lacks.any():
                    continue
                naturals = naturals_of(self.mapping, rows, links, parents)
                some = {field: column.filter(pa.array(lacks)) for field, column in naturals.items()}
                source = self.workspace.connector(member.member.system)
                keys = counterparts_at(self.mapping, member, some, source=source, around=(links, parents))
                fresh = keys.filter(pc.invert(pc.is_in(keys, value_set=self._asked[member.name])))
                if len(fresh):
                    found[member.name] = pa.concat_arrays([found.get(member.name, _NOTHING), fresh]).unique()
        return found

    def _standing(self, member: CompiledMember) -> npt.NDArray[np.int64]:
        """The linked shared rows that the member really holds."""
        linked = self._linked[member.name]
        holds = flags(pc.is_in(linked, value_set=self._sides[member.name].keys)) & flags(pc.is_valid(linked))
        standing: npt.NDArray[np.int64] = self.numbers[holds]
        return standing

    def _links(self) -> ScopeLinks:
        links = ScopeLinks(self.around.links, self.mapping)
        for member, keys in self._linked.items():
            has_key = flags(pc.is_valid(keys))
            links.link_many(self.mapping.name, member, self.numbers[has_key], keys.drop_null())
        return links

    def decide(self) -> Decision:
        """What is to be done about them."""
        mapping, around = self.mapping, self.around
        links = self._links()
        sides = [self._sides[member.name] for member in mapping.members]
        survey = take_survey(mapping, sides, links, around.mappings)
        for side, rows in enumerate(sides):
            fresh = np.flatnonzero(survey.fresh & (survey.index[side] != ABSENT))
            keys = taken(rows.keys, survey.index[side, fresh])
            around.links.link_many(mapping.name, rows.member.name, survey.numbers[fresh], keys)
        follow_references(survey, links, around.mappings)
        agreed = Agreed(mapping, survey.numbers, for_sync=True)
        agreed.load(self.workspace.store, is_some=True)
        decision = decide(survey, agreed, replace(around, links=links))
        let_go(decision, around)
        return decision


def rows_of_keys(
    source: Source, member: CompiledMember, keys: pa.Array, fields: Sequence[str] = ()
) -> list[pa.RecordBatch]:
    """The rows of a member under these keys, whatever its `where` says, with all fields that it uses or with these; all
    rows are read where the system cannot look keys up."""
    dataset, fields = replace(member.dataset, key=member.key), fields or member.columns
    if isinstance(source, SupportsLookup):
        return list(source.lookup(dataset, fields, parts_of(member, keys)))
    return [
        batch.filter(pc.is_in(encode([batch.column(part) for part in member.key]), value_set=keys))
        for batch in source.read(member.dataset, fields)
    ]
