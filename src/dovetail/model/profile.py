"""Measured facts about a dataset's values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Measured facts about one field.

    `least`, `most` and `common` are texts; they are empty where the field may hold personal data: then `sensitive`
    names the class
    of data and `evidence` says why it is thought so. `shapes` are patterns of values with their number, such as
    ``AA-9``.
    """

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
    evidence: str = ""
    shapes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured facts about one dataset; `sampled` is the number of rows looked at when not all were."""

    dataset: str
    rows: int
    fields: tuple[FieldProfile, ...]
    sampled: int | None = None
