"""Which mappings are doubted, because a system or our own state was put back from a backup.

Target and state each keep the number of their last common commit. Whichever is behind was put back, and then what was
agreed on is no longer true of it: its old values look like edits, its missing rows like deletes. So the base of the
mapping is dropped, whatever differs is left to a person, and nothing is created or deleted on its account. Rows and
fields that agree are agreed on anew, and are believed again from then on. Once a pass over all rows finds nothing that
waits, the mapping is believed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from dovetail.engine.decision import Decision, Flags, Surroundings
from dovetail.engine.partition import Partition
from dovetail.engine.put import Places
from dovetail.engine.rows import Problem
from dovetail.identity.pair import ABSENT
from dovetail.merge.reason import Reason
from dovetail.model.mapping import SharedField
from dovetail.state.store import Store

BEAT_S = 60.0
"""Seconds in which something may be agreed on without a target's ledger knowing that time went by."""
RESTORED = "restored"
"""The kind of hold that says so; nothing waits for it but what it is about."""
DIFFERS = "DV-485"
"""Members differ, and what was agreed on is not believed."""
GONE = "DV-486"
"""A row is gone at one member, or deleted softly, and what was agreed on is not believed."""
LONE = "DV-487"
"""A row stands at some members only, and what was agreed on is not believed."""

_TOLD = (Reason.OWNED_VALUE, Reason.DECREE)
_HINT = (
    "look: dovetail conflicts, dovetail rejects; then let the declared rules settle the rest: dovetail status --trust"
)


def verify(decision: Decision, partitions: Mapping[tuple[str, str], Partition]) -> None:
    """Raise where rows whose values count, or that are gone, were read of a system that was put back from a backup
    meanwhile: what was decided by them is not believed."""
    survey = decision.survey
    if not any(len(work.creates) + len(work.updates) + len(work.deletes) + len(work.revived) for work in decision.work):
        return
    created = np.concatenate([work.creates for work in decision.work])
    counts = [*decision.sources.values(), *(origins[created] for origins in decision.origins.values())]
    made = any((sources >= len(survey.sides)).any() for sources in counts)
    for side, rows in enumerate(survey.sides):
        partition = partitions.get((survey.mapping.name, rows.member.name))
        gives = made or survey.vanished[side].any() or any((sources == side).any() for sources in counts)
        if partition is not None and gives:
            partition.verify()


class Heart:
    """Lets targets hold how far we are, of which something was read since the last write to them. Without it an old
    backup of a system that nobody writes to would not be known as one."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def beat(self, partitions: Iterable[Partition], now: float, *, at_once: bool = False) -> None:
        """Something was agreed on; a target that does not know for `BEAT_S` is told. `at_once`: whichever does not
        know."""
        for partition in partitions:
            if not partition.is_behind:
                partition.is_behind, self._since[partition.name] = not at_once, now
            elif at_once or not 0 <= now - self._since[partition.name] < BEAT_S:
                partition.beat()


class Standing:
    """The mappings that are doubted, as the state knows them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._doubted: frozenset[str] = frozenset()
        self.refresh()

    def refresh(self) -> None:
        """Ask the state again."""
        self._doubted = frozenset(one.mapping for one in self._store.holds.list() if one.kind == RESTORED)

    def doubts(self, mapping: str) -> bool:
        """Whether what was agreed on about the mapping's rows is believed only where it was agreed on since."""
        return mapping in self._doubted

    def doubt(self, mapping: str, member: str, words: str) -> None:
        """Believe nothing any more that was agreed on about the mapping's rows, and have all of them looked at."""
        store = self._store
        with store.transaction():
            for rows, _ in store.crossref.batches(mapping):
                store.base.remove(mapping, rows)
            store.digests.forget(mapping)
            store.holds.put(mapping, RESTORED, words, hint=f"{_HINT} {mapping}")
            store.queue.mark_all(mapping, member, words)
        self._doubted |= {mapping}

    def trust(self, mapping: str) -> None:
        """Let the declared rules decide again; a field of which nothing is agreed on meets as if for the first time."""
        with self._store.transaction():
            self._store.holds.lift(mapping, RESTORED)
        self._doubted -= {mapping}

    def reconsider(self, decision: Decision) -> None:
        """Trust a mapping again, after a pass over all of its rows in which nothing had to wait for a person."""
        name = decision.survey.mapping.name
        if name not in self._doubted:
            return
        codes = {problem.code for problems in decision.survey.problems.values() for problem in problems}
        codes |= {contest.code for contest in decision.contests}
        if not codes & {DIFFERS, GONE, LONE}:
            self.trust(name)


def doubt_fields(decision: Decision, around: Surroundings, contested: dict[str, Places]) -> None:
    """In a mapping that is doubted, contest every field of which nothing is agreed on and that members hold otherwise:
    only a declared owner and a person's word are believed."""
    survey = decision.survey
    if not around.doubted(survey.mapping.name):
        return
    for at, shared in enumerate(survey.mapping.mapping.fields):
        name = shared.name
        knows = np.array([rows.member.cell(name) is not None for rows in survey.sides])
        open_ = np.zeros(len(survey), dtype=np.bool_)
        open_[contested[name]] = True
        open_ |= decision.sources[name] >= 0
        open_ &= (decision.active & knows[:, None]).sum(axis=0) > 1
        open_ &= (decision.first_agreement[:, at] == 0) & ~_is_told(decision, shared)
        decision.doubted[name] = open_
        decision.sources[name][open_] = ABSENT
        decision.rules[name][open_] = Reason.NOTHING
        if name in decision.rivals:
            decision.rivals[name][:, open_] = True
        contested[name] = np.union1d(contested[name], np.flatnonzero(open_)).astype(np.int64)


def _is_told(decision: Decision, shared: SharedField) -> Flags:
    """In which rows a declared owner's value or a person's word counts."""
    owners = [side for side, rows in enumerate(decision.survey.sides) if rows.member.name == shared.owner]
    told: Flags = np.isin(decision.rules[shared.name], _TOLD) | np.isin(decision.sources[shared.name], owners)
    return told


def doubt_rows(decision: Decision, around: Surroundings) -> None:
    """In a mapping that is doubted, hold every row of which nothing is agreed on and that would be created, deleted,
    brought back or given up somewhere."""
    survey = decision.survey
    if not around.doubted(survey.mapping.name):
        return
    unbased = np.asarray(~decision.first_agreement.any(axis=1))
    for at, contest in enumerate(decision.contests):
        if not contest.field and unbased[contest.place]:
            decision.contests[at] = replace(contest, code=GONE)
    since = "a system or the state was put back from a backup since the last agreement"
    for side, rows in enumerate(survey.sides):
        lone = f"the row does not stand at {rows.member.name} any more, and {since}"
        for place in np.flatnonzero(decision.parting[side] & (survey.index[side] == ABSENT) & unbased).tolist():
            survey.hold(place, Problem(LONE, lone, rows.member.name))
    for work in decision.work:
        member = survey.sides[work.side].member.name
        lone = f"the row does not stand at {member}, and {since}: it may be new, or deleted"
        gone = f"the row is gone elsewhere and stands at {member}, and {since}"
        for code, words, places in ((LONE, lone, work.creates), (GONE, gone, work.deletes), (GONE, gone, work.revived)):
            for place in places[unbased[places]].tolist():
                survey.hold(place, Problem(code, words, member))
