"""Bringing into the state what needed no write: new pairs that agree, and rows that are gone everywhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import taken
from dovetail.engine.decision import Decision
from dovetail.engine.deliver import BULK_ROWS_MIN
from dovetail.engine.ledger import Claim, confirm
from dovetail.engine.partition import Partition
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
    gone = survey.numbers[np.array(decision.forgotten, dtype=np.int64)].tolist()
    if gone:
        store.crossref.unlink(name, gone)
        store.base.remove(name, gone)


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
