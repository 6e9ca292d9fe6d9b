"""Personal data of a whole dataset: what each field shows by itself, and what shows only beside other fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dovetail.analysis.sensitivity import SHARE_MIN, Sensitivity, in_people, sensitivity, words_of
from dovetail.model.catalog import Dataset

REPEATED_LENGTH_MIN = 4
"""Characters that a value must have to be looked for in other fields: shorter ones stand everywhere."""

REPEATED_ROWS_MIN = 3
"""Rows in which a value must be found again at least."""

REPEATED_ROWS_MAX = 1000
"""Rows that are searched at most."""

_OF_PEOPLE = frozenset({"person name", "email", "phone", "address", "birth", "about a person"})
_OWN_MAIL = frozenset({("email",), ("mail",), ("e", "mail")})

Texts = Mapping[str, Sequence[str | None]]
"""The sampled values of the fields that hold texts, by the field's name."""


def sensitivities(dataset: Dataset, texts: Texts) -> dict[str, Sensitivity]:
    """The fields that may hold personal data or secrets, each with its class and the evidence."""
    refer = {name for reference in dataset.references for name in reference.fields}
    found: dict[str, Sensitivity] = {}
    for field in dataset.fields:
        names = ("", "") if field.name in refer else (dataset.name, field.name)
        alone = sensitivity(*names, texts.get(field.name, ()), is_text=field.name in texts)
        if alone is not None:
            found[field.name] = alone
    if any(_is_of_a_person(name, known) for name, known in found.items()):
        for name in texts:
            label = in_people(words_of(name)) if name not in found and name not in refer else ""
            if label:
                found[name] = Sensitivity(label, "it stands beside a name or an e-mail address")
    return found | dict(_repeated(texts, found))


def _is_of_a_person(name: str, known: Sensitivity) -> bool:
    """Whether a field says that the row is about one person: `supplier_email` in a product does not."""
    return known.label == "person name" or (known.label == "email" and words_of(name) in _OWN_MAIL)


def _repeated(texts: Texts, found: Mapping[str, Sensitivity]) -> Iterator[tuple[str, Sensitivity]]:
    """Texts in which a personal value of the same row stands again, as in a column made for searching."""
    personal = [name for name in texts if name in found and found[name].label in _OF_PEOPLE]
    for name in texts:
        if name in found:
            continue
        for other in personal:
            share = _share_repeated(texts[name], texts[other])
            if share >= SHARE_MIN:
                yield name, Sensitivity(found[other].label, f"{100 * share:.0f} % of the values contain {other}")
                break


def _share_repeated(texts: Sequence[str | None], others: Sequence[str | None]) -> float:
    """The share of the rows in which the text contains what the other field holds; 0 where there are too few."""
    pairs = [
        other in text
        for text, other in zip(texts[:REPEATED_ROWS_MAX], others[:REPEATED_ROWS_MAX], strict=True)
        if text and other and len(other) >= REPEATED_LENGTH_MIN
    ]
    return sum(pairs) / len(pairs) if sum(pairs) >= REPEATED_ROWS_MIN else 0.0
