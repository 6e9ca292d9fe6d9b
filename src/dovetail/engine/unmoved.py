"""What did not move since a run dealt with it, told by digests and versions that the systems compute where rows are.

A mapping whose rows all come from one member is looked at again only where the giving member's digest of a row is
another than then, provided that every row of the filled member still has the version that our own writes gave it.
Whatever is not proved so is looked at whole. A row that stood in quarantine or in conflict is looked at every time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.engine.account import unwanted
from dovetail.engine.decision import Decision
from dovetail.engine.loadable import Loadable, rows_hang_together, unproven
from dovetail.engine.workspace import Workspace
from dovetail.engine.write import Written
from dovetail.identity.pair import ABSENT
from dovetail.mapping.compiled import CompiledMapping
from dovetail.merge.xxh3 import digests as hashes
from dovetail.model.change import DIGEST
from dovetail.model.key import encode
from dovetail.model.run import MappingCount, MemberCount
from dovetail.plan.route import references
from dovetail.state.digests import DIGESTED, Digested
from dovetail.state.store import Store
from dovetail.systems.protocol import Source, SupportsDigest, SupportsLookup, SupportsOrder, SupportsVersions

LINKED, LEFT_OUT, OPEN = 0, 1, 2
"""What became of a row: it is linked; its member's `where` leaves it out; it stands in quarantine or in conflict."""

NOTHING_NOTED = "nothing was noted of its rows"
"""Why all rows are looked at where no run dealt with them yet, or not in a way that can be told again."""

MOVED_SHARE_MAX, MOVED_ROWS_MIN = 0.3, 1_000
"""Where more than this share of the rows moved, and more than so many, all are looked at."""


