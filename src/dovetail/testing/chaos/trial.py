"""One trial: rows that stand, people who type, the command that carries, harm that is done, and the verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dovetail.errors import DovetailError, Overdue
from dovetail.testing.chaos.judge import Promise, Stands, Verdict, judge, stands
from dovetail.testing.chaos.keeper import Keeper
from dovetail.testing.chaos.memory import answer, check_memory
from dovetail.testing.chaos.people import PROBE, People
from dovetail.testing.chaos.place import Place
from dovetail.testing.chaos.scene import Field, Kind
from dovetail.testing.chaos.typed import Deed, Record, Typed
from dovetail.testing.oracle import OUTCOMES
from dovetail.testing.program import Ended, Program

PASSES_MAX = 6
"""Passes after the last edit at most until nothing is written any more."""

ARRIVED_S = 120.0
"""Seconds in which an edit must have gone over once a fault is over."""

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Ways:
    """How the project is carried while people type (`carry`), and in single passes before and afterwards (`once`)."""

    carry: tuple[str, ...] = ("sync",)
    once: tuple[str, ...] = ("sync", "--once")


BY_SYNC = Ways()
"""The continuous way."""

BY_PASSES = Ways(("migrate", "--for-sync", "--allow", "1000000"), ("migrate", "--for-sync", "--allow", "1000000"))
"""Whole passes, one after the other."""


@dataclass(slots=True)
class Outcome:
    """How a trial ended: the verdict, the writes of each pass after the last edit, and how many rows a person was asked
    about: deletes that might have met an edit."""

    verdict: Verdict
    passes: list[int] = field(default_factory=list)
    asked: int = 0
    seconds: float = 0.0


class Trial:
    """A project, the places where its people work, and what they work on. `folder` keeps traces and the history."""

    def __init__(
        self,
        program: Program,
        places: Sequence[Place],
        kinds: Sequence[Kind],
        folder: Path,
        *,
        seed: int | None = None,
        rate: float = 100.0,
        ways: Ways = BY_SYNC,
        workers: int = 1,
    ) -> None:
        self.program = program
        self.places = tuple(places)
        self.kinds = tuple(kinds)
        self.folder = folder
        self.seed = random.SystemRandom().randrange(10**6) if seed is None else seed
        self.dice = random.Random(self.seed)  # noqa: S311 - dice, not secrets
        self.ways = ways
        self.record = Record(folder / "history.jsonl")
        self.people = [People(place, kinds, self.record, seed=self.seed, rate=rate) for place in places]
        self.keepers = [Keeper(program, ways.carry, folder / f"trace{number}") for number in range(1, workers + 1)]
        self._began_s = time.monotonic()
        self._probes = 0

    @property
    def keeper(self) -> Keeper:
        """The first worker."""
        return self.keepers[0]

    # ---------------------------------------------------------------------------------------------------------- acts

    def begin(self, *, keep: bool = True) -> None:
        """Let people type the first rows, join them in one pass, then let everybody work."""
        for people in self.people:
            people.prepare()
        ended = self.program.run(self.ways.once[0], *self.ways.once[1:])
        if not ended.is_done:
            words = f"the first pass ended with {ended.code} {ended.document.get('errors')} {ended.words[-500:]}"
            raise DovetailError(words, where=str(self.program.folder), hint="dovetail sync --once", code="DV-725")
        for people in self.people:
            people.start()
        for keeper in self.keepers if keep else ():
            keeper.start()

    def wait_for(self, edits: int, *, timeout_s: float = 600.0) -> None:
        """Until people have typed so much more."""
        wanted, limit = self.record.total + edits, time.monotonic() + timeout_s
        while self.record.total < wanted and time.monotonic() < limit:
            self.raise_if_anybody_failed()
            time.sleep(_POLL_S)

    def raise_if_anybody_failed(self) -> None:
        """Raise what went wrong with somebody who types."""
        for people in self.people:
            if people.failure is not None:
                raise people.failure

    def recovery(self, *, timeout_s: float = ARRIVED_S) -> float:
        """Type a row at the first member, and wait until it stands at the second: the seconds from now."""
        began, kind = time.monotonic(), self.kinds[0]
        here, there = self.places[0], self.places[1]
        self._probes += 1
        name = f"{kind.name}{PROBE}{self._probes}"
        number = self.record.next_number()
        columns = kind.tables[here.member].columns
        fields = {at: kind.fields[at] for at in kind.fields if at in columns and not columns[at].refers}
        values: dict[str, object] = {at: _probe(one, number) for at, one in fields.items()}
        values[kind.known_by] = name
        with here.session() as session, session.transaction():
            session.insert(kind.tables[here.member], values)
        after = {at: str(value) for at, value in values.items() if at not in fields or not fields[at].is_sum}
        sums = {at: int(str(values[at])) for at, one in fields.items() if one.is_sum}
        stamp = time.monotonic()
        self.record.add(Typed(number, here.member, kind.name, name, Deed.INSERT, {}, after, stamp, sums))
        with there.session() as session:
            while time.monotonic() - began < timeout_s:
                if any(found[kind.known_by] == name for _, found in session.rows(kind.tables[there.member])):
                    return time.monotonic() - began
                time.sleep(_POLL_S)
        toll = self.keeper.toll
        words = f"nothing went over within {timeout_s:g} s; runs ended with {dict(toll.codes)} {dict(toll.errors)}"
        raise Overdue(words, where=name, hint=f"seed {self.seed}", code="DV-724")

    def finish(self, *, timeout_s: float = 30.0, verified: bool = True) -> Outcome:
        """Let everybody go home, carry over what is left, and judge; `verified` by a comparison of all rows too."""
        for people in self.people:
            people.stop()
        for keeper in self.keepers:
            keeper.stop(timeout_s)
        return self.settle(verified=verified)

    def settle(self, *, verified: bool = True) -> Outcome:
        """Pass after pass until nothing is written and nobody is asked; then the verdict."""
        self.record.close()
        outcome = Outcome(Verdict())
        ended = Ended(0, {}, "")
        for _ in range(PASSES_MAX):
            ended = self.program.run(self.ways.once[0], *self.ways.once[1:])
            if not ended.is_done:
                break
            outcome.passes.append(ended.writes)
            asked = answer(self.program, self.kinds, self.record, self.stands())
            outcome.asked += asked
            if len(outcome.passes) >= 2 and ended.writes == 0 and not asked:
                break
        verdict = judge(self.kinds, self.record, self.stands())
        self._check_runs(verdict, outcome, ended)
        if verified and ended.is_done:
            compared = self.program.run("verify")
            verdict.check(Promise.CONVERGENCE, f"verify ended with {compared.code}", holds=compared.code == ended.code)
        check_memory(verdict, self.program, self.kinds, self.record, self.stands())
        outcome.verdict, outcome.seconds = verdict, time.monotonic() - self._began_s
        return outcome

    def close(self) -> None:
        """Leave nobody and nothing running, however the trial went."""
        for keeper in self.keepers:
            keeper.end()
        for people in self.people:
            people.leave()
        self.record.close()

    def stands(self) -> Stands:
        """Everything that stands in the systems now."""
        return stands(self.places, self.kinds)

    # -------------------------------------------------------------------------------------------------------- checks

    def _check_runs(self, verdict: Verdict, outcome: Outcome, last: Ended) -> None:
        passes = outcome.passes
        words = f"the last pass ended with {last.code} {last.errors} {last.words[-500:]}"
        verdict.check(Promise.OTHERS_GO_ON, words, holds=last.is_done)
        verdict.check(Promise.QUIESCENCE, f"passes without edits wrote {passes} rows", holds=passes[-1:] == [0])
        for name, counted in last.document.get("mappings", {}).items():
            total = sum(counted[outcome] for outcome in OUTCOMES)
            told = f"{name}: {counted['rows']} rows, {total} outcomes"
            verdict.check(Promise.CONSERVATION, told, holds=counted["rows"] == total)
            held = {what: counted[what] for what in ("quarantined", "conflicts") if counted[what]}
            verdict.check(Promise.OTHERS_GO_ON, f"{name}: rows are held: {held}", holds=not held)
        for words in [words for keeper in self.keepers for words in keeper.toll.tracebacks]:
            verdict.harm(Promise.OTHERS_GO_ON, f"an unknown error: {words}")


def _probe(declared: Field, number: int) -> object:
    """A value for a field of a row that is typed to see when it arrives."""
    return number * 10 if declared.is_number else number % 9 if declared.is_sum else f"probe {number}"
