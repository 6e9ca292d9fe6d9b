"""From Arrow columns to the Python values that a driver is given: exactly, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dovetail.model.catalog import Dataset
from dovetail.systems.connectors.sqlalchemy.carry import OUT_OF_RANGE
from dovetail.systems.sql import fit
from dovetail.systems.sql.fields import known

_DAY_US = fit.DAY_US


@dataclass(slots=True)
class Bound:
    """Values ready for a driver, a list for each column; `unfit` names rows that no driver can be given: the field,
    and why."""

    columns: list[Sequence[object]] = field(default_factory=list)
    unfit: dict[int, tuple[str, str]] = field(default_factory=dict)


def bind(dataset: Dataset, rows: pa.RecordBatch, names: Sequence[str]) -> Bound:
    """The values of those columns of `rows`."""
    bound = Bound()
    for name in names:
        described = known(dataset, name)
        carrier = described.type.arrow()
        array, unfit = fit.conform(rows.column(name), carrier, native=described.type.native, where=name)
        array, beyond = _within(array)
        for at, words in {**unfit, **beyond}.items():
            bound.unfit.setdefault(at, (name, words))
        bound.columns.append(array.to_pylist())
    return bound


def _within(array: pa.Array) -> fit.Fitted:
    """Only what Python's own dates and times hold."""
    if pa.types.is_date32(array.type):
        return fit.without(array, fit.outside(array.cast(pa.int32()), fit.FIRST_DAY, fit.LAST_DAY), OUT_OF_RANGE)
    if pa.types.is_timestamp(array.type):
        ends = fit.FIRST_DAY * _DAY_US, (fit.LAST_DAY + 1) * _DAY_US - 1
        return fit.without(array, fit.outside(array.cast(pa.int64()), *ends), OUT_OF_RANGE)
    return array, {}
