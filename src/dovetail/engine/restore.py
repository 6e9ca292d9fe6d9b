"""Rows that were deleted, put back where they stood with the values that the journal kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dovetail.engine.workspace import Workspace
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import Change, Receipt, Verb
from dovetail.model.key import encode
from dovetail.state.decrees import Decree, Status
from dovetail.state.journal import Chunked, JournalEntry
from dovetail.systems.protocol import Target


def restore(workspace: Workspace, mapping: CompiledMapping, decrees: Sequence[Decree], run: str) -> dict[str, pa.Array]:
    """Create the rows again that these decrees name, or let them stand again where they were deleted softly, each at
    its member and under its former number; what the others lack is left to the next look at them. Answers the keys of
    the rows that stand again, by member.

    Doing it twice equals once: a row that stands there with these values counts as put back."""
    standing: dict[str, pa.Array] = {}
    for member in mapping.members:
        meant = [decree for decree in decrees if decree.ruling.at == member.name]
        target = workspace.connector(member.member.system)
        for verb in (Verb.CREATE, Verb.UPDATE):
            some = [decree for decree in meant if _verb(decree) is verb]
            if some and isinstance(target, Target):
                keys = pa.array(_restore_at(workspace, mapping, member, (some, run, verb)), pa.string())
                standing[member.name] = pa.concat_arrays([standing.get(member.name, keys[:0]), keys])
    return {name: keys for name, keys in standing.items() if len(keys)}


def _restore_at(
    workspace: Workspace, mapping: CompiledMapping, member: CompiledMember, asked: tuple[Sequence[Decree], str, Verb]
) -> list[str]:
    decrees, run, verb = asked
    store, name = workspace.store, mapping.name
    target = workspace.connector(member.member.system)
    assert isinstance(target, Target)
    good = []
    for decree in decrees:
        why = _unfit(workspace, mapping, member, decree)
        if why:
            store.decrees.close([(decree.id, Status.LAPSED, why)])
        else:
            good.append(decree)
    batch = _batch(member, good)
    if not good or batch is None:
        return []
    carried = Chunked(f"undo {run} {name}.{member.name} {verb}", 1)
    with store.transaction():
        entries = [_entry(decree, member.name) for decree in good]
        store.journal.append(run, name, entries, carried=carried)
    expected = _batch(member, good, "was") if verb is Verb.UPDATE else None
    receipt = target.apply(replace(member.dataset, key=member.key), Change(verb, batch, expected))
    keys = _keys(member, batch, receipt)
    refused = {reject.position: f"{member.name} refused the row: {reject.reason}" for reject in receipt.rejects}
    refused |= dict.fromkeys(receipt.missed, f"the row changed at {member.name} since")
    with store.transaction():
        done = [at for at in range(len(good)) if at not in refused]
        for at in done:
            row = good[at].ruling.row
            store.crossref.unlink(name, [row], member=member.name)
            store.crossref.link(name, member.name, [row], [keys[at]])
            store.detached.back(name, member.name, [row])
        store.journal.confirm(carried, [good[at].ruling.row for at in done])
        store.decrees.close((good[at].id, Status.DONE, "the row stands again") for at in done)
        store.decrees.close((good[at].id, Status.LAPSED, why) for at, why in refused.items())
    return [keys[at] for at in done]


def _unfit(workspace: Workspace, mapping: CompiledMapping, member: CompiledMember, decree: Decree) -> str:
    """Why a row cannot be put back, empty where it can."""
    batch = _batch(member, [decree])
    if batch is None or not set(member.key) <= set(batch.schema.names):
        return "its columns are of other types by now"
    linked = workspace.store.crossref.rows(
        mapping.name, member.name, encode([batch.column(part) for part in member.key])
    )
    return "another row stands under its key" if linked[0].as_py() not in (None, decree.ruling.row) else ""


def _kept(decree: Decree, part: str = "own") -> Mapping[str, Any]:
    """What the decree knows of the row: the columns as they were, or (`was`) those of a row that is deleted softly."""
    kept: Mapping[str, Any] = decree.ruling.value.get(part) or {}  # type: ignore[attr-defined]
    return kept


def _verb(decree: Decree) -> Verb:
    return Verb.UPDATE if _kept(decree, "was") else Verb.CREATE


def _batch(member: CompiledMember, decrees: Sequence[Decree], part: str = "own") -> pa.RecordBatch | None:
    """The rows as they were, without what the system computes by itself; `None` where a value has no place any more."""
    names = [name for name in member.columns if (known := member.dataset.field(name)) is None or not known.computed]
    try:
        return pa.RecordBatch.from_pydict(
            {
                name: pa.array([_kept(decree, part).get(name) for decree in decrees], member.scope[name].arrow())
                for name in names
                if any(name in _kept(decree, part) for decree in decrees)
            }
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
        return None


def _entry(decree: Decree, member: str) -> JournalEntry:
    ruling = decree.ruling
    key = str(ruling.value["key"])  # type: ignore[index]
    before, after = dict(_kept(decree, "was")) or None, dict(_kept(decree))
    return JournalEntry(ruling.row, member, _verb(decree), key, before, after, rules={"": decree.words})


def _keys(member: CompiledMember, batch: pa.RecordBatch, receipt: Receipt) -> list[str]:
    given = receipt.keys if receipt.keys is not None else batch
    keys: list[str] = encode([given.column(part) for part in member.key]).to_pylist()
    return keys
