"""The analysis as the document that `--json` prints."""

from __future__ import annotations

from dovetail.analysis.answer import Analysis, SystemAnalysis
from dovetail.model.catalog import Dataset
from dovetail.model.change import Visibility
from dovetail.model.profile import FieldProfile, Profile


def document(analysis: Analysis) -> dict[str, object]:
    """The analysis as `--json` prints it."""
    return {
        "command": "analyze",
        "project": analysis.project,
        "taken": analysis.taken,
        "systems": {system.name: _system(system) for system in analysis.systems},
        "mappings": {
            link.mapping: {"left": ".".join(link.left), "right": ".".join(link.right), "fields": len(link.fields)}
            for link in analysis.links
        },
        "overlaps": [
            {
                "mapping": overlap.mapping,
                "only": {overlap.left: overlap.left_only, overlap.right: overlap.right_only},
                "both": overlap.both,
                "doubled": overlap.doubled,
            }
            for overlap in analysis.overlaps
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
            dataset.name: _dataset(dataset, system.profile(dataset.name)) | _seen(system.seen(dataset.name))
            for dataset in system.catalog.datasets
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


def _seen(seen: Visibility | None) -> dict[str, object]:
    if seen is None:
        return {}
    return {"changes": {"way": seen.way, "missed": seen.missed, "cost": seen.cost, "reason": seen.reason}}


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
