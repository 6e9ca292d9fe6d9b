"""The laws of round trips: which questions to ask of a cell, and what the answers prove."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dovetail.expression.invert import Reversibility
from dovetail.expression.parse import Expression
from dovetail.mapping.compiled import CompiledCell, CompiledMember
from dovetail.model.type import Kind, Type

Row = Mapping[str, object]

_TEXT_MAX = 10_000
_INTEGER_MAX = 2**63 - 1


class Law(StrEnum):
    """What must hold between reading (get) and writing (put)."""

    GET_PUT = "GetPut"
    """`put(row, get(row)) = row`: writing what was read changes nothing."""
    PUT_GET = "PutGet"
    """`get(put(row, shared)) = shared`: what was written reads as what was meant."""
    CREATE_GET = "CreateGet"
    """`get(create(shared)) = shared`: a new row reads as what it was made from."""


class Verdict(StrEnum):
    """What one trial proves."""

    HOLDS = "holds"
    BROKEN = "broken"
    COARSER = "coarser"
    """The value was written in a coarser form, as cells that restore may do with values that they cannot give."""
    REFUSED = "refused"
    """The value cannot be written; its row would be held."""


@dataclass(frozen=True, slots=True)
class Question:
    """Expressions to evaluate, each with the column that it gives and the column's type, over a scope."""

    outputs: tuple[tuple[str, Expression, Type], ...]
    scope: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class Trial:
    """One shared value, written and read again: `after` is what the row holds then, `again` what it reads as.

    `position` says which row it was. `refused` says why it was not written, `unread` why the written row cannot be
    read."""

    law: Law
    position: int
    before: Row
    value: object
    after: Row
    again: object = None
    refused: str = ""
    unread: str = ""


def writing(member: CompiledMember, cell: CompiledCell, shared: Type, *, create: bool = False) -> Question:
    """What a cell makes of shared values, in the member's own columns."""
    writes = (cell.creates or cell.untried) if create else cell.writes
    scope = {cell.field: shared}
    for _, write in writes:
        scope |= {f"old.{name}": member.scope[name] for name in write.old_names}
    return Question(tuple((name, write, member.scope[name]) for name, write in writes), scope)


def reading(member: CompiledMember, cell: CompiledCell, shared: Type) -> Question:
    """What a cell makes of the member's own columns."""
    return Question(((cell.field, cell.read, shared),), {name: member.scope[name] for name in cell.columns})


def is_tested(cell: CompiledCell, shared_names: Sequence[str]) -> bool:
    """Whether the laws speak about this cell: it is written, and from its own shared field alone."""
    foreign = [name for _, write in cell.writes for name in write.names if name in shared_names and name != cell.field]
    return bool(cell.writes) and not foreign


def verdict(trial: Trial, kind: Reversibility, *, in_range: bool) -> Verdict:
    """What a trial proves of a cell of that class. `in_range` says that some row of this member reads as the value."""
    if trial.law is Law.GET_PUT:
        unchanged = not trial.refused and all(same(trial.before.get(name), held) for name, held in trial.after.items())
        return Verdict.HOLDS if unchanged else Verdict.BROKEN
    if trial.refused:
        return Verdict.BROKEN if in_range and kind is Reversibility.LOSSLESS else Verdict.REFUSED
    if trial.unread:
        return Verdict.BROKEN
    if same(trial.value, trial.again):
        return Verdict.HOLDS
    return Verdict.COARSER if kind is Reversibility.RESTORE and not in_range else Verdict.BROKEN


def same(one: object, two: object) -> bool:
    """Whether two values are the same; numbers by value, not-a-number being one of them.

    >>> same(Decimal("1.50"), Decimal("1.5")), same("a", "A")
    (True, False)
    """
    if isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two):
        return True
    if isinstance(one, bool) is not isinstance(two, bool):
        return False
    return one == two


def words(trial: Trial) -> str:
    """What happened in a trial, without any value."""
    if trial.law is Law.GET_PUT:
        if trial.refused:
            return f"a row cannot be written back as it was read: {trial.refused}"
        changed = [name for name, held in trial.after.items() if not same(trial.before.get(name), held)]
        return f"writing back what was read changes {', '.join(changed)}"
    if trial.refused:
        return f"a value that a row has cannot be written into another: {trial.refused}"
    if trial.unread:
        return f"what is written cannot be read again: {trial.unread}"
    made = "a new row" if trial.law is Law.CREATE_GET else "a row"
    return f"{made} reads differently from the value that was written"


def example(trial: Trial) -> dict[str, object]:
    """A trial as a counter-example, with its values as text."""
    shown: dict[str, object] = {"law": str(trial.law)}
    if trial.law is not Law.CREATE_GET:
        shown["before"] = {name: spelled(held) for name, held in trial.before.items()}
    shown["shared"] = spelled(trial.value)
    shown["after"] = trial.refused or {name: spelled(held) for name, held in trial.after.items()}
    if trial.law is not Law.GET_PUT and not trial.refused:
        shown["reads"] = trial.unread or spelled(trial.again)
    return shown


def spelled(value: object) -> str | None:
    """A value as text; null stays null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def edited(value: object, given: Type, turn: int) -> object:
    """A value as somebody may have edited it; `turn` chooses the edit. The same value and turn give the same edit.

    >>> [edited("Ada Poe", Type(Kind.TEXT), turn) for turn in range(4)]
    [None, '', 'Ada PoeAda Poe', 'aDA pOE']
    """
    if turn % 8 == 0:
        return None
    match value:
        case bool():
            return not value
        case float():
            return (-value, value + 1, value / 3, 0.0)[turn % 4]
        case str() if given.kind is Kind.TEXT:
            return _edited_text(value, turn % 8)
        case int() | Decimal():
            return _edited_number(value, given, turn % 8)
        case dt.datetime():
            return _shifted(
                value, (dt.timedelta(days=1), dt.timedelta(microseconds=1), dt.timedelta(hours=-5))[turn % 3]
            )
        case dt.date():
            return _shifted(value, dt.timedelta(days=(1, -31, 366)[turn % 3]))
    return value


def _edited_text(value: str, turn: int) -> str:
    edits = ("", "", value + value, value.swapcase(), f" {value}", f"{value}-{value}", f"{value} x, y", value[1:])
    return edits[turn][:_TEXT_MAX]


def _edited_number(value: int | Decimal, given: Type, turn: int) -> int | Decimal:
    scale = given.arrow().scale if given.kind is Kind.DECIMAL else 0
    step = Decimal(1).scaleb(-scale)
    number = Decimal(value)
    edits = (number, -number, number + step, number - step, number * 10, Decimal(0), abs(number) + 1, number + 3 * step)
    chosen = edits[turn]
    limit = Decimal(10) ** (given.arrow().precision - scale) if given.kind is Kind.DECIMAL else _INTEGER_MAX
    chosen = chosen if abs(chosen) < limit else number
    return int(chosen) if given.kind is Kind.INTEGER else round(chosen, scale)


def _shifted(value: dt.date, by: dt.timedelta) -> dt.date:
    try:
        return value + by
    except OverflowError:
        return value
