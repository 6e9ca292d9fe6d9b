"""What must be true after any number of crashes, judged by questions of the tester's own, not by Dovetail's opinion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dovetail.engine.open import open_workspace
from dovetail.testing.program import Ended, Program

Rows = Callable[[], Iterable[tuple[object, ...]]]
"""Asks a system itself, by the tester's own SQL."""

OUTCOMES = ("created", "updated", "deleted", "unchanged", "filtered", "quarantined", "conflicts")
"""What may become of a shared row in a run; each has exactly one of them."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one mapping must bring about.

    `expected` are the rows that must stand in the target in the end and `found` those that do, in the same shape and
    without keys that the target drew. `pairs` are the keys of rows that belong together (source, target), as text."""

    mapping: str
    members: tuple[str, str]
    expected: Rows
    found: Rows
    count: Callable[[], int]
    pairs: Callable[[], Iterable[tuple[str, str]]] | None = None


class Scene(Protocol):
    """A project over two systems that the tester fills and questions."""

    program: Program
    loads: Sequence[Load]

    def reset(self) -> None:
        """Empty target and state again."""
        ...

    def ledger_rows(self) -> int:
        """Entries that stand in the ledgers of all targets."""
        ...


@dataclass(slots=True)
class Verdict:
    """What was found: rows judged, and everything that is not as it must be."""

    rows: int = 0
    lost: int = 0
    doubled: int = 0
    foreign: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.doubled or self.foreign or self.wrong)

    def check(self, words: str, *, holds: bool) -> None:
        """Note something that must hold."""
        if not holds:
            self.wrong.append(words)


def counts(scene: Scene) -> dict[str, int]:
    """How many rows stand in each mapping's target."""
    return {load.mapping: load.count() for load in scene.loads}


def judge(scene: Scene, last: Ended, before: Mapping[str, int]) -> Verdict:
    """The verdict after `last`, the run that went through; `before` are the counts just before it."""
    verdict = Verdict()
    for load in scene.loads:
        _compare(verdict, load)
        _add_up(verdict, load, last, before)
    _remembered(verdict, scene)
    verified = scene.program.run("verify")
    verdict.check(f"verify ended with {verified.code} {verified.errors}", holds=verified.code == last.code)
    again = scene.program.run("migrate")
    verdict.check(f"the next run ended with {again.code} {again.errors}", holds=again.code == last.code)
    verdict.check(f"the next run wrote {again.writes} rows", holds=again.writes == 0)
    return verdict


def _compare(verdict: Verdict, load: Load) -> None:
    expected, found = Counter(load.expected()), Counter(load.found())
    verdict.rows += expected.total()
    verdict.lost += (expected - found).total()
    surplus = found - expected
    doubled = sum(count for row, count in surplus.items() if row in expected)
    verdict.doubled += doubled
    verdict.foreign += surplus.total() - doubled


def _add_up(verdict: Verdict, load: Load, last: Ended, before: Mapping[str, int]) -> None:
    """The summary of the last run must add up, and tell as many new rows as the target got in it."""
    counted = last.document.get("mappings", {}).get(load.mapping)
    if counted is None:
        verdict.wrong.append(f"{load.mapping}: the summary does not tell it")
        return
    total = sum(counted[outcome] for outcome in OUTCOMES)
    verdict.check(f"{load.mapping}: {counted['rows']} rows, {total} outcomes", holds=counted["rows"] == total)
    member, grown = counted["members"].get(load.members[1]), load.count() - before[load.mapping]
    verdict.check(f"{load.mapping}: the summary leaves {load.members[1]} out", holds=member is not None)
    created = member["created"] if member is not None else 0
    verdict.check(f"{load.mapping}: {created} told as created, {grown} more rows", holds=created == grown)


def _remembered(verdict: Verdict, scene: Scene) -> None:
    """Nothing is left open, and the cross-reference pairs exactly what belongs together."""
    verdict.check(f"{scene.ledger_rows()} ledger entries are left", holds=scene.ledger_rows() == 0)
    program = scene.program
    with open_workspace(program.folder, environment=program.environment, variables=program.variables) as workspace:
        store = workspace.store
        verdict.check("intents are still open", holds=not store.intents.partitions())
        for load in scene.loads:
            left, right = (store.crossref.load(load.mapping, member).to_pydict() for member in load.members)
            for side in (left, right):
                double = len(side["key"]) - len(set(side["key"]))
                verdict.check(f"{load.mapping}: {double} keys linked twice", holds=double == 0)
            if load.pairs is not None:
                other = dict(zip(right["row"], right["key"], strict=True))
                linked = {(key, other.get(row)) for row, key in zip(left["row"], left["key"], strict=True)}
                differ = len(linked ^ set(load.pairs()))
                verdict.check(f"{load.mapping}: {differ} pairs in the cross-reference differ", holds=differ == 0)