@dataclass(slots=True)
class Sight:
    """What a run sees of a mapping's rows while it deals with them; worth keeping if it saw every row."""

    total: int = 0
    rows: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    is_whole: bool = True
    kinds: list[int] = field(default_factory=lambda: [0, 0, 0])

    def document(self) -> dict[str, Any]:
        """As the state keeps it while a load goes on."""
        versions = dict(self.versions)
        seen = {"total": f"{self.total}", "rows": self.rows, "versions": versions}
        return {**seen, "is_whole": self.is_whole, "kinds": self.kinds}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Sight:
        """What a broken load had seen."""
        versions = Counter(document["versions"])
        return cls(int(document["total"]), document["rows"], versions, document["is_whole"], list(document["kinds"]))

    def recovered(self, rows: Mapping[str | None, int]) -> None:
        """Rows that a broken load had written, and could not note."""
        for version, count in rows.items():
            self.poured(count, version)

    def see(self, digests: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8]) -> None:
        """Rows that were read, and what became of them."""
        counts = np.bincount(kinds, minlength=len(self.kinds)).tolist()
        self.kinds = [before + more for before, more in zip(self.kinds, counts, strict=True)]
        self.total ^= int(np.bitwise_xor.reduce(digests)) if len(digests) else 0
        self.rows += len(digests)

    def poured(self, rows: int, version: str | None) -> None:
        """Rows that went straight into the filled member."""
        if version is None:
            self.is_whole = False
        else:
            self.versions[version] += rows

    def wrote(self, written: Written) -> None:
        """Rows that were created."""
        self.versions += written.versions
        self.is_whole = self.is_whole and written.is_versioned


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows of a mapping to be looked at again, by their keys at the giving member, and the kept digests of the
    `rest`, which `left` counts by what became of them. `standing` counts the rows of each member, `versions` those of
    the filled one by their version, `lonely` those that only the filled one holds."""

    way: Loadable
    keys: pa.Array
    rest: Digested
    left: Sequence[int]
    standing: Mapping[str, int]
    versions: Mapping[str, int]
    lonely: int = 0

    @property
    def counted(self) -> MappingCount:
        """What a run says of the rows that it does not look at."""
        linked, left_out = self.left[LINKED], self.left[LEFT_OUT] + self.lonely
        read = {member.name: 0 for member in self.way.mapping.members}
        written = {member.name: MemberCount() for member in self.way.mapping.members if member.writable}
        return MappingCount(rows=linked + left_out, unchanged=linked, filtered=left_out, read=read, members=written)


def can_be_told(way: Loadable, source: Source, target: Source) -> bool:
    """Whether the systems can tell what moved."""
    return (
        isinstance(source, SupportsDigest)
        and isinstance(source, SupportsLookup)
        and isinstance(target, SupportsVersions)
        and isinstance(target, SupportsLookup)
        and source.digestible(replace(way.giver.dataset, key=way.giver.key), way.giver.columns)
    )


def about(way: Loadable, workspace: Workspace) -> dict[str, Any]:
    """What the digests of a mapping depend on besides the rows: declarations, types, and links that other mappings
    lost."""
    parts = [workspace.project.digest, workspace.project.environment or "", repr(sorted(workspace.vars().items()))]
    for member in way.mapping.members:
        parts += [member.name, *(f"{name} {member.scope[name]!r}" for name in member.columns)]
    losses = {name: workspace.store.crossref.losses(name) for name in sorted(references(way.mapping.mapping))}
    declared = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
    return {"declared": declared, "giver": way.giver.name, "losses": losses}


def note(store: Store, way: Loadable, sight: Sight, dependencies: Mapping[str, Any]) -> None:
    """Keep what was seen, inside the state's transaction that ends the run's work on the mapping."""
    name = way.mapping.name
    if not sight.is_whole or not sight.versions:
        store.digests.forget(name)
        return
    store.digests.note(name, {**dependencies, **sight.document()})


def is_ours(before: Mapping[str, int], after: Mapping[str, int], ours: Mapping[str, int], replaced: int) -> bool:
    """Whether all that changed at a member between two counts of its versions is what we wrote there: rows of the
    versions in `ours`, of which `replaced` stood there before or were deleted.

    Whoever else changes a row gives it a version of its own, or takes it out of the count."""
    fresh = {version: rows for version, rows in after.items() if version not in before}
    left = sum(after.get(version, 0) for version in before)
    return fresh == dict(ours) and left == sum(before.values()) - replaced


def kinds_of(decision: Decision, side: int, written: Written) -> npt.NDArray[np.uint8]:
    """What became of each row of a member, in the order in which they were read."""
    survey = decision.survey
    by_place = np.full(len(survey), LINKED, dtype=np.uint8)
    by_place[decision.filtered | unwanted(decision)] = LEFT_OUT
    open_places = {contest.place for contest in decision.contests} | {place for place, _ in written.moved}
    by_place[list(open_places | decision.waiting | written.pending)] = OPEN
    by_place[decision.held | decision.left_out] = OPEN
    kinds = np.full(len(survey.sides[side]), OPEN, dtype=np.uint8)
    present = survey.index[side] != ABSENT
    kinds[survey.index[side, present]] = by_place[present]
    return kinds


def digested(keys: pa.Array, digests: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8]) -> Digested:
    """Rows as the state keeps their digests."""
    made = np.empty(len(keys), dtype=DIGESTED)
    made["key"] = marks(keys)
    made["digest"] = digests
    made["kind"] = kinds
    return made


def marks(keys: pa.Array) -> npt.NDArray[np.uint64]:
    """The hash of each key's text."""
    return hashes(keys, np.zeros(len(keys), dtype=np.uint64))


