"""Measured facts about values: what is asked of a dataset, and how the answers become its profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from dovetail.analysis.neighbour import sensitivities
from dovetail.analysis.patterns import shapes
from dovetail.analysis.sensitivity import Sensitivity
from dovetail.model.catalog import Dataset, Field
from dovetail.model.profile import FieldProfile, Profile
from dovetail.model.type import FREE_DECIMAL_SCALE, Kind

COMMON_MAX = 8
"""Common values listed for one field at most."""

COMMON_LENGTH_MAX = 60
"""Characters of a listed value at most; longer ones end in an ellipsis."""

ORDERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT})
"""Kinds whose least and most value mean the same in every system; the order of texts does not."""

TEXTS = frozenset({Kind.TEXT, Kind.UUID, Kind.JSON, Kind.OPAQUE})


class Measure(StrEnum):
    """One number or value asked about a field, over all rows of its dataset."""

    FILLED = "filled"
    DISTINCT = "distinct"
    LEAST = "least"
    MOST = "most"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True)
class Question:
    """One measure of one field."""

    field: str
    measure: Measure


def questions(dataset: Dataset) -> tuple[Question, ...]:
    """What is worth asking about every field of a dataset; a system may answer all of it in one statement."""
    asked = [Question(field.name, measure) for field in dataset.fields for measure in measures(field)]
    return tuple(asked)


def measures(field: Field) -> tuple[Measure, ...]:
    """What is asked about a field of that type.

    >>> from dovetail.model.type import Type
    >>> [str(measure) for measure in measures(Field("price", Type(Kind.DECIMAL)))]
    ['filled', 'distinct', 'least', 'most']
    """
    kind = field.type.kind
    if kind in ORDERED:
        return (Measure.FILLED, Measure.DISTINCT, Measure.LEAST, Measure.MOST)
    if kind is Kind.TEXT:
        return (Measure.FILLED, Measure.DISTINCT, Measure.LONGEST)
    return (Measure.FILLED, Measure.DISTINCT)


def measured(table: pa.Table, question: Question) -> object:
    """The answer to a question from rows at hand."""
    column = table.column(question.field)
    match question.measure:
        case Measure.FILLED:
            return len(column) - column.null_count
        case Measure.DISTINCT:
            return pc.count_distinct(column, mode="only_valid").as_py()
        case Measure.LONGEST:
            return pc.max(pc.utf8_length(column)).as_py()
        case Measure.LEAST:
            return pc.min(column).as_py()
    return pc.max(column).as_py()


def fold(dataset: Dataset, sample: pa.Table, *, rows: int, answers: Mapping[Question, object] | None = None) -> Profile:
    """The profile of a dataset of `rows` rows.

    `answers` were computed over all rows by the system; without them the sample answers. Common values, shapes and
    what may be
    personal data come from the sample. No value of a field that may hold personal data gets into the profile.
    """
    seen = sample.num_rows
    whole = answers is not None
    if answers is None:
        answers = {question: measured(sample, question) for question in questions(dataset)}
    counted = rows if whole else seen
    texts = {field.name: sample.column(field.name).to_pylist() for field in dataset.fields if field.type.kind in TEXTS}
    personal = sensitivities(dataset, texts)
    fields = tuple(
        _field(field, sample, answers, rows=counted, personal=personal.get(field.name)) for field in dataset.fields
    )
    return Profile(dataset.name, rows, fields, None if seen >= rows else seen)


def _field(
    field: Field, sample: pa.Table, answers: Mapping[Question, object], *, rows: int, personal: Sensitivity | None
) -> FieldProfile:
    column = sample.column(field.name)
    asked = {measure: answers.get(Question(field.name, measure)) for measure in Measure}
    profile = FieldProfile(
        name=field.name,
        type=str(field.type),
        rows=rows,
        nulls=rows - _number(asked[Measure.FILLED]),
        distinct=_number(asked[Measure.DISTINCT]),
        longest=None if asked[Measure.LONGEST] is None else _number(asked[Measure.LONGEST]),
        shapes=shapes(column.to_pylist()) if field.type.kind is Kind.TEXT else (),
        sensitive=personal.label if personal else "",
        evidence=personal.evidence if personal else "",
    )
    if personal:
        return profile
    return _with_values(profile, column, least=asked[Measure.LEAST], most=asked[Measure.MOST])


def _with_values(profile: FieldProfile, column: pa.ChunkedArray, *, least: object, most: object) -> FieldProfile:
    return FieldProfile(
        name=profile.name,
        type=profile.type,
        rows=profile.rows,
        nulls=profile.nulls,
        distinct=profile.distinct,
        least=spoken(least),
        most=spoken(most),
        longest=profile.longest,
        common=common(column),
        shapes=profile.shapes,
    )


def common(column: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    """The commonest values that occur more than once, with their number; equal numbers in the order of their texts."""
    counted = pc.value_counts(column.drop_null())
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    pairs = [(spoken(value), int(count)) for value, count in zip(values, counts, strict=True) if count and count > 1]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:COMMON_MAX])


def spoken(value: object) -> str:
    """A value as a short text for people; an empty text is shown as two quotes.

    >>> spoken(""), spoken(None), spoken("x" * 100)[-3:], spoken(True)
    ("''", '', 'xx…', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Decimal) and value.as_tuple().exponent == -FREE_DECIMAL_SCALE:
        value = f"{value:f}".rstrip("0").rstrip(".")
    text = str(value)
    if not text:
        return "''"
    return text if len(text) <= COMMON_LENGTH_MAX else text[: COMMON_LENGTH_MAX - 1] + "…"


def _number(answer: object) -> int:
    return int(answer) if isinstance(answer, int) else 0
