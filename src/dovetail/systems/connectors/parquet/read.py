"""Parquet files: what they hold, and their rows in a stream."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dovetail.errors import SchemaDrift, SystemFault
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import UNREADABLE
from dovetail.systems.connectors.parquet.types import carry, logical
from dovetail.systems.files.declared import Declared, check_names
from dovetail.systems.files.folder import faults
from dovetail.systems.files.known import empty


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file; whatever is wrong with it leaves as Dovetail's error."""
    with faults(path.name), path.open("rb") as file:
        try:
            with pq.ParquetFile(file, pre_buffer=False) as parquet:
                yield parquet
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            words = "the file is damaged, encrypted, or no Parquet file"
            raise SystemFault(words, where=path.name, code="DV-337") from error


def look(path: Path, declared: Declared) -> Dataset:
    """The dataset that a file is: its fields, its rows counted, and the key that is declared."""
    with opened(path) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        groups = parquet.metadata.num_row_groups
    doubled = [name for name, often in Counter(schema.names).items() if often > 1]
    if doubled:
        raise SystemFault(f"several fields are called {doubled[0]!r}", where=path.name, code="DV-331")
    check_names(declared.key, schema.names, path.name)
    fields = tuple(
        Field(one.name, logical(one.type), nullable=one.nullable and one.name not in declared.key) for one in schema
    )
    comment = f"Parquet, {groups} row groups"
    return Dataset(path.stem, DatasetKind.TABLE, fields, declared.key, rows=rows, comment=comment)


def rows(path: Path, fields: Sequence[Field], *, rows_max: int) -> Iterator[pa.RecordBatch]:
    """Every row once, row group by row group; at least one batch, which may be empty."""
    names = [one.name for one in fields]
    is_empty = True
    with opened(path) as parquet:
        there = parquet.schema_arrow.names
        for name in {*names} - {*there}:
            raise SchemaDrift(f"the file has no field {name!r}", where=f"{path.stem}.{name}")
        asked = names or there[:1]
        before = 0
        for batch in parquet.iter_batches(batch_size=rows_max, columns=asked, use_threads=False):
            is_empty = False
            yield _batch(batch, fields, before=before)
            before += len(batch)
    if is_empty:
        yield empty(fields)


def _batch(batch: pa.RecordBatch, fields: Sequence[Field], *, before: int) -> pa.RecordBatch:
    reasons: dict[int, list[str]] = defaultdict(list)
    arrays = []
    for one in fields:
        carried = carry(batch.column(one.name), one.type)
        arrays.append(carried.column)
        for at in carried.failed:
            reasons[at].append(f"{one.name}: {carried.words}")
    names = [one.name for one in fields]
    if reasons:
        words = [
            f"{'; '.join(reasons[at])} (row {before + at + 1:,})" if at in reasons else None for at in range(len(batch))
        ]
        names.append(UNREADABLE)
        arrays.append(pa.array(words, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names)