def among(own: npt.NDArray[np.uint64], ordered: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which of these marks stand among others, which are in order."""
    if not len(ordered):
        return np.zeros(len(own), dtype=np.bool_)
    found: npt.NDArray[np.bool_] = ordered[np.minimum(np.searchsorted(ordered, own), len(ordered) - 1)] == own
    return found


def moved(mapping: CompiledMapping, group: Sequence[CompiledMapping], workspace: Workspace) -> Moved | str:
    """The rows of a mapping that must be looked at again, or why all must be."""
    store = workspace.store
    noted = store.digests.noted(mapping.name)
    if noted is None:
        return NOTHING_NOTED
    reason = rows_hang_together(mapping, group)
    if reason:
        return reason
    way = Loadable(mapping, *(0, 1) if mapping.members[0].name == noted["giver"] else (1, 0))
    source = workspace.connector(way.giver.member.system)
    target = workspace.connector(way.taker.member.system)
    if not can_be_told(way, source, target):
        return "its systems cannot tell what moved"
    if any(noted[name] != said for name, said in about(way, workspace).items()):
        return "its declaration changed, or a row that it refers to lost its key"
    assert isinstance(source, SupportsDigest)
    assert isinstance(target, SupportsVersions)
    dataset = replace(way.giver.dataset, key=way.giver.key)
    with ThreadPoolExecutor(max_workers=2) as pool:
        counted = pool.submit(target.versions, way.taker.dataset)
        rows, total = source.digest_total(dataset, way.giver.columns)
        versions = counted.result()
    theirs = _theirs(way, target, store, noted["versions"], versions)
    if isinstance(theirs, str):
        return theirs
    standing = {way.giver.name: rows, way.taker.name: sum(versions.values())}
    lonely = store.crossref.count(mapping.name) - store.crossref.count(mapping.name, member=way.giver.name)
    left_open = _again(store, way)
    if left_open.null_count:
        return f"a row that only {way.taker.name} holds stands in quarantine or in conflict"
    again = _union([left_open, theirs])
    is_still = (rows, total) == (noted["rows"], int(noted["total"])) and not noted["kinds"][OPEN]
    if is_still and not len(again):
        nothing = np.zeros(0, dtype=DIGESTED)
        return Moved(way, again, nothing, noted["kinds"], standing, versions, lonely)
    rest = _by_key(store.digests.load(mapping.name))
    keys = again
    if not is_still:
        found, rest = _differing(source, way, rest, store)
        keys = _union([found, again])
    if len(keys) > max(MOVED_SHARE_MAX * rows, MOVED_ROWS_MIN):
        return "most of its rows moved"
    rest = rest[~among(rest["key"], np.sort(marks(keys)))]
    reason = _may_meet(way, source, keys, store, standing=standing[way.taker.name])
    left = np.bincount(rest["kind"], minlength=OPEN + 1).tolist()
    return reason or Moved(way, keys, rest, left, standing, versions, lonely)


def _theirs(
    way: Loadable, target: SupportsVersions, store: Store, noted: Mapping[str, int], versions: Mapping[str, int]
) -> pa.Array | str:
    """The keys, at the giving member, of rows that others wrote or deleted at the filled one; else why all must be
    looked at."""
    name, giver, taker = way.mapping.name, way.giver, way.taker
    if not versions:
        return f"the versions of {taker.name} say nothing"
    if dict(versions) == noted:
        return pa.array([], pa.string())
    dataset = replace(taker.dataset, key=taker.key)
    found = [encode([batch.column(part) for part in taker.key]) for batch in target.besides(dataset, list(noted))]
    keys = _union(found)
    if len(keys) != sum(rows for version, rows in versions.items() if version not in noted):
        return f"{taker.name} is being written to"
    if len(keys) > max(MOVED_SHARE_MAX * sum(versions.values()), MOVED_ROWS_MIN):
        return f"most rows of {taker.name} were written by others"
    numbers = store.crossref.rows(name, taker.name, keys)
    if numbers.null_count:
        return f"{taker.name} holds rows that are paired with none"
    if sum(versions.values()) < sum(noted.values()):
        numbers = pa.concat_arrays([numbers, _deleted(way, target, store)])
    wanted = store.crossref.keys(name, giver.name, numbers)
    return wanted if not wanted.null_count else f"{taker.name} holds rows that {giver.name} does not"


def _deleted(way: Loadable, target: SupportsVersions, store: Store) -> pa.Array:
    """The shared rows that the filled member does not hold any more."""
    assert isinstance(target, Source)
    taker = way.taker
    parts = [
        marks(encode([batch.column(part) for part in taker.key])) for batch in target.read(taker.dataset, taker.key)
    ]
    standing = np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)
    gone = [pa.array([], pa.int64())]
    for rows, keys in store.crossref.batches(way.mapping.name):
        if taker.name in keys:
            held = keys[taker.name].is_valid()
            missing = ~among(marks(keys[taker.name].drop_null()), standing)
            gone.append(rows.filter(held).filter(pa.array(missing)))
    return pa.concat_arrays(gone)


def _may_meet(way: Loadable, source: Source, keys: pa.Array, store: Store, *, standing: int) -> str:
    """Why a row that is not linked yet might have to be paired with a row that is not looked at; empty where none."""
    name = way.mapping.name
    if store.crossref.rows(name, way.giver.name, keys).null_count == 0:
        return ""
    if standing > store.crossref.paired(name):
        return f"{way.taker.name} holds rows that are paired with none"
    if way.mapping.mapping.match is not None and unproven(way, is_guarded=isinstance(source, SupportsOrder)):
        return "several rows may have one natural key"
    return ""


def _by_key(kept: Digested) -> Digested:
    """The rows in the order of their marks."""
    return kept[np.argsort(kept["key"], kind="stable")]


def _again(store: Store, way: Loadable) -> pa.Array:
    """The keys, at the giving member, of rows that stand in quarantine or in conflict, or of which a person ordered
    something; null for a row that it does not hold."""
    name, giver = way.mapping.name, way.giver.name
    keys = set(store.rejects.keys(name, giver))
    numbers = [reject.refusal.row for reject in store.rejects.list(name) if reject.refusal.member != giver]
    numbers += [conflict.dispute.row for conflict in store.conflicts.list(name)]
    keys |= {conflict.dispute.keys[giver] for conflict in store.conflicts.list(name) if giver in conflict.dispute.keys}
    numbers += [decree.ruling.row for decree in store.decrees.open(name)]
    known = pa.array([number for number in numbers if number is not None], pa.int64())
    return _union([pa.array(sorted(keys), pa.string()), store.crossref.keys(name, giver, known)])


def _union(parts: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays([pa.array([], pa.string()), *parts]).unique()


def _differing(source: SupportsDigest, way: Loadable, kept: Digested, store: Store) -> tuple[pa.Array, Digested]:
    """The keys of rows whose digest is another than the kept one, of new ones, of those that are gone, and of those
    that were left open; and the kept digests of rows that are still there."""
    dataset = replace(way.giver.dataset, key=way.giver.key)
    found: list[pa.Array] = []
    met = np.zeros(len(kept), dtype=np.bool_)
    for batch in source.digest_rows(dataset, way.giver.columns):
        keys = encode([batch.column(part) for part in way.giver.key])
        own = marks(keys)
        at = np.minimum(np.searchsorted(kept["key"], own), max(len(kept) - 1, 0))
        known = kept["key"][at] == own if len(kept) else np.zeros(len(own), dtype=np.bool_)
        same = known.copy()
        own_digests = batch.column(DIGEST).to_numpy()[known]
        same[known] = (kept["digest"][at[known]] == own_digests) & (kept["kind"][at[known]] != OPEN)
        met[at[known]] = True
        if not same.all():
            found.append(keys.filter(pa.array(~same)))
    gone = kept["key"][~met]
    if len(gone):
        found += [keys.filter(pa.array(among(marks(keys), gone))) for keys in _linked(store, way)]
    return _union(found), kept[met]


def _linked(store: Store, way: Loadable) -> Iterator[pa.Array]:
    """The keys of all linked rows at the giving member."""
    for _, keys in store.crossref.batches(way.mapping.name):
        if way.giver.name in keys:
            yield keys[way.giver.name].drop_null()
