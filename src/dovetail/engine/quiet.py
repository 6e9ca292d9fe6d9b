"""Bringing into the state what needed no write: new pairs that agree, and rows that are gone everywhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import flags, taken
from dovetail.engine.decision import Decision
from dovetail.engine.deliver import BULK_ROWS_MIN
from dovetail.engine.ledger import Claim, confirm, forget
from dovetail.engine.partition import Partition
from dovetail.engine.put import Places
from dovetail.engine.record import settle_quiet
from dovetail.identity.pair import ABSENT
from dovetail.state.segment import Segment
from dovetail.state.store import Store


def keep_quiet(store: Store, decision: Decision) -> None:
    """Note the agreement of rows that nothing was written of, and forget those that are gone; inside a transaction of
    the state."""
    survey, agreed = decision.survey, decision.agreed
    places = settle_quiet(decision)
    name = survey.mapping.name
    if len(places):
        keys = {}
        for side, rows in enumerate(survey.sides):
            positions = np.where(decision.active[side, places], survey.index[side, places], ABSENT)
            keys[rows.member.name] = tuple(taken(rows.keys, positions).to_pylist())
        claim = Claim(
            installation=store.meta.installation,
            mapping=name,
            layout=agreed.layout,
            numbers=tuple(survey.numbers[places].tolist()),
            keys=keys,
            packed=tuple(agreed.packed(places)),
            words=agreed.words_at(places),
        )
        confirm(store, claim)
    _keep_apart(store, decision)
    _forget_gone(store, decision)


def _keep_apart(store: Store, decision: Decision) -> None:
    """Note which members have nothing to do with rows from now on, which have again, and links that lead nowhere."""
    survey, agreed = decision.survey, decision.agreed
    name = survey.mapping.name
    free = ~decision.held & ~decision.left_out
    touched = np.zeros(len(survey), dtype=np.bool_)
    for side, rows in enumerate(survey.sides):
        member = rows.member.name
        parting, rejoined = decision.parting[side] & free, decision.rejoined[side] & free
        stands = survey.index[side] != ABSENT
        unlinked = (decision.unlinked[side] & free) | (parting & ~stands)
        if rejoined.any():
            store.detached.back(name, member, survey.numbers[rejoined])
        if parting.any():
            store.detached.add(name, member, survey.numbers[parting])
            _link_parting(store, decision, side, np.flatnonzero(parting & stands & survey.fresh))
        if unlinked.any():
            store.crossref.unlink(name, survey.numbers[unlinked], member=member)
        ended = parting | unlinked
        agreed.cells[np.flatnonzero(ended), :, side] = np.zeros(1, agreed.cells.dtype)
        touched |= ended & decision.first_agreement.any(axis=1)
    places = np.flatnonzero(touched)
    if len(places):
        numbers = survey.numbers[places].tolist()
        store.base.save(name, store.base.layout(name, agreed.layout), numbers, agreed.packed(places))


def _link_parting(store: Store, decision: Decision, side: int, places: Places) -> None:
    """A row that meets its counterpart and does not belong here keeps its link: it is no row of its own."""
    survey, name = decision.survey, decision.survey.mapping.name
    for at in [side, *(other for other in range(len(survey.sides)) if other != side)]:
        here = places[survey.index[at, places] != ABSENT]
        rows = survey.sides[at]
        keys = taken(rows.keys, survey.index[at, here])
        known = store.crossref.keys(name, rows.member.name, pa.array(survey.numbers[here]))
        fresh = known.is_null()
        store.crossref.link(name, rows.member.name, survey.numbers[here][flags(fresh)], keys.filter(fresh))


def _forget_gone(store: Store, decision: Decision) -> None:
    """Forget rows that no member shares any more; one that a member still holds, deleted softly or apart from the
    others, keeps its key there."""
    survey = decision.survey
    name = survey.mapping.name
    places = np.array(decision.forgotten, dtype=np.int64)
    if not len(places):
        return
    for side, rows in enumerate(survey.sides):
        ended = survey.numbers[places[survey.index[side, places] == ABSENT]]
        store.crossref.unlink(name, ended, member=rows.member.name)
    forget(store, name, survey.numbers[places].tolist())


def link_pairs(store: Store, partition: Partition, decision: Decision) -> None:
    """Link rows that stand at every member, many at once, before anything is written of them: that they belong together
    is true whatever becomes of the writes."""
    survey = decision.survey
    meets = survey.fresh & (survey.index != ABSENT).all(axis=0) & ~decision.held & ~decision.filtered
    places = np.flatnonzero(meets)
    numbers = survey.numbers[places]
    if len(places) < BULK_ROWS_MIN or not (np.diff(numbers) > 0).all():
        return
    keys = {rows.member.name: taken(rows.keys, survey.index[side, places]) for side, rows in enumerate(survey.sides)}
    name, chunk = f"{partition.name} met", int(numbers[0])
    with store.transaction():
        partition.hold()
        store.segments.put(name, chunk, Segment(survey.mapping.name, pa.array(numbers), keys))
        store.segments.confirm(name, chunk)
    survey.fresh[places] = False
