"""What a write leaves in the journal: the values before and after, durable before the target commits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dovetail.engine.arrays import differs, listed, rows_of, taken
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.engine.put import Places, shared_column
from dovetail.engine.ruled import rule_text
from dovetail.merge.reason import CHOSEN
from dovetail.model.change import Receipt, Verb
from dovetail.state import lossless
from dovetail.state.columnar import Changes
from dovetail.state.journal import Chunked, Created, JournalEntry
from dovetail.state.store import Store

COLUMNS_MIN = 500
"""Changes of one chunk from which they are journaled column by column."""

REWRITTEN = "what the system made of it"
"""Why a value stands that nobody sent."""

_SIDES_MAX = 256

VALUES_MAX = 500
"""New rows of one chunk at most whose values are journaled."""


def journal(store: Store, run: str, decision: Decision, *, work: Work, chunk: Chunk, carried: Chunked) -> None:
    """Keep what a chunk is about to do: for rows that stand there the values before and after, the rules that decided
    and the values that lost; for many new rows the key and the chunk only."""
    survey = decision.survey
    name, member = survey.mapping.name, survey.sides[work.side].member.name
    rows = survey.numbers[chunk.places]
    if chunk.verb is Verb.CREATE and len(rows) > VALUES_MAX:
        keys = chunk.keys.to_pylist() if chunk.keys is not None else [""] * len(rows)
        created = Created(member, carried.chunk, rows.tolist(), keys)
        store.journal.append_created(run, name, created, carried=carried)
    elif chunk.verb is not Verb.CREATE and len(rows) >= COLUMNS_MIN:
        store.journal.append_changes(run, name, _columns(decision, work, chunk, carried.chunk), carried=carried)
    else:
        store.journal.append(run, name, _entries(decision, work, chunk, carried.chunk), carried=carried)
    if chunk.verb is Verb.DELETE:
        for standing in survey.sides:
            keys = work.putter.links.keys_of(name, standing.member.name, rows).to_pylist()
            links = [(row, key) for row, key in zip(rows.tolist(), keys, strict=True) if key is not None]
            store.journal.remember_keys(name, standing.member.name, links, carried=carried)


def journal_rewritten(
    store: Store, run: str, decision: Decision, *, work: Work, chunk: Chunk, receipt: Receipt
) -> None:
    """Keep what a system made of the values that it was sent, where it made something else of them."""
    held = receipt.held
    if held is None or (chunk.verb is Verb.CREATE and len(chunk.places) > VALUES_MAX):
        return
    failed = {reject.position for reject in receipt.rejects} | set(receipt.missed)
    names = [name for name in held.schema.names if name in chunk.rows.schema.names]
    changed = {name: differs(chunk.rows.column(name), held.column(name)) for name in names}
    places = [
        at for at in range(len(chunk.places)) if at not in failed and any(flags[at] for flags in changed.values())
    ]
    if not places:
        return
    survey = decision.survey
    some = pa.array(places)
    before, after = rows_of(chunk.rows.take(some)), rows_of(held.take(some))
    keys = _keys(decision, work, chunk)
    entries = []
    for at, place in enumerate(places):
        columns = [name for name in names if changed[name][place]]
        entries.append(
            JournalEntry(
                row=int(survey.numbers[chunk.places[place]]),
                member=survey.sides[work.side].member.name,
                verb=Verb.UPDATE,
                key=keys[place] or "",
                before={name: before[at][name] for name in columns},
                after={name: after[at][name] for name in columns},
                rules={"": REWRITTEN},
            )
        )
    store.journal.append(run, survey.mapping.name, entries)


def _keys(decision: Decision, work: Work, chunk: Chunk) -> list[str | None]:
    """The key of each row, null where the system is to draw it."""
    if chunk.verb is not Verb.CREATE:
        found: list[str | None] = taken(
            decision.survey.sides[work.side].keys, decision.survey.index[work.side, chunk.places]
        ).to_pylist()
        return found
    return chunk.keys.to_pylist() if chunk.keys is not None else [None] * len(chunk.places)


def _entries(decision: Decision, work: Work, chunk: Chunk, number: int) -> list[JournalEntry]:
    survey = decision.survey
    member = survey.sides[work.side].member.name
    keys = _keys(decision, work, chunk)
    nothing: list[None] = [None] * len(keys)
    before = rows_of(chunk.expected) if chunk.expected is not None else nothing
    after = nothing if chunk.verb is Verb.DELETE else rows_of(chunk.rows)
    fields = _fields(work, chunk)
    entries = []
    for at, place in enumerate(chunk.places.tolist()):
        given = [name for name in fields if _comes_in(decision, work, name, place)]
        rules = {name: rule_text(decision, name, place) for name in given} or {"": _row_rule(decision, work, place)}
        losing = {name: lost for name in given if (lost := decision.losing(name, place))}
        entries.append(
            JournalEntry(
                row=int(survey.numbers[place]),
                member=member,
                verb=chunk.verb,
                key=keys[at] or "",
                before=before[at],
                after=after[at],
                rules=rules,
                losing=losing or None,
                chunk=number,
            )
        )
    return entries


def _fields(work: Work, chunk: Chunk) -> list[str]:
    """The shared fields that feed the columns which a chunk changes."""
    if chunk.verb is not Verb.UPDATE:
        return []
    fed = [work.fed[column] for column in chunk.rows.schema.names if column in work.fed]
    return sorted(frozenset().union(*fed))


def _comes_in(decision: Decision, work: Work, field: str, place: int) -> bool:
    """Whether the value of a field is another's than this member's own."""
    source = decision.sources.get(field)
    return source is not None and source[place] >= 0 and source[place] != work.side


def _row_rule(decision: Decision, work: Work, place: int) -> str:
    """Why a row is created, deleted, or brought to what the mapping fills."""
    told = decision.words.get(("", place))
    if told is not None:
        return told
    sides = decision.survey.sides
    if place in work.deletes:
        gone = [rows.member for side, rows in enumerate(sides) if decision.survey.vanished[side, place]]
        return "; ".join(f"gone at {member.name}: {member.member.deletes or 'ask'}" for member in gone)
    if place in work.creates:
        standing = [rows.member.name for side, rows in enumerate(sides) if decision.active[side, place]]
        return f"stands at {' and '.join(standing)}"
    return "what the mapping fills"


def _columns(decision: Decision, work: Work, chunk: Chunk, number: int) -> Changes:
    """Many changes, column by column."""
    survey = decision.survey
    standing = survey.sides[work.side]
    rules: dict[str, pa.Array] = {}
    losing: dict[str, pa.Array] = {}
    for name in _fields(work, chunk):
        source = decision.sources.get(name)
        if source is not None:
            given = np.flatnonzero((source[chunk.places] >= 0) & (source[chunk.places] != work.side))
            if len(given):
                rules[name] = _spread(_rules(decision, name, chunk.places[given]), given, len(chunk.places))
                lost = _losing(decision, name, chunk.places[given])
                if any(lost):
                    losing[name] = _spread(lost, given, len(chunk.places))
    if not rules:
        texts = [_row_rule(decision, work, place) for place in chunk.places.tolist()]
        rules[""] = pa.array(texts, pa.string()).dictionary_encode()
    return Changes(
        member=standing.member.name,
        verb=chunk.verb,
        chunk=number,
        rows=survey.numbers[chunk.places],
        keys=taken(standing.keys, survey.index[work.side, chunk.places]),
        before=chunk.expected,
        after=chunk.rows if chunk.verb is Verb.UPDATE else None,
        rules=rules,
        losing=losing,
    )


def _rules(decision: Decision, name: str, places: Places) -> list[str | None]:
    """Why the values of a field count, place by place; the words are made once for all that were decided alike."""
    if any(field == name for field, _ in decision.words):
        return [rule_text(decision, name, place) for place in places.tolist()]
    kinds = decision.rules[name][places].astype(np.int64) * _SIDES_MAX + decision.origins[name][places]
    alike, first, which = np.unique(kinds, return_index=True, return_inverse=True)
    texts = [rule_text(decision, name, int(places[first[at]])) for at in range(len(alike))]
    return [texts[at] for at in which.tolist()]


def _losing(decision: Decision, name: str, places: Places) -> list[str | None]:
    """The values of a field that lost, by member, as texts."""
    rivals = decision.rivals.get(name)
    if rivals is None:
        return [None] * len(places)
    stood = rivals[:, places] & np.isin(decision.rules[name][places], list(CHOSEN))
    source, survey = decision.sources[name], decision.survey
    values = listed(shared_column(survey, name, source, places, decision.settled.get(name)))
    lost: list[dict[str, object]] = [{} for _ in places]
    for side in np.flatnonzero(stood.any(axis=1)).tolist():
        rows = survey.sides[side]
        held = listed(taken(rows.shared.column(name), survey.index[side, places]))
        for at in np.flatnonzero(stood[side] & (source[places] != side)).tolist():
            if held[at] != values[at]:
                lost[at][rows.member.name] = held[at]
    return [lossless.written(one) if one else None for one in lost]


def _spread(texts: list[str | None], given: Places, rows: int) -> pa.Array:
    """Texts of some rows as a column of all of them."""
    column: list[str | None] = [None] * rows
    for at, text in zip(given.tolist(), texts, strict=True):
        column[at] = text
    return pa.array(column, pa.string()).dictionary_encode()
