"""The verdict after all people went home: what stands in the systems against what was typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from dovetail.testing.chaos.expect import Being, Expected, expect
from dovetail.testing.chaos.place import Place
from dovetail.testing.chaos.scene import Kind
from dovetail.testing.chaos.typed import Record

SHOWN_MAX = 5
"""Examples told of each kind of harm."""

Stands = Mapping[str, Mapping[str, list[tuple[str, dict[str, str | None]]]]]
"""Of each kind, at each member: its rows, as (key, shared values)."""


class Promise(StrEnum):
    """What is promised; each violation breaks one of these."""

    words: str

    def __new__(cls, name: str, words: str) -> Self:
        promise = str.__new__(cls, name)
        promise._value_ = name
        promise.words = words
        return promise

    NO_LOSS = "G1", "No edit that was committed is lost."
    NO_DOUBLE = "G2", "No row stands twice."
    CONVERGENCE = "G3", "All members agree on every shared field."
    QUIESCENCE = "G4", "When nobody types, nothing is written."
    NO_INVENTION = "G5", "Every value was typed by somebody."
    NO_SILENCE = "G7", "An edit that had to give way is kept."
    NO_RESURRECTION = "G8", "What was deleted stays deleted, and nothing else is deleted."
    CONSERVATION = "G9", "Every row of a run has one outcome."
    ONE_TO_ONE = "G10", "A key is linked once, to the row that it belongs to."
    OTHERS_GO_ON = "G11", "What is held holds nothing else."


@dataclass(slots=True)
class Verdict:
    """What was found: how much was judged, and every harm with the promise that it breaks."""

    rows: int = 0
    fields: int = 0
    contested: int = 0
    either: int = 0
    gone: int = 0
    harms: list[tuple[Promise, str]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.harms

    @property
    def broken(self) -> Counter[Promise]:
        """How often each promise was broken."""
        return Counter(promise for promise, _ in self.harms)

    @property
    def lost(self) -> int:
        """Edits and rows that are not there any more."""
        return self.broken[Promise.NO_LOSS]

    @property
    def doubled(self) -> int:
        """Rows that stand more than once."""
        return self.broken[Promise.NO_DOUBLE]

    def harm(self, promise: Promise, words: str) -> None:
        """Note a broken promise."""
        self.harms.append((promise, words))

    def check(self, promise: Promise, words: str, *, holds: bool) -> None:
        """Note something that must hold."""
        if not holds:
            self.harm(promise, words)

    def told(self) -> list[str]:
        """The harms in lines: of each promise how often it was broken, and some examples."""
        lines = []
        for promise, count in sorted(self.broken.items()):
            lines.append(f"{promise} {promise.words} Broken {count} times:")
            examples = [words for broken, words in self.harms if broken is promise]
            lines += [f"  {words}" for words in examples[:SHOWN_MAX]]
        return lines


def stands(places: Iterable[Place], kinds: Sequence[Kind]) -> Stands:
    """Everything that stands in the systems now, references told by what the row that they name is called."""
    found: dict[str, dict[str, list[tuple[str, dict[str, str | None]]]]] = {kind.name: {} for kind in kinds}
    for place in places:
        with place.session() as session:
            for kind in kinds:
                if place.member in kind.tables:
                    rows = session.rows(kind.tables[place.member])
                    told = [(str(key), {at: kind.fields[at].told(one) for at, one in row.items()}) for key, row in rows]
                    found[kind.name][place.member] = told
    _call(found, kinds)
    return found


def _call(found: Stands, kinds: Sequence[Kind]) -> None:
    known_by = {kind.name: kind.known_by for kind in kinds}
    for kind in kinds:
        for member, here in kind.tables.items():
            for name, column in here.columns.items():
                if not column.refers:
                    continue
                other = found[column.refers][member]
                called = {key: values[known_by[column.refers]] for key, values in other}
                for _, values in found[kind.name][member]:
                    key = values[name]
                    values[name] = None if key is None else called.get(key, f"key {key}")


def judge(kinds: Sequence[Kind], record: Record, found: Stands) -> Verdict:
    """What stands there against what was typed: every row, every field, every member."""
    verdict = Verdict()
    for kind in kinds:
        names = {member: _by_name(verdict, kind, member, rows) for member, rows in found[kind.name].items()}
        expected = {row.name: expect(kind, row) for (name, _), row in record.rows.items() if name == kind.name}
        for name, what in expected.items():
            verdict.rows += 1
            _judge_row(verdict, kind, name, (what, {member: rows.get(name) for member, rows in names.items()}))
        for member, rows in names.items():
            for name in rows.keys() - expected.keys():
                verdict.harm(Promise.NO_INVENTION, f"{kind.name} {name!r} at {member}: nobody typed that row")
    return verdict


def _by_name(
    verdict: Verdict, kind: Kind, member: str, rows: Sequence[tuple[str, dict[str, str | None]]]
) -> dict[str, dict[str, str | None]]:
    counts = Counter(str(values[kind.known_by]) for _, values in rows)
    for name, count in counts.items():
        if count > 1:
            verdict.harm(Promise.NO_DOUBLE, f"{kind.name} {name!r} stands {count} times at {member}")
    return {str(values[kind.known_by]): values for _, values in rows}


def _judge_row(
    verdict: Verdict,
    kind: Kind,
    name: str,
    judged: tuple[Expected, Mapping[str, dict[str, str | None] | None]],
) -> None:
    expected, held = judged
    there = {member: values for member, values in held.items() if values is not None}
    words = f"{kind.name} {name!r}"
    verdict.either += expected.being is Being.EITHER
    verdict.gone += expected.being is Being.GONE
    if there and len(there) < len(held):
        verdict.harm(Promise.CONVERGENCE, f"{words} stands at {sorted(there)} only")
    if expected.being is Being.THERE and not there:
        verdict.harm(Promise.NO_LOSS, f"{words} is gone, though somebody who edited it was not seen by who deleted it")
    if expected.being is Being.GONE and there:
        verdict.harm(Promise.NO_RESURRECTION, f"{words} was deleted, and stands at {sorted(there)}")
    for field_name, allowed in expected.fields.items():
        values = {member: values[field_name] for member, values in there.items() if field_name in values}
        verdict.fields += bool(values)
        verdict.contested += bool(allowed.losers)
        if len(set(values.values())) > 1:
            verdict.harm(Promise.CONVERGENCE, f"{words}.{field_name} differs: {values}")
        for member, value in values.items():
            if value not in allowed.values:
                must = sorted(map(str, allowed.values))[:3]
                verdict.harm(Promise.NO_LOSS, f"{words}.{field_name} at {member} is {value!r}, must be {must}")
