"""How changes of a dataset can be seen: what its system notes of itself, and what looking at its rows would tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dovetail.analysis.sensitivity import words_of
from dovetail.model.catalog import Dataset
from dovetail.model.change import Visibility
from dovetail.model.profile import Profile
from dovetail.model.type import Kind

DIGESTS, READING = "digests", "reading"
"""Ways that look at every row: digests that the system computes, or the rows themselves."""

_STAMPS = frozenset({"updated", "modified", "changed", "mtime", "edited"})
_MISSED = "what changes and changes back between two looks"
_COSTS = {
    DIGESTS: "the system computes the digest of {rows} at each look (every), and only those that differ travel",
    READING: "{rows} travel at each look (every)",
}
_MARKED = "{rows} are read at each look (every) that finds the dataset changed; the others cost next to nothing"
_ACCELERATOR = (
    "its field {field} would tell edits sooner, but no deletes, and no transaction that commits after a look with an "
    "earlier stamp: it can only say where to look first"
)


def verdicts(
    datasets: Sequence[Dataset],
    noted: Mapping[str, Visibility],
    profiles: Mapping[str, Profile],
    *,
    has_digests: bool,
    has_marks: bool = False,
) -> tuple[Visibility, ...]:
    """One verdict for each dataset, in their order. `noted` is what the system says of itself."""
    costs = {**_COSTS, READING: _MARKED} if has_marks else _COSTS
    return tuple(
        _verdict(one, noted.get(one.name), profiles.get(one.name), costs, has_digests=has_digests) for one in datasets
    )


def _verdict(
    dataset: Dataset,
    noted: Visibility | None,
    profile: Profile | None,
    costs: Mapping[str, str],
    *,
    has_digests: bool,
) -> Visibility:
    default = DIGESTS if has_digests and dataset.key else READING
    found = noted or Visibility(dataset.name, default, reason="its connector notes no changes")
    if found.way not in _COSTS:
        return found
    way = found.way if has_digests and dataset.key else READING
    count = profile.rows if profile is not None else dataset.rows
    rows = "all rows" if count is None else "1 row" if count == 1 else f"{count:,} rows"
    stamp = stamped(dataset)
    reasons = [found.reason, _ACCELERATOR.format(field=stamp) if stamp else ""]
    return replace(
        found,
        way=way,
        missed=found.missed or _MISSED,
        cost=found.cost or costs[way].format(rows=rows),
        reason="; ".join(reason for reason in reasons if reason),
    )


def stamped(dataset: Dataset) -> str:
    """The field that seems to hold when a row was last changed, or `""`.

    >>> from dovetail.model.catalog import DatasetKind, Field
    >>> from dovetail.model.type import Type
    >>> fields = (Field("created_at", Type(Kind.INSTANT)), Field("lastModified", Type(Kind.TIMESTAMP)))
    >>> stamped(Dataset("t", DatasetKind.TABLE, fields))
    'lastModified'
    """
    for field in dataset.fields:
        if field.type.kind in (Kind.TIMESTAMP, Kind.INSTANT) and _STAMPS & set(words_of(field.name)):
            return field.name
    return ""
