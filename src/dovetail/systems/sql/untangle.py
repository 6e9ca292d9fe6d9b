"""Rows that keep each other from unique values: released before they are taken, parked where they go in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from dovetail.model.catalog import Dataset
from dovetail.model.change import Reject
from dovetail.model.type import Kind
from dovetail.systems.sql import refusal

_PARKED: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("~{0}",),
    Kind.INTEGER: ("-1{0:04}", "1{0:08}"),
    Kind.DECIMAL: ("-1{0:04}", "1{0:08}"),
}
"""Values that hardly any row holds, by kind, for fields that cannot be null; one that is refused does no harm."""
PARKINGS = max(map(len, _PARKED.values()))
"""Kinds of parked values that are tried one after the other."""


class Steps(Protocol):
    """How a system updates some rows of a change, by position, inside the transaction at hand."""

    def write(self, positions: Sequence[int], *, is_parked: bool) -> Mapping[int, Reject]:
        """Write the rows, which hold parked values where `is_parked`; answers those that are refused."""
        ...

    def park(self, positions: Sequence[int], choice: int) -> bool:
        """Let the rows hold parked values in the fields that must be unique; whether all of them do."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that an exception undoes by itself."""
        ...


class _Undone(Exception):
    """What was tried did not work out."""


def untangle(refused: Mapping[int, Reject], steps: Steps) -> dict[int, Reject]:
    """What is refused for good, of rows of which some wanted unique values that others of them hold.

    Rows whose values were released meanwhile are written. Those that are left wait for each other, or for a row that
    keeps its value: all of them are parked and written, without those whose value is not given up. Never is a row
    removed to make room."""
    known = dict(refused)
    waiting = _doubles(known)
    while waiting:
        answer = steps.write(waiting, is_parked=False)
        known = {at: words for at, words in known.items() if at not in waiting} | dict(answer)
        left = _doubles(answer)
        if len(left) == len(waiting):
            break
        waiting = left
    while len(waiting) > 1:
        refusals = _parked(waiting, steps)
        if refusals is None:
            return known
        if not refusals:
            return {at: words for at, words in known.items() if at not in waiting}
        waiting = [at for at in waiting if at not in refusals]
    return known


def _parked(waiting: Sequence[int], steps: Steps) -> Mapping[int, Reject] | None:
    """The rows that are refused though all are parked (then nothing is written); `None` where they cannot be parked."""
    answer: Mapping[int, Reject] | None = None
    for choice in range(PARKINGS):
        with suppress(_Undone), steps.savepoint():
            if steps.park(waiting, choice):
                answer = steps.write(waiting, is_parked=True)
                if not answer:
                    return answer
            raise _Undone
        if answer is not None:
            break
    return answer


def _doubles(refused: Mapping[int, Reject]) -> list[int]:
    return [at for at, words in refused.items() if words.code == refusal.DOUBLE]


def parkings(dataset: Dataset, names: Sequence[str], choice: int) -> Iterator[tuple[str, str | None]]:
    """One field of every unique constraint over the fields that are set, and how a value is made from a row's position
    to stand there meanwhile (`None`: null); none at all where a constraint has no such field."""
    chosen: dict[str, str | None] = {}
    for group in dataset.uniques:
        own = [name for name in group if name in names and name not in dataset.key]
        if not own or any(name in chosen for name in own):
            continue
        made = next((one for one in (_parking(dataset, name, choice) for name in own) if one is not None), None)
        if made is None:
            return
        chosen[made[0]] = made[1]
    yield from chosen.items()


def _parking(dataset: Dataset, name: str, choice: int) -> tuple[str, str | None] | None:
    field = dataset.field(name)
    if field is None:
        return None
    if field.nullable:
        return name, None
    forms = _PARKED.get(field.type.kind, ())
    return (name, forms[choice]) if choice < len(forms) else None
