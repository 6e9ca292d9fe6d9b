"""What a run did to a row at one member, all its writes taken together, and what the row held before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.engine.arrays import listed
from dovetail.engine.decree import same
from dovetail.engine.rows import see
from dovetail.mapping.compiled import CompiledMapping, CompiledMember
from dovetail.model.change import Verb
from dovetail.state.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class Past:
    """The sum of a run's writes to one row at one member: `before` the first of them, `after` the last; `losing` by
    field and member."""

    verb: Verb
    key: str
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    losing: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def net(entries: Sequence[JournalEntry]) -> dict[str, Past]:
    """What the writes to one row come to at each member, the oldest first. A row that was created and deleted again
    is not named.

    >>> one = JournalEntry(1, "shop", Verb.UPDATE, "7", {"name": "a"}, {"name": "b"})
    >>> two = JournalEntry(1, "shop", Verb.UPDATE, "7", {"name": "b"}, {"name": "c"})
    >>> past = net([one, two])["shop"]
    >>> past.before, past.after
    ({'name': 'a'}, {'name': 'c'})
    """
    found: dict[str, Past] = {}
    for entry in entries:
        known = found.pop(entry.member, None)
        before, after, losing = dict(entry.before or {}), dict(entry.after or {}), dict(entry.losing or {})
        if known is None:
            found[entry.member] = Past(entry.verb, entry.key, before, after, losing)
        elif known.verb is Verb.CREATE and entry.verb is Verb.DELETE:
            continue
        elif known.verb is Verb.DELETE:
            found[entry.member] = known
        else:
            verb = Verb.DELETE if entry.verb is Verb.DELETE else known.verb
            whole = {**before, **known.before}
            after = {**known.after, **after}
            found[entry.member] = Past(verb, entry.key or known.key, whole, after, {**known.losing, **losing})
    return found


def seen_before(
    mapping: CompiledMapping, member: CompiledMember, own: pa.Table, befores: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    """The shared fields of rows as they were before: `own` is what the member holds of each now, and each of `befores`
    what some of its columns held. A field that cannot be told is left out."""
    columns = {name: listed(own.column(name)) for name in own.column_names}
    for at, before in enumerate(befores):
        for name, value in before.items():
            if name in columns:
                columns[name][at] = value
    try:
        kinds = {name: member.scope[name].arrow() for name in columns}
        table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
        return _one_by_one(mapping, member, own, befores)
    rows = see(mapping, member, table)
    shared = {name: listed(rows.shared.column(name)) for name in rows.shared.column_names}
    return [
        {name: values[at] for name, values in shared.items() if _is_told(rows.problems.get(at), name)}
        for at in range(len(befores))
    ]


def _is_told(problem: object, name: str) -> bool:
    field = getattr(problem, "field", None)
    return field not in ("", name)


def _one_by_one(
    mapping: CompiledMapping, member: CompiledMember, own: pa.Table, befores: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    """As `seen_before`, where one of the values is of no type that its column has."""
    if len(befores) == 1:
        return [{}]
    parts = [seen_before(mapping, member, own.slice(at, 1), [before]) for at, before in enumerate(befores)]
    return [one for part in parts for one in part]


def one_of(olds: Mapping[str, object], lost: Sequence[object], member: str) -> str | None:
    """The member whose former value is put back: the one that was named; else any, where all held the same; else the
    one whose value lost against another's."""
    if member in olds:
        return member
    names = list(olds)
    if all(same(olds[name], olds[names[0]]) for name in names[1:]):
        return names[0]
    losers = [name for name in names if any(same(olds[name], one) for one in lost)]
    return losers[0] if losers and all(same(olds[name], olds[losers[0]]) for name in losers[1:]) else None
