"""What a write leaves behind in our memory: the base afterwards, and the journal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import rows_of, taken
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.rows import see
from dovetail.identity.pair import ABSENT
from dovetail.merge.fingerprint import fingerprints, row_seeds
from dovetail.model.carrier import recast
from dovetail.model.change import Receipt, Verb
from dovetail.state.journal import Created, JournalEntry
from dovetail.state.store import Store


def settle_base(
    decision: Decision, work: Work, chunk: Chunk, *, receipt: Receipt, done: npt.NDArray[np.bool_], seed: int
) -> None:
    """Note the new agreement of the rows that were written: at this member as it sees them now, and at the members
    whose values went in.

    A field that waits for a parent's key carries a lower number at this member: it is still owed."""
    places = chunk.places[done]
    if not len(places):
        return
    after = _own_after(decision, work, chunk, receipt, done)
    member = decision.survey.sides[work.side].member
    rows = see(decision.survey.mapping, member, after)
    seeds = row_seeds(decision.survey.numbers[places], seed)
    pending = chunk.pending[done]
    cells = decision.agreed.cells
    for at, name in enumerate(decision.agreed.fields):
        cell = member.cell(name)
        if cell is None or not set(cell.columns) <= set(after.column_names):
            continue
        source = (decision.origins if chunk.verb is Verb.CREATE else decision.sources)[name][places]
        went_in = (source >= 0) & (source != work.side)
        waits = pending & (name in decision.survey.referred)
        marks = fingerprints(rows.shared.column(name), seeds)
        agreement = decision.next_agreement[places, at]
        cells["mark"][places[went_in], at, work.side] = marks[went_in]
        cells["agreement"][places[went_in], at, work.side] = (agreement - waits)[went_in]
        for other in range(len(decision.survey.sides)):
            gave = (source == other) & went_in
            cells["mark"][places[gave], at, other] = decision.marks[places[gave], at, other]
            cells["agreement"][places[gave], at, other] = agreement[gave]


def settle_quiet(decision: Decision) -> npt.NDArray[np.int64]:
    """Note the agreement of what needed no write (members that agree); returns the places whose base is new."""
    before = decision.agreed.cells.copy()
    cells = decision.agreed.cells
    free = ~decision.held & ~decision.filtered & ~decision.left_out
    free[list(decision.waiting)] = False
    contested = {(contest.place, contest.field) for contest in decision.contests}
    writes = decision.being_written()
    for at, name in enumerate(decision.agreed.fields):
        quiet = free & ~writes[:, at]
        for place, field in contested:
            if field in (name, ""):
                quiet[place] = False
        for side in range(len(decision.survey.sides)):
            if decision.survey.sides[side].member.cell(name) is None:
                continue
            where = np.flatnonzero(quiet & decision.active[side])
            cells["mark"][where, at, side] = decision.marks[where, at, side]
            stale = (before["mark"][where, at, side] != decision.marks[where, at, side]) | (
                before["agreement"][where, at, side] == 0
            )
            renewed = np.where(stale, decision.next_agreement[where, at], before["agreement"][where, at, side])
            cells["agreement"][where, at, side] = renewed
        _even_out(decision, at, quiet)
    return np.flatnonzero((before != cells).any(axis=(1, 2)))


def _even_out(decision: Decision, at: int, quiet: npt.NDArray[np.bool_]) -> None:
    """Members that agree carry the same number: the highest of them."""
    agreement = decision.agreed.cells["agreement"][:, at, :]
    known = (agreement > 0) & decision.active.T
    highest = np.where(known, agreement, 0).max(axis=1)
    agreement[quiet[:, None] & known] = np.broadcast_to(highest[:, None], agreement.shape)[quiet[:, None] & known]


def _own_after(decision: Decision, work: Work, chunk: Chunk, receipt: Receipt, done: npt.NDArray[np.bool_]) -> pa.Table:
    """The member's own columns after the write: what was there, what was sent, and what the system made of it."""
    member = decision.survey.sides[work.side].member
    places = chunk.places[done]
    keep = pa.array(done)
    sent = pa.Table.from_batches([chunk.rows]).filter(keep)
    held = pa.Table.from_batches([receipt.held]).filter(keep) if receipt.held is not None else None
    keys = pa.Table.from_batches([receipt.keys]).filter(keep) if receipt.keys is not None else None
    position = decision.survey.index[work.side, places]
    old = pa.array(position, mask=position == ABSENT, type=pa.int64())
    columns = {}
    for name in member.columns:
        kind = member.scope[name].arrow()
        for given in (held, sent, keys):
            if given is not None and name in given.column_names:
                columns[name] = recast(given.column(name), kind)
                break
        else:
            columns[name] = pc.take(decision.survey.sides[work.side].own.column(name), old)
    return pa.table(columns)


def journal(store: Store, run: str, decision: Decision, *, work: Work, chunk: Chunk, number: int) -> None:
    """Keep what a chunk is about to do: for rows that stand there the values before and after; for new rows the key and
    the chunk only."""
    survey = decision.survey
    member = survey.sides[work.side].member
    numbers = survey.numbers[chunk.places].tolist()
    if chunk.verb is Verb.CREATE:
        keys = chunk.keys.to_pylist() if chunk.keys is not None else [""] * len(numbers)
        store.journal.append_created(run, survey.mapping.name, Created(member.name, number, numbers, keys))
        return
    position = survey.index[work.side, chunk.places]
    keys = taken(survey.sides[work.side].keys, position).to_pylist()
    before = rows_of(chunk.expected) if chunk.expected is not None else [None] * len(keys)
    after = rows_of(chunk.rows) if chunk.verb is Verb.UPDATE else [None] * len(keys)
    entries = [
        JournalEntry(row, member.name, chunk.verb, key, old, new, chunk=number)
        for row, key, old, new in zip(numbers, keys, before, after, strict=True)
    ]
    store.journal.append(run, survey.mapping.name, entries)
