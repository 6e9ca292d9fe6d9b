"""Parquet files, as the verbs that all connectors of files share want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from dovetail.model.catalog import Dataset, Field
from dovetail.systems.connectors.parquet import write
from dovetail.systems.connectors.parquet.read import look, rows
from dovetail.systems.files.amend import Edit
from dovetail.systems.files.declared import NOTHING, Declared
from dovetail.systems.files.known import known
from dovetail.systems.files.manifest import Pinned


@dataclass(frozen=True, slots=True)
class Parquet:
    """How Parquet files are looked at, read and written."""

    declared: Mapping[str, Declared]
    rows_max: int

    def look(self, name: str, path: Path, pinned: Pinned | None) -> Pinned:
        """As the file says; what its types cannot say (a bound, a unique field) as it was made here."""
        found = replace(look(path, self.declared.get(name, NOTHING)), name=name)
        if pinned is None or found.names != pinned.dataset.names:
            return Pinned(found)
        made = pinned.dataset
        pairs = zip(found.fields, made.fields, strict=True)
        if any(one.type.arrow() != other.type.arrow() for one, other in pairs):
            return Pinned(found)
        return Pinned(replace(made, key=found.key or made.key, rows=found.rows))

    def rows(self, path: Path, _: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every row once."""
        return rows(path, fields, rows_max=self.rows_max)

    def ordered(self, path: Path, _: Pinned, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
        """Every row once, in the order of the file."""
        return rows(path, fields, rows_max=self.rows_max)

    def unfit(self, path: Path, found: Pinned, given: pa.RecordBatch) -> dict[int, str]:
        """Rows with a value that the file's type cannot hold."""
        return write.unfit(path, given, [known(found.dataset, name) for name in given.schema.names])

    def rewrite(self, path: Path, beside: Path, found: Pinned, edit: Edit) -> Pinned:
        """The file anew, with the schema and the compression that it has."""
        write.rewrite(path, beside, edit)
        return found

    def make(self, beside: Path, dataset: Dataset) -> Pinned:
        """A file without rows."""
        write.make(beside, dataset)
        return Pinned(dataset)

    def seed(self, path: Path, beside: Path, _: Pinned) -> None:
        """A stream of Arrow's batches that holds none yet, in the types of the file."""
        write.seed(path, beside)

    def more(self, beside: Path, _: Pinned, given: pa.RecordBatch) -> bytes:
        """Another such stream."""
        return write.more(beside, given)

    def added(self, beside: Path, found: Pinned, _: int) -> Iterator[pa.RecordBatch]:
        """The rows of the streams."""
        return write.added(beside, found.dataset.fields)

    def ripen(self, path: Path, beside: Path, ripe: Path, found: Pinned) -> Pinned:
        """The file, with the rows of the streams as further row groups."""
        write.ripen(path, beside, ripe)
        return replace(found, dataset=replace(found.dataset, rows=None))
