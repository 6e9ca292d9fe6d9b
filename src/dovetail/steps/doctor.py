"""Whether every joined system can be reached, read and written, and what to do where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from dovetail.engine.workspace import Workspace
from dovetail.errors import DovetailError, SystemFault
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.systems.protocol import Source, SupportsDoctor, SupportsQuery, SupportsTransaction, Target

OK, WARN, BAD = "ok", "warn", "bad"

SLOW_MS = 200.0
"""A round trip longer than this many milliseconds makes row-by-row work slow."""

ROUND_TRIPS = 3
"""Tries of which the quickest counts."""


class Remark(NamedTuple):
    """One line of the examination. `verdict` is `ok`, `warn` or `bad`; `words` end with what to do where it is not
    `ok`."""

    system: str
    topic: str
    verdict: str
    words: str


def doctor(workspace: Workspace) -> list[Remark]:
    """Examine every system of the project, and the state. Nothing is changed: rights are tried in a transaction
    rolled back."""
    remarks: list[Remark] = []
    for system in workspace.project.systems:
        remarks += _system(workspace, system.name)
    remarks.append(_state(workspace))
    return remarks


def is_healthy(remarks: Sequence[Remark]) -> bool:
    """Whether no remark is `bad`."""
    return all(remark.verdict != BAD for remark in remarks)


def _system(workspace: Workspace, name: str) -> list[Remark]:
    started = perf_counter()
    try:
        connector = workspace.connector(name)
        catalog = workspace.catalog(name)
    except DovetailError as error:
        return [Remark(name, "connection", BAD, _words(error))]
    spent_ms = 1000 * (perf_counter() - started)
    tables = sum(1 for dataset in catalog.datasets if dataset.kind is DatasetKind.TABLE)
    words = f"connected; {len(catalog.datasets)} datasets, {tables} of them tables, described in {spent_ms:.0f} ms"
    remarks = [Remark(name, "connection", OK if catalog.datasets else WARN, words)]
    remarks += _round_trip(name, connector)
    datasets, missing = _mapped(workspace, name, catalog)
    remarks += missing
    remarks += _examined(name, connector, datasets)
    remarks.append(_promise(name, connector))
    return remarks


def _words(error: DovetailError) -> str:
    hint = f"; {error.hint}" if error.hint else ""
    return f"{error.code} {error.message}{hint}"


def _round_trip(name: str, connector: Source) -> list[Remark]:
    if not isinstance(connector, SupportsQuery):
        return []
    spent_ms: list[float] = []
    try:
        for _ in range(ROUND_TRIPS):
            started = perf_counter()
            list(connector.query("SELECT 1 AS one"))
            spent_ms.append(1000 * (perf_counter() - started))
    except SystemFault as fault:
        return [Remark(name, "round trip", BAD, _words(fault))]
    quickest = min(spent_ms)
    if quickest > SLOW_MS:
        advice = "run Dovetail nearer to the system; bulk loads hardly suffer, small changes do"
        return [Remark(name, "round trip", WARN, f"{quickest:.0f} ms; {advice}")]
    return [Remark(name, "round trip", OK, f"{quickest:.1f} ms")]


def _mapped(workspace: Workspace, name: str, catalog: Catalog) -> tuple[list[Dataset], list[Remark]]:
    """The datasets that mappings use (all tables where there is no mapping yet), and remarks about those that are not
    there."""
    wanted = {
        member.dataset: member.key
        for mapping in workspace.project.mappings
        for member in mapping.members
        if member.system == name
    }
    if not wanted:
        return [dataset for dataset in catalog.datasets if dataset.kind is DatasetKind.TABLE], []
    found: list[Dataset] = []
    remarks: list[Remark] = []
    for dataset_name, key in wanted.items():
        dataset = catalog.dataset(dataset_name)
        if dataset is None:
            words = "mapped, but not there or not visible to this account; try: dovetail analyze"
            remarks.append(Remark(name, f"dataset {dataset_name}", BAD, words))
            continue
        found.append(dataset)
        if not dataset.key and not key:
            words = "has no primary key; name the identifying fields in its mapping: key: [field, ...]"
            remarks.append(Remark(name, f"dataset {dataset_name}", BAD, words))
    return found, remarks


def _examined(name: str, connector: Source, datasets: Sequence[Dataset]) -> list[Remark]:
    if isinstance(connector, SupportsDoctor):
        try:
            return [Remark(name, topic, verdict, words) for topic, verdict, words in connector.examine(datasets)]
        except SystemFault as fault:
            return [Remark(name, "examination", BAD, _words(fault))]
    return [_readable(name, connector, dataset) for dataset in datasets]


def _readable(name: str, connector: Source, dataset: Dataset) -> Remark:
    """Whether a dataset's first rows can be read."""
    stream = iter(connector.read(dataset, dataset.names))
    try:
        next(stream, None)
    except SystemFault as fault:
        return Remark(name, f"read {dataset.name}", BAD, _words(fault))
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    return Remark(name, f"read {dataset.name}", OK, "readable")


def _promise(name: str, connector: Source) -> Remark:
    """What a crash in the middle of a write means for this system."""
    if not isinstance(connector, Target):
        return Remark(name, "writing", WARN, "this connector only reads; the system can be a source, not a target")
    if isinstance(connector, SupportsTransaction):
        return Remark(
            name, "writing", OK, "transactions, with ledger and fence in the system: no effect twice, whatever dies"
        )
    words = (
        "no transactions: after a crash the rows of the last batch are written again, by key and with the same values"
    )
    return Remark(name, "writing", WARN, words)


def _state(workspace: Workspace) -> Remark:
    try:
        _ = workspace.store
    except DovetailError as error:
        return Remark("dovetail", "state", BAD, _words(error))
    place = "a database" if "://" in (workspace.project.state or "") else "a file of this project"
    return Remark("dovetail", "state", OK, f"opened; {place}")
