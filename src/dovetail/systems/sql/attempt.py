"""What becomes of the rows of one change while it is carried out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.model.catalog import Dataset
from dovetail.model.change import Change, Receipt, Reject
from dovetail.systems.sql import refusal
from dovetail.systems.sql.fields import conform, known

Row = tuple[object, ...]
"""Values that are equal exactly where the stored ones are."""


@dataclass(slots=True)
class Attempt:
    """What has become of each row of a change so far."""

    dataset: Dataset
    change: Change
    done: set[int] = field(default_factory=set)
    """Rows that stand there already as they should."""
    missed: set[int] = field(default_factory=set)
    rejects: dict[int, Reject] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The fields that come with the change."""
        return list(self.change.rows.schema.names)

    @property
    def has_keys(self) -> bool:
        """Whether the whole key of each row comes with the change."""
        return bool(self.dataset.key) and all(part in self.names for part in self.dataset.key)

    def todo(self) -> list[int]:
        """The positions still to be written."""
        if not (self.done or self.missed or self.rejects):
            return list(range(self.change.rows.num_rows))
        return [at for at in range(self.change.rows.num_rows) if not self.is_settled(at)]

    def is_settled(self, position: int) -> bool:
        """Whether nothing is left to be done for a row."""
        return position in self.done or position in self.missed or position in self.rejects

    def refuse(self, position: int, code: str, field_name: str = "", detail: str = "") -> None:
        """Say once why a row is refused."""
        self.rejects.setdefault(position, refusal.reject(position, code, field=field_name, detail=detail))

    def receipt(self, keys: pa.RecordBatch | None, held: pa.RecordBatch | None) -> Receipt:
        """The answer."""
        applied = self.change.rows.num_rows - len(self.missed) - len(self.rejects)
        rejects = tuple(self.rejects[at] for at in sorted(self.rejects))
        return Receipt(applied, tuple(sorted(self.missed)), rejects, keys=keys, held=held)

    def placed(self, stands: pa.Table, keys: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
        """What rows hold, row for row in the order of the change; null where nothing was written."""
        place = {key: at for at, key in enumerate(exactly(self.dataset, stands, self.dataset.key))}
        left = self.missed | self.rejects.keys()
        wanted = [
            None if at in left else place.get(key)
            for at, key in enumerate(exactly(self.dataset, keys, self.dataset.key))
        ]
        taken = stands.take(pa.array(wanted, pa.int64()))
        return pa.RecordBatch.from_arrays([whole(taken.column(name)) for name in names], list(names))


def exactly(dataset: Dataset, rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> list[Row]:
    """The rows as tuples that are equal exactly where the values are: NaN equals NaN, and -0.0 is not 0.0."""
    columns = []
    for name in names:
        array = conform(whole(rows.column(name)), known(dataset, name))
        if pa.types.is_temporal(array.type):
            array = array.cast(pa.int32() if array.type == pa.date32() else pa.int64())
        values = array.to_pylist()
        columns.append([_bits(value) for value in values] if pa.types.is_floating(array.type) else values)
    return list(zip(*columns, strict=True)) if columns else [()] * rows.num_rows


def whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if isinstance(values, pa.Array):
        return values
    chunks: list[pa.Array] = values.chunks or [pa.nulls(0, values.type)]
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _bits(value: float | None) -> object:
    return value if value is None else "NaN" if math.isnan(value) else value.hex()
