"""Everything that an analysis of a project's systems found, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.analysis.dependency import Dependency
from dovetail.model.catalog import Catalog
from dovetail.model.change import Visibility
from dovetail.model.profile import FieldProfile, Profile


@dataclass(frozen=True, slots=True)
class SystemAnalysis:
    """What one system holds, and how its changes can be seen. `notes` say what could not be measured, and why."""

    name: str
    connector: str
    catalog: Catalog
    dependency: Dependency
    profiles: tuple[Profile, ...] = ()
    abilities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    visibility: tuple[Visibility, ...] = ()

    def seen(self, dataset: str) -> Visibility | None:
        """How changes of that dataset can be seen, or `None` where that was not asked."""
        return next((one for one in self.visibility if one.dataset == dataset), None)

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
    """How many things of a mapping two members have in common, by their match; `doubled` values occur in several
    rows."""

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
