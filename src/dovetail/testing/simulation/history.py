"""One history: a world, its people, its workers and their mishaps, watched by the oracle from the first commit on."""

from __future__ import annotations

import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dovetail import failpoints
from dovetail.errors import DovetailError, Fenced, Remedy
from dovetail.model.run import Summary
from dovetail.testing.simulation import verdict
from dovetail.testing.simulation.database import Altered, Commit
from dovetail.testing.simulation.dice import Dice
from dovetail.testing.simulation.fate import Crash, Fate, Mishap
from dovetail.testing.simulation.oracle import PEOPLE, Oracle
from dovetail.testing.simulation.people import People
from dovetail.testing.simulation.script import Kind, Step
from dovetail.testing.simulation.worker import Site, Worker, one_thread
from dovetail.testing.simulation.world import POLICIES, Maker, World, drifted

REST = 4
"""Rounds without edits after which everything must be at rest."""
EMPTIED = "DV-467"
"""A member holds no row any more: a person must permit that the others follow."""
ALLOWED = 10_000
_SERIALS = 1_000
_PAUSE_S = 40


@dataclass(slots=True)
class Told:
    """What became of one history."""

    seed: int
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)


class History:
    """Plays the steps of one seed."""

    def __init__(self, seed: int, folder: Path, template: Path | None, policies: Sequence[str]) -> None:
        self.told = Told(seed)
        self.world: World = Maker(Dice(f"world {seed}"), policies).world()
        self.site = Site(folder, self.world, self.world.databases())
        self.oracle = Oracle(self.world, self.site.databases)
        for database in self.site.databases.values():
            database.listeners.append(self._hear)
        self.people = People(self.site, self.oracle)
        self.worker: Worker | None = None
        self._workers = 0
        self._serial = 0
        self._allowed: int | None = None
        self._template = template
        self._nested = 0

    def play(self, steps: Sequence[Step]) -> Told:
        """All steps, then rest and the verdict; ends at the first violation."""
        self.site.declare(self.world)
        if self._template is not None:
            shutil.copyfile(self._template, self.site.state)
        former = failpoints.watch(None)
        try:
            with one_thread(tight=Dice(f"bounds {self.told.seed}").chance(0.4)):
                for at, step in enumerate(steps):
                    self._serial = (at + 1) * _SERIALS
                    self.site.seconds += Dice(f"pause {step.seed}").between(0, _PAUSE_S)
                    self._take(step)
                    if self._violated():
                        break
                else:
                    self._rest()
        except Exception:  # noqa: BLE001 - whatever breaks is a finding
            self.oracle.wrong("broke: " + traceback.format_exc(limit=-8))
        finally:
            failpoints.watch(former)
            self._drop()
        self._violated()
        self.told.counts += self.oracle.counts
        self.told.counts["seeds"] += 1
        return self.told

    def _violated(self) -> bool:
        self.told.violations = list(self.oracle.violations)
        return bool(self.told.violations)

    def _log(self, words: str) -> None:
        self.told.log.append("  " * self._nested + words)

    def _hear(self, commit: Commit) -> None:
        """Tell what the engine committed."""
        if commit.author != PEOPLE:
            for one in commit.altered:
                self._log(f"  {commit.author} at {commit.system}: {_difference(one)}")

    # ----------------------------------------------------------------------------------------------------------- steps

    def _take(self, step: Step) -> None:
        play: dict[Kind, Callable[[Step], None]] = {
            Kind.EDIT: lambda one: self._edit(one.seed),
            Kind.ROUND: self._round,
            Kind.WHOLE: self._whole,
            Kind.STOP: lambda _: self._drop(),
            Kind.DRIFT: self._drift,
            Kind.CAPTURE: lambda _: self._capture(),
            Kind.LOSE_FEED: self._lose_feed,
            Kind.KEEP_STATE: lambda _: self._keep_state(),
            Kind.RESTORE_STATE: lambda _: self._restore_state(),
            Kind.LOSE_STATE: lambda _: self._lose_state(),
        }
        if step.kind is not Kind.EDIT:
            self._log(str(step))
        play[step.kind](step)

    def _edit(self, seed: int) -> None:
        self._serial += 10
        words = self.people.act(seed, self._serial)
        if words:
            self.told.counts["deeds"] += 1
            self._log(words)

    def _worker(self, mishaps: Sequence[Mishap]) -> Worker:
        """The sync that runs, or a new one."""
        if self.worker is None:
            self.worker = self._new_worker(mishaps)
        else:
            self.worker.fate.plan(mishaps)
        return self.worker

    def _new_worker(self, mishaps: Sequence[Mishap]) -> Worker:
        self._workers += 1
        name = f"worker {self._workers}"
        dice = Dice(f"{self.told.seed} {name}")
        fate = Fate(name, list(mishaps), dice, self._edit, self._take_over, self.told.counts)
        return Worker(self.site, fate, self._allowed)

    def _round(self, step: Step) -> None:
        worker = self._worker(step.mishaps)
        self.told.counts["rounds"] += 1
        is_calm = self._carry_out(worker, worker.round)
        if is_calm:
            self._settle(worker)

    def _whole(self, step: Step) -> None:
        worker = self._new_worker(step.mishaps)
        self.told.counts["whole passes"] += 1
        if self._carry_out(worker, lambda: [worker.whole()]):
            self._settle(worker)
        self._close(worker)

    def _carry_out(self, worker: Worker, work: Callable[[], list[Summary]]) -> bool:
        """Let a worker work; whether nothing went amiss. One that failed is not used again."""
        former = failpoints.watch(worker.fate)
        is_done = False
        before = self.oracle.engine_rows
        try:
            summaries = work()
            is_done = worker.fate.is_calm
            for summary in summaries:
                self.oracle.violations += verdict.uncounted(summary)
            self._log(f"{worker.fate.worker}: {self.oracle.engine_rows - before} rows {worker.fate.trail or ''}")
        except Crash as crash:
            self._log(f"{worker.fate.worker} died: {worker.fate.trail} {crash}")
            self.told.counts["crashes"] += 1
        except DovetailError as error:
            self._log(f"{worker.fate.worker}: {error.code} {error.message} {worker.fate.trail}")
            self._failed(worker, error)
        finally:
            failpoints.watch(former)
        worker.fate.trail.clear()
        if not is_done and worker is self.worker and (worker.fate.is_dead or not worker.fate.is_calm):
            self._drop()
        return is_done

    def _failed(self, worker: Worker, error: DovetailError) -> None:
        if isinstance(error, Fenced):
            self.told.counts["zombies fenced"] += 1
        elif error.remedy is Remedy.RETRY:
            self.told.counts["passes given up"] += 1
        elif error.code == EMPTIED:
            self.told.counts["emptied, and permitted"] += 1
            self._allowed = ALLOWED
        elif worker.fate.is_calm:
            self.oracle.wrong(f"failed: {error.code} {error.message}")
        if worker is self.worker:
            self._drop()

    def _settle(self, worker: Worker) -> None:
        """A pass ended without any mishap: what agrees is agreed on."""
        self.oracle.settle(verdict.held(worker.workspace.store, self.oracle))

    def _take_over(self) -> None:
        """Another worker begins while one is at work, and makes a whole round."""
        worker = self._new_worker(())
        self._nested += 1
        self._carry_out(worker, worker.round)
        self._nested -= 1
        self._close(worker)

    def _close(self, worker: Worker) -> None:
        former = failpoints.watch(None)
        worker.close()
        failpoints.watch(former)

    def _drop(self) -> None:
        if self.worker is not None:
            self._close(self.worker)
            self.worker = None

    # ---------------------------------------------------------------------------------------------------------- events

    def _drift(self, step: Step) -> None:
        self._drop()
        self.site.declare(drifted(self.site.world, Dice(f"drift {step.seed}")))
        self.oracle.redeclare(self.site.world)

    def _capture(self) -> None:
        worker = self._new_worker(())
        verdict.capture(worker)
        self._close(worker)

    def _lose_feed(self, step: Step) -> None:
        database = Dice(step.seed).one(list(self.site.databases.values()))
        for feed in database.feeds.values():
            feed.noted.clear()
            feed.lost = "its log was cut off"
            self.told.counts["feeds lost"] += 1

    def _keep_state(self) -> None:
        self._drop()
        if self.site.state.exists():
            shutil.copyfile(self.site.state, self.site.folder / "kept.db")

    def _restore_state(self) -> None:
        kept = self.site.folder / "kept.db"
        if kept.exists():
            self._drop()
            shutil.copyfile(kept, self.site.state)
            self.told.counts["states restored"] += 1
            self.oracle.distrust()

    def _lose_state(self) -> None:
        self._drop()
        self.site.state.unlink(missing_ok=True)
        self.told.counts["states lost"] += 1
        self.oracle.distrust()

    # ------------------------------------------------------------------------------------------------------------ rest

    def _rest(self) -> None:
        """Rounds without edits, then the verdict; then people settle what was left to them, and everything agrees."""
        self._drop()
        self._nested = 1
        for part in ("rest", "rest once all conflicts are settled"):
            self._log(part)
            store = self._rounds()
            if self._violated():
                return
            self.oracle.violations += verdict.at_rest(self.site, self.oracle, store)
            self._violated()
            if self.told.violations or not verdict.resolve(self.site, self.oracle, store):
                break
            self.told.counts["conflicts settled by people"] += 1

    def _rounds(self) -> verdict.Left:
        """Rest; then a fresh worker looks at everything again, and nothing may be written."""
        last = 0
        for _ in range(REST):
            before = self.oracle.engine_rows
            self._round(Step(Kind.ROUND, 0))
            last = self.oracle.engine_rows - before
        if last:
            self.oracle.wrong(f"restless: the last of {REST} rounds without edits wrote {last} rows")
        self._drop()
        before = self.oracle.engine_rows
        worker = self._new_worker(())
        self._carry_out(worker, lambda: [worker.whole()])
        if self.oracle.engine_rows != before and not self.oracle.violations:
            self.oracle.wrong(f"restless: a pass over everything wrote {self.oracle.engine_rows - before} rows")
        left = verdict.left(worker.workspace.store, self.oracle)
        self._close(worker)
        return left


def _difference(one: Altered) -> str:
    """A row that was written, in a few words."""
    if one.after is None:
        return f"deleted {one.table} {one.key}"
    if one.before is None:
        return f"created {one.table} {one.key} {one.after}"
    before = one.before
    changed = {name: (before[name], value) for name, value in one.after.items() if before[name] != value}
    return f"updated {one.table} {one.key} {changed}"


def history(
    seed: int,
    folder: Path,
    steps: Sequence[Step],
    *,
    template: Path | None = None,
    policies: Sequence[str] = POLICIES,
) -> Told:
    """Play steps in the world of a seed, in a folder that is empty; `template` is a fresh state, `policies` are the
    rules that the world may use."""
    return History(seed, folder, template, policies).play(steps)
