"""The datasets of one system as a list that unfolds to their fields, with small bars."""

from __future__ import annotations

from html import escape

from dovetail.analysis.answer import SystemAnalysis
from dovetail.evidence.words import anchor, counted, share, short
from dovetail.model.catalog import Dataset
from dovetail.model.profile import FieldProfile, Profile

SHOWN_VALUES = 4
"""Common values shown for a field at most."""

SHOWN_SHAPES = 2


def inventory(system: SystemAnalysis) -> str:
    """All datasets of a system, largest bars for the largest."""
    largest = max((profile.rows for profile in system.profiles), default=0)
    titles = ("", "Dataset", "Rows", "Fields", "Key and references")
    head = f"<div class=columns>{''.join(f'<span>{title}</span>' for title in titles)}</div>"
    parts = [_dataset(system, dataset, largest) for dataset in system.catalog.datasets]
    return f"<div class=card>{head}{''.join(parts)}</div>"


def _dataset(system: SystemAnalysis, dataset: Dataset, largest: int) -> str:
    profile = system.profile(dataset.name)
    words = " ".join([dataset.name, *dataset.names]).lower()
    personal = sum(1 for field in profile.fields if field.sensitive) if profile else 0
    mark = f" <span class='tag personal'>{personal} personal</span>" if personal else ""
    kind = "" if dataset.kind == "table" else f" <span class=tag>{dataset.kind}</span>"
    rows = (
        f'<span class=bar><i style="--s:{profile.rows / largest if largest else 0:.3f}"></i></span>' if profile else ""
    )
    size = short(profile.rows) if profile else "not read"
    return (
        f'<details class=dataset id="{anchor(system.name, dataset.name)}" data-words="{escape(words)}"><summary>'
        f"<span><b>{escape(dataset.name)}</b>{kind}{mark}</span><span class=size>{rows}<span>{size}</span></span>"
        f"<span class=soft>{len(dataset.fields)}</span><span class=soft>{_ties(dataset)}</span></summary>"
        f"<div class=inside>{_told(dataset, profile)}{_seen(system, dataset)}"
        f"{_fields(system, dataset, profile)}</div></details>"
    )


def _ties(dataset: Dataset) -> str:
    key = f"<code>{escape(', '.join(dataset.key))}</code>" if dataset.key else "no key"
    parents = list(dict.fromkeys(reference.dataset for reference in dataset.references))
    listed = ", ".join(escape(parent) for parent in parents[:3]) + (
        f" and {len(parents) - 3} more" if len(parents) > 3 else ""
    )
    return f"{key} → {listed}" if parents else key


def _told(dataset: Dataset, profile: Profile | None) -> str:
    words = [escape(dataset.comment)] if dataset.comment else []
    if profile and profile.sampled is not None:
        words.append(f"{counted(profile.rows, 'row')}; common values and shapes come from {profile.sampled:,} of them.")
    if dataset.uniques:
        words.append("Unique: " + "; ".join(escape(", ".join(unique)) for unique in dataset.uniques) + ".")
    return "".join(f"<p>{text}</p>" for text in words)


def _seen(system: SystemAnalysis, dataset: Dataset) -> str:
    """How changes of its rows can be seen, what would be missed, and at what cost."""
    seen = system.seen(dataset.name)
    if seen is None:
        return ""
    parts = [f"Changes can be seen by <b>{escape(seen.way)}</b>."]
    for words, told in (("Not seen", seen.missed), ("Cost", seen.cost), ("Why not better", seen.reason)):
        parts += [f"{words}: {escape(told)}."] if told else []
    return f"<p>{' '.join(parts)}</p>"


def _fields(system: SystemAnalysis, dataset: Dataset, profile: Profile | None) -> str:
    measured = {field.name: field for field in profile.fields} if profile else {}
    parents = {name: reference.dataset for reference in dataset.references for name in reference.fields}
    seen = (profile.sampled or profile.rows) / profile.rows if profile and profile.rows else 1.0
    rows = []
    for field in dataset.fields:
        parent = parents.get(field.name)
        marks = "<span class=tag>key</span> " if field.name in dataset.key else ""
        marks += f'<a class=tag href="#{anchor(system.name, parent)}">→ {escape(parent)}</a>' if parent else ""
        required = "" if field.nullable or field.name in dataset.key else " <span class=tag>required</span>"
        required += " <span class=tag>computed</span>" if field.computed else ""
        rows.append(
            f"<tr><td class=name>{escape(field.name)} {marks}<td class=type>{escape(str(field.type))}{required}"
            f"{_facts(measured.get(field.name), seen)}"
        )
    head = "<tr><th>Field<th>Type<th>Filled<th>Distinct<th>Values"
    return f"<div class=scroll><table class=fields><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _facts(profile: FieldProfile | None, seen: float) -> str:
    """What was measured; `seen` is the share of rows from which the common values come."""
    if profile is None:
        return "<td><td><td class=soft>not measured"
    filled = profile.rows - profile.nulls
    return (
        f"<td class=measure>{_bar(filled, profile.rows)}<small>{share(filled, profile.rows)}</small>"
        f"<td class=measure>{_bar(profile.distinct, filled)}<small>{profile.distinct:,}</small>"
        f"<td>{_values(profile, seen)}"
    )


def _bar(part: int, whole: int) -> str:
    return f'<span class=bar><i style="--s:{part / whole if whole else 0:.3f}"></i></span>'


def _values(profile: FieldProfile, seen: float) -> str:
    parts = []
    if profile.sensitive:
        parts.append(
            f'<span class="tag personal" title="{escape(profile.evidence)}">{escape(profile.sensitive)}</span>'
        )
    elif profile.least and profile.least == profile.most:
        parts.append(f"<span class=range>always {escape(profile.least)}</span>")
    elif profile.least or profile.most:
        parts.append(f"<span class=range>{escape(profile.least)}<i>to</i>{escape(profile.most)}</span>")
    elif profile.distinct < profile.rows - profile.nulls:
        whole = max(1, round(seen * (profile.rows - profile.nulls)))
        parts += [_chip(text, number, whole) for text, number in profile.common[:SHOWN_VALUES]]
    if not profile.common or profile.sensitive:
        parts += [
            f'<span class="mono shape" title="shape of values">{escape(text)}</span>'
            for text, _ in profile.shapes[:SHOWN_SHAPES]
            if text
        ]
    if profile.longest is not None and (profile.sensitive or not profile.common):
        parts.append(f"<span class=soft>up to {counted(profile.longest, 'character')}</span>")
    return f"<span class=values>{''.join(parts)}</span>"


def _chip(text: str, number: int, whole: int) -> str:
    filled = f"--s:{number / whole if whole else 0:.3f}"
    return f'<span class=chip style="{filled}">{escape(text)}<em>{share(number, whole)}</em></span>'
