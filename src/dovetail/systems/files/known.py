"""What every connector of files asks first: is the field known, is the file the one that was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from dovetail.errors import SchemaDrift
from dovetail.model.catalog import Dataset, Field
from dovetail.systems.files.folder import faults

Sign = tuple[int, ...]
"""What tells one state of a file from another: device, number, size and time of its last change."""


def sign_of(path: Path) -> Sign:
    """The sign of a file now."""
    with faults(path.name):
        status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def known(dataset: Dataset, name: str) -> Field:
    """The field of that name; `SchemaDrift` where there is none."""
    found = dataset.field(name)
    if found is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return found


def empty(fields: Sequence[Field]) -> pa.RecordBatch:
    """A batch without rows."""
    return pa.RecordBatch.from_arrays([pa.array([], one.type.arrow()) for one in fields], [one.name for one in fields])


def beyond(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """What follows so many rows."""
    for batch in batches:
        if rows < len(batch):
            yield batch.slice(rows)
        rows = max(rows - len(batch), 0)
