"""Everything that an analysis of a project's systems found, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.analysis.dependency import Dependency
from dovetail.model.catalog import Catalog, Dataset
from dovetail.model.profile import FieldProfile, Profile


@dataclass(frozen=True, slots=True)
class SystemAnalysis:
    """What one system holds. `notes` say what could not be measured, and why."""

    name: str
    connector: str
    catalog: Catalog
    dependency: Dependency
    profiles: tuple[Profile, ...] = ()
    abilities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def profile(self, dataset: str) -> Profile | None:
        """The profile of that dataset, or `None`."""
        return next((profile for profile in self.profiles if profile.dataset == dataset), None)

    @property
    def rows(self) -> int:
        """Rows of all datasets measured."""
        return sum(profile.rows for profile in self.profiles)

    @property
    def personal(self) -> tuple[tuple[str, FieldProfile], ...]:
        """The fields that may hold personal data or secrets, with their dataset."""
        return tuple(
            (profile.dataset, field) for profile in self.profiles for field in profile.fields if field.sensitive
        )


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many things of a mapping two members have in common, by their match; `doubled` values occur in several rows."""

    mapping: str
    left: str
    right: str
    left_only: int
    both: int
    right_only: int
    doubled: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A mapping's thread between the datasets of two members."""

    mapping: str
    left: tuple[str, str]
    right: tuple[str, str]
    fields: tuple[tuple[str, str, str], ...] = ()
    """Shared field, cell on the left, cell on the right."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that was found."""

    project: str
    systems: tuple[SystemAnalysis, ...]
    links: tuple[Link, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    taken: str = ""

    def document(self) -> dict[str, object]:
        """The analysis as `--json` prints it."""
        return {
            "command": "analyze",
            "project": self.project,
            "taken": self.taken,
            "systems": {system.name: _system(system) for system in self.systems},
            "mappings": {
                link.mapping: {"left": ".".join(link.left), "right": ".".join(link.right), "fields": len(link.fields)}
                for link in self.links
            },
            "overlaps": [
                {
                    "mapping": overlap.mapping,
                    overlap.left: overlap.left_only,
                    overlap.right: overlap.right_only,
                    "both": overlap.both,
                    "doubled": overlap.doubled,
                }
                for overlap in self.overlaps
            ],
        }


def _system(system: SystemAnalysis) -> dict[str, object]:
    return {
        "connector": system.connector,
        "seconds": round(system.seconds, 3),
        "abilities": list(system.abilities),
        "notes": list(system.notes),
        "order": list(system.dependency.order),
        "cycles": [list(cycle) for cycle in system.dependency.cycles],
        "datasets": {
            dataset.name: _dataset(dataset, system.profile(dataset.name)) for dataset in system.catalog.datasets
        },
    }


def _dataset(dataset: Dataset, profile: Profile | None) -> dict[str, object]:
    measured = {field.name: field for field in profile.fields} if profile else {}
    return {
        "kind": str(dataset.kind),
        "rows": profile.rows if profile else dataset.rows,
        "sampled": profile.sampled if profile else None,
        "key": list(dataset.key),
        "references": [
            {"fields": list(reference.fields), "dataset": reference.dataset, "key": list(reference.key)}
            for reference in dataset.references
        ],
        "fields": {
            field.name: {"type": str(field.type), "nullable": field.nullable} | _facts(measured.get(field.name))
            for field in dataset.fields
        },
    }


def _facts(field: FieldProfile | None) -> dict[str, object]:
    if field is None:
        return {}
    facts: dict[str, object] = {
        "rows": field.rows,
        "nulls": field.nulls,
        "distinct": field.distinct,
        "least": field.least,
        "most": field.most,
        "longest": field.longest,
        "common": dict(field.common),
        "shapes": dict(field.shapes),
        "sensitive": field.sensitive,
        "evidence": field.evidence,
    }
    return {name: fact for name, fact in facts.items() if fact not in ("", None, {})}
