"""What a write leaves behind in our memory: the base afterwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import is_whole, whole
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.marks import mark
from dovetail.engine.put import Places, Sources, shared_column
from dovetail.engine.rows import MemberRows, see
from dovetail.identity.pair import ABSENT
from dovetail.merge.fingerprint import fingerprints, row_seeds
from dovetail.model.carrier import recast
from dovetail.model.change import Receipt, Verb


def settle_base(
    decision: Decision, work: Work, chunk: Chunk, *, receipt: Receipt, done: npt.NDArray[np.bool_], seed: int
) -> None:
    """Note the new agreement of the rows that were written: at this member as it sees them now, and at the members
    whose values went in.

    A field that waits for a parent's key carries a lower number at this member: it is still owed."""
    places = chunk.places[done]
    if not len(places) or not is_based(decision, places, receipt):
        return
    mark(decision, seed)
    after = _own_after(decision, work, chunk, receipt, done)
    member = decision.survey.sides[work.side].member
    rows = see(decision.survey.mapping, member, after)
    seeds = row_seeds(decision.survey.numbers[places], seed)
    pending = chunk.pending[done]
    next_agreement = decision.next_agreement[places]
    for at, name in enumerate(decision.agreed.fields):
        cell = member.cell(name)
        if cell is None or not set(cell.columns) <= set(after.column_names):
            continue
        sources = decision.origins if chunk.verb is Verb.CREATE else decision.sources
        source = sources[name][places]
        went_in = (source >= 0) & (source != work.side)
        if not went_in.any():
            continue
        marks = _marks_after(decision, at, sources, places, (rows, seeds))
        agreement = next_agreement[:, at]
        waits = pending & (name in decision.survey.referred)
        _set(decision.agreed.cells[:, at, work.side], places, went_in, (marks, agreement - waits))
        for other in range(len(decision.survey.sides)):
            gave = (source == other) & went_in
            if gave.any():
                _set(decision.agreed.cells[:, at, other], places, gave, (decision.marks[places, at, other], agreement))


def is_based(decision: Decision, places: Places, receipt: Receipt) -> bool:
    """Whether rows that were written get a base: where none is needed, only where they have one, or the system made
    something else of what was sent."""
    kept = decision.agreed.is_kept or receipt.held is not None
    return kept or bool(decision.first_agreement[places].any())


def _marks_after(
    decision: Decision, at: int, sources: Sources, places: Places, after: tuple[MemberRows, npt.NDArray[np.uint64]]
) -> npt.NDArray[np.uint64]:
    """The fingerprints of what the member holds now; equal values have those that their source has."""
    rows, seeds = after
    name = decision.agreed.fields[at]
    column = whole(rows.shared.column(name))
    source = sources[name][places]
    giver = int(source[0])
    if giver >= 0 and (source == giver).all():
        given = shared_column(decision.survey, name, sources[name], places)
        if given.equals(column) and (decision.survey.index[giver, places] != ABSENT).all():
            marks: npt.NDArray[np.uint64] = decision.marks[places, at, giver]
            return marks
    return fingerprints(column, seeds)


def _set(
    cells: npt.NDArray[np.void],
    places: Places,
    chosen: npt.NDArray[np.bool_],
    values: tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]],
) -> None:
    """Write marks and agreements of the chosen places."""
    marks, agreement = values
    if is_whole(places, len(cells)) and chosen.all():
        cells["mark"], cells["agreement"] = marks, agreement
        return
    cells["mark"][places[chosen]] = marks[chosen]
    cells["agreement"][places[chosen]] = agreement[chosen]


def settle_quiet(decision: Decision) -> npt.NDArray[np.int64]:
    """Note the agreement of what needed no write (members that agree); returns the places whose base or
    links are new."""
    quiet = _quiet(decision)
    is_linked_only = np.zeros(len(quiet), dtype=np.bool_)
    if not decision.agreed.is_kept:
        is_unbased = np.asarray(~decision.first_agreement.any(axis=1))
        is_linked_only = is_unbased & decision.survey.fresh & quiet.all(axis=1)
        quiet &= ~is_unbased[:, None]
    members = [
        np.array([rows.member.cell(name) is not None for rows in decision.survey.sides])
        for name in decision.agreed.fields
    ]
    news = np.zeros(len(quiet), dtype=np.bool_)
    next_agreement = decision.next_agreement
    for at, knows in enumerate(members):
        if not quiet[:, at].any():
            continue
        cells = decision.agreed.cells[:, at, :].T
        agreement = np.ascontiguousarray(cells["agreement"])
        mark = np.ascontiguousarray(cells["mark"])
        today = decision.marks[:, at, :].T
        settles = quiet[:, at] & decision.active & knows[:, None]
        moved = settles & (mark != today)
        stale = moved | (settles & (agreement == 0))
        renewed = np.where(stale, next_agreement[:, at].astype(np.uint32), agreement)
        known = quiet[:, at] & decision.active & (renewed > 0)
        highest = np.where(known, renewed, 0).max(axis=0)
        lifted = known & (renewed != highest)
        changes = moved | (renewed != agreement) | lifted
        if not changes.any():
            continue
        cells["mark"][moved] = today[moved]
        cells["agreement"][:] = np.where(lifted, highest, renewed)
        is_new: npt.NDArray[np.bool_] = (moved | (cells["agreement"] != agreement)).any(axis=0)
        news |= is_new
    return np.flatnonzero(news | is_linked_only)


def _quiet(decision: Decision) -> npt.NDArray[np.bool_]:
    """Which fields of which rows nothing is written of, held back or contested (rows, fields)."""
    free = ~decision.held & ~decision.filtered & ~decision.left_out
    free[list(decision.waiting)] = False
    quiet = ~decision.being_written()
    quiet &= free[:, None]
    for contest in decision.contests:
        for at, name in enumerate(decision.agreed.fields):
            if contest.field in (name, ""):
                quiet[contest.place, at] = False
    return quiet


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
