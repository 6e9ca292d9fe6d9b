"""What a write leaves behind in our memory: the base afterwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dovetail.engine.arrays import is_whole, taken, whole
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.marks import mark, marks_of
from dovetail.engine.put import Places, Sources, shared_column
from dovetail.engine.rows import MemberRows, see
from dovetail.identity.pair import ABSENT
from dovetail.merge.fingerprint import row_seeds
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
    for at, name in enumerate(decision.agreed.fields):
        cell = member.cell(name)
        if cell is None or not set(cell.columns) <= set(after.column_names):
            continue
        sources = decision.origins if chunk.verb is Verb.CREATE else work.putter.sources
        source = sources[name][places]
        went_in = (source >= 0) & (source != work.side)
        if chunk.verb is Verb.CREATE and cell.creates:
            _settle_nothing(decision, work.side, at, places, (source < 0, seeds))
        if not went_in.any():
            continue
        marks = _marks_after(decision, at, sources, places, (rows, seeds))
        agreement = _agreement(decision, at, places, is_new=chunk.verb is Verb.CREATE)
        waits = pending & (name in decision.survey.referred)
        holds = went_in & (agreement > 0)
        _set(decision.agreed.cells[:, at, work.side], places, holds, (marks, agreement - waits))
        if at in decision.agreed.unions:
            decision.agreed.note_words(at, work.side, places[holds], whole(rows.shared.column(name)).filter(holds))
        _settle_others(
            decision, work.side, at, places, (source, went_in & (agreement > decision.first_agreement[places, at]))
        )


def _settle_nothing(
    decision: Decision, side: int, at: int, places: Places, given: tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint64]]
) -> None:
    """Note of new rows that a field which nobody gave a value is null; what the system fills in by itself is an
    edit."""
    nobody, seeds = given
    if not nobody.any():
        return
    name = decision.agreed.fields[at]
    kind = decision.survey.sides[side].shared.schema.field(name).type
    marks = marks_of(decision.survey.mapping, name, pa.nulls(len(places), kind), seeds)
    _set(decision.agreed.cells[:, at, side], places, nobody, (marks, decision.next_agreement[places, at]))


def _agreement(decision: Decision, at: int, places: Places, *, is_new: bool) -> npt.NDArray[np.int64]:
    """The number of the agreement that a written field carries: the next one where a value was chosen. A new row that
    takes what stands elsewhere agrees with that; 0 where what stands there is contested, and was never agreed on."""
    following: npt.NDArray[np.int64] = decision.next_agreement[places, at]
    standing: npt.NDArray[np.int64] = decision.first_agreement[places, at]
    if not is_new or not (standing.any() or decision.contests):
        return following
    name = decision.agreed.fields[at]
    contested = np.isin(places, [one.place for one in decision.contests if one.field == name])
    chosen = (decision.sources[name][places] >= 0) | ((standing == 0) & ~contested)
    return np.where(chosen, following, standing)


def _settle_others(
    decision: Decision, side: int, at: int, places: Places, given: tuple[npt.NDArray[np.integer], npt.NDArray[np.bool_]]
) -> None:
    """Note the agreement at the members that were not written: those that gave the value, or hold it already, have it;
    those that are still to be written took part with what was read there, and are owed the value. What they held went
    into the decision, so it is no edit any more."""
    source, is_agreed = given
    name = decision.agreed.fields[at]
    following = decision.next_agreement[places, at]
    for other, rows in enumerate(decision.survey.sides):
        if other == side or rows.member.cell(name) is None:
            continue
        cells = decision.agreed.cells[:, at, other]
        took_part = is_agreed & decision.active[other, places]
        waits = np.zeros(len(places), dtype=np.bool_)
        gave = source == other
        if not (gave | ~is_agreed).all():
            took_part &= gave | (cells["agreement"][places].astype(np.int64) < following - 1)
            waits = ~gave & _waits_at(decision, other, name, places)
        if took_part.any():
            _set(cells, places, took_part, (decision.marks[places, at, other], following - waits))
            if at in decision.agreed.unions:
                read = taken(rows.shared.column(name), decision.survey.index[other, places[took_part]])
                decision.agreed.note_words(at, other, places[took_part], read)


def _waits_at(decision: Decision, side: int, name: str, places: Places) -> npt.NDArray[np.bool_]:
    """For which rows a field is still to be written at a member."""
    waits = decision.left_out.copy()
    waits[list(decision.waiting)] = True
    for work in decision.work:
        if work.side == side:
            for column, changed in work.changed.items():
                if name in work.fed[column]:
                    waits[work.updates[changed]] = True
    return waits[places]


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
    if 0 <= giver < len(decision.survey.sides) and (source == giver).all():
        given = shared_column(decision.survey, name, sources[name], places)
        if given.equals(column) and (decision.survey.index[giver, places] != ABSENT).all():
            marks: npt.NDArray[np.uint64] = decision.marks[places, at, giver]
            return marks
    return marks_of(decision.survey.mapping, name, column, seeds)


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
        _note_words(decision, at, moved | (settles & (agreement == 0)))
        cells["agreement"][:] = np.where(lifted, highest, renewed)
        is_new: npt.NDArray[np.bool_] = (moved | (cells["agreement"] != agreement)).any(axis=0)
        news |= is_new
    return np.flatnonzero(news | is_linked_only)


def _note_words(decision: Decision, at: int, settled: npt.NDArray[np.bool_]) -> None:
    """Note the words of a `union` field that members agree on; flags a line each member."""
    if at not in decision.agreed.unions:
        return
    name = decision.agreed.fields[at]
    for side, rows in enumerate(decision.survey.sides):
        places = np.flatnonzero(settled[side])
        if len(places):
            read = taken(rows.shared.column(name), decision.survey.index[side, places])
            decision.agreed.note_words(at, side, places, read)


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
