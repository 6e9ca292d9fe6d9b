"""What must stand in a row after all edits were carried over, worked out from what people typed and saw alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dovetail.testing.chaos.scene import Field, Kind
from dovetail.testing.chaos.typed import Chain, Row, Typed

_SEVERAL = 3
"""Members among which an edit can meet two of the others one after the other."""


class Being(StrEnum):
    """Whether a row must stand there."""

    THERE = "there"
    GONE = "gone"
    EITHER = "either"
    """It was deleted while others edited it, and only the moment of their meeting decides."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a field may hold in the end; `losers` are last edits that were overwritten by somebody else's
    which did not know of them: (member, value)."""

    values: frozenset[str | None]
    losers: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a row must be in the end; a field without an entry was never typed."""

    being: Being
    fields: dict[str, Allowed] = field(default_factory=dict)


def expect(kind: Kind, row: Row) -> Expected:
    """What must come of the row.

    An edit counts unless somebody who saw it typed something else; of several that did not see each other the member
    that `wins` counts. A row is gone where somebody deleted it who saw all that the others typed."""
    fields = {name: _allowed(row, name, declared) for name, declared in kind.fields.items()}
    return Expected(_being(kind, row), {name: found for name, found in fields.items() if found is not None})


def _allowed(row: Row, name: str, declared: Field) -> Allowed | None:
    last = {member: chain.last[name] for member, chain in row.chains.items() if name in chain.last}
    deletes = sum(chain.deletes for chain in row.chains.values())
    ever = frozenset(value for chain in row.chains.values() for field, value in chain.typed if field == name)
    if declared.is_sum:
        inserts = sum(chain.inserts for chain in row.chains.values())
        return None if deletes or inserts > 1 else Allowed(frozenset({_sum(row, name)}))
    if not ever:
        return None
    newest = [member for member in last if not _is_outdated(row, name, member, last)]
    if deletes and (not newest or not _is_certain(row, name, newest[0])):
        return Allowed(ever)
    gone = {member: chain.before_gone[name] for member, chain in row.chains.items() if name in chain.before_gone}
    later = [member for member in newest if not _is_outdated(row, name, member, gone | last)]
    winners = _winners(row, name, declared, newest)
    values = frozenset(last[member].after[name] for member in (*winners, *_winners(row, name, declared, later)))
    losers = tuple((member, last[member].after[name]) for member in newest if member not in winners)
    return Allowed(values, () if deletes else losers)


def _winners(row: Row, name: str, declared: Field, newest: list[str]) -> list[str]:
    """Those of several last edits that may count. What outdates an edit may itself have gone with a row that was
    deleted and came back; so with and without such edits another one may be the last. Among three or more members the
    one that is preferred to all may have taken over any edit of the others before they met; then it stands for it."""
    ranked = [member for member in declared.wins if member in newest]
    if len(declared.wins) >= _SEVERAL and ranked and ranked[0] != declared.wins[0]:
        return ranked
    return [ranked[0], *_followers(row, name, declared, ranked)] if ranked else newest


def _followers(row: Row, name: str, declared: Field, ranked: list[str]) -> list[str]:
    """Those who typed after having seen a value that may have beaten the preferred edit before: among three or more it
    is the moment of their meeting that decides."""
    before = declared.wins[: declared.wins.index(ranked[0])]
    beaters = {
        value for member in before if member in row.chains for field, value in row.chains[member].typed if field == name
    }
    return [
        member
        for member in ranked[1:]
        if any(row.chains[member].knew(name, value, row.chains[member].last[name].number) for value in beaters)
    ]


def _is_outdated(row: Row, name: str, member: str, last: dict[str, Typed]) -> bool:
    """Whether somebody else saw this member's last edit and typed on."""
    mine = last[member].after[name]
    return any(
        row.chains[other].knew(name, mine, theirs.number) and theirs.after[name] != mine
        for other, theirs in last.items()
        if other != member
    )


def _is_certain(row: Row, name: str, member: str) -> bool:
    """Whether this member's edit counts whatever became of rows that were deleted elsewhere: it knew what was typed
    there."""
    mine = row.chains[member]
    return all(
        name not in chain.before_gone or mine.knew(name, chain.before_gone[name].after[name], mine.last[name].number)
        for other, chain in row.chains.items()
        if other != member
    )


def _sum(row: Row, name: str) -> str:
    """What everybody added; the first value is added too, by whoever typed the row."""
    return str(sum(chain.sums[name] for chain in row.chains.values()))


def _being(kind: Kind, row: Row) -> Being:
    if all(chain.gone is None for chain in row.chains.values()):
        return Being.THERE
    deletes = [chain for chain in row.chains.values() if chain.gone is not None]
    edits = [
        (chain, name)
        for chain in row.chains.values()
        if chain.gone is None
        for name in chain.last
        if name in kind.fields and not kind.fields[name].is_sum
    ]
    fates = {_of_delete([_weigh(row, gone, chain, name) for chain, name in edits]) for gone in deletes}
    return next((fate for fate in (Being.GONE, Being.EITHER) if fate in fates), Being.THERE)


def _of_delete(weighed: list[Being]) -> Being:
    """What one delete does: any edit that it did not see keeps the row, as far as this delete goes."""
    return next((fate for fate in (Being.THERE, Being.EITHER) if fate in weighed), Being.GONE)


def _weigh(row: Row, gone: Chain, chain: Chain, name: str) -> Being:
    """One edit elsewhere against a delete: unseen, it keeps the row, unless it may have lost to another edit before."""
    assert gone.gone is not None
    edit = chain.last[name]
    value = edit.after[name]
    if gone.knew(name, value, gone.gone.number):
        return Being.GONE
    others = [other for other in row.chains.values() if other is not chain]
    mine = [other.last.get(name) or other.before_gone.get(name) for other in others]
    known = [typed is None or chain.knew(name, typed.after[name], edit.number) for typed in mine]
    return Being.THERE if all(known) else Being.EITHER
