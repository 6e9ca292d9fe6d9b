"""Measured facts about a dataset's values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Measured facts about one field. `least`, `most` and `common` are texts; they are empty where the field may hold personal data."""

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    least: str = ""
    most: str = ""
    longest: int | None = None
    common: tuple[tuple[str, int], ...] = ()
    sensitive: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured facts about one dataset; `sampled` is the number of rows looked at when not all were."""

    dataset: str
    rows: int
    fields: tuple[FieldProfile, ...]
    sampled: int | None = None
