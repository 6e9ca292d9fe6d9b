"""Step 1: what the joined systems hold, measured."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from dovetail.analysis.answer import Analysis, SystemAnalysis
from dovetail.analysis.dependency import dependency
from dovetail.analysis.seeing import verdicts
from dovetail.engine.progress import Progress, Silent
from dovetail.engine.workspace import Workspace
from dovetail.errors import SystemFault
from dovetail.model.catalog import Catalog
from dovetail.model.change import Visibility
from dovetail.model.profile import Profile
from dovetail.steps.measure import SAMPLE_ROWS, measure
from dovetail.steps.overlap import links, overlaps
from dovetail.systems import protocol
from dovetail.systems.protocol import Source

__all__ = ["SAMPLE_ROWS", "abilities", "analyze"]


def analyze(
    workspace: Workspace,
    *,
    systems: Sequence[str] = (),
    sample_rows: int = SAMPLE_ROWS,
    progress: Progress | None = None,
) -> Analysis:
    """Measure the systems of a project (all, or those named), and what its mappings have in common.

    Reads only. A dataset that cannot be read is named in the notes; a system that cannot be reached raises.
    """
    names = tuple(systems or [system.name for system in workspace.project.systems])
    shown = progress or Silent()
    return Analysis(
        project=workspace.project.name,
        systems=tuple(_system(workspace, name, sample_rows, shown) for name in names),
        links=links(workspace.project),
        overlaps=overlaps(workspace, names),
        taken=workspace.clock().isoformat(timespec="seconds"),
    )


def _system(workspace: Workspace, name: str, sample_rows: int, progress: Progress) -> SystemAnalysis:
    started = perf_counter()
    connector = workspace.connector(name)
    catalog = workspace.catalog(name)
    declared = workspace.project.system(name)
    profiles: list[Profile] = []
    notes: list[str] = []
    with progress.task(f"measure {name}", total=len(catalog.datasets)) as advance:
        for dataset in catalog.datasets:
            try:
                profile, said = measure(connector, dataset, sample_rows=sample_rows)
                profiles.append(profile)
                notes += said
            except SystemFault as fault:
                notes.append(f"{dataset.name}: not measured; {fault.message} ({fault.code})")
            advance(1)
    visibility = _visibility(connector, catalog, profiles, notes)
    return SystemAnalysis(
        name=name,
        connector=declared.connector if declared else "",
        catalog=catalog,
        dependency=dependency(catalog),
        profiles=tuple(profiles),
        abilities=abilities(connector),
        notes=tuple(notes),
        seconds=perf_counter() - started,
        visibility=visibility,
    )


def _visibility(
    connector: Source, catalog: Catalog, profiles: Sequence[Profile], notes: list[str]
) -> tuple[Visibility, ...]:
    """How changes of each dataset can be seen."""
    noted: dict[str, Visibility] = {}
    if isinstance(connector, protocol.SupportsCapture):
        try:
            noted = {one.dataset: one for one in connector.visibility(catalog.datasets)}
        except SystemFault as fault:
            notes.append(f"it could not be asked how changes can be seen; {fault.message} ({fault.code})")
    return verdicts(
        catalog.datasets,
        noted,
        {profile.dataset: profile for profile in profiles},
        has_digests=isinstance(connector, protocol.SupportsDigest),
        has_marks=isinstance(connector, protocol.SupportsMark),
    )


def abilities(connector: Source) -> tuple[str, ...]:
    """What a connector can do besides being read, in the words of the protocol: `write`, `lookup`, `query` and so
    on."""
    able = [
        name.removeprefix("Supports").lower()
        for name, known in vars(protocol).items()
        if name.startswith("Supports") and isinstance(connector, known)
    ]
    return ("write", *able) if isinstance(connector, protocol.Target) else tuple(able)
