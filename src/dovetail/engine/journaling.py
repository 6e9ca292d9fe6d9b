"""What a write leaves in the journal: the values before and after, durable before the target commits."""

from __future__ import annotations

from dovetail.engine.arrays import rows_of, taken
from dovetail.engine.decision import Chunk, Decision, Work
from dovetail.model.change import Verb
from dovetail.state.columnar import Changes
from dovetail.state.journal import Created, JournalEntry
from dovetail.state.store import Store

COLUMNS_MIN = 500
"""Changes of one chunk from which they are journaled column by column."""


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
    key_texts = taken(survey.sides[work.side].keys, position)
    if len(numbers) >= COLUMNS_MIN:
        after_all = chunk.rows if chunk.verb is Verb.UPDATE else None
        rows = survey.numbers[chunk.places]
        changes = Changes(member.name, chunk.verb, number, rows, key_texts, chunk.expected, after_all)
        store.journal.append_changes(run, survey.mapping.name, changes)
        return
    keys = key_texts.to_pylist()
    before = rows_of(chunk.expected) if chunk.expected is not None else [None] * len(keys)
    after = rows_of(chunk.rows) if chunk.verb is Verb.UPDATE else [None] * len(keys)
    entries = [
        JournalEntry(row, member.name, chunk.verb, key, old, new, chunk=number)
        for row, key, old, new in zip(numbers, keys, before, after, strict=True)
    ]
    store.journal.append(run, survey.mapping.name, entries)
