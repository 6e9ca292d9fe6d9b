"""`plan`: everything that a run would do, as a value and as a file; neither systems nor state are changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dovetail.engine.account import account, key_parts
from dovetail.engine.arrays import value_at
from dovetail.engine.decision import Decision, Work
from dovetail.engine.digest import planned_rows
from dovetail.engine.gone import emptied
from dovetail.engine.lossy import tell
from dovetail.engine.progress import Progress
from dovetail.engine.put import shared_column
from dovetail.engine.reconcile import Pass, Reconcile
from dovetail.engine.whole import guard_reasons
from dovetail.engine.workspace import Workspace
from dovetail.failpoints import Point, failpoint
from dovetail.model.run import Summary
from dovetail.plan.manifest import Manifest, write_plan

SAMPLES_MAX = 5
"""Sample rows at most for each field of a plan that is shown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that would change, or (`new`) one of a row to be created: only ever shown, never kept."""

    mapping: str
    member: str
    field: str
    key: tuple[tuple[str, str], ...]
    before: object
    after: object
    new: bool = False


@dataclass(slots=True)
class Planned:
    """A plan: its summary, sample changes by field, and why the guard would hold it (empty where it would not)."""

    summary: Summary
    samples: list[Sample] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)
    looked: Pass | None = None


def plan(
    workspace: Workspace, *, only: Sequence[str] = (), progress: Progress | None = None, path: Path | None = None
) -> Planned:
    """Plan a reconcile of all mappings, or of `only` some. The plan is written to `path` (default:
    `.dovetail/plan`)."""
    started = time.monotonic()
    now = workspace.clock()
    summary = Summary(command="plan", run=f"{now:%Y%m%dT%H%M%S}-plan")
    reconcile = Reconcile(workspace, only=only, durable=False, progress=progress)
    reconcile.foresee()
    looked = reconcile.look()
    account(summary, looked.decisions, looked.written)
    for name, count in summary:
        count.path = reconcile.paths[name]
    tell(summary, reconcile.mappings)
    target = path or workspace.folder / ".dovetail" / "plan"
    write_file(workspace, summary, looked.decisions, target)
    summary.plan = str(target)
    summary.seconds = time.monotonic() - started
    held = [*guard_reasons(looked.decisions), *(why for one in looked.decisions for why in emptied(one, workspace))]
    planned = Planned(summary, held=held, looked=looked)
    planned.samples = [sample for decision in looked.decisions for sample in samples(decision)]
    return planned


def write_file(workspace: Workspace, summary: Summary, decisions: Sequence[Decision], path: Path) -> None:
    """Write what these decisions would do as a plan file."""
    project = workspace.project
    manifest = Manifest(
        run=summary.run,
        project=project.name,
        digest=project.digest,
        environment=project.environment or "",
        created=workspace.clock().isoformat(timespec="seconds"),
        mappings={name: count.document() for name, count in summary},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failpoint(Point.PLAN_BEFORE)
    with part.open("w", encoding="utf-8") as file:
        file.writelines(write_plan(manifest, (row for decision in decisions for row in planned_rows(decision))))
    failpoint(Point.PLAN_WRITTEN)
    part.replace(path)
    failpoint(Point.PLAN_AFTER)


def samples(decision: Decision) -> list[Sample]:
    """A few changes of each field, before and after."""
    found: list[Sample] = []
    for work in decision.work:
        found += _update_samples(decision, work)
        found += _create_samples(decision, work)
    return found


def _update_samples(decision: Decision, work: Work) -> list[Sample]:
    survey, rows = decision.survey, decision.survey.sides[work.side]
    found = []
    for column, flags in work.changed.items():
        for at in np.flatnonzero(flags)[:SAMPLES_MAX]:
            place = int(work.updates[at])
            before = value_at(rows.own.column(column), int(survey.index[work.side, place]))
            after = value_at(work.new.column(column), int(at)) if work.new is not None else None
            key = key_parts(survey, work.side, place)
            found.append(Sample(survey.mapping.name, rows.member.name, column, key, before, after))
    return found


def _create_samples(decision: Decision, work: Work) -> list[Sample]:
    """The first rows to be created, in the shared shape."""
    survey = decision.survey
    places = work.creates[:SAMPLES_MAX]
    member = survey.sides[work.side].member
    found = []
    for cell in member.cells:
        source = decision.origins[cell.field]
        for place in places:
            one = np.array([place], dtype=np.int64)
            settled = decision.settled.get(cell.field)
            value = value_at(shared_column(survey, cell.field, np.maximum(source, 0), one, settled), 0)
            if value is not None:
                key = key_parts(survey, int(decision.active[:, place].argmax()), int(place))
                found.append(Sample(survey.mapping.name, member.name, cell.field, key, None, value, new=True))
    return found
