"""What changed about a dataset since it was mapped, and whether work may go on."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.type import DECIMAL_PRECISION_MAX, FREE_DECIMAL_SCALE, Kind, Type

INTEGER_MAX = 2**63 - 1
"""The greatest whole number that travels."""
ALIKE_MIN = 0.3
"""How alike a dropped field and a new one must be to be thought the same under another name."""


class Change(StrEnum):
    """What happened to a dataset or to one of its fields."""

    ADDED = "added"
    DROPPED = "dropped"
    RENAMED = "renamed"
    WIDENED = "widened"
    NARROWED = "narrowed"
    RETYPED = "retyped"
    LABEL = "new value"
    KEY = "other key"
    REQUIRED = "must be filled"
    GONE = "gone"
    SWAPPED = "other rows"


class Weight(StrEnum):
    """Whether work may go on."""

    SAFE = "safe"
    """It goes on by itself."""
    CHOICE = "needs a choice"
    """It waits until a person said what is meant."""
    STOP = "stop"
    """It waits until the system or the mapping was changed."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One change, in words without values; `to` is the new name, type or value."""

    change: Change
    weight: Weight
    field: str
    words: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What a member does with its dataset: the fields that it reads or writes, those of them that it writes, the key,
    the fields of which it knows each value (`codes`), and whether it creates rows."""

    fields: Collection[str]
    written: Collection[str]
    key: Sequence[str]
    coded: Collection[str] = ()
    creates: bool = False


def drifted(before: Dataset, now: Dataset | None, use: Use) -> tuple[Drifted, ...]:
    """Every change of a dataset that may matter to who uses it so."""
    if now is None:
        return (Drifted(Change.GONE, Weight.STOP, "", f"{before.name} is not there any more"),)
    found: list[Drifted] = []
    if before.kind is DatasetKind.TABLE and now.kind is not DatasetKind.TABLE:
        found.append(Drifted(Change.SWAPPED, Weight.STOP, "", f"{now.name} is a {now.kind} now, and was a table"))
    added = [field for field in now.fields if before.field(field.name) is None]
    taken: set[str] = set()
    for field in before.fields:
        if now.field(field.name) is None:
            found += _dropped(before, now, field, [one for one in added if one.name not in taken], use)
            taken |= {one.to for one in found if one.change is Change.RENAMED}
    found += _added([field for field in added if field.name not in taken], use)
    for field in before.fields:
        other = now.field(field.name)
        if other is not None and field.name in use.fields:
            found += _changed(field, other, use)
    found += _keyed(before, now, use)
    return tuple(found)


def _dropped(before: Dataset, now: Dataset, field: Field, added: Sequence[Field], use: Use) -> Iterator[Drifted]:
    if field.name not in use.fields:
        yield Drifted(Change.DROPPED, Weight.SAFE, field.name, f"the field {field.name!r} is gone; nothing used it")
        return
    likely = renamed(before, now, field, added)
    if likely is None:
        yield Drifted(Change.DROPPED, Weight.STOP, field.name, f"the field {field.name!r} is gone")
        return
    words = f"the field {field.name!r} is gone; {likely.name!r} is new, and may be the same under another name"
    yield Drifted(Change.RENAMED, Weight.CHOICE, field.name, words, likely.name)


def renamed(before: Dataset, now: Dataset, field: Field, added: Sequence[Field]) -> Field | None:
    """The new field that most likely is the dropped one under another name: of the same kind, at the same place, of a
    like name; `None` where none is likely."""
    ranked = [(_likeness(before, now, field, one), -at, one) for at, one in enumerate(added)]
    ranked = [one for one in ranked if one[0] >= ALIKE_MIN]
    return max(ranked, key=lambda one: one[:2])[2] if ranked else None


def _likeness(before: Dataset, now: Dataset, field: Field, other: Field) -> float:
    if field.type.kind is not other.type.kind:
        return 0.0
    is_here = before.names.index(field.name) == now.names.index(other.name)
    spelt = difflib.SequenceMatcher(None, field.name.lower(), other.name.lower()).ratio()
    same = field.type == other.type
    return 0.4 * is_here + 0.2 * same + 0.4 * spelt


def _added(added: Sequence[Field], use: Use) -> Iterator[Drifted]:
    for field in added:
        needs = not field.nullable and field.default is None and not field.computed and not field.drawn
        if needs and use.creates:
            words = f"the field {field.name!r} is new and must be filled; rows created here lack it"
            yield Drifted(Change.REQUIRED, Weight.CHOICE, field.name, words)
        else:
            yield Drifted(Change.ADDED, Weight.SAFE, field.name, f"the field {field.name!r} is new")


def _changed(before: Field, now: Field, use: Use) -> Iterator[Drifted]:
    name, was, is_now = before.name, str(before.type), str(now.type)
    fits, holds = covers(now.type, before.type), covers(before.type, now.type)
    if before.type.kind is not now.type.kind and not fits:
        words = f"the field {name!r} holds {is_now} now, and held {was}"
        yield Drifted(Change.RETYPED, Weight.STOP, name, words, is_now)
    elif fits and not holds:
        yield Drifted(
            Change.WIDENED, Weight.SAFE, name, f"the field {name!r} takes more: {is_now}, after {was}", is_now
        )
    elif not fits:
        words = f"the field {name!r} takes less: {is_now}, after {was}"
        yield Drifted(Change.NARROWED, Weight.CHOICE, name, words, is_now)
    for label in [label for label in now.labels if label not in before.labels]:
        if before.labels:
            words = f"{label!r} is a new value of {name!r}"
            if name in use.coded:
                words += "; rows that hold it are quarantined until `codes` names it"
            yield Drifted(Change.LABEL, Weight.SAFE, name, words, label)
    if before.nullable and not now.nullable and name in use.written:
        words = f"the field {name!r} must be filled now; rows without a value are refused there, and quarantined"
        yield Drifted(Change.REQUIRED, Weight.SAFE, name, words)


def _keyed(before: Dataset, now: Dataset, use: Use) -> Iterator[Drifted]:
    """Whether the key by which rows are known is one no more."""
    key = tuple(use.key)
    proved = {frozenset(one) for one in (before.key, *before.uniques)}
    proves = {frozenset(one) for one in (now.key, *now.uniques)}
    if frozenset(key) not in proved or frozenset(key) in proves or any(now.field(part) is None for part in key):
        return
    is_now = ", ".join(now.key) if now.key else "nothing"
    words = f"the key is {is_now} now; {', '.join(key)} need not tell rows apart any more"
    yield Drifted(Change.KEY, Weight.STOP, "", words, is_now)


def covers(wide: Type, narrow: Type) -> bool:
    """Whether every value of one type is one of the other, and reads alike.

    >>> ten = Type(Kind.TEXT, length=10)
    >>> covers(Type(Kind.TEXT), ten), covers(Type(Kind.TEXT, length=9), ten)
    (True, False)
    >>> covers(Type(Kind.DECIMAL, 12, 2), Type(Kind.DECIMAL, 10, 2))
    True
    >>> covers(Type(Kind.DECIMAL, 12, 4), Type(Kind.DECIMAL, 12, 2))
    False
    """
    if wide.kind is Kind.DECIMAL and narrow.kind in (Kind.DECIMAL, Kind.INTEGER):
        (places, whole), (others, needed) = _digits(wide), _digits(narrow)
        return places >= others and whole >= needed
    if wide.kind is not narrow.kind:
        return False
    if wide.kind is Kind.INTEGER:
        low, high = _bounds(wide)
        least, most = _bounds(narrow)
        return low <= least and most <= high
    if wide.kind is Kind.OPAQUE:
        return wide.native == narrow.native
    return wide.length is None or (narrow.length is not None and narrow.length <= wide.length)


def _digits(kind: Type) -> tuple[int, int]:
    """Digits behind and before the point."""
    if kind.kind is Kind.INTEGER:
        return 0, len(str(max(map(abs, _bounds(kind)))))
    places = FREE_DECIMAL_SCALE if kind.scale is None else kind.scale
    return places, (kind.precision or DECIMAL_PRECISION_MAX) - places


def _bounds(kind: Type) -> tuple[int, int]:
    low = -INTEGER_MAX - 1 if kind.minimum is None else kind.minimum
    return low, INTEGER_MAX if kind.maximum is None else kind.maximum
