"""Finds which datasets and fields of two systems probably mean the same, with a score that can be explained."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from dovetail.mapping.unify import unify
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.project.words import likeness, words

FIELD_LEAST = 0.55
"""The score from which two fields are proposed as a pair."""
DATASET_LEAST = 0.5
"""The score from which two datasets are proposed as a pair."""

_L = TypeVar("_L", bound=Hashable)
_R = TypeVar("_R", bound=Hashable)


@dataclass(frozen=True, slots=True)
class FieldPair:
    """Two fields that probably mean the same; `fits` says whether their types have one in common."""

    left: Field
    right: Field
    score: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two datasets that probably hold the same kind of thing: how alike their names are, and how many fields pair."""

    left: Dataset
    right: Dataset
    names: float
    share: float
    fields: tuple[FieldPair, ...]

    @property
    def score(self) -> float:
        """Names and fields count alike."""
        return (self.names + self.share) / 2


def pairs(left: Catalog, right: Catalog) -> tuple[Pair, ...]:
    """The pairs of datasets, each dataset in one pair at most, in the order of the left catalog."""
    mine, yours = list(_candidates(left)), list(_candidates(right))
    found: dict[tuple[str, str], Pair] = {}
    for one in mine:
        for other in yours:
            names = likeness(words(one.name), words(other.name))
            if names >= DATASET_LEAST or _overlap(one, other) >= 0.3:
                pair = _pair(one, other, names)
                if pair.score >= DATASET_LEAST and pair.fields:
                    found[one.name, other.name] = pair
    chosen = _best((pair.score, *key) for key, pair in found.items())
    return tuple(found[one.name, chosen[one.name]] for one in mine if one.name in chosen)


def reference(dataset: Dataset, field: str) -> Reference | None:
    """The reference that this field alone makes up, or `None`."""
    return next((found for found in dataset.references if found.fields == (field,)), None)


def _candidates(catalog: Catalog) -> Iterable[Dataset]:
    """Tables whose rows can be told apart, Dovetail's own left out."""
    for dataset in catalog.datasets:
        if (
            dataset.kind is DatasetKind.TABLE
            and (dataset.key or dataset.uniques)
            and not dataset.name.startswith("dovetail_")
        ):
            yield dataset


def _pair(one: Dataset, other: Dataset, names: float) -> Pair:
    mine = [field for field in one.fields if not _is_drawn_key(one, field)]
    yours = [field for field in other.fields if not _is_drawn_key(other, field)]
    scored = {
        (left.name, right.name): score
        for left in mine
        for right in yours
        if (score := _score(one, left, other, right)) >= FIELD_LEAST
    }
    chosen = _best((score, *key) for key, score in scored.items())
    fields = tuple(
        FieldPair(left, right, round(scored[left.name, right.name], 2), fits(left, right))
        for left in mine
        if left.name in chosen and (right := other.field(chosen[left.name])) is not None
    )
    fewer = min(len(mine), len(yours)) or 1
    share = sum(pair.score for pair in fields if pair.fits) / fewer
    return Pair(one, other, round(names, 2), round(min(share, 1.0), 2), fields)


def _score(one: Dataset, left: Field, other: Dataset, right: Field) -> float:
    names = likeness(words(left.name), words(right.name), of=(*words(one.name), *words(other.name)))
    mine, yours = reference(one, left.name), reference(other, right.name)
    if mine is not None and yours is not None:
        parents = likeness(words(mine.dataset), words(yours.dataset))
        both_own = mine.dataset == one.name and yours.dataset == other.name
        return max(names, 0.9 if both_own else parents)
    return names * (1.0 if fits(left, right) else 0.8)


def fits(left: Field, right: Field) -> bool:
    """Whether values of both fields meet in one type."""
    try:
        unify([left.type, right.type])
    except ValueError:
        return False
    return True


def _overlap(one: Dataset, other: Dataset) -> float:
    """The share of field names that are the same."""
    mine = {words(field.name) for field in one.fields}
    yours = {words(field.name) for field in other.fields}
    return len(mine & yours) / (min(len(mine), len(yours)) or 1)


def _is_drawn_key(dataset: Dataset, field: Field) -> bool:
    """A number that the system draws means nothing elsewhere."""
    return field.drawn and dataset.key == (field.name,)


def _best(scored: Iterable[tuple[float, _L, _R]]) -> dict[_L, _R]:
    """One partner each, the highest scores first."""
    chosen: dict[_L, _R] = {}
    taken: set[_R] = set()
    for _, left, right in sorted(scored, key=lambda one: (-one[0], str(one[1]), str(one[2]))):
        if left not in chosen and right not in taken:
            chosen[left] = right
            taken.add(right)
    return chosen
