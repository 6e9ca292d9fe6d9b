"""How a dataset looks, as a document for the state, and some of its rows, to know it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dovetail.mapping.compiled import CompiledMember
from dovetail.merge.fingerprint import fingerprints
from dovetail.model.catalog import Dataset, DatasetKind, Field, Reference
from dovetail.model.key import encode
from dovetail.model.type import Kind, Type
from dovetail.state.store import Store

SAMPLE_ROWS = 32
"""Rows by which a dataset is known again."""
SAMPLE_MIN = 8
"""Rows below which nothing can be told."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A dataset as it was agreed with under the declarations of that digest, and fingerprints of a few of its rows, by
    key and field."""

    declared: str
    dataset: Dataset
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def document(self) -> str:
        """The shape as JSON."""
        return json.dumps({"declared": self.declared, "dataset": asdict(self.dataset), "rows": self.rows})


def read_shape(document: str) -> Shape:
    """The shape that `document` wrote."""
    found = json.loads(document)
    return Shape(found["declared"], _dataset(found["dataset"]), found["rows"])


def _dataset(found: dict[str, Any]) -> Dataset:
    fields = tuple(
        Field(
            **{
                **one,
                "type": Type(**{**one["type"], "kind": Kind(one["type"]["kind"])}),
                "labels": tuple(one["labels"]),
            }
        )
        for one in found["fields"]
    )
    references = tuple(
        Reference(tuple(one["fields"]), one["dataset"], tuple(one["key"])) for one in found["references"]
    )
    return Dataset(
        name=found["name"],
        kind=DatasetKind(found["kind"]),
        fields=fields,
        key=tuple(found["key"]),
        uniques=tuple(tuple(one) for one in found["uniques"]),
        references=references,
        rows=found["rows"],
        comment=found["comment"],
    )


def is_same(before: Dataset, now: Dataset | None) -> bool:
    """Whether nothing of a dataset changed that anybody could use."""
    return now is not None and (before.kind, before.fields, before.key, before.uniques) == (
        now.kind, now.fields, now.key, now.uniques,
    )  # fmt: skip


def sampled(batches: Sequence[pa.RecordBatch], member: CompiledMember, seed: int) -> dict[str, dict[str, int]]:
    """The fingerprints of rows, by key and field."""
    if not batches:
        return {}
    table = pa.Table.from_batches(batches)
    keys = encode([table.column(part).combine_chunks() for part in member.key]).to_pylist()
    marks = {name: _marks(table.column(name), seed) for name in table.column_names if name not in member.key}
    return {key: {name: int(own[at]) for name, own in marks.items()} for at, key in enumerate(keys)}


def _marks(column: pa.ChunkedArray, seed: int) -> npt.NDArray[np.uint64]:
    return fingerprints(column, np.full(len(column), seed, dtype=np.uint64))


def some_keys(store: Store, mapping: str, member: str) -> pa.Array:
    """The keys of a few linked rows."""
    for _, keys in store.crossref.batches(mapping):
        if member in keys:
            return keys[member].drop_null()[-SAMPLE_ROWS:]
    return pa.array([], pa.string())
