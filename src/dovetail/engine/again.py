"""Some rows of a mapping looked at again: read by key, decided as a scope of their own, and noted as they were seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.agreed import Agreed
from dovetail.engine.arrays import taken
from dovetail.engine.book import NO_ROW
from dovetail.engine.decide import decide
from dovetail.engine.decision import Decision, Surroundings
from dovetail.engine.loadable import Loadable, rows_hang_together
from dovetail.engine.rows import MemberRows, one_table, parts_of, see
from dovetail.engine.scoped import ScopeLinks
from dovetail.engine.survey import follow_references, take_survey
from dovetail.engine.unmoved import Moved, Sight, about, can_be_told, digested, is_ours, kinds_of, note
from dovetail.engine.workspace import Workspace
from dovetail.engine.write import Written
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import DIGEST, Verb
from dovetail.state.digests import Digested
from dovetail.systems.protocol import SupportsDigest, SupportsLookup, SupportsOrder, SupportsVersions


@dataclass(frozen=True, slots=True)
class Again:
    """Rows that were looked at again: what was decided about them, and their keys and digests as they were read."""

    moved: Moved
    decision: Decision
    digests: npt.NDArray[np.int64]


def look_again(moved: Moved, around: Surroundings, workspace: Workspace, *, for_sync: bool) -> Again:
    """Read the rows that moved, at both members, and decide about them."""
    way, store = moved.way, workspace.store
    name, giver, taker = way.mapping.name, way.giver, way.taker
    numbers = store.crossref.rows(name, giver.name, moved.keys).fill_null(NO_ROW).to_numpy(zero_copy_only=False)
    is_linked = numbers != NO_ROW
    linked = np.sort(numbers[is_linked].astype(np.int64))
    taken_keys = store.crossref.keys(name, taker.name, pa.array(linked))
    links = ScopeLinks(around.links, way.mapping)
    links.link_many(name, giver.name, numbers[is_linked].astype(np.int64), moved.keys.filter(pa.array(is_linked)))
    has_key = taken_keys.is_valid()
    links.link_many(name, taker.name, linked[has_key.to_numpy(zero_copy_only=False)], taken_keys.drop_null())
    source, target = workspace.connector(giver.member.system), workspace.connector(taker.member.system)
    assert isinstance(source, SupportsDigest)
    assert isinstance(target, SupportsLookup)
    dataset = replace(giver.dataset, key=giver.key)
    batches = list(source.digest_lookup(dataset, giver.columns, parts_of(giver, moved.keys)))
    filled = replace(taker.dataset, key=taker.key)
    standing = target.lookup(filled, taker.columns, parts_of(taker, taken_keys.drop_null()))
    sides = [_seen(moved, giver, batches), _seen(moved, taker, standing)]
    if way.source:
        sides.reverse()
    survey = take_survey(way.mapping, sides, links, around.mappings)
    for side, rows in enumerate(sides):
        fresh = np.flatnonzero(survey.fresh & (survey.index[side] != ABSENT))
        around.links.link_many(
            name, rows.member.name, survey.numbers[fresh], taken(rows.keys, survey.index[side, fresh])
        )
    inside = replace(around, links=links)
    follow_references(survey, links, around.mappings)
    agreed = Agreed(way.mapping, survey.numbers, for_sync=for_sync)
    agreed.load(store, is_some=True)
    decision = decide(survey, agreed, inside)
    decision.beyond, decision.standing = moved.counted, moved.standing
    found = [batch.column(DIGEST).to_numpy() for batch in batches if batch.num_rows]
    return Again(moved, decision, np.concatenate(found) if found else np.zeros(0, dtype=np.int64))


def _seen(moved: Moved, member: CompiledMember, batches: Iterable[pa.RecordBatch]) -> MemberRows:
    own, unreadable = one_table(member, list(batches))
    return see(moved.way.mapping, member, own, unreadable)


@dataclass(frozen=True, slots=True)
class Watched:
    """A whole mapping that is looked at in a way that tells, next time, what moved: the digests of the giving member's
    rows as they were read, and the versions of the filled member's rows before."""

    way: Loadable
    rows: MemberRows
    digests: npt.NDArray[np.int64]
    before: Mapping[str, int]


def watch(mapping: CompiledMapping, group: Sequence[CompiledMapping], workspace: Workspace) -> Watched | None:
    """Read the giving member's rows with their digests; `None` where the systems cannot tell what moved."""
    if rows_hang_together(mapping, group):
        return None
    for way in (Loadable(mapping, 0, 1), Loadable(mapping, 1, 0)):
        source = workspace.connector(way.giver.member.system)
        target = workspace.connector(way.taker.member.system)
        is_given = all(field.owner in (None, way.giver.name) for field in mapping.mapping.fields)
        if is_given and isinstance(source, SupportsOrder) and can_be_told(way, source, target):
            assert isinstance(target, SupportsVersions)
            before = target.versions(way.taker.dataset)
            dataset = replace(way.giver.dataset, key=way.giver.key)
            batches = list(source.read_after(dataset, way.giver.columns, digest=True))
            own, unreadable = one_table(way.giver, batches)
            found = [batch.column(DIGEST).to_numpy() for batch in batches if batch.num_rows]
            digests = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
            return Watched(way, see(mapping, way.giver, own, unreadable), digests, before)
    return None


def keep_watched(watched: Watched, decision: Decision, written: Written, workspace: Workspace) -> None:
    """Note all rows as they are now (`keep_seen`)."""
    kinds = kinds_of(decision, watched.way.source, written)
    _keep(watched.way, digested(watched.rows.keys, watched.digests, kinds), watched.before, written, workspace)


def keep_seen(again: Again, written: Written, workspace: Workspace) -> None:
    """Note the rows as they are now, if nobody but us wrote to the filled member meanwhile; else nothing is noted, and
    the next run looks at all rows."""
    moved, decision = again.moved, again.decision
    rows = decision.survey.sides[moved.way.source]
    fresh = digested(rows.keys, again.digests, kinds_of(decision, moved.way.source, written))
    _keep(moved.way, np.concatenate([moved.rest, fresh]), moved.versions, written, workspace)


def _keep(way: Loadable, kept: Digested, before: Mapping[str, int], written: Written, workspace: Workspace) -> None:
    store, name = workspace.store, way.mapping.name
    target = workspace.connector(way.taker.member.system)
    assert isinstance(target, SupportsVersions)
    versions = target.versions(way.taker.dataset) if written.counts else before
    replaced = _replaced(written, way.taker.name)
    sight = Sight(is_whole=written.is_versioned and is_ours(before, versions, written.versions, replaced))
    sight.see(kept["digest"], kept["kind"])
    sight.versions.update(versions)
    with store.transaction():
        store.digests.forget(name)
        if sight.is_whole:
            store.digests.add(name, kept)
        note(store, way, sight, about(way, workspace))


def _replaced(written: Written, member: str) -> int:
    """How many rows that stood there were changed or deleted."""
    return sum(rows for (name, verb), rows in written.counts.items() if name == member and verb is not Verb.CREATE)
